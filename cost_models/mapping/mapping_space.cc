#include "cost_models/mapping/mapping_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr size_t kMostSteps = 40;
constexpr int64_t kMostSize = 1 << 24;
constexpr std::array<std::string_view, kTensors> kTensorNames = {"weights", "inputs", "outputs"};

size_t Index(int level) { return static_cast<size_t>(level); }
size_t Index(Dim dim) { return static_cast<size_t>(dim); }
size_t Index(Axis axis) { return static_cast<size_t>(axis); }
size_t Index(Tensor tensor) { return static_cast<size_t>(tensor); }
int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

char NameOf(Dim dim) { return kDimNames[Index(dim)]; }

// ceil(extent / n) of every n, descending.
std::vector<int64_t> AllSteps(int64_t extent) {
  std::vector<int64_t> steps = {extent};
  while (steps.back() > 1) {
    steps.push_back(CeilDivide(extent, CeilDivide(extent, steps.back() - 1)));
  }
  return steps;
}

// Ascending; where there are many, those of few iterations, the small ones and the divisors.
std::vector<int64_t> UsefulSteps(int64_t extent) {
  const std::vector<int64_t> all = AllSteps(extent);
  std::vector<int64_t> chosen;
  for (size_t i = all.size(); i-- > 0;) {
    const bool few = i < 8 || all[i] <= 16 || extent % all[i] == 0;
    if (few || all.size() <= kMostSteps) chosen.push_back(all[i]);
  }
  return chosen;
}

}  // namespace

int64_t MappingSpace::Fanout(int level, Axis axis) const {
  const HierarchyLevel& at = hierarchy_->levels[Index(level)];
  return axis == Axis::kX ? at.fanout_x : at.fanout_y;
}

double MappingSpace::MostSpread(int level, Dim dim) const {
  double most = 1;
  for (const Axis axis : {Axis::kX, Axis::kY}) {
    const int64_t fixed = fixed_.At(level, axis, dim);
    most *= static_cast<double>(fixed > 0 ? fixed : Fanout(level, axis));
  }
  return std::min(most, static_cast<double>(problem_->size[Index(dim)]));
}

absl::StatusOr<MappingSpace> MappingSpace::Create(const Problem& problem,
                                                  const Hierarchy& hierarchy,
                                                  const MappingConstraints& constraints,
                                                  const ElementWidths& widths) {
  const size_t count = hierarchy.levels.size();
  if (count == 0 || count > kMaxLevels) {
    return absl::InvalidArgumentError(
        fmt::format("a hierarchy has 1 to {} levels, this one {}", kMaxLevels, count));
  }
  if (!constraints.levels.empty() && constraints.levels.size() != count) {
    return absl::InvalidArgumentError(fmt::format("constraints of {} levels for a hierarchy of {}",
                                                  constraints.levels.size(), count));
  }
  for (size_t dim = 0; dim < kDims; ++dim) {
    if (problem.size[dim] < 1 || problem.size[dim] > kMostSize) {
      return absl::InvalidArgumentError(fmt::format("dimension {} has size {}: 1 to {}",
                                                    kDimNames[dim], problem.size[dim], kMostSize));
    }
  }
  for (const HierarchyLevel& level : hierarchy.levels) {
    if (level.fanout_x < 1 || level.fanout_y < 1) {
      return absl::InvalidArgumentError(fmt::format("level {} has a fan-out of {} x {}: at least 1",
                                                    level.name, level.fanout_x, level.fanout_y));
    }
  }
  MappingSpace space;
  space.problem_ = &problem;
  space.hierarchy_ = &hierarchy;
  space.widths_ = &widths;
  const LevelConstraint free;
  for (int level = 0; level < space.levels(); ++level) {
    BITSCAPE_RETURN_IF_ERROR(space.ReadLevel(
        level, constraints.levels.empty() ? free : constraints.levels[Index(level)]));
  }
  BITSCAPE_RETURN_IF_ERROR(space.ChooseClosingSlots());
  for (const int64_t size : problem.size) {
    for (const int64_t extent : AllSteps(size)) {
      space.steps_.try_emplace(extent, UsefulSteps(extent));
    }
  }
  return space;
}

