// Scores candidates of a search: renders, counts, prices.
#pragma once

#include <cstdint>

#include "cost_models/mapping/mapping_counter.h"
#include "cost_models/mapping/mapping_space.h"
#include "cost_models/mapping/search.h"

namespace bitscape::cost_models {

struct Score {
  double objective = 0, tie = 0;
  bool operator<(const Score& other) const {
    return objective < other.objective || (objective == other.objective && tie < other.tie);
  }
};

Score ScoreOf(const MappingCounts& counts, const MappingLatency& latency, double energy_pj,
              const ElementWidths& widths, MappingObjective objective);

// Keeps the best candidate that it has seen. Not thread-safe.
class MappingEvaluator {
 public:
  // The arguments must outlive the evaluator.
  MappingEvaluator(const MappingSpace& space, const AccessPrices& prices,
                   const SearchOptions& options);

  // Counts the candidate if it fits; false if it does not.
  bool Evaluate(const Candidate& candidate, Score* score);

  // From now on candidates below this objective are refused as if they did not fit; the budget
  // starts anew.
  void SetFloor(double objective);

  int64_t evaluated() const { return evaluated_; }
  // The budget is used up, or so much was tried that did not fit that the rest is not worth it.
  bool Exhausted() const;
  const Candidate& best() const { return best_; }
  const Score& best_score() const { return best_score_; }

 private:
  const MappingSpace& space_;
  const AccessPrices& prices_;
  const SearchOptions& options_;
  MappingCounter counter_;
  Mapping mapping_;
  MappingCounts counts_;
  Candidate best_ = {};
  Score best_score_;
  double floor_ = 0;
  int64_t evaluated_ = 0, tried_ = 0;
  int64_t most_evaluated_, most_tried_;
};

}  // namespace bitscape::cost_models
