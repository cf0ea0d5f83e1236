#include "cost_models/mapping/mapping_bounds.h"

#include <algorithm>
#include <limits>

#include "cost_models/mapping/boundary_traffic.h"

namespace bitscape::cost_models {
namespace {

constexpr size_t kMostFreeKeeps = 6;
using Keeps = std::array<PerTensor<bool>, kMaxLevels>;

size_t Index(int value) { return static_cast<size_t>(value); }

class Bounds {
 public:
  Bounds(const MappingSpace& space, const AccessPrices& prices, const SearchOptions& options)
      : space_(space),
        prices_(prices),
        options_(options),
        problem_(space.problem()),
        levels_(space.levels()),
        rounds_(std::ranges::any_of(space.hierarchy().levels, &HierarchyLevel::forwards_inputs)) {
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

  // Every combination of free keepings where they are few; else only where each tensor is held last
  // before it leaves the chip.
  double LeastOverKeepings(Objective objective) const {
    const auto free = space_.free_keeps();
    if (free.size() > kMostFreeKeeps) return LeastOverPlaces(objective);
    double least = std::numeric_limits<double>::infinity();
    for (size_t choice = 0; choice < (size_t{1} << free.size()); ++choice) {
      Keeps keeps = space_.default_keeps();
      for (size_t i = 0; i < free.size(); ++i) {
        keeps[Index(free[i].first)][static_cast<size_t>(free[i].second)] = (choice >> i & 1) != 0;
      }
      least = std::min(least, OfChains(keeps, objective));
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
    if (Forwards(tensor, level)) return Fanout(level);
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

  bool Forwards(Tensor tensor, int level) const {
    return level > 0 && tensor == Tensor::kInputs &&
           space_.hierarchy().levels[Index(level)].forwards_inputs;
  }

  // Machines that forward round what each instance does.
  double Rounding(int level) const { return rounds_ ? InstancesOf(level) : 0; }

  // Of reading for, or adding up, all multiply-accumulates at the innermost level that keeps it.
  double Innermost(Tensor tensor, int level) const {
    const size_t t = static_cast<size_t>(tensor);
    const AccessPrices::Price& price = prices_.levels[Index(level)][t];
    const double macs = problem_.Macs();
    double sharing = 1;
    for (int l = 0; l <= level; ++l) sharing *= Sharing(tensor, l);
    const double accesses = std::max(macs / sharing, total_[t]) - Rounding(level);
    if (tensor != Tensor::kOutputs) return accesses * price.read + macs * price.delivery;
    double partial = total_[t];
    for (int l = level + 1; l < levels_; ++l) partial *= Sharing(tensor, l);
    return accesses * price.update + std::max(0.0, accesses - partial) * price.read;
  }

  // Costs of moving an element between two levels that keep it; of bits only those off chip.
  // Returns by how much rounding may lower the sum of all.
  double Charge(Tensor tensor, int child, int parent, Objective objective,
                BoundaryCosts* costs) const {
    const size_t t = static_cast<size_t>(tensor);
    if (objective == Objective::kBits) {
      const double bits = parent == levels_ - 1 ? space_.widths().bits[t] : 0;
      costs->first[t] = bits;
      costs->again[t] = tensor == Tensor::kOutputs ? 2 * bits : bits;
      return tensor == Tensor::kInputs ? bits * Rounding(parent) : 0;
    }
    const AccessPrices::Price& outer = prices_.levels[Index(parent)][t];
    const AccessPrices::Price& inner = prices_.levels[Index(child)][t];
    double down = outer.read + outer.delivery + inner.fill;
    for (int level = child + 1; level <= parent; ++level) {
      // What arrives from neighbours counts as no delivery, and as a fill only in part where there
      // are several arrays.
      if (Forwards(tensor, level)) down = outer.read + (InstancesOf(level) > 1 ? 0 : inner.fill);
    }
    costs->first[t] = tensor == Tensor::kOutputs ? outer.update : down;
    costs->again[t] = tensor == Tensor::kOutputs ? outer.update + down : down;
    if (tensor != Tensor::kInputs) return 0;
    return outer.read * Rounding(parent) + inner.fill * Rounding(child);
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
      double slack = 0;
      for (int t = 0; t < kTensors; ++t) {
        const int child = ChildOf(keeps, t, boundary);
        if (child < 0) continue;
        const Tensor tensor = static_cast<Tensor>(t);
        if (StoredBy(tensor, child, boundary)) rooms[Index(child)].holds[Index(t)] = true;
        if (!keeps[Index(boundary + 1)][Index(t)]) continue;  // charged further out
        slack += Charge(tensor, child, boundary + 1, objective, &costs);
        charged = true;
      }
      for (int level = 0; level <= boundary; ++level) rooms[Index(level)].bits = Room(level);
      if (!charged) continue;
      cost += std::max(0.0, LeastTraffic(problem_, space_.widths(), costs, rooms) - slack);
    }
    return cost;
  }

  // kShared: in the outermost on-chip level, kInside: in others only, kOut: in none.
  enum class Place { kShared, kInside, kOut };

  bool MayBe(Place place, int t) const {
    const int shared = levels_ - 2;
    const auto is_free = [&](int level) {
      return std::ranges::find(space_.free_keeps(),
                               std::pair<int, Tensor>{level, static_cast<Tensor>(t)}) !=
             space_.free_keeps().end();
    };
    const auto may_keep = [&](int level) { return space_.default_keeps()[Index(level)][Index(t)]; };
    if (place == Place::kShared) return may_keep(shared);
    bool may_inside = false, must_inside = false;
    for (int level = 0; level < shared; ++level) {
      may_inside |= may_keep(level);
      must_inside |= may_keep(level) && !is_free(level);
    }
    if (may_keep(shared) && !is_free(shared)) return false;
    return place == Place::kInside ? may_inside : !must_inside;
  }

  double LeastOverPlaces(Objective objective) const {
    static constexpr std::array<Place, 3> kPlaces = {Place::kShared, Place::kInside, Place::kOut};
    double least = std::numeric_limits<double>::infinity();
    for (const Place weights : kPlaces) {
      for (const Place inputs : kPlaces) {
        for (const Place outputs : kPlaces) {
          const PerTensor<Place> places = {weights, inputs, outputs};
          if (!MayBe(weights, 0) || !MayBe(inputs, 1) || !MayBe(outputs, 2)) continue;
          least = std::min(least, OfPlaces(places, objective));
        }
      }
    }
    return least;
  }

  // Which level inside holds a tensor, and in what tiles, may be as is cheapest.
  double OfPlaces(const PerTensor<Place>& places, Objective objective) const {
    const int shared = levels_ - 2, outermost = levels_ - 1;
    double cost = objective == Objective::kPicojoules ? problem_.Macs() * prices_.mac : 0;
    double slack = 0;
    BoundaryCosts costs;
    std::vector<BoundaryRoom> rooms(1);
    rooms[0].bits = Room(shared);
    for (int t = 0; t < kTensors; ++t) {
      const Tensor tensor = static_cast<Tensor>(t);
      const Place place = places[Index(t)];
      rooms[0].holds[Index(t)] = place == Place::kShared;
      if (place == Place::kOut) {
        cost += objective == Objective::kPicojoules
                    ? Innermost(tensor, outermost)
                    : total_[Index(t)] * space_.widths().bits[Index(t)];
        continue;
      }
      double innermost = std::numeric_limits<double>::infinity();
      BoundaryCosts cheapest;
      cheapest.again.fill(innermost);
      for (int level = 0; level <= shared; ++level) {
        const bool fills_from_outside = (level == shared) == (place == Place::kShared);
        if (!space_.default_keeps()[Index(level)][Index(t)]) continue;
        if (level < shared || place == Place::kShared) {
          innermost = std::min(innermost, Innermost(tensor, level));
        }
        if (!fills_from_outside) continue;
        BoundaryCosts here;
        slack = std::max(slack, Charge(tensor, level, outermost, objective, &here));
        if (here.again[Index(t)] < cheapest.again[Index(t)]) cheapest = here;
      }
      costs.first[Index(t)] = cheapest.first[Index(t)];
      costs.again[Index(t)] = cheapest.again[Index(t)];
      if (objective == Objective::kPicojoules) cost += innermost;
    }
    return cost + std::max(0.0, LeastTraffic(problem_, space_.widths(), costs, rooms) - slack);
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
  const bool rounds_;
  PerTensor<double> total_ = {};
};

}  // namespace

double LowerBound(const MappingSpace& space, const AccessPrices& prices,
                  const SearchOptions& options) {
  return Bounds(space, prices, options).Of(options.objective);
}

}  // namespace bitscape::cost_models
