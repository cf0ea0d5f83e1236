#include "cost_models/mapping/off_chip_search.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "cost_models/mapping/boundary_traffic.h"

namespace bitscape::cost_models {
namespace {

constexpr std::array<Dim, 8> kByEffect = {Dim::kC, Dim::kM, Dim::kP, Dim::kQ,
                                          Dim::kN, Dim::kR, Dim::kS, Dim::kG};

size_t Index(int level) { return static_cast<size_t>(level); }
size_t Index(Dim dim) { return static_cast<size_t>(dim); }

class OffChipSearch {
 public:
  OffChipSearch(const MappingSpace& space, const Candidate& smallest, MappingEvaluator* evaluator)
      : space_(space), current_(smallest), evaluator_(*evaluator), level_(space.levels() - 2) {
    for (size_t t = 0; t < kTensors; ++t) {
      bits_[t] = TouchedElements(space.problem(), static_cast<Tensor>(t)) * space.widths().bits[t];
    }
  }

  void Run() {
    std::vector<Tensor> free;
    for (const auto& [level, tensor] : space_.free_keeps()) {
      // What does not fit in the smallest mapping never does.
      if (level == level_ && Keeps(tensor)) free.push_back(tensor);
    }
    for (size_t given_up = 0; given_up < (size_t{1} << free.size()); ++given_up) {
      for (size_t i = 0; i < free.size(); ++i) Keeps(free[i]) = (given_up >> i & 1) == 0;
      passing_.clear();
      for (int t = 0; t < kTensors; ++t) {
        if (!Keeps(static_cast<Tensor>(t))) passing_.push_back(static_cast<Tensor>(t));
      }
      Spread(Axis::kX);
    }
  }

 private:
  // A read serves all instances along a dimension that does not index a tensor: without a place on
  // the level, that is its only way to be shared. Every such dimension, or none, on each axis.
  void Spread(Axis axis) {
    const Axis next = axis == Axis::kX ? Axis::kY : Axis::kTemporal;
    if (axis == Axis::kTemporal) {
      for (auto& values : values_) values.clear();
      for (const Slot& slot : space_.slots()) {
        if (slot.level == level_ && slot.axis == axis) {
          space_.ValuesOf(slot, current_, &values_[Index(slot.dim)]);
        }
      }
      return Walk(0);
    }
    Spread(next);
    for (const Slot& slot : space_.slots()) {
      const bool shares = std::any_of(passing_.begin(), passing_.end(),
                                      [&](Tensor tensor) { return !Indexes(slot.dim, tensor); });
      if (slot.level != level_ || slot.axis != axis || !shares) continue;
      const Candidate before = current_;
      space_.ValuesOf(slot, current_, &spread_);
      current_.At(level_, axis, slot.dim) = spread_.back();
      space_.Close(slot.dim, &current_);
      if (spread_.back() > 1) Spread(next);
      current_ = before;
    }
  }

  bool& Keeps(Tensor tensor) { return current_.keeps[Index(level_)][static_cast<size_t>(tensor)]; }

  // Iterations of the level's loops that do not index a tensor.
  double Again(int level, Tensor tensor) const {
    double times = 1;
    for (int i = 0; i < kDims; ++i) {
      const Dim dim = static_cast<Dim>(i);
      if (Indexes(dim, tensor)) continue;
      times *= static_cast<double>(current_.At(level, Axis::kTemporal, dim));
    }
    return times;
  }

  bool IsWalked(Tensor tensor) const {
    for (int i = 0; i < kDims; ++i) {
      const Dim dim = static_cast<Dim>(i);
      if (Indexes(dim, tensor) && current_.At(level_, Axis::kTemporal, dim) > 1) return true;
    }
    return false;
  }

