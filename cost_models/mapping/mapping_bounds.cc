#include "cost_models/mapping/mapping_bounds.h"

#include <algorithm>
#include <limits>

#include "cost_models/mapping/boundary_traffic.h"

namespace bitscape::cost_models {
namespace {

constexpr size_t kMostKeepings = 64;
using Keeps = std::array<PerTensor<bool>, kMaxLevels>;

size_t Index(int value) { return static_cast<size_t>(value); }

class Bounds {
 public:
  Bounds(const MappingSpace& space, const AccessPrices& prices, const SearchOptions& options)
      : space_(space),
        prices_(prices),
        options_(options),
        problem_(space.problem()),
        levels_(space.levels()) {
    for (size_t t = 0; t < kTensors; ++t) {
      total_[t] = TouchedElements(problem_, static_cast<Tensor>(t));
    }
  }

  double Of(MappingObjective objective) const {
    switch (objective) {
      case MappingObjective::kEnergy:
        return LeastOverKeepings(Objective::kPicojoules);
      case MappingObjective::kLatency:
        return Cycles();
      case MappingObjective::kEnergyDelay:
        return LeastOverKeepings(Objective::kPicojoules) * Cycles();
      case MappingObjective::kOffChipTraffic:
        break;
    }
    return LeastOverKeepings(Objective::kBits);
  }

 private:
  enum class Objective { kPicojoules, kBits };

  // Every combination of free keepings where they are few; else the outermost on-chip level's, with
  // nothing known of the levels inside of it.
  double LeastOverKeepings(Objective objective) const {
    std::vector<std::pair<int, Tensor>> free(space_.free_keeps().begin(),
                                             space_.free_keeps().end());
    const bool all = (size_t{1} << std::min<size_t>(free.size(), 20)) <= kMostKeepings;
    const int outermost_on_chip = levels_ - 2;
    if (!all) {
      std::erase_if(free, [&](const auto& keep) { return keep.first != outermost_on_chip; });
    }
    double least = std::numeric_limits<double>::infinity();
    for (size_t choice = 0; choice < (size_t{1} << free.size()); ++choice) {
      Keeps keeps = space_.default_keeps();
      for (size_t i = 0; i < free.size(); ++i) {
        keeps[Index(free[i].first)][static_cast<size_t>(free[i].second)] = (choice >> i & 1) != 0;
      }
      least = std::min(least, all ? OfChains(keeps, objective) : OfOutermost(keeps, objective));
    }
    return least;
  }

  double Fanout(int level) const {
    const HierarchyLevel& at = space_.hierarchy().levels[Index(level)];
    return static_cast<double>(at.fanout_x * at.fanout_y);
  }
  double InstancesOf(int level) const {
    double instances = 1;
    for (int l = level + 1; l < levels_; ++l) instances *= Fanout(l);
    return instances;
  }
  double Room(int level) const {
    const HierarchyLevel& at = space_.hierarchy().levels[Index(level)];
    if (at.capacity_bits <= 0) return std::numeric_limits<double>::infinity();
    return (at.double_buffered ? at.capacity_bits / 2 : at.capacity_bits) * InstancesOf(level);
  }

  // Instances below a level that one element can reach at once: those of dimensions that don't
  // index it, or whose sum does.
  double Sharing(Tensor tensor, int level) const {
    double spread = 1;
    for (int i = 0; i < kDims; ++i) {
      const Dim dim = static_cast<Dim>(i);
      const bool slides = tensor == Tensor::kInputs &&
                          (dim == Dim::kP || dim == Dim::kQ || dim == Dim::kR || dim == Dim::kS);
      if (Indexes(dim, tensor) && !slides) continue;
      spread *= space_.MostSpread(level, dim);
    }
    return std::min(spread, Fanout(level));
  }

  // Neighbours may pass inputs on below one of these levels: then nothing is known of what is read.
  bool MayForward(Tensor tensor, int child, int parent) const {
    bool may = false;
    for (int level = child + 1; level <= parent; ++level) {
      may |= tensor == Tensor::kInputs && space_.hierarchy().levels[Index(level)].forwards_inputs;
    }
    return may;
  }

  // Of reading for, or adding up, all multiply-accumulates at the innermost level that keeps it.
  double Innermost(Tensor tensor, int level) const {
    const size_t t = static_cast<size_t>(tensor);
    if (MayForward(tensor, 0, level)) return 0;
    const AccessPrices::Price& price = prices_.levels[Index(level)][t];
    const double macs = problem_.Macs();
    double sharing = 1;
    for (int l = 0; l <= level; ++l) sharing *= Sharing(tensor, l);
    const double accesses = std::max(macs / sharing, total_[t]);
    if (tensor != Tensor::kOutputs) return accesses * price.read + macs * price.delivery;
    double partial = total_[t];
    for (int l = level + 1; l < levels_; ++l) partial *= Sharing(tensor, l);
    return accesses * price.update + std::max(0.0, accesses - partial) * price.read;
  }

  // Costs of moving an element between two levels that keep it; of bits only those off chip.
  void Charge(Tensor tensor, int child, int parent, Objective objective,
              BoundaryCosts* costs) const {
    const size_t t = static_cast<size_t>(tensor);
    costs->first[t] = costs->again[t] = 0;
    if (MayForward(tensor, child, parent)) return;
    if (objective == Objective::kBits) {
      const double bits = parent == levels_ - 1 ? space_.widths().bits[t] : 0;
      costs->first[t] = bits;
      costs->again[t] = tensor == Tensor::kOutputs ? 2 * bits : bits;
      return;
    }
    const AccessPrices::Price& outer = prices_.levels[Index(parent)][t];
    const AccessPrices::Price& inner = prices_.levels[Index(child)][t];
    const double down = outer.read + outer.delivery + inner.fill;
    costs->first[t] = tensor == Tensor::kOutputs ? outer.update : down;
    costs->again[t] = tensor == Tensor::kOutputs ? outer.update + down : down;
  }

