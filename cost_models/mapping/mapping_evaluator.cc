#include "cost_models/mapping/mapping_evaluator.h"

namespace bitscape::cost_models {
namespace {

constexpr int64_t kMostTriesPerEvaluation = 16;

}  // namespace

double EnergyPj(const MappingCounts& counts, const AccessPrices& prices) {
  double energy = counts.macs * prices.mac + counts.spatial_reductions * prices.spatial_reduction;
  for (size_t level = 0; level < counts.levels.size(); ++level) {
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      const TensorAccesses& accesses = counts.levels[level][tensor];
      const AccessPrices::Price& price = prices.levels[level][tensor];
      energy += accesses.reads * price.read + accesses.fills * price.fill +
                accesses.updates * price.update + accesses.deliveries * price.delivery;
    }
  }
  return energy;
}

Score ScoreOf(const MappingCounts& counts, const MappingLatency& latency, double energy_pj,
              const ElementWidths& widths, MappingObjective objective) {
  switch (objective) {
    case MappingObjective::kEnergy:
      return {energy_pj, latency.cycles};
    case MappingObjective::kLatency:
      return {latency.cycles, energy_pj};
    case MappingObjective::kEnergyDelay:
      return {energy_pj * latency.cycles, energy_pj};
    case MappingObjective::kOffChipTraffic:
      break;
  }
  double bits = 0;
  for (size_t tensor = 0; tensor < kTensors; ++tensor) {
    const TensorAccesses& accesses = counts.levels.back()[tensor];
    bits += (accesses.reads + accesses.fills + accesses.updates) * widths.bits[tensor];
  }
  return {bits, energy_pj};
}

MappingEvaluator::MappingEvaluator(const MappingSpace& space, const AccessPrices& prices,
                                   const SearchOptions& options)
    : space_(space),
      prices_(prices),
      options_(options),
      counter_(space.problem(), space.hierarchy(), space.widths()),
      most_evaluated_(options.max_evaluations),
      most_tried_(kMostTriesPerEvaluation * options.max_evaluations) {}

void MappingEvaluator::SetFloor(double objective) {
  floor_ = objective;
  most_evaluated_ = evaluated_ + options_.max_evaluations;
  most_tried_ = tried_ + kMostTriesPerEvaluation * options_.max_evaluations;
}

bool MappingEvaluator::Evaluate(const Candidate& candidate, Score* score) {
  ++tried_;
  if (!space_.Fits(candidate)) return false;
  space_.Render(candidate, &mapping_);
  if (!counter_.Count(mapping_, &counts_)) return false;
  const MappingLatency latency =
      LatencyOf(counts_, space_.hierarchy(), space_.widths(), options_.cycles_per_mac);
  *score =
      ScoreOf(counts_, latency, EnergyPj(counts_, prices_), space_.widths(), options_.objective);
  ++evaluated_;
  if (score->objective < floor_) return false;
  if (evaluated_ == 1 || *score < best_score_) {
    best_ = candidate;
    best_score_ = *score;
  }
  return true;
}

bool MappingEvaluator::Exhausted() const {
  return evaluated_ >= most_evaluated_ || tried_ >= most_tried_;
}

}  // namespace bitscape::cost_models
