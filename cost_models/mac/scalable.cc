#include "cost_models/mac/scalable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using Kind = Operand::Kind;

int WidthOf(const Operand& operand, SignWidth sign) {
  if (operand.kind == Kind::kBinary) return sign == SignWidth::kOneBit ? 1 : 2;
  return std::max(operand.kind == Kind::kTernary ? 2 : 1, operand.significand_bits);
}

absl::Status CheckOperand(const Operand& operand, const std::vector<int>& set, SignWidth sign,
                          std::string_view role) {
  const bool integer = operand.kind == Kind::kInteger || operand.kind == Kind::kBinary ||
                       operand.kind == Kind::kTernary;
  if (!integer || operand.table_entries > 0 || operand.two_values ||
      (operand.block > 0 && operand.block_scale != Operand::BlockScale::kNone)) {
    return absl::UnimplementedError(
        fmt::format("{} {}: a scalable multiplier takes integers without a table or a scale inside "
                    "the sum",
                    role, ToString(operand)));
  }
  if (std::ranges::adjacent_find(set, std::ranges::greater_equal{}) != set.end() ||
      (!set.empty() && (set.front() < 1 || set.back() > kWidestSignificand))) {
    return absl::UnimplementedError(
        fmt::format("widths of {} {}; they must ascend from 1 or more, up to {}", role,
                    fmt::join(set, ", "), kWidestSignificand));
  }
  if (const int bits = WidthOf(operand, sign); !set.empty() && bits > set.back()) {
    return absl::UnimplementedError(fmt::format("{} {} takes {} bits; the datapath has {}", role,
                                                ToString(operand), bits, fmt::join(set, ", ")));
  }
  return absl::OkStatus();
}

double LongestPath(const BlockCost& input, const BlockCost& lane, const BlockCost& sum,
                   const BlockCost& loop, const MacDesign& design) {
  const double path_ns = input.delay_ns + lane.delay_ns + sum.delay_ns;
  return std::max(path_ns / design.pipeline_stages, loop.delay_ns);
}

}  // namespace

Part ClockedRegister(int built_bits, int used_bits, const Technology& technology) {
  const BlockCost built = technology.Register(built_bits);
  BlockCost used = technology.Register(used_bits);
  used.energy_pj += kIdleRegisterShare * (built.energy_pj - used.energy_pj);
  return {.built = built, .used = used};
}

int ScalableWidths::SumBits(int weight_bits, int activation_bits, int products) const {
  return std::min(accumulator,
                  weight_bits + activation_bits + headroom + quantize::CeilLog2(products));
}

int ScalableWidths::UsedSumBits(int products) const {
  return std::min(used_accumulator, SumBits(weight, activation, products));
}

std::vector<int> StepsFor(int bits, const std::vector<int>& set) {
  std::vector<int> steps;
  if (set.empty()) {
    for (int step = 1; step <= bits; ++step) steps.push_back(step);
    return steps;
  }
  for (const int step : set) {
    steps.push_back(step);
    if (step >= bits) break;
  }
  return steps;
}

ScalableWidths WidthsOf(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                        SignWidth sign) {
  const int weight_bits = WidthOf(built.weight, sign);
  const int activation_bits = WidthOf(built.activation, sign);
  ScalableWidths widths;
  widths.weight_steps = StepsFor(weight_bits, design.weight_widths);
  widths.activation_steps = StepsFor(activation_bits, design.activation_widths);
  const auto step = [](const std::vector<int>& steps, int bits) {
    return *std::ranges::lower_bound(steps, std::min(bits, steps.back()));
  };
  widths.weight = step(widths.weight_steps, WidthOf(used.weight, sign));
  widths.activation = step(widths.activation_steps, WidthOf(used.activation, sign));
  widths.accumulator = built.accumulator.bits;
  widths.used_accumulator = used.accumulator.bits;
  widths.headroom = std::max(0, built.accumulator.bits - weight_bits - activation_bits);
  return widths;
}

