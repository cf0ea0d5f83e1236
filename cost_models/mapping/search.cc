#include "cost_models/mapping/search.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost_models/mapping/anneal.h"
#include "cost_models/mapping/mapping_bounds.h"
#include "cost_models/mapping/mapping_evaluator.h"
#include "cost_models/mapping/mapping_moves.h"
#include "cost_models/mapping/mapping_space.h"
#include "cost_models/mapping/off_chip_search.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// Of the evaluations: short runs from the smallest mapping, each with a seed of its own, one from
// the best of them, descent, and with what is left shorter and cooler runs. Chosen by the mean gap
// to searches of twenty times the evaluations, on 50 layers of 8 networks.
constexpr int kShortRuns = 6;
constexpr double kShortShare = 0.13, kLongShare = 0.12, kLastShare = 0.03;
constexpr double kHot = 0.1, kWarm = 0.07, kCool = 0.05;
constexpr double kRounding = 1e-12;

int64_t ShareOf(const SearchOptions& options, double share) {
  return static_cast<int64_t>(static_cast<double>(options.max_evaluations) * share);
}

// A free search takes a dataflow in some of its short runs: each is a good start for some layers.
absl::Status RunShort(int run, const MappingSpace& space, const Candidate& smallest,
                      const MappingConstraints& constraints, const SearchOptions& options,
                      MappingEvaluator* evaluator) {
  static constexpr Dataflow kStarts[kShortRuns] = {Dataflow::kAny,
                                                   Dataflow::kRowStationary,
                                                   Dataflow::kOutputStationary,
                                                   Dataflow::kWeightStationary,
                                                   Dataflow::kAny,
                                                   Dataflow::kAny};
  const int64_t share = ShareOf(options, kShortShare);
  const uint64_t seed = static_cast<uint64_t>(run);
  if (constraints.levels.empty() && kStarts[run] != Dataflow::kAny) {
    const MappingConstraints start =
        ConstraintsOf(kStarts[run], space.problem(), space.hierarchy());
    BITSCAPE_ASSIGN_OR_RETURN(
        const MappingSpace part,
        MappingSpace::Create(space.problem(), space.hierarchy(), start, space.widths()));
    const absl::StatusOr<Candidate> first = part.Smallest();
    if (first.ok()) {  // else a tensor that is to stay does not fit where it should
      MoveGenerator moves(part, seed);
      Anneal(*first, share, kHot, &moves, evaluator);
      return absl::OkStatus();
    }
  }
  MoveGenerator moves(space, seed);
  Anneal(smallest, share, kHot, &moves, evaluator);
  return absl::OkStatus();
}

absl::Status CheckOptions(const Hierarchy& hierarchy, const AccessPrices& prices,
                          const SearchOptions& options) {
  if (prices.levels.size() != hierarchy.levels.size()) {
    return absl::InvalidArgumentError(fmt::format("prices of {} levels for a hierarchy of {}",
                                                  prices.levels.size(), hierarchy.levels.size()));
  }
  if (options.max_evaluations < 1) {
    return absl::InvalidArgumentError(
        fmt::format("max_evaluations is {}: at least 1", options.max_evaluations));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MappingResult> SearchMapping(const Problem& problem, const Hierarchy& hierarchy,
                                            const MappingConstraints& constraints,
                                            const ElementWidths& widths, const AccessPrices& prices,
                                            const SearchOptions& options) {
  BITSCAPE_RETURN_IF_ERROR(CheckOptions(hierarchy, prices, options));
  BITSCAPE_ASSIGN_OR_RETURN(const MappingSpace space,
                            MappingSpace::Create(problem, hierarchy, constraints, widths));
  BITSCAPE_ASSIGN_OR_RETURN(const Candidate smallest, space.Smallest());
  MappingResult result;
  space.Render(smallest, &result.mapping);
  BITSCAPE_RETURN_IF_ERROR(CountMapping(problem, hierarchy, result.mapping, widths).status());
  MappingEvaluator evaluator(space, prices, options);
  if (options.objective == MappingObjective::kOffChipTraffic) {
    SearchOffChip(space, smallest, &evaluator);
    // What follows only finds less energy: a search that may also stumble on less traffic would do
    // so for one capacity and not for a larger one.
    evaluator.SetFloor(evaluator.best_score().objective);
  }
  for (int run = 0; run < kShortRuns; ++run) {
    BITSCAPE_RETURN_IF_ERROR(RunShort(run, space, smallest, constraints, options, &evaluator));
  }
  MoveGenerator moves(space, kShortRuns);
  Anneal(evaluator.best(), ShareOf(options, kLongShare), kWarm, &moves, &evaluator);
  Descend(space, &evaluator);
  // What is left goes on from the best in small steps.
  while (!evaluator.Exhausted()) {
    Anneal(evaluator.best(), ShareOf(options, kLastShare), kCool, &moves, &evaluator);
    Descend(space, &evaluator);
  }

  space.Render(evaluator.best(), &result.mapping);
  BITSCAPE_ASSIGN_OR_RETURN(result.counts,
                            CountMapping(problem, hierarchy, result.mapping, widths));
  result.latency = LatencyOf(result.counts, hierarchy, widths, options.cycles_per_mac);
  result.energy_pj = EnergyPj(result.counts, prices);
  result.evaluated = evaluator.evaluated();
  result.lower_bound = LowerBound(space, prices, options);
  result.is_optimal = evaluator.best_score().objective <= result.lower_bound * (1 + kRounding);
  return result;
}

}  // namespace bitscape::cost_models
