#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "cost_models/accelerators/machine.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// So long that the bound of an exact sum is beyond every int32 accumulator.
constexpr int64_t kLongestReduction = int64_t{1} << 31;

// What a machine's datapath is built for. Where its accumulator leaves the order free, the adder
// tree aligns products to the accumulator's width.
absl::StatusOr<MacOperands> BuiltOperands(const Datapath& datapath) {
  network::MacShape any;
  any.c = kLongestReduction;
  return OperandsFor({.weights = datapath.weights,
                      .activations = datapath.activations,
                      .accumulator = datapath.accumulator},
                     any, formats::Float32());
}

// The order in which it sums all the same, for plans that ask for one: its tree adds a dot product
// before the accumulator rounds.
MacOperands InItsOrder(MacOperands operands, const Datapath& datapath) {
  operands.any_order = false;
  operands.chunk = std::max(datapath.accumulator.chunk, datapath.design.dot_length);
  operands.align_bits = datapath.accumulator.align_bits;
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

MacCost PriceOn(const Datapath& datapath, const MacFamily& family, const MacOperands& built,
                const MacOperands& used, const Technology& technology) {
  MacCost cost = family.estimate(built, used, datapath.design, technology);
  if (datapath.macs_per_cycle > 0) cost.macs_per_cycle = datapath.macs_per_cycle;
  return cost;
}

absl::StatusOr<Datapaths> FixedDatapaths(const Machine& machine) {
  Datapaths datapaths;
  for (const Datapath& datapath : machine.accelerator->datapaths) {
    const MacFamily* family = machine.family;
    if (!datapath.family.empty()) {
      BITSCAPE_ASSIGN_OR_RETURN(family, FindMacFamily(datapath.family));
    }
    BITSCAPE_ASSIGN_OR_RETURN(const MacOperands built, BuiltOperands(datapath));
    datapaths.families.push_back(family);
    datapaths.built.push_back(built);
    datapaths.costs.push_back(PriceOn(datapath, *family, built, built, *machine.technology));
  }
  return datapaths;
}

// Each layer runs on the datapath that computes it with the least energy.
absl::StatusOr<std::variant<Datapaths, Infeasible>> ChooseFixed(
    const Machine& machine, std::span<const network::MacShape> layers,
    const quantize::ResolvedPlan& plan, std::vector<MacOperands> operands) {
  BITSCAPE_ASSIGN_OR_RETURN(Datapaths datapaths, FixedDatapaths(machine));
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const MacOperands need = LeastOperands(operands[layer], plan.layers[layer], layers[layer]);
    std::optional<size_t> chosen;
    MacCost least;
    for (size_t i = 0; i < datapaths.built.size(); ++i) {
      const Datapath& datapath = machine.accelerator->datapaths[i];
      if (!Fits(need, InItsOrder(datapaths.built[i], datapath)) ||
          !datapaths.families[i]->check(need, datapath.design).ok()) {
        continue;
      }
      const MacCost cost =
          PriceOn(datapath, *datapaths.families[i], datapaths.built[i], need, *machine.technology);
      if (chosen && cost.energy_pj >= least.energy_pj) continue;
      chosen = i;
      least = cost;
    }
    if (!chosen) {
      return CannotRun(machine, layers[layer], plan.layers[layer], need, datapaths.built);
    }
    datapaths.of_layer.push_back(*chosen);
    datapaths.layer_costs.push_back(least);
  }
  datapaths.used = std::move(operands);
  return datapaths;
}

std::variant<Datapaths, Infeasible> BuildForPlan(const Machine& machine,
                                                 std::span<const network::MacShape> layers,
                                                 std::span<const MacOperands> operands) {
  const MacDesign& design = machine.accelerator->design;
  Datapaths datapaths;
  datapaths.of_layer.reserve(layers.size());
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const MacOperands& need = operands[layer];
    if (const absl::Status taken = machine.family->check(need, design); !taken.ok()) {
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
    datapaths.families.push_back(machine.family);
    datapaths.costs.push_back(machine.family->estimate(built, built, design, *machine.technology));
  }
  return datapaths;
}

// Layers of equal operands on one datapath cost the same.
void PriceLayers(const Machine& machine, std::vector<MacOperands> operands, Datapaths* datapaths) {
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
                      : machine.family->estimate(datapaths->built[datapath], operands[layer],
                                                 machine.accelerator->design, *machine.technology));
  }
  datapaths->used = std::move(operands);
}

}  // namespace

Split SplitOf(const MacCost& mac) {
  const double products = std::max(1.0, std::floor(mac.macs_per_cycle));
  return {.products = static_cast<int64_t>(products), .cycles = products / mac.macs_per_cycle};
}

bool AddsProducts(const MacFamily& family, const MacDesign& design) {
  return design.dot_length > 1 || family.adds_products;
}

absl::StatusOr<std::variant<Datapaths, Infeasible>> ChooseDatapaths(
    const Machine& machine, std::span<const network::MacShape> layers,
    const quantize::ResolvedPlan& plan, std::vector<MacOperands> operands) {
  if (!machine.accelerator->datapaths.empty()) {
    return ChooseFixed(machine, layers, plan, std::move(operands));
  }
  std::variant<Datapaths, Infeasible> choice = BuildForPlan(machine, layers, operands);
  if (Datapaths* datapaths = std::get_if<Datapaths>(&choice)) {
    PriceLayers(machine, std::move(operands), datapaths);
  }
  return choice;
}

}  // namespace bitscape::cost_models
