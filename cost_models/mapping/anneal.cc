#include "cost_models/mapping/anneal.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitscape::cost_models {
namespace {

constexpr double kCooling = 0.05;
constexpr int64_t kMostTriesPerEvaluation = 16;

class Descent {
 public:
  Descent(const MappingSpace& space, MappingEvaluator* evaluator)
      : space_(space), evaluator_(*evaluator) {}

  void Run() {
    bool better = true;
    while (better && !evaluator_.Exhausted()) {
      better = false;
      for (const Slot& slot : space_.slots()) better |= TryBounds(slot);
      for (int level = 1; level < space_.levels(); ++level) better |= TryOrders(level);
      for (const auto& [level, tensor] : space_.free_keeps()) {
        Candidate candidate = evaluator_.best();
        bool& keeps = candidate.keeps[static_cast<size_t>(level)][static_cast<size_t>(tensor)];
        keeps = !keeps;
        better |= Try(candidate);
      }
      for (const SpatialSplit& split : space_.splits()) better |= TrySplits(split);
    }
  }

 private:
  bool Try(const Candidate& candidate) {
    if (evaluator_.Exhausted()) return false;
    const Score before = evaluator_.best_score();
    Score score;
    return evaluator_.Evaluate(candidate, &score) && score < before;
  }

  bool TryBounds(const Slot& slot) {
    bool better = false;
    space_.ValuesOf(slot, evaluator_.best(), &values_);
    for (const int64_t value : values_) {
      Candidate candidate = evaluator_.best();
      if (candidate.At(slot.level, slot.axis, slot.dim) == value) continue;
      candidate.At(slot.level, slot.axis, slot.dim) = value;
      space_.Close(slot.dim, &candidate);
      better |= Try(candidate);
    }
    // The whole bound, or a factor of two or three, to another slot.
    for (const Slot& to : space_.SlotsOf(slot.dim)) {
      for (const int64_t factor : {int64_t{0}, int64_t{2}, int64_t{3}}) {
        Candidate candidate = evaluator_.best();
        int64_t& source = candidate.At(slot.level, slot.axis, slot.dim);
        int64_t& target = candidate.At(to.level, to.axis, to.dim);
        if (&source == &target || source == 1) break;
        const int64_t moved = factor == 0 ? source : factor;
        if (source % moved != 0) continue;
        source /= moved;
        target *= moved;
        space_.Close(slot.dim, &candidate);
        better |= Try(candidate);
      }
    }
    return better;
  }

  bool TryOrders(int level) {
    bool better = false;
    for (const DimOrder& order : space_.OrdersOf(level)) {
      Candidate candidate = evaluator_.best();
      candidate.order[static_cast<size_t>(level)] = order;
      better |= Try(candidate);
    }
    return better;
  }

  bool TrySplits(const SpatialSplit& split) {
    bool better = false;
    for (const auto& [x, y] : split.ways) {
      Candidate candidate = evaluator_.best();
      candidate.At(split.level, Axis::kX, split.dim) = x;
      candidate.At(split.level, Axis::kY, split.dim) = y;
      better |= Try(candidate);
    }
    return better;
  }

  const MappingSpace& space_;
  MappingEvaluator& evaluator_;
  std::vector<int64_t> values_;
};

}  // namespace

void Anneal(const Candidate& start, int64_t evaluations, double hot, MoveGenerator* moves,
            MappingEvaluator* evaluator) {
  Candidate current = start;
  Score score;
  if (!evaluator->Evaluate(current, &score)) return;
  const int64_t first = evaluator->evaluated();
  const int64_t most_tries = kMostTriesPerEvaluation * evaluations;
  Candidate next;
  for (int64_t tries = 0; tries < most_tries && !evaluator->Exhausted(); ++tries) {
    const int64_t done = evaluator->evaluated() - first;
    if (done >= evaluations) break;
    next = current;
    moves->Change(&next);
    Score next_score;
    if (!evaluator->Evaluate(next, &next_score)) continue;
    const double progress = static_cast<double>(done) / static_cast<double>(evaluations);
    const double temperature = hot * std::pow(kCooling, progress);
    bool accepted = !(score < next_score);
    if (!accepted && score.objective < next_score.objective) {
      const double worse = std::log(next_score.objective / score.objective);
      accepted = worse < -temperature * std::log1p(-moves->Uniform());
    }
    if (accepted) {
      current = next;
      score = next_score;
    }
  }
}

void Descend(const MappingSpace& space, MappingEvaluator* evaluator) {
  Descent(space, evaluator).Run();
}

}  // namespace bitscape::cost_models
