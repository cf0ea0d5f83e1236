#include "server/rpc/cost_proto.h"

#include <algorithm>

#include "cost_models/memory/weight_storage.h"

namespace bitscape::server {
namespace {

constexpr double kBitsPerByte = 8;

void AddLayer(const cost_models::LayerCost& cost, const network::MacShape& shape,
              const quantize::LayerPrecision& precision, v1::CostEstimate* estimate) {
  v1::CostEstimate::Layer& layer = *estimate->add_layers();
  layer.set_name(cost.layer);
  layer.set_macs(cost.macs);
  layer.set_energy_pj(cost.EnergyPj());
  layer.set_latency_cycles(cost.latency_cycles);
  layer.set_compute_cycles(cost.compute_cycles);
  layer.set_utilization(cost.utilization);
  layer.set_bound(cost.bound);
  layer.set_weight_bytes(cost.weight_bits / kBitsPerByte);
  layer.set_operands(cost.operands);
  layer.set_macs_per_cycle(cost.macs_per_cycle);
  layer.set_off_chip_bits(cost.off_chip_bits);
  layer.set_mapping(cost.mapping);
  for (const cost_models::EnergyItem& item : cost.energy) {
    v1::CostEstimate::Energy& energy = *layer.add_energy();
    energy.set_component(item.component);
    energy.set_energy_pj(item.energy_pj);
  }
  if (const auto storage = cost_models::CodebookStorageOf(shape, precision.weights)) {
    v1::CostEstimate::CodebookStorage& codebook = *layer.mutable_codebook();
    codebook.set_index_bits(storage->index_bits);
    codebook.set_table_bits(storage->table_bits);
    codebook.set_baseline_bits(storage->baseline_bits);
    codebook.set_holds(storage->holds);
  }
}

}  // namespace

v1::CostEstimate ToProto(const cost_models::CostReport& report,
                         std::span<const network::MacShape> layers,
                         const quantize::ResolvedPlan& plan) {
  v1::CostEstimate estimate;
  estimate.set_energy_pj(report.EnergyPj());
  estimate.set_latency_cycles(report.LatencyCycles());
  estimate.set_latency_seconds(report.LatencySeconds());
  estimate.set_area_um2(report.AreaUm2());
  estimate.set_weight_bytes(report.WeightBytes());
  estimate.set_clock_ghz(report.clock_ghz);
  estimate.set_multipliers(report.multipliers);
  estimate.set_off_chip_bits_per_cycle(report.off_chip_bits_per_cycle);
  for (size_t i = 0; i < report.layers.size(); ++i) {
    AddLayer(report.layers[i], layers[i], plan.layers[i], &estimate);
  }
  for (const cost_models::AreaItem& item : report.area) {
    v1::CostEstimate::Area& area = *estimate.add_area();
    area.set_component(item.component);
    area.set_area_um2(item.area_um2);
  }
  return estimate;
}

std::vector<cost_models::EnergyItem> EnergyByComponent(const cost_models::CostReport& report) {
  std::vector<cost_models::EnergyItem> sums;
  for (const cost_models::LayerCost& layer : report.layers) {
    for (const cost_models::EnergyItem& item : layer.energy) {
      const auto sum = std::find_if(sums.begin(), sums.end(), [&](const auto& known) {
        return known.component == item.component;
      });
      if (sum == sums.end()) {
        sums.push_back(item);
      } else {
        sum->energy_pj += item.energy_pj;
      }
    }
  }
  return sums;
}

}  // namespace bitscape::server
