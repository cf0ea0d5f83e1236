#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "cost_models/accelerators/float_datapath.h"
#include "cost_models/accelerators/machine.h"

namespace bitscape::cost_models {
namespace {

using Arithmetic = DatapathLimits::Arithmetic;

Operand IntegerOperand(int bits) { return {.bits = bits, .significand_bits = bits}; }

// Adds one product at a time.
MacOperands FixedOperands(const DatapathLimits& limits) {
  MacOperands operands;
  operands.any_order = false;
  const bool integer = limits.arithmetic == Arithmetic::kInteger;
  const auto operand = [&](int bits) {
    return integer ? IntegerOperand(bits) : *FloatDatapathWidth(bits);
  };
  operands.weight = operand(limits.max_weight_bits);
  operands.activation = operand(limits.max_activation_bits);
  operands.accumulator = operand(limits.accumulator_bits);
  return operands;
}

// The plan's notation, with the width in the multiplier where the notation does not show it.
std::string Describe(const std::string& notation, Operand width) {
  width.zero_point = false;  // the notation has it
  const std::string shown = ToString(width);
  return notation.find(shown) == std::string::npos ? fmt::format("{} ({})", notation, shown)
                                                   : notation;
}

std::string Describe(const quantize::LayerPrecision& precision, const network::MacShape& layer,
                     const MacOperands& need) {
  const formats::Quantizer& weights =
      layer.weights_are_activations ? precision.activations : precision.weights;
  const bool exact = precision.accumulator.kind == quantize::Accumulator::Kind::kInt32;
  return fmt::format("{} x {} + {}", Describe(weights.ToString(), need.weight),
                     Describe(precision.activations.ToString(), need.activation),
                     exact ? ToString(need.accumulator)
                           : Describe(precision.accumulator.ToString(), need.accumulator));
}

Infeasible CannotRun(const Machine& machine, const network::MacShape& layer,
                     const quantize::LayerPrecision& precision, const MacOperands& need,
                     const std::vector<MacOperands>& built) {
  std::vector<std::string> taken;
  for (const MacOperands& datapath : built) taken.push_back("up to " + ToString(datapath));
  const bool zero_point = need.weight.zero_point || need.activation.zero_point;
  return {fmt::format("layer {}: {}{}, the machine {} takes {}", layer.name,
                      Describe(precision, layer, need),
                      zero_point ? "; zero points are not supported by the machine's datapath" : "",
                      machine.accelerator->name, fmt::join(taken, " or "))};
}

// What a datapath must hold: of an int32 accumulator no more than the exact sum.
MacOperands LeastOperands(MacOperands operands, const quantize::LayerPrecision& precision,
                          const network::MacShape& layer) {
  if (precision.accumulator.kind == quantize::Accumulator::Kind::kInt32 &&
      operands.accumulator.kind == Operand::Kind::kInteger) {
    const int bits = std::min(operands.accumulator.bits, ExactSumBits(precision, layer));
    operands.accumulator.bits = operands.accumulator.significand_bits = bits;
  }
  return operands;
}

std::variant<Datapaths, Infeasible> ChooseFixed(const Machine& machine,
                                                std::span<const network::MacShape> layers,
                                                const quantize::ResolvedPlan& plan,
                                                std::span<const MacOperands> operands) {
  Datapaths datapaths;
  for (const DatapathLimits& limits : machine.accelerator->datapaths) {
    const MacOperands built = FixedOperands(limits);
    datapaths.built.push_back(built);
    datapaths.costs.push_back(machine.family->estimate(built, built, {}, *machine.technology));
  }
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const MacOperands need = LeastOperands(operands[layer], plan.layers[layer], layers[layer]);
    std::optional<size_t> chosen;
    for (size_t i = 0; i < datapaths.built.size(); ++i) {
      if (!Fits(need, datapaths.built[i])) continue;
      if (!chosen || datapaths.costs[i].energy_pj < datapaths.costs[*chosen].energy_pj) chosen = i;
    }
    if (!chosen) {
      return CannotRun(machine, layers[layer], plan.layers[layer], need, datapaths.built);
    }
    datapaths.of_layer.push_back(*chosen);
  }
  return datapaths;
}

std::variant<Datapaths, Infeasible> BuildForPlan(const Machine& machine,
                                                 std::span<const network::MacShape> layers,
                                                 std::span<const MacOperands> operands) {
  Datapaths datapaths;
  datapaths.of_layer.reserve(layers.size());
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const MacOperands& need = operands[layer];
    if (const absl::Status taken = machine.family->check(need, {}); !taken.ok()) {
      return Infeasible{fmt::format("layer {}: {}, which the MAC family {} does not take: {}",
                                    layers[layer].name, ToString(need), machine.family->name,
                                    std::string(taken.message()))};
    }
    size_t index = 0;
    while (index < datapaths.built.size() && !SameArithmetic(datapaths.built[index], need)) ++index;
    if (index == datapaths.built.size()) {
      datapaths.built.push_back(need);
    } else {
      datapaths.built[index] = Widest(datapaths.built[index], need);
    }
    datapaths.of_layer.push_back(index);
  }
  for (const MacOperands& built : datapaths.built) {
    datapaths.costs.push_back(machine.family->estimate(built, built, {}, *machine.technology));
  }
  return datapaths;
}

// Layers of equal operands on one datapath cost the same.
void PriceLayers(const Machine& machine, std::span<const MacOperands> operands,
                 Datapaths* datapaths) {
  datapaths->layer_costs.reserve(operands.size());
  for (size_t layer = 0; layer < operands.size(); ++layer) {
    const size_t datapath = datapaths->of_layer[layer];
    size_t equal = 0;
    while (equal < layer &&
           (datapaths->of_layer[equal] != datapath || !(operands[equal] == operands[layer]))) {
      ++equal;
    }
    datapaths->layer_costs.push_back(
        equal < layer ? datapaths->layer_costs[equal]
                      : machine.family->estimate(datapaths->built[datapath], operands[layer], {},
                                                 *machine.technology));
  }
}

}  // namespace

std::variant<Datapaths, Infeasible> ChooseDatapaths(const Machine& machine,
                                                    std::span<const network::MacShape> layers,
                                                    const quantize::ResolvedPlan& plan,
                                                    std::span<const MacOperands> operands) {
  std::variant<Datapaths, Infeasible> choice = machine.accelerator->datapaths.empty()
                                                   ? BuildForPlan(machine, layers, operands)
                                                   : ChooseFixed(machine, layers, plan, operands);
  if (Datapaths* datapaths = std::get_if<Datapaths>(&choice)) {
    PriceLayers(machine, operands, datapaths);
  }
  return choice;
}

}  // namespace bitscape::cost_models
