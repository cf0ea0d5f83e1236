#include "cost_models/accelerators/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cost_models/accelerators/cost_model.h"
#include "engine/core/digest.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr std::array<const char*, kTensors> kTensorNames = {"weights", "inputs", "outputs"};

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
  double datapath_um2 = 0;
  for (size_t i = 0; i < datapaths.costs.size(); ++i) {
    datapath_um2 += datapaths.costs[i].area_um2;
    if (!IsFedByElement(*machine.accelerator, StationaryOperand(*datapaths.families[i]))) {
      datapath_um2 += datapaths.costs[i].weight_register.area_um2;
    }
  }
  std::vector<AreaItem> area = {{"mac_array", MultipliersOf(*machine.accelerator) * datapath_um2}};
  for (const PricedMemory& memory : machine.memories) {
    if (memory.level->kind == MemoryKind::kDram) continue;  // another chip
    area.push_back({memory.level->name,
                    memory.cost.area_um2 * InstancesOf(*machine.accelerator, *memory.level)});
  }
  return area;
}

absl::StatusOr<PricedMemory> PriceLevel(const MemoryLevel& level, const Technology& technology) {
  PricedMemory memory;
  memory.level = &level;
  BITSCAPE_ASSIGN_OR_RETURN(memory.cost, PriceOf(level, technology));
  for (size_t tensor = 0; tensor < kTensors; ++tensor) {
    memory.components[tensor] = level.name + "_" + kTensorNames[tensor];
  }
  return memory;
}

std::string DigestOf(const Accelerator& accelerator, const TechnologyOptions& options) {
  Digest digest;
  digest.Add(accelerator.Digest()).Add(options.node).Add(options.supply_v).Add(options.activity);
  digest.Add(static_cast<int64_t>(options.registers)).Add(static_cast<int64_t>(options.sram));
  return digest.Hex();
}

}  // namespace

double ElementsOf(const Accelerator& accelerator) {
  return static_cast<double>(accelerator.array_rows) * accelerator.array_columns;
}

double MultipliersOf(const Accelerator& accelerator) {
  return ElementsOf(accelerator) * accelerator.design.dot_length;
}

double InstancesOf(const Accelerator& accelerator, const MemoryLevel& level) {
  return level.per_pe ? ElementsOf(accelerator)
                      : static_cast<double>(level.instances_x) * level.instances_y;
}

absl::StatusOr<MemoryCost> PriceOf(const MemoryLevel& level, const Technology& technology) {
  MemoryCost cost;
  if (level.primitive != kFreeMemory) {
    BITSCAPE_ASSIGN_OR_RETURN(cost, PriceMemory(level.primitive, level.capacity_bytes,
                                                level.width_bits, technology, level.banks));
  }
  if (level.read_pj_per_bit > 0) cost.read_pj_per_bit = level.read_pj_per_bit;
  if (level.write_pj_per_bit > 0) cost.write_pj_per_bit = level.write_pj_per_bit;
  return cost;
}

TechnologyOptions TechnologyOf(const Accelerator& accelerator) {
  return {.node = accelerator.technology, .supply_v = accelerator.supply_v};
}

absl::StatusOr<Machine> PriceMachine(const Accelerator& accelerator,
                                     const TechnologyOptions& options) {
  BITSCAPE_RETURN_IF_ERROR(Validate(accelerator));
  Machine machine;
  machine.accelerator = &accelerator;
  BITSCAPE_ASSIGN_OR_RETURN(machine.technology, Technology::Make(options));
  BITSCAPE_ASSIGN_OR_RETURN(machine.family, FindMacFamily(accelerator.mac_family));
  if (!accelerator.closed_form) machine.digest = DigestOf(accelerator, options);
  machine.memories.reserve(accelerator.memories.size());
  for (size_t i = 0; i < accelerator.memories.size(); ++i) {
    const MemoryLevel& level = accelerator.memories[i];
    BITSCAPE_ASSIGN_OR_RETURN(PricedMemory memory, PriceLevel(level, *machine.technology));
    const bool shared = !level.per_pe && level.kind != MemoryKind::kDram;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      if (shared && level.Holds(static_cast<Tensor>(tensor))) {
        machine.buffer_of[tensor] = static_cast<int>(i);
      }
    }
    if (level.per_pe && level.holds_weights) machine.element_level = static_cast<int>(i);
    if (level.kind == MemoryKind::kDram) machine.dram_level = static_cast<int>(i);
    machine.buffer_bits.push_back(shared ? level.capacity_bytes * 8 : 0);
    machine.memories.push_back(std::move(memory));
  }
  return machine;
}