  // Of the tile as it stands, with all that is undecided inside of it. The innermost loops may
  // leave one tensor in place, and those of the level another if that passes it by.
  double Bound() const {
    double least = std::numeric_limits<double>::infinity();
    for (int outside = 0; outside < kTensors; ++outside) {
      for (int inside = 0; inside < kTensors; ++inside) {
        double bits = 0;
        for (int t = 0; t < kTensors; ++t) {
          const Tensor tensor = static_cast<Tensor>(t);
          const bool passes = std::find(passing_.begin(), passing_.end(), tensor) != passing_.end();
          // Loops of the level that index it stand between it and the loops outside.
          const bool in_place = outside == t && !(passes && IsWalked(tensor));
          double times = in_place ? 1 : Again(level_ + 1, tensor);
          if (passes && inside != t) times *= Again(level_, tensor);
          bits +=
              bits_[static_cast<size_t>(t)] * (tensor == Tensor::kOutputs ? 2 * times - 1 : times);
        }
        least = std::min(least, bits);
      }
    }
    return least;
  }

  bool Excluded() const {
    return evaluator_.evaluated() > 0 && Bound() >= evaluator_.best_score().objective;
  }

  void Walk(size_t depth) {
    if (depth == kDims) return TryOrders();
    const Dim dim = kByEffect[depth];
    const std::vector<int64_t>& values = values_[Index(dim)];
    if (values.empty()) return Walk(depth + 1);
    int64_t& bound = current_.At(level_, Axis::kTemporal, dim);
    const Candidate before = current_;
    for (size_t i = values.size(); i-- > 0;) {
      bound = values[i];
      space_.Close(dim, &current_);
      if (!space_.Fits(current_)) continue;
      // Undecided loops count neither inside nor outside.
      Candidate decided = current_;
      for (size_t inner = depth + 1; inner < kDims; ++inner) {
        if (values_[Index(kByEffect[inner])].empty()) continue;
        current_.At(level_ + 1, Axis::kTemporal, kByEffect[inner]) = 1;
      }
      const bool excluded = Excluded();
      current_ = decided;
      if (!excluded) Walk(depth + 1);
    }
    current_ = before;
  }

  // The level's own order, which matters to tensors that pass it by, is chosen first.
  void TryOrders() {
    const Candidate before = current_;
    if (!passing_.empty()) current_.order[Index(level_)] = BestOrder(level_);
    BestOrder(level_ + 1);
    current_ = before;
  }

  DimOrder BestOrder(int level) {
    DimOrder& order = current_.order[Index(level)];
    DimOrder best = order;
    Score least = {std::numeric_limits<double>::infinity(), 0};
    for (const DimOrder& tried : Different(level)) {
      order = tried;
      Score score;
      if (!evaluator_.Evaluate(current_, &score) || !(score < least)) continue;
      least = score;
      best = tried;
    }
    return best;
  }

  // Orders that differ in the loops that there are.
  std::vector<DimOrder> Different(int level) const {
    std::vector<DimOrder> different;
    std::vector<std::vector<Dim>> seen;
    for (const DimOrder& order : space_.OrdersOf(level)) {
      std::vector<Dim> loops;
      for (const Dim dim : order) {
        if (current_.At(level, Axis::kTemporal, dim) > 1) loops.push_back(dim);
      }
      if (std::find(seen.begin(), seen.end(), loops) != seen.end()) continue;
      seen.push_back(std::move(loops));
      different.push_back(order);
    }
    return different;
  }

  const MappingSpace& space_;
  Candidate current_;
  MappingEvaluator& evaluator_;
  const int level_;
  PerTensor<double> bits_ = {};
  PerDim<std::vector<int64_t>> values_;  // of the level's loops
  std::vector<int64_t> spread_;
  std::vector<Tensor> passing_;  // tensors that pass the level by
};

}  // namespace

void SearchOffChip(const MappingSpace& space, const Candidate& smallest,
                   MappingEvaluator* evaluator) {
  Score score;
  evaluator->Evaluate(smallest, &score);
  if (space.levels() > 1) OffChipSearch(space, smallest, evaluator).Run();
}

}  // namespace bitscape::cost_models
