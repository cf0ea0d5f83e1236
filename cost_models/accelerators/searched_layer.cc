#include "cost_models/accelerators/searched_layer.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

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
  task.weight_register = mac.weight_register;
  task.reduction_pj = ReductionPj(built.accumulator, *machine.technology);
  task.mac_pj = mac.energy_pj;
  return task;
}

// Energy of one tensor in one memory. Finished outputs leave the chip in their own width, partial
// sums in the accumulator's.
double TensorEnergyPj(const TensorAccesses& accesses, const AccessPrices::Price& price) {
  return accesses.reads * price.read + accesses.fills * price.fill +
         accesses.updates * price.update;
}

// By which finished outputs are narrower than the sums that the mapping counts off chip.
double FinishedOutputsRebateBits(const network::MacShape& layer, const LayerBits& bits) {
  return static_cast<double>(layer.OutputElements()) * (bits.partial_sum - bits.output);
}

// Cycles of off-chip transfers, with finished outputs in their own width.
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

void PriceMemories(const Machine& machine, const network::MacShape& layer, const LayerBits& bits,
                   const MappingResult& best, const AccessPrices& prices, LayerCost* cost) {
  double network_pj = 0;
  for (size_t i = 0; i < machine.memories.size(); ++i) {
    const size_t level = i + kFirstMemoryLevel;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      const TensorAccesses& accesses = best.counts.levels[level][tensor];
      const AccessPrices::Price& price = prices.levels[level][tensor];
      double energy_pj = TensorEnergyPj(accesses, price);
      if (energy_pj == 0) continue;
      if (static_cast<int>(i) == machine.dram_level) {
        cost->off_chip_bits +=
            (accesses.reads + accesses.fills + accesses.updates) * BitsOfTensor(bits, tensor);
        if (tensor == kOutputs) {
          const double rebate_bits = FinishedOutputsRebateBits(layer, bits);
          cost->off_chip_bits -= rebate_bits;
          energy_pj -= rebate_bits * machine.memories[i].cost.write_pj_per_bit;
        }
      }
      cost->energy.push_back({machine.memories[i].components[tensor], energy_pj});
      network_pj += accesses.deliveries * price.delivery;
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
  const MappingResult* best = &searched->best;
  const AccessPrices prices = PricesOf(machine, task);

  cost.compute_cycles = WholeCycles(best->counts.compute_cycles * task.cycles_per_mac);
  cost.utilization = best->counts.utilization;
  const size_t dram = static_cast<size_t>(machine.dram_level);
  SetLatency(
      machine, *searched,
      OffChipCycles(*machine.memories[dram].level, best->counts.levels[dram + kFirstMemoryLevel],
                    bits, FinishedOutputsRebateBits(layer, bits)),
      &cost);
  constexpr size_t kWeights = static_cast<size_t>(Tensor::kWeights);
  const double register_pj =
      best->counts.levels.front()[kWeights].fills * prices.levels.front()[kWeights].fill;
  if (register_pj > 0) cost.energy.push_back({"weight_registers", register_pj});
  const double reduction_pj = best->counts.spatial_reductions * prices.spatial_reduction;
  if (reduction_pj > 0) cost.energy.push_back({"reduction", reduction_pj});
  PriceMemories(machine, layer, bits, *best, prices, &cost);
  cost.mapping = searched->loop_nest;
  return cost;
}

}  // namespace bitscape::cost_models
