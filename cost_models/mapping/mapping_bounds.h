// Lower bounds of what any mapping of a space costs.
//
// Above a boundary between two levels only the temporal loops of the outer levels run; what is
// inside of it holds a tile of each tensor. Each tensor crosses once for every iteration of those
// loops that do not index it, except that the innermost of them may leave one tensor in place. The
// bound is the least over all tiles that fit, over which tensor that is, with every window of
// inputs fetched once a sweep: so it never exceeds the true optimum. Bounds of several boundaries
// add up, as each transfer between two levels is charged at one of them.
#pragma once

#include "cost_models/mapping/mapping_space.h"
#include "cost_models/mapping/search.h"

namespace bitscape::cost_models {

// In the unit of the objective: pJ, cycles, pJ * cycles, bits.
double LowerBound(const MappingSpace& space, const AccessPrices& prices,
                  const SearchOptions& options);

}  // namespace bitscape::cost_models
