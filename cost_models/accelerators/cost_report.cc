#include "cost_models/cost_report.h"

namespace bitscape::cost_models {

double LayerCost::EnergyPj() const {
  double sum = 0;
  for (const EnergyItem& item : energy) sum += item.energy_pj;
  return sum;
}

double CostReport::EnergyPj() const {
  double sum = 0;
  for (const LayerCost& layer : layers) sum += layer.EnergyPj();
  return sum;
}

double CostReport::AreaUm2() const {
  double sum = 0;
  for (const AreaItem& item : area) sum += item.area_um2;
  return sum;
}

double CostReport::LatencyCycles() const {
  double sum = 0;
  for (const LayerCost& layer : layers) sum += layer.latency_cycles;
  return sum;
}

double CostReport::LatencySeconds() const { return LatencyCycles() / (clock_ghz * 1e9); }

double CostReport::WeightBytes() const {
  double bits = 0;
  for (const LayerCost& layer : layers) bits += layer.weight_bits;
  return bits / 8;
}

}  // namespace bitscape::cost_models
