// The mappings that constraints leave to a search: which bounds may vary and between what, and one
// point of that space in fixed-size arrays, so that a search can copy and change it cheaply.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "cost_models/mapping/loop_nest.h"
#include "cost_models/mapping/search.h"

namespace bitscape::cost_models {

inline constexpr int kMaxLevels = 12;
inline constexpr int kAxes = 3;
enum class Axis { kTemporal = 0, kX, kY };

using DimOrder = std::array<Dim, kDims>;  // innermost first

struct Candidate {
  std::array<std::array<PerDim<int64_t>, kAxes>, kMaxLevels> bound;
  std::array<DimOrder, kMaxLevels> order;
  std::array<PerTensor<bool>, kMaxLevels> keeps;

  int64_t& At(int level, Axis axis, Dim dim) {
    return bound[static_cast<size_t>(level)][static_cast<size_t>(axis)][static_cast<size_t>(dim)];
  }
  int64_t At(int level, Axis axis, Dim dim) const {
    return bound[static_cast<size_t>(level)][static_cast<size_t>(axis)][static_cast<size_t>(dim)];
  }
};

// A bound that a search may choose.
struct Slot {
  int level = 0;
  Axis axis = Axis::kTemporal;
  Dim dim = Dim::kN;
};

// A product of both axes that constraints fix: the ways to split it.
struct SpatialSplit {
  int level = 0;
  Dim dim = Dim::kN;
  std::vector<std::pair<int64_t, int64_t>> ways;  // bounds on x and y
};

// Every dimension has one slot, the outermost temporal one where there is one, that takes what the
// others leave: its bound follows from the rest and rounds up.
class MappingSpace {
 public:
  // Errors: kInvalidArgument for constraints that contradict the hierarchy or the problem.
  // The arguments must outlive the space.
  static absl::StatusOr<MappingSpace> Create(const Problem& problem, const Hierarchy& hierarchy,
                                             const MappingConstraints& constraints,
                                             const ElementWidths& widths);

  const Problem& problem() const { return *problem_; }
  const Hierarchy& hierarchy() const { return *hierarchy_; }
  const ElementWidths& widths() const { return *widths_; }
  int levels() const { return static_cast<int>(hierarchy_->levels.size()); }

  std::span<const Slot> slots() const { return slots_; }
  std::span<const Slot> SlotsOf(Dim dim) const { return slots_of_[static_cast<size_t>(dim)]; }
  std::span<const SpatialSplit> splits() const { return splits_; }
  // Orders that can differ in traffic, at a level.
  std::span<const DimOrder> OrdersOf(int level) const {
    return orders_[static_cast<size_t>(level)];
  }
  // (level, tensor) whose keeping is free.
  std::span<const std::pair<int, Tensor>> free_keeps() const { return free_keeps_; }
  // What is kept where nothing free is given up.
  const std::array<PerTensor<bool>, kMaxLevels>& default_keeps() const { return keeps_; }
  // Whether the level may have a temporal loop over the dimension.
  bool MayLoop(int level, Dim dim) const { return fixed_.At(level, Axis::kTemporal, dim) != 1; }
  // The most instances of the next level over which the dimension can be spread.
  double MostSpread(int level, Dim dim) const;

  // Everything that is free is 1 or kept. Errors: kNotFound where that does not fit and no free
  // keeping helps: the level, its capacity, what it would have to hold.
  absl::StatusOr<Candidate> Smallest() const;

  // Sets the bound that takes what the others leave.
  void Close(Dim dim, Candidate* candidate) const;
  void CloseAll(Candidate* candidate) const;
  // Whether fan-outs and capacities hold the candidate.
  bool Fits(const Candidate& candidate) const;

  // Bounds worth trying at a slot, ascending: for each number of outer iterations the smallest
  // bound that reaches it, thinned where there are many, up to what the fan-out leaves.
  void ValuesOf(const Slot& slot, const Candidate& candidate, std::vector<int64_t>* values) const;

  // Reuses the storage of `mapping`.
  void Render(const Candidate& candidate, Mapping* mapping) const;

 private:
  MappingSpace() = default;
  absl::Status ReadLevel(int level, const LevelConstraint& constraint);
  absl::Status ReadSpatial(int level, Dim dim, const LevelConstraint& constraint);
  absl::Status ReadKeeps(int level, const LevelConstraint& constraint);
  absl::Status ChooseClosingSlots();
  absl::Status PlaceSplits(size_t first, Candidate* candidate) const;
  bool FanoutsFit(const Candidate& candidate) const;
  std::span<const int64_t> StepsOf(int64_t extent) const;
  int64_t Fanout(int level, Axis axis) const;

  const Problem* problem_ = nullptr;
  const Hierarchy* hierarchy_ = nullptr;
  const ElementWidths* widths_ = nullptr;
  std::vector<Slot> slots_;
  PerDim<std::vector<Slot>> slots_of_;
  std::vector<SpatialSplit> splits_;
  std::array<Slot, kDims> closing_ = {};
  PerDim<bool> closes_ = {};
  Candidate fixed_ = {};  // fixed bounds; 0 where free
  std::array<std::vector<DimOrder>, kMaxLevels> orders_;
  std::vector<std::pair<int, Tensor>> free_keeps_;
  std::array<PerTensor<bool>, kMaxLevels> keeps_ = {};
  std::map<int64_t, std::vector<int64_t>> steps_;  // of every extent a dimension can leave
};

// Orders of the dimensions that are not listed, outside of those that are. At one level traffic
// depends on which tensor the innermost loops leave in place and along which of its window's
// dimensions the inputs then move, so that a handful of orders stands for all.
std::vector<DimOrder> UsefulOrders(std::span<const Dim> innermost);

}  // namespace bitscape::cost_models
