// The cheapest mapping of a tiny layer by trying all with exact bounds.
#pragma once

#include <cstdint>
#include <functional>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

struct BruteForce {
  double best = 0;
  int64_t valid = 0;
  Mapping mapping;
};

// All splits of every dimension of the problem into divisors over all levels and both axes, all
// orders of each level's loops, all keepings that `may_hold` leaves. `objective` is the smaller the
// better.
BruteForce TryAllMappings(const Problem& problem, const Hierarchy& hierarchy,
                          const ElementWidths& widths,
                          const std::function<double(const MappingCounts&)>& objective);

}  // namespace bitscape::cost_models