absl::Status MappingSpace::ReadLevel(int level, const LevelConstraint& constraint) {
  const std::string& name = hierarchy_->levels[Index(level)].name;
  PerDim<bool> listed = {};
  for (const Dim dim : constraint.order) {
    if (std::exchange(listed[Index(dim)], true)) {
      return absl::InvalidArgumentError(
          fmt::format("level {}: the order lists {} twice", name, NameOf(dim)));
    }
  }
  orders_[Index(level)] = UsefulOrders(constraint.order);
  for (int i = 0; i < kDims; ++i) {
    const Dim dim = static_cast<Dim>(i);
    const int64_t size = problem_->size[Index(dim)];
    // Loops of a level that holds nothing do as well in the next.
    const auto& may = hierarchy_->levels[Index(level)].may_hold;
    const bool holds = std::find(may.begin(), may.end(), true) != may.end();
    const int64_t given = constraint.temporal[Index(dim)];
    const int64_t temporal = given == 0 && !holds ? 1 : given;
    if (temporal < 0 || temporal > size) {
      return absl::InvalidArgumentError(
          fmt::format("level {}: a bound of {} for {}, of which the layer has {}", name, temporal,
                      NameOf(dim), size));
    }
    fixed_.At(level, Axis::kTemporal, dim) = size == 1 ? 1 : temporal;
    BITSCAPE_RETURN_IF_ERROR(ReadSpatial(level, dim, constraint));
  }
  return ReadKeeps(level, constraint);
}

absl::Status MappingSpace::ReadSpatial(int level, Dim dim, const LevelConstraint& constraint) {
  const std::string& name = hierarchy_->levels[Index(level)].name;
  const int64_t size = problem_->size[Index(dim)];
  const int64_t total = constraint.spatial[Index(dim)];
  const bool on_x = !constraint.on_x || (*constraint.on_x)[Index(dim)];
  const bool on_y = !constraint.on_y || (*constraint.on_y)[Index(dim)];
  const int64_t most_x = on_x ? Fanout(level, Axis::kX) : 1;
  const int64_t most_y = on_y ? Fanout(level, Axis::kY) : 1;
  if (total < 0 || total > size) {
    return absl::InvalidArgumentError(
        fmt::format("level {}: {} spread over {} instances, of which the layer has {}", name,
                    NameOf(dim), total, size));
  }
  if (total > 1) {
    SpatialSplit split = {level, dim, {}};
    for (int64_t x = 1; x <= std::min(most_x, total); ++x) {
      if (total % x == 0 && total / x <= most_y) split.ways.emplace_back(x, total / x);
    }
    if (split.ways.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("level {}: {} spread over {} instances does not fit a fan-out of {} x {}",
                      name, NameOf(dim), total, most_x, most_y));
    }
    fixed_.At(level, Axis::kX, dim) = split.ways.front().first;
    fixed_.At(level, Axis::kY, dim) = split.ways.front().second;
    if (split.ways.size() > 1) splits_.push_back(std::move(split));
    return absl::OkStatus();
  }
  for (const Axis axis : {Axis::kX, Axis::kY}) {
    const bool free = total == 0 && size > 1 && (axis == Axis::kX ? most_x : most_y) > 1;
    fixed_.At(level, axis, dim) = free ? 0 : 1;
  }
  return absl::OkStatus();
}

absl::Status MappingSpace::ReadKeeps(int level, const LevelConstraint& constraint) {
  const HierarchyLevel& at = hierarchy_->levels[Index(level)];
  const bool outermost = level == levels() - 1;
  for (int i = 0; i < kTensors; ++i) {
    const Tensor tensor = static_cast<Tensor>(i);
    const std::optional<bool>& wanted = constraint.keeps[Index(tensor)];
    const bool may = at.may_hold[Index(tensor)];
    if (wanted.value_or(false) && !may) {
      return absl::InvalidArgumentError(
          fmt::format("level {} does not hold {}, which are to be kept there", at.name,
                      kTensorNames[Index(tensor)]));
    }
    if (outermost && (!may || !wanted.value_or(true))) {
      return absl::InvalidArgumentError(fmt::format("level {} is the outermost and must hold {}",
                                                    at.name, kTensorNames[Index(tensor)]));
    }
    keeps_[Index(level)][Index(tensor)] = may && wanted.value_or(true);
    if (may && !wanted && !outermost) free_keeps_.emplace_back(level, tensor);
  }
  return absl::OkStatus();
}

