#include "tests/cost_models/brute_force_mapper.h"

#include <algorithm>
#include <vector>

#include "cost_models/mapping/mapping_counter.h"

namespace bitscape::cost_models {
namespace {

class Walk {
 public:
  Walk(const Problem& problem, const Hierarchy& hierarchy, const ElementWidths& widths,
       const std::function<double(const MappingCounts&)>& objective)
      : problem_(problem),
        hierarchy_(hierarchy),
        counter_(problem, hierarchy, widths),
        objective_(objective) {
    mapping_.levels.resize(hierarchy.levels.size());
    for (size_t l = 0; l < hierarchy.levels.size(); ++l) {
      mapping_.levels[l].keeps = hierarchy.levels[l].may_hold;
    }
  }

  BruteForce Run() {
    Split(0, 0, problem_.size[0]);
    return result_;
  }

 private:
  // Place `rest` of the dimension on the axes from `place` on: three a level.
  void Split(size_t dim, size_t place, int64_t rest) {
    if (dim == kDims) return Keep(0);
    if (place == 3 * mapping_.levels.size()) {
      if (rest > 1) return;
      const int64_t next = dim + 1 < kDims ? problem_.size[dim + 1] : 1;
      return Split(dim + 1, 0, next);
    }
    const HierarchyLevel& memory = hierarchy_.levels[place / 3];
    LevelMapping& level = mapping_.levels[place / 3];
    std::vector<Loop>& loops = place % 3 == 0   ? level.temporal
                               : place % 3 == 1 ? level.spatial_x
                                                : level.spatial_y;
    int64_t most = place % 3 == 0 ? rest : place % 3 == 1 ? memory.fanout_x : memory.fanout_y;
    for (const Loop& loop : loops) most = place % 3 == 0 ? most : most / loop.bound;
    for (int64_t bound = 1; bound <= std::min(rest, most); ++bound) {
      if (rest % bound != 0) continue;
      if (bound > 1) loops.push_back({static_cast<Dim>(dim), bound});
      Split(dim, place + 1, rest / bound);
      if (bound > 1) loops.pop_back();
    }
  }

  void Keep(size_t place) {
    if (place == kTensors * (mapping_.levels.size() - 1)) return Order(0);
    bool& keeps = mapping_.levels[place / kTensors].keeps[place % kTensors];
    Keep(place + 1);
    if (!keeps) return;
    keeps = false;
    Keep(place + 1);
    keeps = true;
  }

  void Order(size_t level) {
    if (level == mapping_.levels.size()) return Count();
    const std::vector<Loop> before = mapping_.levels[level].temporal;
    std::vector<Loop> order = before;
    const auto by_dim = [](const Loop& a, const Loop& b) { return a.dim < b.dim; };
    std::sort(order.begin(), order.end(), by_dim);
    do {
      mapping_.levels[level].temporal = order;
      Order(level + 1);
    } while (level > 0 && std::next_permutation(order.begin(), order.end(), by_dim));
    mapping_.levels[level].temporal = before;
  }

  void Count() {
    if (!counter_.Count(mapping_, &counts_)) return;
    const double value = objective_(counts_);
    if (result_.valid++ == 0 || value < result_.best) {
      result_.best = value;
      result_.mapping = mapping_;
    }
  }

  const Problem& problem_;
  const Hierarchy& hierarchy_;
  MappingCounter counter_;
  const std::function<double(const MappingCounts&)>& objective_;
  Mapping mapping_;
  MappingCounts counts_;
  BruteForce result_;
};

}  // namespace

BruteForce TryAllMappings(const Problem& problem, const Hierarchy& hierarchy,
                          const ElementWidths& widths,
                          const std::function<double(const MappingCounts&)>& objective) {
  return Walk(problem, hierarchy, widths, objective).Run();
}

}  // namespace bitscape::cost_models
