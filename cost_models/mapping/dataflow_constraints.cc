#include <algorithm>
#include <span>

#include "cost_models/mapping/search.h"

namespace bitscape::cost_models {
namespace {

size_t Index(int level) { return static_cast<size_t>(level); }
size_t Index(Dim dim) { return static_cast<size_t>(dim); }

// Where processing elements end: the levels below `array` are theirs; loops of `outside`, the first
// memory around them, stream tensors past them.
struct Places {
  int array = 0, outside = 0;
};

bool Holds(const HierarchyLevel& level) {
  return std::find(level.may_hold.begin(), level.may_hold.end(), true) != level.may_hold.end();
}

Places PlacesOf(const Hierarchy& hierarchy) {
  const int levels = static_cast<int>(hierarchy.levels.size());
  const bool spreads_inside = hierarchy.levels[0].fanout_x * hierarchy.levels[0].fanout_y > 1;
  Places places = {spreads_inside ? 0 : std::min(1, levels - 1), 0};
  for (int level = levels - 1; level >= 1; --level) {
    const HierarchyLevel& at = hierarchy.levels[Index(level)];
    if (at.fanout_x * at.fanout_y > 1) places.array = level;
  }
  places.outside = places.array;
  while (places.outside < levels - 1 && !Holds(hierarchy.levels[Index(places.outside)])) {
    ++places.outside;
  }
  return places;
}

// The dimensions that don't index the tensor run innermost outside of the elements, not in them, so
// that its tile stays in an element while the others pass.
void KeepInPlace(Tensor tensor, std::span<const Dim> others, const Hierarchy& hierarchy,
                 MappingConstraints* constraints) {
  const Places places = PlacesOf(hierarchy);
  bool held = false;
  for (int level = 0; level < places.array; ++level) {
    LevelConstraint& at = constraints->levels[Index(level)];
    for (const Dim dim : others) at.temporal[Index(dim)] = 1;
    const HierarchyLevel& memory = hierarchy.levels[Index(level)];
    // Where the memory may hold it at all: whether an element fits is for the search to say.
    if (!held && memory.may_hold[static_cast<size_t>(tensor)]) {
      at.keeps[static_cast<size_t>(tensor)] = true;
      held = true;
    }
  }
  for (size_t level = Index(places.outside); level < hierarchy.levels.size(); ++level) {
    constraints->levels[level].order.assign(others.begin(), others.end());
  }
}

// A filter row and the pixels under it stay in an element, which convolves them in one dimension;
// filter rows (and channels) are spread along y, rows of outputs along x, filters and groups fill
// up either.
void KeepRows(const Hierarchy& hierarchy, MappingConstraints* constraints) {
  const Places places = PlacesOf(hierarchy);
  for (int level = 0; level < places.array; ++level) {
    LevelConstraint& at = constraints->levels[Index(level)];
    for (const Dim dim : {Dim::kG, Dim::kN, Dim::kP, Dim::kQ, Dim::kS}) at.temporal[Index(dim)] = 1;
  }
  bool has_x = false, has_y = false;
  for (int level = places.array; level <= places.outside; ++level) {
    has_x |= hierarchy.levels[Index(level)].fanout_x > 1;
    has_y |= hierarchy.levels[Index(level)].fanout_y > 1;
  }
  PerDim<bool> on_x = {}, on_y = {};
  for (const Dim dim : {Dim::kG, Dim::kM, Dim::kQ}) on_x[Index(dim)] = true;
  for (const Dim dim : {Dim::kG, Dim::kM, Dim::kC, Dim::kS}) on_y[Index(dim)] = true;
  for (size_t dim = 0; dim < kDims && !(has_x && has_y); ++dim) {
    on_x[dim] = on_y[dim] = on_x[dim] || on_y[dim];  // a line of elements takes both
  }
  for (int level = places.array; level <= places.outside; ++level) {
    constraints->levels[Index(level)].on_x = on_x;
    constraints->levels[Index(level)].on_y = on_y;
  }
}

}  // namespace

MappingConstraints ConstraintsOf(Dataflow dataflow, const Problem&, const Hierarchy& hierarchy) {
  static constexpr Dim kNotOfWeights[] = {Dim::kP, Dim::kQ, Dim::kN};
  static constexpr Dim kNotOfInputs[] = {Dim::kM};
  static constexpr Dim kNotOfOutputs[] = {Dim::kR, Dim::kS, Dim::kC};
  MappingConstraints constraints;
  if (dataflow == Dataflow::kAny || hierarchy.levels.empty()) return constraints;
  constraints.levels.resize(hierarchy.levels.size());
  switch (dataflow) {
    case Dataflow::kAny:
      break;
    case Dataflow::kWeightStationary:
      KeepInPlace(Tensor::kWeights, kNotOfWeights, hierarchy, &constraints);
      break;
    case Dataflow::kInputStationary:
      KeepInPlace(Tensor::kInputs, kNotOfInputs, hierarchy, &constraints);
      break;
    case Dataflow::kOutputStationary:
      KeepInPlace(Tensor::kOutputs, kNotOfOutputs, hierarchy, &constraints);
      break;
    case Dataflow::kRowStationary:
      KeepRows(hierarchy, &constraints);
      break;
  }
  return constraints;
}

}  // namespace bitscape::cost_models