  // A tile at the boundary above `boundary` is stored by `child` if no loop between them makes it
  // another.
  bool StoredBy(Tensor tensor, int child, int boundary) const {
    for (int level = child + 1; level <= boundary; ++level) {
      for (int i = 0; i < kDims; ++i) {
        const Dim dim = static_cast<Dim>(i);
        if (Indexes(dim, tensor) && space_.MayLoop(level, dim)) return false;
      }
    }
    return true;
  }

  double OfChains(const Keeps& keeps, Objective objective) const {
    double cost = objective == Objective::kPicojoules ? problem_.Macs() * prices_.mac : 0;
    for (int t = 0; t < kTensors && objective == Objective::kPicojoules; ++t) {
      int level = 0;
      while (!keeps[Index(level)][Index(t)]) ++level;
      cost += Innermost(static_cast<Tensor>(t), level);
    }
    for (int t = 0; t < kTensors && objective == Objective::kBits; ++t) {
      if (ChildOf(keeps, t, levels_ - 2) < 0)
        cost += total_[Index(t)] * space_.widths().bits[Index(t)];
    }
    for (int boundary = levels_ - 2; boundary >= 0; --boundary) {
      BoundaryCosts costs;
      std::vector<BoundaryRoom> rooms(Index(boundary + 1));
      bool charged = false;
      for (int t = 0; t < kTensors; ++t) {
        const int child = ChildOf(keeps, t, boundary);
        if (child < 0) continue;
        const Tensor tensor = static_cast<Tensor>(t);
        if (StoredBy(tensor, child, boundary)) rooms[Index(child)].holds[Index(t)] = true;
        if (!keeps[Index(boundary + 1)][Index(t)]) continue;  // charged further out
        Charge(tensor, child, boundary + 1, objective, &costs);
        charged = true;
      }
      for (int level = 0; level <= boundary; ++level) rooms[Index(level)].bits = Room(level);
      if (charged) cost += LeastTraffic(problem_, space_.widths(), costs, rooms);
    }
    return cost;
  }

  // The innermost level that keeps a tensor is any; inside of the outermost on-chip level it may be
  // held in tiles of any size.
  double OfOutermost(const Keeps& keeps, Objective objective) const {
    const int boundary = levels_ - 2;
    double cost = objective == Objective::kPicojoules ? problem_.Macs() * prices_.mac : 0;
    BoundaryCosts costs;
    std::vector<BoundaryRoom> rooms(1);
    rooms[0].bits = Room(boundary);
    for (int t = 0; t < kTensors; ++t) {
      const Tensor tensor = static_cast<Tensor>(t);
      rooms[0].holds[Index(t)] = keeps[Index(boundary)][Index(t)];
      const int innermost_possible = keeps[Index(boundary)][Index(t)] ? boundary : levels_ - 1;
      double innermost = std::numeric_limits<double>::infinity();
      BoundaryCosts cheapest;
      bool crosses = false;
      for (int level = 0; level <= innermost_possible; ++level) {
        if (!space_.default_keeps()[Index(level)][Index(t)]) continue;
        innermost = std::min(innermost, Innermost(tensor, level));
        if (level == levels_ - 1) continue;
        BoundaryCosts here;
        Charge(tensor, level, levels_ - 1, objective, &here);
        if (!crosses || here.first[Index(t)] + here.again[Index(t)] <
                            cheapest.first[Index(t)] + cheapest.again[Index(t)]) {
          cheapest = here;
        }
        crosses = true;
      }
      // Without a level that must hold it, a tensor may come from off chip at every use.
      const bool may_stay_out = innermost_possible == levels_ - 1;
      if (objective == Objective::kPicojoules) cost += innermost;
      if (crosses && !(may_stay_out && objective == Objective::kPicojoules)) {
        costs.first[Index(t)] = cheapest.first[Index(t)];
        costs.again[Index(t)] = may_stay_out ? 0 : cheapest.again[Index(t)];
      } else if (objective == Objective::kBits) {
        cost += total_[Index(t)] * space_.widths().bits[Index(t)];
      }
    }
    return cost + LeastTraffic(problem_, space_.widths(), costs, rooms);
  }

  int ChildOf(const Keeps& keeps, int t, int boundary) const {
    for (int level = boundary; level >= 0; --level) {
      if (keeps[Index(level)][Index(t)]) return level;
    }
    return -1;
  }

  double Cycles() const {
    double parallel = 1;
    for (int level = 0; level < levels_; ++level) {
      double spread = 1;
      for (int dim = 0; dim < kDims; ++dim) {
        spread *= space_.MostSpread(level, static_cast<Dim>(dim));
      }
      parallel *= std::min(spread, Fanout(level));
    }
    parallel = std::min(parallel, problem_.Macs());
    return problem_.Macs() / parallel * options_.cycles_per_mac;
  }

  const MappingSpace& space_;
  const AccessPrices& prices_;
  const SearchOptions& options_;
  const Problem& problem_;
  const int levels_;
  PerTensor<double> total_ = {};
};

}  // namespace

double LowerBound(const MappingSpace& space, const AccessPrices& prices,
                  const SearchOptions& options) {
  return Bounds(space, prices, options).Of(options.objective);
}

}  // namespace bitscape::cost_models
