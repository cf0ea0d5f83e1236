#include "tests/cost_models/nest_walk.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace bitscape::cost_models {
namespace {

using Element = PerDim<int64_t>;    // coordinates by axis; inputs have rows on P, columns on Q
using Tile = std::vector<Element>;  // sorted

struct WalkLoop {
  Dim dim;
  int64_t bound;
  int64_t step;
  size_t level;
  enum Kind { kTemporal, kX, kY } kind;
};

// Outermost first.
std::vector<WalkLoop> LoopsOf(const Mapping& mapping) {
  std::vector<WalkLoop> loops;
  for (size_t l = mapping.levels.size(); l-- > 0;) {
    const LevelMapping& level = mapping.levels[l];
    for (const Loop& loop : level.temporal) {
      loops.push_back({loop.dim, loop.bound, 1, l, WalkLoop::kTemporal});
    }
    for (const Loop& loop : level.spatial_x) {
      loops.push_back({loop.dim, loop.bound, 1, l, WalkLoop::kX});
    }
    for (const Loop& loop : level.spatial_y) {
      loops.push_back({loop.dim, loop.bound, 1, l, WalkLoop::kY});
    }
  }
  PerDim<int64_t> size;
  size.fill(1);
  for (size_t i = loops.size(); i-- > 0;) {
    int64_t& here = size[static_cast<size_t>(loops[i].dim)];
    loops[i].step = here;
    here *= loops[i].bound;
  }
  return loops;
}

// Calls `visit(index)` for all iterations of the loops, outermost slowest.
template <typename Visit>
void ForAll(const std::vector<WalkLoop>& loops, PerDim<int64_t> index, const Visit& visit,
            size_t depth = 0) {
  if (depth == loops.size()) return visit(index);
  for (int64_t i = 0; i < loops[depth].bound; ++i) {
    ForAll(loops, index, visit, depth + 1);
    index[static_cast<size_t>(loops[depth].dim)] += loops[depth].step;
  }
}

template <typename Choose>
std::vector<WalkLoop> Chosen(const std::vector<WalkLoop>& loops, const Choose& choose) {
  std::vector<WalkLoop> chosen;
  std::ranges::copy_if(loops, std::back_inserter(chosen), choose);
  return chosen;
}

Element ElementOf(const Problem& problem, Tensor tensor, const PerDim<int64_t>& index) {
  const auto [g, n, m, c, p, q, r, s] = index;
  if (tensor == Tensor::kWeights) return {g, 0, m, c, 0, 0, r, s};
  if (tensor == Tensor::kOutputs) return {g, n, m, 0, p, q, 0, 0};
  return {g,
          n,
          0,
          c,
          p * problem.stride_h + r * problem.dilation_h,
          q * problem.stride_w + s * problem.dilation_w,
          0,
          0};
}

// Everything between the least and the greatest coordinates of what the loops touch.
Tile BoxOf(const Problem& problem, Tensor tensor, const std::vector<WalkLoop>& loops,
           const PerDim<int64_t>& origin) {
  Element low, high;
  low.fill(INT64_MAX);
  high.fill(INT64_MIN);
  ForAll(loops, origin, [&](const PerDim<int64_t>& index) {
    const Element element = ElementOf(problem, tensor, index);
    for (size_t a = 0; a < kDims; ++a) {
      low[a] = std::min(low[a], element[a]);
      high[a] = std::max(high[a], element[a]);
    }
  });
  Tile tile(1, low);
  for (size_t a = 0; a < kDims; ++a) {
    const size_t before = tile.size();
    for (int64_t at = low[a] + 1; at <= high[a]; ++at) {
      for (size_t i = 0; i < before; ++i) {
        tile.push_back(tile[i]);
        tile.back()[a] = at;
      }
    }
  }
  std::ranges::sort(tile);
  return tile;
}

// What one inner instance holds, and what it fetched last.
struct Holder {
  Tile held;
  std::optional<Element> last_move;
  Tile fetched;