LayerBits BitsOf(const network::MacShape& layer, const quantize::ResolvedPlan& plan, size_t index,
                 const MacOperands& built) {
  const quantize::LayerPrecision& precision = plan.layers[index];
  LayerBits bits;
  bits.input = formats::ElementBits(precision.activations.format);
  bits.output = StoredOutputBits(plan, index);
  bits.partial_sum = built.accumulator.bits;
  if (layer.weights_are_activations) {
    bits.weight = bits.stored_weight = bits.input;
  } else {
    bits.weight = formats::ElementBits(precision.weights.format);
    bits.weight_bits = WeightStorageBits(layer, precision.weights);
    bits.stored_weight = bits.weight_bits / static_cast<double>(layer.WeightElements());
  }
  return bits;
}

LayerCost StartLayer(const Machine& machine, const network::MacShape& layer, const LayerBits& bits,
                     const MacOperands& used, const MacCost& mac) {
  LayerCost cost;
  cost.layer = layer.name;
  cost.macs = static_cast<double>(layer.Macs());
  cost.weight_bits = bits.weight_bits;
  cost.operands = ToString(used);
  cost.macs_per_cycle = mac.macs_per_cycle;
  cost.bound = "compute";
  cost.energy.reserve(3 + kTensors * machine.memories.size());
  cost.energy.push_back({"mac", cost.macs * mac.energy_pj});
  cost.energy.push_back({"output_stage", OutputEnergyPj(layer, mac)});
  return cost;
}

Tensor StationaryOperand(const MacFamily& family) {
  return family.input_stays ? Tensor::kInputs : Tensor::kWeights;
}

bool IsFedByElement(const Accelerator& accelerator, Tensor tensor) {
  return std::ranges::any_of(accelerator.memories, [&](const MemoryLevel& level) {
    return level.per_pe && level.Holds(tensor);
  });
}

void AddRegisterLoads(const Machine& machine, const MacFamily& family, const MacCost& mac,
                      double loads, LayerCost* cost) {
  const Tensor tensor = StationaryOperand(family);
  if (IsFedByElement(*machine.accelerator, tensor)) return;
  const double energy_pj = loads * mac.weight_register.energy_pj;
  if (energy_pj == 0) return;
  cost->energy.push_back(
      {tensor == Tensor::kWeights ? "weight_registers" : "input_registers", energy_pj});
}

void AddIdleLanes(const MacCost& mac, double used, LayerCost* cost) {
  const double idle_pj = cost->macs * mac.shared_pj * (1 / used - 1);
  if (idle_pj > 0) cost->energy.push_back({"idle_lanes", idle_pj});
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
    const Accelerator& accelerator, const TechnologyOptions& options) {
  BITSCAPE_ASSIGN_OR_RETURN(Machine machine, PriceMachine(accelerator, options));
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<MacOperands> operands, PlanOperands(layers, plan));
  BITSCAPE_ASSIGN_OR_RETURN(auto choice,
                            ChooseDatapaths(machine, layers, plan, std::move(operands)));
  if (Infeasible* infeasible = std::get_if<Infeasible>(&choice)) return std::move(*infeasible);
  LaidPlan laid{std::move(machine), std::get<Datapaths>(std::move(choice)), {}};
  laid.report.clock_ghz = accelerator.clock_ghz;
  laid.report.multipliers = MultipliersOf(accelerator);
  laid.report.off_chip_bits_per_cycle = accelerator.memories.back().bandwidth_bits_per_cycle;
  laid.report.area = MachineArea(laid.machine, laid.datapaths);
  laid.report.layers.reserve(layers.size());
  return laid;
}

}  // namespace bitscape::cost_models
