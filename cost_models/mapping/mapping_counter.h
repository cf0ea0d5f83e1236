// Counts the mappings of one layer on one hierarchy, many thousands a second: everything that does
// not depend on the mapping is worked out once.
//
// The counts are those of Timeloop (tile_moves.h has the rules of fetching), so:
// - A multiplier fetches its operands and its sum, and writes its sum, in each of its cycles.
// - What an inner instance fetches, the next outer level that keeps the tensor reads: once for all
//   inner instances that need equal places (multicast), at each level on the way.
// - Each fetch of outputs is also one update of the level that it came from, later. The first
//   sum of an output in an instance is not read, at that level or above, as there is none.
// - What is complete at a level is not read there once more to be written out.
// - Instances that pass inputs on read and write each element that they pass. Timeloop spreads
//   those of one outer instance over all inner instances of the machine, and rounds accesses per
//   instance: reads to the nearest, fills of inputs down.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <vector>

#include "cost_models/mapping/flat_nest.h"
#include "cost_models/mapping/loop_nest.h"
#include "cost_models/mapping/tile_moves.h"

namespace bitscape::cost_models {

// Holds scratch memory: one counter a thread. The arguments must outlive the counter.
class MappingCounter {
 public:
  MappingCounter(const Problem& problem, const Hierarchy& hierarchy, const ElementWidths& widths);

  // Whether the mapping covers the problem, fits and was counted. Reuses the storage of `counts`;
  // allocates nothing when that has been used before. `counts` is unspecified if false.
  bool Count(const Mapping& mapping, MappingCounts* counts);

  // Why Count refuses a mapping: kInvalidArgument with the level, the value, what is there.
  absl::Status Check(const Mapping& mapping) const;

 private:
  // What crosses the network below a level, of one tensor, for one instance of the level.
  struct Crossing {
    double asked = 0;      // by one inner instance, or by what it stands for
    double reads = 0;      // what the level or those above must read for that
    double delivered = 0;  // that arrives at one inner instance from here (not from a neighbour)
    double passed_on = 0;  // between all inner instances
  };
  Crossing CrossingOf(size_t level, Tensor tensor, bool inner_keeps, double asked);
  void CountTensor(const Mapping& mapping, Tensor tensor, MappingCounts* counts);

  const Problem& problem_;
  const Hierarchy& hierarchy_;
  const ElementWidths& widths_;
  PerTensor<TensorProjection> projection_;
  double multipliers_ = 1;
  bool rounds_ = false;  // some level forwards
  FlatNest nest_;
  std::vector<Crossing> crossings_;  // by level
  std::vector<int64_t> scratch_;     // places of inner instances, where they forward
};

}  // namespace bitscape::cost_models
