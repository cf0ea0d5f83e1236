#include "cost_models/accelerators/machine.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr std::array<const char*, kTensors> kTensorNames = {"weights", "inputs", "outputs"};

bool Holds(const MemoryLevel& level, size_t tensor) {
  const std::array<bool, kTensors> holds = {level.holds_weights, level.holds_inputs,
                                            level.holds_outputs};
  return holds[tensor];
}

// Operands of every layer.
absl::StatusOr<std::vector<MacOperands>> PlanOperands(std::span<const network::MacShape> layers,
                                                      const quantize::ResolvedPlan& plan) {
  if (layers.size() != plan.layers.size()) {
    return absl::InvalidArgumentError(fmt::format("the plan has {} layers, the network has {}",
                                                  plan.layers.size(), layers.size()));
  }
  if (layers.empty()) {
    return absl::InvalidArgumentError(
        "the network has no multiply-accumulate layer, and nothing else has a price");
  }
  std::vector<MacOperands> operands;
  operands.reserve(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    absl::StatusOr<MacOperands> of_layer = OperandsFor(plan, i, layers[i]);
    if (!of_layer.ok()) return Annotate(of_layer.status(), "layer " + layers[i].name);
    operands.push_back(*of_layer);
  }
  return operands;
}

// All datapaths of the array and all on-chip memories.
std::vector<AreaItem> MachineArea(const Machine& machine, const Datapaths& datapaths) {
  const double elements =
      static_cast<double>(machine.accelerator->array_rows) * machine.accelerator->array_columns;
  double datapath_um2 = 0;
  for (const MacCost& cost : datapaths.costs) {
    datapath_um2 += cost.area_um2;
    if (machine.element_level < 0) datapath_um2 += cost.weight_register.area_um2;
  }
  std::vector<AreaItem> area = {{"mac_array", elements * datapath_um2}};
  for (const PricedMemory& memory : machine.memories) {
    if (memory.level->kind == MemoryKind::kDram) continue;  // another chip
    area.push_back(
        {memory.level->name, memory.cost.area_um2 * (memory.level->per_pe ? elements : 1)});
  }
  return area;
}

}  // namespace

absl::StatusOr<Machine> PriceMachine(const Accelerator& accelerator) {
  BITSCAPE_RETURN_IF_ERROR(Validate(accelerator));
  Machine machine;
  machine.accelerator = &accelerator;
  BITSCAPE_ASSIGN_OR_RETURN(machine.technology, Technology::Make({.node = accelerator.technology}));
  BITSCAPE_ASSIGN_OR_RETURN(machine.family, FindMacFamily(accelerator.mac_family));
  machine.memories.reserve(accelerator.memories.size());
  for (size_t i = 0; i < accelerator.memories.size(); ++i) {
    const MemoryLevel& level = accelerator.memories[i];
    PricedMemory memory;
    memory.level = &level;
    BITSCAPE_ASSIGN_OR_RETURN(memory.cost, PriceMemory(level.primitive, level.capacity_bytes,
                                                       level.width_bits, *machine.technology));
    const bool shared = !level.per_pe && level.kind != MemoryKind::kDram;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      memory.components[tensor] = level.name + "_" + kTensorNames[tensor];
      if (shared && Holds(level, tensor)) machine.buffer_of[tensor] = static_cast<int>(i);
    }
    if (level.per_pe) machine.element_level = static_cast<int>(i);
    if (level.kind == MemoryKind::kDram) machine.dram_level = static_cast<int>(i);
    machine.buffer_bits.push_back(shared ? level.capacity_bytes * 8 : 0);
    machine.memories.push_back(std::move(memory));
  }
  return machine;
}

double MacEnergyPj(const Machine& machine, const network::MacShape& layer, const MacCost& mac) {
  const double energy_pj = static_cast<double>(layer.Macs()) * mac.energy_pj;
  if (machine.element_level >= 0) return energy_pj;
  return energy_pj + static_cast<double>(layer.WeightElements()) * mac.weight_register.energy_pj;
}

double OutputEnergyPj(const network::MacShape& layer, const MacCost& mac) {
  return static_cast<double>(layer.OutputElements()) * mac.output.energy_pj;
}

double WholeCycles(double cycles) {
  const double nearest = std::round(cycles);
  return std::abs(cycles - nearest) <= 1e-12 * nearest ? nearest : std::ceil(cycles);
}

int StoredOutputBits(const quantize::ResolvedPlan& plan, size_t index) {
  const formats::Quantizer& stored =
      index + 1 < plan.layers.size() ? plan.layers[index + 1].activations : plan.vector_format;
  return formats::ElementBits(stored.format);
}

absl::StatusOr<std::variant<LaidPlan, Infeasible>> LayPlan(
    std::span<const network::MacShape> layers, const quantize::ResolvedPlan& plan,
    const Accelerator& accelerator) {
  BITSCAPE_ASSIGN_OR_RETURN(Machine machine, PriceMachine(accelerator));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<MacOperands> operands, PlanOperands(layers, plan));
  std::variant<Datapaths, Infeasible> choice = ChooseDatapaths(machine, layers, plan, operands);
  if (Infeasible* infeasible = std::get_if<Infeasible>(&choice)) return std::move(*infeasible);
  LaidPlan laid{std::move(machine), std::get<Datapaths>(std::move(choice)), {}};
  laid.report.clock_ghz = accelerator.clock_ghz;
  laid.report.area = MachineArea(laid.machine, laid.datapaths);
  laid.report.layers.reserve(layers.size());
  return laid;
}

}  // namespace bitscape::cost_models