  void Hold(Tile tile, WalkRule rule) {
    std::optional<Element> move;
    if (!held.empty()) {
      move.emplace();
      for (size_t a = 0; a < kDims; ++a) (*move)[a] = tile.front()[a] - held.front()[a];
    }
    fetched.clear();
    if (rule == WalkRule::kTimeloop && last_move.has_value() && move != last_move) {
      fetched = tile;
      last_move.reset();
    } else {
      std::ranges::set_difference(tile, held, std::back_inserter(fetched));
      last_move = move;
    }
    held = std::move(tile);
  }
};

// The network below one instance of a level, over the whole layer.
class Network {
 public:
  Network(const Problem& problem, const Hierarchy& hierarchy, const std::vector<WalkLoop>& loops,
          size_t level, Tensor tensor, WalkRule rule)
      : problem_(problem), tensor_(tensor), rule_(rule), level_(level) {
    const auto spatial = [&](WalkLoop::Kind kind) {
      return Chosen(loops, [&](const WalkLoop& l) { return l.level == level && l.kind == kind; });
    };
    multicast_ = hierarchy.levels[level].multicast[static_cast<size_t>(tensor)];
    forwards_ = level > 0 && tensor == Tensor::kInputs && hierarchy.levels[level].forwards_inputs;
    inside_ = Chosen(loops, [&](const WalkLoop& l) { return l.level < level; });
    outside_ = Chosen(loops, [&](const WalkLoop& l) {
      return l.level >= level && l.kind == WalkLoop::kTemporal && l.bound > 1;
    });
    ForAll(spatial(WalkLoop::kX), {}, [&](const PerDim<int64_t>& x) {
      ++columns_;
      ForAll(spatial(WalkLoop::kY), x,
             [&](const PerDim<int64_t>& place) { places_.push_back(place); });
    });
    holders_.resize(places_.size());
    Walk(0, {}, 1);
  }

  double asked = 0;      // by one inner instance
  double reads = 0;      // for all of them
  double delivered = 0;  // to all of them, from the level
  double passed_on = 0;  // between them
  double inner() const { return static_cast<double>(places_.size()); }

 private:
  void Walk(size_t depth, PerDim<int64_t> index, double weight) {
    if (depth == outside_.size()) return Step(index, weight);
    const WalkLoop& loop = outside_[depth];
    int64_t& at = index[static_cast<size_t>(loop.dim)];
    const bool all = rule_ == WalkRule::kExact;
    for (int64_t i = 0; i < (all ? loop.bound : 2); ++i) {
      Walk(depth + 1, index, all || i == 0 ? weight : weight * static_cast<double>(loop.bound - 1));
      at += loop.step;
    }
  }

  void Step(const PerDim<int64_t>& index, double weight) {
    std::vector<Tile> before;
    for (size_t i = 0; i < holders_.size(); ++i) {
      PerDim<int64_t> origin = index;
      for (size_t d = 0; d < kDims; ++d) origin[d] += places_[i][d];
      before.push_back(holders_[i].fetched);
      if (level_ == 0) holders_[i] = {};  // a multiplier holds nothing
      holders_[i].Hold(BoxOf(problem_, tensor_, inside_, origin), rule_);
    }
    asked += weight * static_cast<double>(holders_[0].fetched.size());
    double least = ReadsFor({}), passed = 0;
    if (forwards_) {
      const std::vector<bool> served = ServedByNeighbours(before);
      const double with = ReadsFor(served);
      if (with < least) {
        least = with;
        for (size_t i = 0; i < served.size(); ++i) {
          if (served[i]) passed += static_cast<double>(holders_[i].fetched.size());
        }
      }
    }
    double all = 0;
    for (const Holder& holder : holders_) all += static_cast<double>(holder.fetched.size());
    reads += weight * least;
    passed_on += weight * passed;
    delivered += weight * (all - passed);
  }

  double ReadsFor(const std::vector<bool>& served) const {
    std::set<Tile> different;
    double sum = 0;
    for (size_t i = 0; i < holders_.size(); ++i) {
      if (!served.empty() && served[i]) continue;
      if (!multicast_ || different.insert(holders_[i].fetched).second) {
        sum += static_cast<double>(holders_[i].fetched.size());
      }
    }
    return sum;
  }

  std::vector<bool> ServedByNeighbours(const std::vector<Tile>& before) const {
    const int64_t rows = static_cast<int64_t>(holders_.size()) / columns_;
    std::vector<bool> served(holders_.size());
    for (int64_t x = 0; x < columns_; ++x) {
      for (int64_t y = 0; y < rows; ++y) {
        const Tile& wanted = holders_[static_cast<size_t>(x * rows + y)].fetched;
        for (const auto& [dx, dy] : {std::pair(1, 0), {-1, 0}, {0, 1}, {0, -1}}) {
          const int64_t nx = x + dx, ny = y + dy;
          if (nx < 0 || nx >= columns_ || ny < 0 || ny >= rows || wanted.empty()) continue;
          if (before[static_cast<size_t>(nx * rows + ny)] == wanted) {
            served[static_cast<size_t>(x * rows + y)] = true;
          }
        }
      }
    }
    return served;
  }

