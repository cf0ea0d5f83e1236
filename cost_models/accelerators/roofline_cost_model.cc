#include <algorithm>
#include <utility>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/machine.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// Every slot of the array busy, every weight, needed input and output moved once between the chip
// and DRAM.
class Roofline final : public CostModel {
  absl::StatusOr<CostOutcome> DoEstimate(std::span<const network::MacShape> layers,
                                         const quantize::ResolvedPlan& plan,
                                         const Accelerator& accelerator,
                                         const TechnologyOptions& options) const override {
    BITSCAPE_ASSIGN_OR_RETURN(auto laid, LayPlan(layers, plan, accelerator, options));
    if (Infeasible* infeasible = std::get_if<Infeasible>(&laid)) return std::move(*infeasible);
    auto& [machine, datapaths, report] = std::get<LaidPlan>(laid);
    for (size_t i = 0; i < layers.size(); ++i) {
      const LayerBits bits = BitsOf(layers[i], plan, i, datapaths.built[datapaths.of_layer[i]]);
      const MacCost& mac = datapaths.layer_costs[i];
      const MacFamily& family = *datapaths.families[datapaths.of_layer[i]];
      report.layers.push_back(Bound(machine, family, layers[i], bits, mac,
                                    StartLayer(machine, layers[i], bits, datapaths.used[i], mac)));
    }
    return std::move(report);
  }

  static LayerCost Bound(const Machine& machine, const MacFamily& family,
                         const network::MacShape& layer, const LayerBits& bits, const MacCost& mac,
                         LayerCost cost) {
    const PricedMemory& dram = machine.memories[static_cast<size_t>(machine.dram_level)];
    cost.compute_cycles =
        WholeCycles(cost.macs / MultipliersOf(*machine.accelerator) / mac.macs_per_cycle);
    cost.utilization = 1;
    AddRegisterLoads(machine, family, mac,
                     StationaryOperand(family) == Tensor::kWeights
                         ? static_cast<double>(layer.WeightElements())
                         : TouchedInputs(layer),
                     &cost);
    const std::array<double, kTensors> moved_bits = {
        static_cast<double>(layer.WeightElements()) * bits.stored_weight,
        TouchedInputs(layer) * bits.input,
        static_cast<double>(layer.OutputElements()) * bits.output};
    const std::array<double, kTensors> pj_per_bit = {
        dram.cost.read_pj_per_bit, dram.cost.read_pj_per_bit, dram.cost.write_pj_per_bit};
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      cost.energy.push_back({dram.components[tensor], moved_bits[tensor] * pj_per_bit[tensor]});
      cost.off_chip_bits += moved_bits[tensor];
    }
    const double dram_cycles =
        WholeCycles(cost.off_chip_bits / dram.level->bandwidth_bits_per_cycle);
    cost.latency_cycles = std::max(cost.compute_cycles, dram_cycles);
    if (dram_cycles > cost.compute_cycles) cost.bound = dram.level->name;
    return cost;
  }
};

}  // namespace

const CostModel& RooflineCostModel() {
  static const Roofline kModel;
  return kModel;
}

}  // namespace bitscape::cost_models