absl::Status MappingSpace::ChooseClosingSlots() {
  for (int i = 0; i < kDims; ++i) {
    const Dim dim = static_cast<Dim>(i);
    const int64_t size = problem_->size[Index(dim)];
    std::vector<Slot> free;  // the closing slot first
    int64_t fixed = 1;
    for (const Axis axis : {Axis::kTemporal, Axis::kX, Axis::kY}) {
      for (int level = levels() - 1; level >= 0; --level) {
        const int64_t bound = fixed_.At(level, axis, dim);
        if (bound == 0) free.push_back({level, axis, dim});
        fixed *= std::max<int64_t>(bound, 1);
      }
    }
    if (free.empty() && fixed < size) {
      return absl::InvalidArgumentError(
          fmt::format("the bounds of {} multiply to {}: the layer has {}, and no level may take "
                      "the rest",
                      NameOf(dim), fixed, size));
    }
    if (fixed >= 2 * size) {
      return absl::InvalidArgumentError(fmt::format(
          "the bounds of {} multiply to {}: the layer has {}", NameOf(dim), fixed, size));
    }
    closes_[Index(dim)] = !free.empty();
    if (free.empty()) continue;
    closing_[Index(dim)] = free.front();
    slots_of_[Index(dim)].assign(free.begin() + 1, free.end());
    slots_.insert(slots_.end(), free.begin() + 1, free.end());
  }
  return absl::OkStatus();
}

void MappingSpace::Close(Dim dim, Candidate* candidate) const {
  if (!closes_[Index(dim)]) return;
  const Slot& slot = closing_[Index(dim)];
  int64_t& bound = candidate->At(slot.level, slot.axis, dim);
  bound = 1;
  int64_t others = 1;
  for (int level = 0; level < levels(); ++level) {
    for (const auto& axis : candidate->bound[Index(level)]) others *= axis[Index(dim)];
  }
  bound = CeilDivide(problem_->size[Index(dim)], others);
}

void MappingSpace::CloseAll(Candidate* candidate) const {
  for (int dim = 0; dim < kDims; ++dim) Close(static_cast<Dim>(dim), candidate);
}

bool MappingSpace::FanoutsFit(const Candidate& candidate) const {
  for (int level = 0; level < levels(); ++level) {
    for (const Axis axis : {Axis::kX, Axis::kY}) {
      int64_t used = 1;
      for (const int64_t bound : candidate.bound[Index(level)][Index(axis)]) used *= bound;
      if (used > Fanout(level, axis)) return false;
    }
  }
  return true;
}

bool MappingSpace::Fits(const Candidate& candidate) const {
  if (!FanoutsFit(candidate)) return false;
  PerDim<int64_t> tile = {1, 1, 1, 1, 1, 1, 1, 1};
  for (int level = 0; level < levels(); ++level) {
    const auto& bounds = candidate.bound[Index(level)];
    for (size_t d = 0; d < kDims; ++d) tile[d] *= bounds[0][d] * bounds[1][d] * bounds[2][d];
    const HierarchyLevel& at = hierarchy_->levels[Index(level)];
    if (at.capacity_bits <= 0) continue;
    double held = 0;
    for (size_t t = 0; t < kTensors; ++t) {
      if (!candidate.keeps[Index(level)][t]) continue;
      held += TileElements(*problem_, static_cast<Tensor>(t), tile) * widths_->bits[t];
    }
    if (held > (at.double_buffered ? at.capacity_bits / 2 : at.capacity_bits)) return false;
  }
  return true;
}

// Splits of fixed spatial bounds must fit the fan-outs together.
absl::Status MappingSpace::PlaceSplits(size_t first, Candidate* candidate) const {
  if (first == splits_.size()) {
    if (FanoutsFit(*candidate)) return absl::OkStatus();
    return absl::InvalidArgumentError("the fixed spatial bounds together exceed a fan-out");
  }
  const SpatialSplit& split = splits_[first];
  absl::Status status;
  for (const auto& [x, y] : split.ways) {
    candidate->At(split.level, Axis::kX, split.dim) = x;
    candidate->At(split.level, Axis::kY, split.dim) = y;
    status = PlaceSplits(first + 1, candidate);
    if (status.ok()) return status;
  }
  return status;
}

