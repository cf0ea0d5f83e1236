// Finds the mapping of a layer on a hierarchy that costs least.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cost_models/mapping/dataflow.h"
#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

// What a dataflow or a user fixes of one level. Unset: free.
struct LevelConstraint {
  PerDim<int64_t> temporal = {0, 0, 0, 0, 0, 0, 0, 0};  // bound of each dimension; 0 = free
  PerDim<int64_t> spatial = {0, 0, 0, 0, 0, 0, 0, 0};   // of both axes together; 0 = free
  // Innermost first. Dimensions that are not listed go outside of the listed ones, in any order.
  std::vector<Dim> order;
  // Dimensions that may be spread over x, and over y. Unset: any. One in neither is not spread.
  std::optional<PerDim<bool>> on_x, on_y;
  PerTensor<std::optional<bool>> keeps;
};
struct MappingConstraints {
  std::vector<LevelConstraint> levels;  // as in the hierarchy; empty: none
};

// Energy of one access of one element in pJ, by level and tensor.
struct AccessPrices {
  struct Price {
    double read = 0, fill = 0, update = 0;
    double delivery = 0;  // of moving it to one inner instance
  };
  std::vector<PerTensor<Price>> levels;
  double mac = 0;
  double spatial_reduction = 0;
};
double EnergyPj(const MappingCounts& counts, const AccessPrices& prices);

enum class MappingObjective { kEnergy, kLatency, kEnergyDelay, kOffChipTraffic };

struct SearchOptions {
  MappingObjective objective = MappingObjective::kEnergy;  // ties: the other of energy and latency
  // Of valid mappings; the result depends on nothing else. Off-chip traffic comes on top: there all
  // tiles of the outermost on-chip level are tried first, so that a larger memory never raises it.
  int64_t max_evaluations = 100'000;
  double cycles_per_mac = 1;
};

struct MappingResult {
  Mapping mapping;
  MappingCounts counts;
  MappingLatency latency;
  double energy_pj = 0;
  int64_t evaluated = 0;    // valid mappings that were counted
  double lower_bound = 0;   // of the objective, over all mappings under the constraints
  bool is_optimal = false;  // everything else was enumerated or excluded by its bound
};

// Pure, deterministic, thread-safe. Takes up to 12 levels and 2^24 of each dimension. Errors:
// kInvalidArgument for constraints that contradict the hierarchy or the problem; kNotFound where no
// mapping fits: the level that can't hold one element, with its capacity.
absl::StatusOr<MappingResult> SearchMapping(const Problem& problem, const Hierarchy& hierarchy,
                                            const MappingConstraints& constraints,
                                            const ElementWidths& widths, const AccessPrices& prices,
                                            const SearchOptions& options);

// The dataflow as constraints on a hierarchy.
MappingConstraints ConstraintsOf(Dataflow dataflow, const Problem& problem,
                                 const Hierarchy& hierarchy);

}  // namespace bitscape::cost_models
