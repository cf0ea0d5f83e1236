// Heuristic search: simulated annealing, and descent to where no single change helps.
#pragma once

#include <cstdint>

#include "cost_models/mapping/mapping_evaluator.h"
#include "cost_models/mapping/mapping_moves.h"
#include "cost_models/mapping/mapping_space.h"

namespace bitscape::cost_models {

// Starts at a candidate that fits. `evaluations` of candidates that fit; what it finds best stays
// with the evaluator. A worse candidate is accepted with a probability that falls with the ratio of
// the objectives and, over the run, from a temperature of `hot` to one of 1/20 of it.
void Anneal(const Candidate& start, int64_t evaluations, double hot, MoveGenerator* moves,
            MappingEvaluator* evaluator);

// From the evaluator's best: tries every value of every bound, every factor in every other level,
// every order, keeping and split, until none is better or the evaluator is exhausted.
void Descend(const MappingSpace& space, MappingEvaluator* evaluator);

}  // namespace bitscape::cost_models
