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
 public:
  absl::StatusOr<CostOutcome> Estimate(std::span<const network::MacShape> layers,
                                       const quantize::ResolvedPlan& plan,
                                       const Accelerator& accelerator) const override {
    BITSCAPE_ASSIGN_OR_RETURN(auto laid, LayPlan(layers, plan, accelerator));
    if (Infeasible* infeasible = std::get_if<Infeasible>(&laid)) return std::move(*infeasible);
    auto& [machine, datapaths, report] = std::get<LaidPlan>(laid);
    for (size_t i = 0; i < layers.size(); ++i) {
      report.layers.push_back(EstimateLayer(machine, layers[i], plan, i, datapaths.layer_costs[i]));
    }
    return std::move(report);
  }

 private:
  static LayerCost EstimateLayer(const Machine& machine, const network::MacShape& layer,
                                 const quantize::ResolvedPlan& plan, size_t index,
                                 const MacCost& mac) {
    const quantize::LayerPrecision& precision = plan.layers[index];
    const PricedMemory& dram = machine.memories[static_cast<size_t>(machine.dram_level)];
    const double slots =
        static_cast<double>(machine.accelerator->array_rows) * machine.accelerator->array_columns;
    const double input_bits = formats::ElementBits(precision.activations.format);
    LayerCost cost;
    cost.layer = layer.name;
    cost.macs = static_cast<double>(layer.Macs());
    cost.weight_bits = WeightStorageBits(layer, precision.weights);
    cost.compute_cycles = WholeCycles(cost.macs / slots / mac.macs_per_cycle);
    cost.utilization = 1;

    const std::array<double, kTensors> moved_bits = {
        layer.weights_are_activations ? static_cast<double>(layer.WeightElements()) * input_bits
                                      : cost.weight_bits,
        TouchedInputs(layer) * input_bits,
        static_cast<double>(layer.OutputElements()) * StoredOutputBits(plan, index)};
    cost.energy.push_back({"mac", MacEnergyPj(machine, layer, mac)});
    cost.energy.push_back({"output_stage", OutputEnergyPj(layer, mac)});
    double bits = 0;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      cost.energy.push_back(
          {dram.components[tensor], moved_bits[tensor] * dram.cost.read_pj_per_bit});
      bits += moved_bits[tensor];
    }
    const double dram_cycles = WholeCycles(bits / dram.level->bandwidth_bits_per_cycle);
    cost.latency_cycles = std::max(cost.compute_cycles, dram_cycles);
    cost.bound = dram_cycles > cost.compute_cycles ? dram.level->name : "compute";
    return cost;
  }
};

}  // namespace

const CostModel& RooflineCostModel() {
  static const Roofline kModel;
  return kModel;
}

}  // namespace bitscape::cost_models
