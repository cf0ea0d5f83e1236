// A conventional multiplier whose unused operand bits are held at 0: they do not switch, nor do
// what they feed, and nothing else is gained.
#include <algorithm>

#include "cost_models/mac/scalable.h"

namespace bitscape::cost_models {
namespace {

// Bits above the narrowest step have a gate each.
Part Gate(const std::vector<int>& steps, int used_bits, const Technology& technology) {
  const int gated = steps.back() - steps.front();
  BlockCost built = technology.Gates(kGateOfAnd * gated);
  // Each step is decoded once.
  built.area_um2 += technology.Gates(static_cast<double>(steps.size() - 1)).area_um2;
  return {.built = built, .used = technology.Gates(kGateOfAnd * std::min(gated, used_bits))};
}

ScalableCost Price(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                   const Technology& technology) {
  const ScalableWidths widths = WidthsOf(built, used, design, SignWidth::kTwoBits);
  const int weight = widths.BuiltWeight(), activation = widths.BuiltActivation();
  const int sum_bits = widths.UsedSumBits(1);
  const Part gate_w = Gate(widths.weight_steps, widths.weight, technology);
  const Part gate_a = Gate(widths.activation_steps, widths.activation, technology);
  ScalableDatapath datapath;
  datapath.input = ClockedRegister(activation, widths.activation, technology);
  datapath.lane = {.built = Beside(gate_w.built, gate_a.built),
                   .used = Beside(gate_w.used, gate_a.used)};
  datapath.lane += ZeroPoint(built.weight, weight, widths.weight, technology);
  datapath.lane += ZeroPoint(built.activation, activation, widths.activation, technology);
  datapath.lane += {.built = technology.Multiplier(weight, activation),
                    .used = technology.Multiplier(widths.weight, widths.activation)};
  datapath.sum = {.built = technology.Adder(widths.accumulator),
                  .used = technology.Adder(sum_bits)};
  datapath.sum += ClockedRegister(widths.accumulator, sum_bits, technology);
  datapath.loop = datapath.sum;
  datapath.built_cut_bits = weight + activation;
  datapath.used_cut_bits = widths.weight + widths.activation;
  datapath.built_weight_bits = weight;
  datapath.used_weight_bits = widths.weight;
  return Assemble(datapath, design, technology);
}

}  // namespace

absl::Status CheckDataGated(const MacOperands& used, const MacDesign& design) {
  if (absl::Status one = CheckOneMultiplier(design); !one.ok()) return one;
  return CheckScalable(used, design, SignWidth::kTwoBits, 1);
}

MacCost EstimateDataGated(const MacOperands& built, const MacOperands& used,
                          const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, Price);
}

}  // namespace bitscape::cost_models
