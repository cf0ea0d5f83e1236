#include <fmt/format.h>

#include <memory>
#include <utility>

#include "engine/search/searcher.h"

namespace bitscape::search {
namespace {

constexpr int64_t kMaxGridPoints = 1'000'000;

class GridSearcher final : public Searcher {
 public:
  GridSearcher(Space space, int64_t points)
      : space_(std::move(space)), next_(space_.axis_sizes.size(), 0), left_(points) {}

  std::vector<Choice> Ask(int count) override {
    std::vector<Choice> choices;
    for (; count > 0 && left_ > 0; --count, --left_) {
      choices.push_back(next_);
      Advance();
    }
    return choices;
  }

  // A grid does not learn.
  void Tell(const std::vector<Observation>&) override {}

 private:
  void Advance() {
    for (size_t axis = next_.size(); axis-- > 0;) {
      if (++next_[axis] < space_.axis_sizes[axis]) {
        return;
      }
      next_[axis] = 0;
    }
  }

  const Space space_;
  Choice next_;
  int64_t left_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Searcher>> CreateGridSearcher(const Space& space) {
  if (space.axis_sizes.empty()) {
    return absl::InvalidArgumentError("grid search: the space has no axis, at least 1 is needed");
  }
  int64_t points = 1;
  for (size_t axis = 0; axis < space.axis_sizes.size(); ++axis) {
    const int size = space.axis_sizes[axis];
    if (size < 1) {
      return absl::InvalidArgumentError(
          fmt::format("grid search: axis {} has {} choices, at least 1 is needed", axis, size));
    }
    if (size > kMaxGridPoints / points) {
      return absl::InvalidArgumentError(
          fmt::format("grid search: the space has more than {} points", kMaxGridPoints));
    }
    points *= size;
  }
  return std::make_unique<GridSearcher>(space, points);
}

}  // namespace bitscape::search
