// The least off-chip traffic: what it finds never grows with a capacity.
#pragma once

#include "cost_models/mapping/mapping_evaluator.h"
#include "cost_models/mapping/mapping_space.h"

namespace bitscape::cost_models {

// Tries, up to what a bound excludes, every tile of the outermost on-chip level with everything
// inside of it as small as can be, every order of the loops around it and every keeping there. That
// is all that off-chip traffic depends on where the level keeps every tensor; a tensor that passes
// it by is held one element at a time, and shared by instances on either axis. As this set does not
// depend on capacities, a larger one only adds mappings. `smallest` fits. The best stays with the
// evaluator, whose objective is off-chip traffic.
void SearchOffChip(const MappingSpace& space, const Candidate& smallest,
                   MappingEvaluator* evaluator);

}  // namespace bitscape::cost_models
