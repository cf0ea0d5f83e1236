#include <fmt/format.h>

#include <string>
#include <utility>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/machine.h"
#include "cost_models/accelerators/searched_layer.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// Bits that a memory gives and takes, by tensor.
struct Moved {
  double read = 0, written = 0;
  Moved& operator+=(const Moved& other) {
    read += other.read;
    written += other.written;
    return *this;
  }
};
using TensorTraffic = std::array<Moved, kTensors>;

struct LayerTraffic {
  TensorTraffic element = {}, buffer = {}, dram = {};
};

LayerTraffic TrafficOf(const WeightStationaryCounts& counts, const LayerBits& bits) {
  const auto dram = [](const AccessCounts& c, double width) {
    return Moved{c.dram_reads * width, c.dram_writes * width};
  };
  const auto buffer = [](const AccessCounts& c, double width) {
    return Moved{c.buffer_reads * width, c.buffer_writes * width};
  };
  LayerTraffic traffic;
  traffic.element[0] = {counts.weights.element_reads * bits.weight,
                        counts.weights.element_writes * bits.weight};
  traffic.buffer = {buffer(counts.weights, bits.stored_weight), buffer(counts.inputs, bits.input),
                    buffer(counts.partial_sums, bits.partial_sum)};
  traffic.buffer[2] += buffer(counts.outputs, bits.output);
  traffic.dram = {dram(counts.weights, bits.stored_weight), dram(counts.inputs, bits.input),
                  dram(counts.partial_sums, bits.partial_sum)};
  traffic.dram[2] += dram(counts.outputs, bits.output);
  return traffic;
}

// Adds the traffic of one memory to the layer's energy, and returns its bits.
double AddTraffic(const PricedMemory& memory, size_t tensor, const Moved& moved, LayerCost* cost) {
  const double bits = moved.read + moved.written;
  if (bits > 0) {
    cost->energy.push_back(
        {memory.components[tensor],
         moved.read * memory.cost.read_pj_per_bit + moved.written * memory.cost.write_pj_per_bit});
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

// A multiplier that splits stands for several: rows of one sum, or columns where each product has a
// sum of its own.
WeightStationaryArray ArrayOf(const Machine& machine, const MacFamily& family, int64_t products) {
  const Accelerator& accelerator = *machine.accelerator;
  WeightStationaryArray array;
  // A dot product's multipliers are rows of one sum.
  array.rows = int64_t{accelerator.array_rows} * accelerator.design.dot_length;
  array.columns = accelerator.array_columns;
  (AddsProducts(family, accelerator.design) ? array.rows : array.columns) *= products;
  array.buffer_of = machine.buffer_of;
  array.buffer_bits = machine.buffer_bits;
  if (machine.element_level >= 0) {
    // Shared by all that the element multiplies side by side.
    const int64_t sharing = accelerator.design.dot_length * products;
    array.element_weight_bits =
        accelerator.memories[static_cast<size_t>(machine.element_level)].capacity_bytes * 8 /
        static_cast<double>(sharing);
  }
  return array;
}

// A reduction fills trees of `lanes` but for the last.
double LanesUsed(const network::MacShape& layer, int64_t lanes) {
  const int64_t length = layer.ReductionLength();
  const int64_t trees = (length + lanes - 1) / lanes;
  return static_cast<double>(length) / static_cast<double>(trees * lanes);
}

LayerCost EstimateClosedForm(const Machine& machine, const MacFamily& family,
                             const network::MacShape& layer, const LayerBits& bits,
                             const MacCost& mac, LayerCost cost) {
  const Split split = SplitOf(mac);
  const WeightStationaryCounts counts =
      CountAccesses(layer, ArrayOf(machine, family, split.products),
                    {.weight = bits.weight, .input = bits.input, .partial_sum = bits.partial_sum});
  cost.compute_cycles = WholeCycles(counts.compute_cycles * split.cycles);
  cost.utilization = counts.utilization;
  cost.latency_cycles = cost.compute_cycles;
  // Each weight is loaded once; where inputs stay in the multiplier, each product takes another.
  AddRegisterLoads(machine, family, mac,
                   StationaryOperand(family) == Tensor::kWeights
                       ? static_cast<double>(layer.WeightElements())
                       : cost.macs,
                   &cost);
  AddIdleLanes(mac, LanesUsed(layer, machine.accelerator->design.dot_length), &cost);
  const LayerTraffic traffic = TrafficOf(counts, bits);
  for (const Moved& moved : traffic.dram) cost.off_chip_bits += moved.read + moved.written;
  PriceTraffic(machine, traffic, &cost);
  return cost;
}

// mW times ns is pJ: memories and logic leak for as long as each layer takes.
void AddLeakage(const Machine& machine, CostReport* report) {
  double milliwatts = 0;
  for (const AreaItem& item : report->area) {
    if (item.component == "mac_array") {
      milliwatts += item.area_um2 * machine.technology->LogicLeakageMwPerUm2();
    }
  }
  for (const PricedMemory& memory : machine.memories) {
    milliwatts += memory.cost.leakage_mw * InstancesOf(*machine.accelerator, *memory.level);
  }
  for (LayerCost& layer : report->layers) {
    const double nanoseconds = layer.latency_cycles / report->clock_ghz;
    layer.energy.push_back({"leakage", milliwatts * nanoseconds});
  }
}

class Analytic final : public CostModel {
  absl::StatusOr<CostOutcome> DoEstimate(std::span<const network::MacShape> layers,
                                         const quantize::ResolvedPlan& plan,
                                         const Accelerator& accelerator,
                                         const TechnologyOptions& options) const override {
    BITSCAPE_ASSIGN_OR_RETURN(auto laid, LayPlan(layers, plan, accelerator, options));
    if (Infeasible* infeasible = std::get_if<Infeasible>(&laid)) return std::move(*infeasible);
    auto& [machine, datapaths, report] = std::get<LaidPlan>(laid);
    for (size_t i = 0; i < layers.size(); ++i) {
      const MacOperands& built = datapaths.built[datapaths.of_layer[i]];
      const MacFamily& family = *datapaths.families[datapaths.of_layer[i]];
      const MacCost& mac = datapaths.layer_costs[i];
      const LayerBits bits = BitsOf(layers[i], plan, i, built);
      LayerCost cost = StartLayer(machine, layers[i], bits, datapaths.used[i], mac);
      if (accelerator.closed_form) {
        cost = EstimateClosedForm(machine, family, layers[i], bits, mac, std::move(cost));
      } else {
        auto searched =
            EstimateSearched(machine, family, layers[i], bits, built, mac, std::move(cost));
        if (absl::IsNotFound(searched.status())) {
          return Infeasible{fmt::format("layer {}: {}", layers[i].name,
                                        std::string(searched.status().message()))};
        }
        if (!searched.ok()) return Annotate(searched.status(), "layer " + layers[i].name);
        cost = *std::move(searched);
      }
      report.layers.push_back(std::move(cost));
    }
    if (options.leakage) AddLeakage(machine, &report);
    return std::move(report);
  }
};

}  // namespace

std::string_view CostModelVersion() { return "6"; }

const CostModel& AnalyticCostModel() {
  static const Analytic kModel;
  return kModel;
}

}  // namespace bitscape::cost_models
