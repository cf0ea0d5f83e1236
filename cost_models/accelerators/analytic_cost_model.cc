#include <utility>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/machine.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// Bits moved between a memory and its neighbours.
using TensorTraffic = std::array<double, kTensors>;

// Bits of one stored element of each tensor of a layer.
struct LayerBits {
  double weight = 0, input = 0, partial_sum = 0, output = 0;
  double stored_weight = 0;  // weights as stored off chip: with scales and zero points, average
};

struct LayerTraffic {
  TensorTraffic element = {}, buffer = {}, dram = {};
};

LayerTraffic TrafficOf(const WeightStationaryCounts& counts, const LayerBits& bits) {
  LayerTraffic traffic;
  const auto dram = [](const AccessCounts& c) { return c.dram_reads + c.dram_writes; };
  const auto buffer = [](const AccessCounts& c) { return c.buffer_reads + c.buffer_writes; };
  traffic.element[0] = (counts.weights.element_reads + counts.weights.element_writes) * bits.weight;
  traffic.buffer = {
      buffer(counts.weights) * bits.stored_weight, buffer(counts.inputs) * bits.input,
      buffer(counts.partial_sums) * bits.partial_sum + buffer(counts.outputs) * bits.output};
  traffic.dram = {
      dram(counts.weights) * bits.stored_weight, dram(counts.inputs) * bits.input,
      dram(counts.partial_sums) * bits.partial_sum + dram(counts.outputs) * bits.output};
  return traffic;
}

// Adds the traffic of one memory to the layer's energy, and returns its bits.
double AddTraffic(const PricedMemory& memory, size_t tensor, double bits, LayerCost* cost) {
  if (bits > 0) {
    cost->energy.push_back({memory.components[tensor], bits * memory.cost.read_pj_per_bit});
  }
  return bits;
}

void PriceTraffic(const Machine& machine, const LayerTraffic& traffic, LayerCost* cost) {
  for (size_t i = 0; i < machine.memories.size(); ++i) {
    const PricedMemory& memory = machine.memories[i];
    const int index = static_cast<int>(i);
    double bits = 0;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      if (index == machine.element_level) {
        bits += AddTraffic(memory, tensor, traffic.element[tensor], cost);
      } else if (index == machine.dram_level) {
        bits += AddTraffic(memory, tensor, traffic.dram[tensor], cost);
      } else if (index == machine.buffer_of[tensor]) {
        bits += AddTraffic(memory, tensor, traffic.buffer[tensor], cost);
      }
    }
    if (memory.level->bandwidth_bits_per_cycle <= 0) continue;
    const double cycles = WholeCycles(bits / memory.level->bandwidth_bits_per_cycle);
    if (cycles > cost->latency_cycles) {
      cost->latency_cycles = cycles;
      cost->bound = memory.level->name;
    }
  }
}

class Analytic final : public CostModel {
 public:
  absl::StatusOr<CostOutcome> Estimate(std::span<const network::MacShape> layers,
                                       const quantize::ResolvedPlan& plan,
                                       const Accelerator& accelerator) const override {
    BITSCAPE_ASSIGN_OR_RETURN(auto laid, LayPlan(layers, plan, accelerator));
    if (Infeasible* infeasible = std::get_if<Infeasible>(&laid)) return std::move(*infeasible);
    auto& [machine, datapaths, report] = std::get<LaidPlan>(laid);

    WeightStationaryArray array;
    array.rows = accelerator.array_rows;
    array.columns = accelerator.array_columns;
    array.buffer_of = machine.buffer_of;
    array.buffer_bits = machine.buffer_bits;
    if (machine.element_level >= 0) {
      array.element_weight_bits =
          accelerator.memories[static_cast<size_t>(machine.element_level)].capacity_bytes * 8;
    }

    for (size_t i = 0; i < layers.size(); ++i) {
      const size_t datapath = datapaths.of_layer[i];
      report.layers.push_back(EstimateLayer(machine, array, layers[i], plan, i,
                                            datapaths.built[datapath], datapaths.layer_costs[i]));
    }
    return std::move(report);
  }

 private:
  static LayerCost EstimateLayer(const Machine& machine, const WeightStationaryArray& array,
                                 const network::MacShape& layer, const quantize::ResolvedPlan& plan,
                                 size_t index, const MacOperands& datapath, const MacCost& mac) {
    const quantize::LayerPrecision& precision = plan.layers[index];
    LayerCost cost;
    cost.layer = layer.name;
    cost.macs = static_cast<double>(layer.Macs());
    cost.weight_bits = WeightStorageBits(layer, precision.weights);

    LayerBits bits;
    bits.input = formats::ElementBits(precision.activations.format);
    bits.output = StoredOutputBits(plan, index);
    bits.partial_sum = datapath.accumulator.bits;
    if (layer.weights_are_activations) {
      bits.weight = bits.stored_weight = bits.input;
    } else {
      bits.weight = formats::ElementBits(precision.weights.format);
      bits.stored_weight = cost.weight_bits / static_cast<double>(layer.WeightElements());
    }
    const WeightStationaryCounts counts = CountAccesses(
        layer, array,
        {.weight = bits.weight, .input = bits.input, .partial_sum = bits.partial_sum});

    cost.compute_cycles = WholeCycles(counts.compute_cycles / mac.macs_per_cycle);
    cost.utilization = counts.utilization;
    cost.latency_cycles = cost.compute_cycles;
    cost.bound = "compute";
    cost.energy.reserve(2 + 2 * kTensors + 1);
    cost.energy.push_back({"mac", MacEnergyPj(machine, layer, mac)});
    cost.energy.push_back({"output_stage", OutputEnergyPj(layer, mac)});
    PriceTraffic(machine, TrafficOf(counts, bits), &cost);
    return cost;
  }
};

}  // namespace

std::string_view CostModelVersion() { return "3"; }

const CostModel& AnalyticCostModel() {
  static const Analytic kModel;
  return kModel;
}

}  // namespace bitscape::cost_models