  const Problem& problem_;
  const Tensor tensor_;
  const WalkRule rule_;
  const size_t level_;
  bool multicast_ = true, forwards_ = false;
  std::vector<WalkLoop> inside_, outside_;
  std::vector<PerDim<int64_t>> places_;  // of inner instances: x outermost
  int64_t columns_ = 0;
  std::vector<Holder> holders_;
};

// Different outputs that one instance of a level sees; level -1 is a multiplier.
double OutputsThrough(const Problem& problem, const std::vector<WalkLoop>& loops, int level) {
  std::set<Element> seen;
  ForAll(Chosen(loops,
                [&](const WalkLoop& l) {
                  return l.kind == WalkLoop::kTemporal || static_cast<int>(l.level) <= level;
                }),
         {}, [&](const PerDim<int64_t>& index) {
           seen.insert(ElementOf(problem, Tensor::kOutputs, index));
         });
  return static_cast<double>(seen.size());
}

void WalkTensor(const Problem& problem, const Hierarchy& hierarchy, const Mapping& mapping,
                Tensor tensor, WalkRule rule, MappingCounts* counts) {
  const std::vector<WalkLoop> loops = LoopsOf(mapping);
  const size_t t = static_cast<size_t>(tensor), levels = mapping.levels.size();
  const bool is_sum = tensor == Tensor::kOutputs;
  std::vector<Network> networks;
  for (size_t l = 0; l < levels; ++l) {
    networks.emplace_back(problem, hierarchy, loops, l, tensor, rule);
  }
  std::vector<double> instances(levels + 1, 1);  // [l + 1]: of level l; [0]: multipliers
  for (size_t l = levels; l-- > 0;) instances[l] = instances[l + 1] * networks[l].inner();

  double through = 0;           // reads that come up through levels that do not keep the tensor
  double into = 0, out_of = 0;  // the last keeper: what arrives there or leaves it upwards
  for (size_t l = 0; l < levels; ++l) {
    const Network& below = networks[l];
    const bool inner_keeps = l == 0 || mapping.levels[l - 1].keeps[t];
    const double asked = inner_keeps ? below.asked : through;
    // As many of these as of the tiles below are the same.
    through = inner_keeps ? below.reads : through * below.inner() * below.reads / below.delivered;
    if (inner_keeps) {
      into = below.delivered * instances[l + 1];
      out_of = into;
      if (is_sum) {
        into -= OutputsThrough(problem, loops, static_cast<int>(l) - 1) * instances[l];
      }
    }
    if (is_sum && hierarchy.levels[l].multicast[t]) {
      counts->spatial_reductions +=
          instances[l + 1] * asked * (below.inner() - below.reads / below.asked);
    }
    if (!mapping.levels[l].keeps[t]) continue;
    TensorAccesses& accesses = counts->levels[l][t];
    const bool is_outermost = l + 1 == levels;
    const double elided = is_sum ? OutputsThrough(problem, loops, static_cast<int>(l)) : 0;
    const double passed_on = is_outermost ? 0 : networks[l + 1].passed_on / instances[l + 1];
    double reads = through + passed_on - elided;
    double fills =
        is_outermost ? 0 : networks[l + 1].delivered / networks[l + 1].inner() + passed_on - elided;
    const bool rounds = std::ranges::any_of(hierarchy.levels, &HierarchyLevel::forwards_inputs);
    if (rounds) {
      reads = std::round(reads);
      fills = is_sum ? std::round(fills) : std::floor(fills);
    }
    accesses.reads = reads * instances[l + 1];
    accesses.fills = fills * instances[l + 1];
    accesses.updates = is_sum ? through * instances[l + 1] : 0;
    accesses.deliveries = is_sum ? into + out_of : into;
    accesses.instances = instances[l + 1];
  }
}

}  // namespace

MappingCounts WalkMapping(const Problem& problem, const Hierarchy& hierarchy,
                          const Mapping& mapping, WalkRule rule) {
  MappingCounts counts;
  counts.levels.resize(mapping.levels.size());
  for (size_t t = 0; t < kTensors; ++t) {
    WalkTensor(problem, hierarchy, mapping, static_cast<Tensor>(t), rule, &counts);
  }
  return counts;
}

}  // namespace bitscape::cost_models