absl::Status CheckScalable(const MacOperands& used, const MacDesign& design, SignWidth sign,
                           int products) {
  BITSCAPE_RETURN_IF_ERROR(CheckWidths(used));
  BITSCAPE_RETURN_IF_ERROR(CheckDesign(design));
  if (design.zero_share > 0) {
    return absl::UnimplementedError(
        fmt::format("zero_share {}: no scalable multiplier holds zeros", design.zero_share));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckOperand(used.weight, design.weight_widths, sign, "weight"));
  BITSCAPE_RETURN_IF_ERROR(
      CheckOperand(used.activation, design.activation_widths, sign, "activation"));
  if (used.accumulator.kind != Kind::kInteger || used.stochastic_sums) {
    return absl::UnimplementedError(fmt::format(
        "accumulator {}{}: a scalable multiplier sums in an integer that does not round",
        ToString(used.accumulator), used.stochastic_sums ? ", stochastic" : ""));
  }
  if (!used.any_order && (products == 0 || used.chunk != products || used.align_bits > 0)) {
    return absl::UnimplementedError(
        fmt::format("{}: the plan fixes the order of the sum, in chunks of {}; this datapath adds "
                    "{} before",
                    ToString(used), used.chunk,
                    products == 0 ? "as many as fit" : fmt::format("{}", products)));
  }
  return absl::OkStatus();
}

Part ZeroPoint(const Operand& operand, int built_bits, int used_bits,
               const Technology& technology) {
  if (!operand.zero_point) return {};
  return {.built = technology.Adder(built_bits), .used = technology.Adder(used_bits)};
}

ScalableCost Assemble(const ScalableDatapath& datapath, const MacDesign& design,
                      const Technology& technology) {
  const int cuts = design.pipeline_stages - 1;
  const Part cut = ClockedRegister(datapath.built_cut_bits, datapath.used_cut_bits, technology);
  const Part all = datapath.input + datapath.lane + datapath.sum;
  ScalableCost result;
  MacCost& cost = result.cost;
  cost.energy_pj = (all.used.energy_pj + cuts * cut.used.energy_pj) / datapath.products;
  cost.area_um2 = all.built.area_um2 + cuts * cut.built.area_um2;
  cost.macs_per_cycle = datapath.products;
  cost.delay_ns = LongestPath(datapath.input.built, datapath.lane.built, datapath.sum.built,
                              datapath.loop.built, design);
  result.used_ns = LongestPath(datapath.input.used, datapath.lane.used, datapath.sum.used,
                               datapath.loop.used, design);
  cost.weight_register = technology.Register(datapath.used_weight_bits);
  cost.weight_register.area_um2 = technology.Register(datapath.built_weight_bits).area_um2;
  return result;
}

MacCost ScaleVoltage(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                     const Technology& technology,
                     ScalableCost (*price)(const MacOperands&, const MacOperands&, const MacDesign&,
                                           const Technology&)) {
  ScalableCost result = price(built, used, design, technology);
  MacCost& cost = result.cost;
  cost.output = PriceOutput(used, technology);
  if (!design.scales_voltage) return cost;
  const double full_rate = price(built, built, design, technology).cost.macs_per_cycle;
  const double slower = cost.macs_per_cycle / full_rate;
  cost.macs_per_cycle = full_rate;
  const double supply_v = technology.SupplyVolts();
  const double period_ns =
      slower *
      (design.clock_ghz > 0 ? std::max(cost.delay_ns, 1 / design.clock_ghz) : cost.delay_ns);
  const absl::StatusOr<double> lower =
      technology.SupplyFor(result.used_ns / technology.DelayFactor(supply_v), period_ns);
  // Above the nominal supply there may be nothing to gain.
  if (!lower.ok() || *lower >= supply_v) return cost;
  TechnologyOptions options = technology.Options();
  options.supply_v = *lower;
  const absl::StatusOr<Technology> slow = Technology::Make(options);
  if (!slow.ok()) return cost;
  const MacCost scaled = price(built, used, design, *slow).cost;
  const auto mix = [](double nominal_pj, double scaled_pj) {
    return kUnscaledShare * nominal_pj + (1 - kUnscaledShare) * scaled_pj;
  };
  cost.energy_pj = mix(cost.energy_pj, scaled.energy_pj);
  cost.shared_pj = mix(cost.shared_pj, scaled.shared_pj);
  return cost;
}

}  // namespace bitscape::cost_models
