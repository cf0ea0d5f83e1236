// The slow obvious counts of a mapping: walks the nest, holds what each instance holds as sets of
// elements, and takes differences of sets.
#pragma once

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

enum class WalkRule {
  // All iterations; what was there a step before stays.
  kExact,
  // The rule of cost_models/mapping/tile_moves.h: two iterations of each loop, the second standing
  // for all others; what was there stays only if the tile moved as it did the time before.
  kTimeloop,
};

// Of reads, fills, updates, deliveries and spatial_reductions. The mapping must be valid.
MappingCounts WalkMapping(const Problem& problem, const Hierarchy& hierarchy,
                          const Mapping& mapping, WalkRule rule);

}  // namespace bitscape::cost_models
