#include "cost_models/accelerators/searched_layer.h"

#include <algorithm>
#include <array>
#include <cmath>
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

MappingTask TaskFor(const Machine& machine, const network::MacShape& layer, const LayerBits& bits,
                    const MacOperands& built, const MacCost& mac) {
  MappingTask task;
  task.problem = ProblemOf(layer);
  for (size_t i = 0; i < kTensors; ++i) task.widths.bits[i] = BitsOfTensor(bits, i);
  // A multiplier that splits computes several products side by side; what is no whole number of
  // them is a longer or shorter cycle.
  const double split = std::max(1.0, std::floor(mac.macs_per_cycle));
  task.products = static_cast<int64_t>(split) * machine.accelerator->design.dot_length;
  task.cycles_per_mac = split / mac.macs_per_cycle;
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

double FinishedOutputsRebatePj(const Machine& machine, const network::MacShape& layer,
                               const LayerBits& bits) {
  const MemoryCost& dram = machine.memories[static_cast<size_t>(machine.dram_level)].cost;
  return static_cast<double>(layer.OutputElements()) * (bits.partial_sum - bits.output) *
         dram.write_pj_per_bit;
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
          const double finished = static_cast<double>(layer.OutputElements());
          cost->off_chip_bits -= finished * (bits.partial_sum - bits.output);
          energy_pj -= FinishedOutputsRebatePj(machine, layer, bits);
        }
      }
      cost->energy.push_back({machine.memories[i].components[tensor], energy_pj});
      network_pj += accesses.deliveries * price.delivery;
    }
  }
  if (network_pj > 0) cost->energy.push_back({"network", network_pj});
}

}  // namespace

absl::StatusOr<LayerCost> EstimateSearched(const Machine& machine, const network::MacShape& layer,
                                           const LayerBits& bits, const MacOperands& built,
                                           const MacCost& mac, LayerCost cost) {
  const MappingTask task = TaskFor(machine, layer, bits, built, mac);
  BITSCAPE_ASSIGN_OR_RETURN(const std::shared_ptr<const MappingResult> best,
                            BestMapping(machine, task));
  const AccessPrices prices = PricesOf(machine, task);

  cost.compute_cycles = WholeCycles(best->counts.compute_cycles * task.cycles_per_mac);
  cost.utilization = best->counts.utilization;
  cost.latency_cycles = std::max(cost.compute_cycles, WholeCycles(best->latency.cycles));
  cost.bound = cost.latency_cycles > cost.compute_cycles ? std::string(best->latency.bound)
                                                         : std::string("compute");
  constexpr size_t kWeights = static_cast<size_t>(Tensor::kWeights);
  const double register_pj =
      best->counts.levels.front()[kWeights].fills * prices.levels.front()[kWeights].fill;
  if (register_pj > 0) cost.energy.push_back({"weight_registers", register_pj});
  const double reduction_pj = best->counts.spatial_reductions * prices.spatial_reduction;
  if (reduction_pj > 0) cost.energy.push_back({"reduction", reduction_pj});
  PriceMemories(machine, layer, bits, *best, prices, &cost);
  cost.mapping = best->mapping.ToString(HierarchyOf(*machine.accelerator, task.products));
  return cost;
}

}  // namespace bitscape::cost_models