absl::StatusOr<Candidate> MappingSpace::Smallest() const {
  Candidate candidate = fixed_;
  candidate.keeps = keeps_;
  for (int level = 0; level < levels(); ++level) {
    candidate.order[Index(level)] = orders_[Index(level)].front();
    for (auto& axis : candidate.bound[Index(level)]) {
      for (int64_t& bound : axis) bound = std::max<int64_t>(bound, 1);
    }
  }
  CloseAll(&candidate);
  // Where no temporal loop takes the rest, several axes may have to share it.
  for (int i = 0; i < kDims; ++i) {
    const Dim dim = static_cast<Dim>(i);
    const Slot& closing = closing_[Index(dim)];
    if (!closes_[Index(dim)] || closing.axis == Axis::kTemporal) continue;
    for (const Slot& slot : SlotsOf(dim)) {
      const int64_t rest = candidate.At(closing.level, closing.axis, dim);
      const int64_t most = Fanout(closing.level, closing.axis);
      if (rest <= most) break;
      candidate.At(slot.level, slot.axis, dim) =
          std::min(Fanout(slot.level, slot.axis), CeilDivide(rest, most));
      Close(dim, &candidate);
    }
  }
  BITSCAPE_RETURN_IF_ERROR(PlaceSplits(0, &candidate));
  PerDim<int64_t> tile = {1, 1, 1, 1, 1, 1, 1, 1};
  for (int level = 0; level < levels(); ++level) {
    for (const auto& axis : candidate.bound[Index(level)]) {
      for (size_t d = 0; d < kDims; ++d) tile[d] *= axis[d];
    }
    const HierarchyLevel& at = hierarchy_->levels[Index(level)];
    const double room = at.double_buffered ? at.capacity_bits / 2 : at.capacity_bits;
    double held = 0;
    for (size_t i = 0; i < 2 * kTensors && at.capacity_bits > 0; ++i) {
      const size_t t = i % kTensors;
      const std::pair<int, Tensor> keep = {level, static_cast<Tensor>(t)};
      const bool free =
          std::find(free_keeps_.begin(), free_keeps_.end(), keep) != free_keeps_.end();
      const bool second_round = i >= kTensors;  // what must be kept has come first
      if (!candidate.keeps[Index(level)][t] || free != second_round) continue;
      const double elements = TileElements(*problem_, static_cast<Tensor>(t), tile);
      const double bits = elements * widths_->bits[t];
      if (held + bits <= room) {
        held += bits;
        continue;
      }
      if (!free) {
        return absl::NotFoundError(fmt::format(
            "level {} holds {} bits{}, of which {} are taken: it can't hold {} element{} of {} of "
            "{} bits",
            at.name, at.capacity_bits, at.double_buffered ? " in two halves" : "", held, elements,
            elements == 1 ? "" : "s", kTensorNames[t], widths_->bits[t]));
      }
      candidate.keeps[Index(level)][t] = false;
    }
  }
  return candidate;
}

std::span<const int64_t> MappingSpace::StepsOf(int64_t extent) const {
  const auto found = steps_.find(extent);
  BITSCAPE_CHECK(found != steps_.end(), "an extent that no bound leaves");
  return found->second;
}

void MappingSpace::ValuesOf(const Slot& slot, const Candidate& candidate,
                            std::vector<int64_t>* values) const {
  values->clear();
  int64_t others = 1;
  const Slot& closing = closing_[Index(slot.dim)];
  for (int level = 0; level < levels(); ++level) {
    for (const Axis axis : {Axis::kTemporal, Axis::kX, Axis::kY}) {
      const bool counts = (level != slot.level || axis != slot.axis) &&
                          (level != closing.level || axis != closing.axis);
      if (counts) others *= candidate.At(level, axis, slot.dim);
    }
  }
  const int64_t extent = CeilDivide(problem_->size[Index(slot.dim)], others);
  int64_t most = extent;
  if (slot.axis != Axis::kTemporal) {
    int64_t used = 1;
    const auto& axis = candidate.bound[Index(slot.level)][Index(slot.axis)];
    for (size_t d = 0; d < kDims; ++d) used *= d == Index(slot.dim) ? 1 : axis[d];
    most = std::min(extent, std::max<int64_t>(1, Fanout(slot.level, slot.axis) / used));
  }
  for (const int64_t step : StepsOf(extent)) {
    if (step > most) break;
    values->push_back(step);
  }
  // The fewest iterations that the fan-out allows, should thinning have left it out.
  const int64_t widest = CeilDivide(extent, CeilDivide(extent, most));
  if (values->back() < widest) values->push_back(widest);
}

void MappingSpace::Render(const Candidate& candidate, Mapping* mapping) const {
  mapping->levels.resize(hierarchy_->levels.size());
  for (int level = 0; level < levels(); ++level) {
    LevelMapping& out = mapping->levels[Index(level)];
    out.temporal.clear();
    out.spatial_x.clear();
    out.spatial_y.clear();
    const auto& bounds = candidate.bound[Index(level)];
    for (size_t i = kDims; i-- > 0;) {
      const Dim dim = candidate.order[Index(level)][i];
      const size_t d = Index(dim);
      if (bounds[0][d] > 1) out.temporal.push_back({dim, bounds[0][d]});
      if (bounds[1][d] > 1) out.spatial_x.push_back({dim, bounds[1][d]});
      if (bounds[2][d] > 1) out.spatial_y.push_back({dim, bounds[2][d]});
    }
    out.keeps = candidate.keeps[Index(level)];
  }
}

}  // namespace bitscape::cost_models
