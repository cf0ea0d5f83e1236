#include "cost_models/accelerators/searched_layer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cost_models/accelerators/hierarchy.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr size_t kOutputs = static_cast<size_t>(Tensor::kOutputs);

// An addition of the sums of two elements on their way to a shared memory.
double ReductionPj(const Operand& accumulator, const Technology& technology) {
  return accumulator.kind == Operand::Kind::kFloat
             ? technology.FloatAdder(accumulator.exponent_bits, accumulator.significand_bits - 1)
                   .energy_pj
             : technology.Adder(accumulator.bits).energy_pj;
}

double BitsOfTensor(const LayerBits& bits, size_t tensor) {
  return std::array<double, kTensors>{bits.stored_weight, bits.input, bits.partial_sum}[tensor];
}

MappingTask TaskFor(const Machine& machine, const MacFamily& family, const network::MacShape& layer,
                    const LayerBits& bits, const MacOperands& built, const MacCost& mac) {
  MappingTask task;
  task.problem = ProblemOf(layer);
  for (size_t i = 0; i < kTensors; ++i) task.widths.bits[i] = BitsOfTensor(bits, i);
  const Split split = SplitOf(mac);
  task.products = split.products * machine.accelerator->design.dot_length;
  task.adds_products = AddsProducts(family, machine.accelerator->design);
  task.cycles_per_mac = split.cycles;
  task.stationary = StationaryOperand(family);
  if (!IsFedByElement(*machine.accelerator, task.stationary)) {
    task.register_load_pj = mac.weight_register.energy_pj;
  }
  task.reduction_pj = ReductionPj(built.accumulator, *machine.technology);
  task.mac_pj = mac.energy_pj;
  return task;
}

// By which finished outputs are narrower than the sums that the mapping counts off chip.
double FinishedOutputsRebateBits(const network::MacShape& layer, const LayerBits& bits) {
  return static_cast<double>(layer.OutputElements()) * (bits.partial_sum - bits.output);
}

// Cycles of off-chip transfers.
double OffChipCycles(const MemoryLevel& memory, const PerTensor<TensorAccesses>& accesses,
                     const LayerBits& bits, double rebate_bits) {
  double read = 0, written = -rebate_bits;
  for (size_t tensor = 0; tensor < kTensors; ++tensor) {
    read += accesses[tensor].reads * BitsOfTensor(bits, tensor);
    written += (accesses[tensor].fills + accesses[tensor].updates) * BitsOfTensor(bits, tensor);
  }
  const auto cycles = [](double moved, double bits_per_cycle) {
    return bits_per_cycle > 0 ? moved / bits_per_cycle : 0;
  };
  return std::max({cycles(read, memory.read_bits_per_cycle),
                   cycles(written, memory.write_bits_per_cycle),
                   cycles(read + written, memory.bandwidth_bits_per_cycle)});
}

void SetLatency(const Machine& machine, const SearchedMapping& searched, double off_chip_cycles,
                LayerCost* cost) {
  cost->latency_cycles = cost->compute_cycles;
  for (size_t i = 0; i < machine.memories.size(); ++i) {
    const bool off_chip = static_cast<int>(i) == machine.dram_level;
    const double cycles =
        WholeCycles(off_chip ? off_chip_cycles : searched.transfer_cycles[i + kFirstMemoryLevel]);
    if (cycles <= cost->latency_cycles) continue;
    cost->latency_cycles = cycles;
    cost->bound = machine.memories[i].level->name;
  }
}

// Sums that each level gives back: they are read there to go outwards, before sums of several
// instances are added on the way.
std::vector<double> DrainedSums(const MappingCounts& counts) {
  std::vector<double> drained(counts.levels.size(), 0);
  std::optional<size_t> inner;
  for (size_t level = 0; level < counts.levels.size(); ++level) {
    const TensorAccesses& accesses = counts.levels[level][kOutputs];
    if (accesses.instances == 0) continue;
    if (inner) drained[*inner] = accesses.deliveries - counts.levels[*inner][kOutputs].fills;
    inner = level;
  }
  return drained;
}

void PriceMemories(const Machine& machine, const network::MacShape& layer, const LayerBits& bits,
                   const MappingCounts& counts, LayerCost* cost) {
  const std::vector<double> drained = DrainedSums(counts);
  double network_pj = 0;
  for (size_t i = 0; i < machine.memories.size(); ++i) {
    const PricedMemory& memory = machine.memories[i];
    const size_t level = i + kFirstMemoryLevel;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      const TensorAccesses& accesses = counts.levels[level][tensor];
      const double width = BitsOfTensor(bits, tensor);
      double read_bits = accesses.reads * width;
      double written_bits = (accesses.fills + accesses.updates) * width;
      network_pj += accesses.deliveries * width * memory.level->network_pj_per_bit;
      if (tensor == kOutputs) read_bits += drained[level] * width;
      if (static_cast<int>(i) == machine.dram_level) {
        if (tensor == kOutputs) written_bits -= FinishedOutputsRebateBits(layer, bits);
        cost->off_chip_bits += read_bits + written_bits;
      }
      const double energy_pj =
          read_bits * memory.cost.read_pj_per_bit + written_bits * memory.cost.write_pj_per_bit;
      if (energy_pj > 0) cost->energy.push_back({memory.components[tensor], energy_pj});
    }
  }
  if (network_pj > 0) cost->energy.push_back({"network", network_pj});
}

}  // namespace

absl::StatusOr<LayerCost> EstimateSearched(const Machine& machine, const MacFamily& family,
                                           const network::MacShape& layer, const LayerBits& bits,
                                           const MacOperands& built, const MacCost& mac,
                                           LayerCost cost) {
  const MappingTask task = TaskFor(machine, family, layer, bits, built, mac);
  BITSCAPE_ASSIGN_OR_RETURN(const std::shared_ptr<const SearchedMapping> searched,
                            BestMapping(machine, task));
  const MappingCounts& counts = searched->best.counts;
  cost.compute_cycles = WholeCycles(counts.compute_cycles * task.cycles_per_mac);
  cost.utilization = counts.utilization;
  const size_t dram = static_cast<size_t>(machine.dram_level);
  SetLatency(machine, *searched,
             OffChipCycles(*machine.memories[dram].level, counts.levels[dram + kFirstMemoryLevel],
                           bits, FinishedOutputsRebateBits(layer, bits)),
             &cost);
  AddRegisterLoads(machine, family, mac,
                   counts.levels.front()[static_cast<size_t>(task.stationary)].fills, &cost);
  AddIdleLanes(mac, searched->lanes_used, &cost);
  const double reduction_pj = searched->reductions * task.reduction_pj;
  if (reduction_pj > 0) cost.energy.push_back({"reduction", reduction_pj});
  PriceMemories(machine, layer, bits, counts, &cost);
  cost.mapping = searched->loop_nest;
  return cost;
}

}  // namespace bitscape::cost_models
