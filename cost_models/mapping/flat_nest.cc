#include "cost_models/mapping/flat_nest.h"

#include <fmt/format.h>

#include <ranges>

namespace bitscape::cost_models {
namespace {

using Reason = MappingRefusal::Reason;

// Counts stay exact in a double.
constexpr double kMostIterations = 9007199254740992.0;

size_t IndexOf(Dim dim) { return static_cast<size_t>(dim); }

// Loops of one level from the innermost outwards; `tile` grows with them.
std::optional<MappingRefusal> AddLoops(const std::vector<Loop>& loops, size_t level,
                                       PerDim<int64_t>* tile, std::vector<FlatLoop>* out,
                                       double* product) {
  for (const Loop& loop : std::ranges::reverse_view(loops)) {
    if (loop.bound < 1) {
      return MappingRefusal{.reason = Reason::kBound,
                            .level = level,
                            .dim = loop.dim,
                            .value = static_cast<double>(loop.bound),
                            .limit = 1};
    }
    if (loop.bound == 1) continue;
    *product *= static_cast<double>(loop.bound);
    if (*product > kMostIterations) {
      return MappingRefusal{.reason = Reason::kTooLarge,
                            .level = level,
                            .dim = loop.dim,
                            .value = *product,
                            .limit = kMostIterations};
    }
    int64_t& size = (*tile)[IndexOf(loop.dim)];
    out->push_back({loop.dim, loop.bound, size});
    size *= loop.bound;
  }
  return std::nullopt;
}

std::optional<MappingRefusal> AddSpatial(const std::vector<Loop>& loops, size_t level, bool on_x,
                                         int64_t fanout, FlatLevel* flat, double* product) {
  std::vector<FlatLoop>& out = on_x ? flat->x : flat->y;
  out.clear();
  if (auto refusal = AddLoops(loops, level, &flat->tile, &out, product)) return refusal;
  std::ranges::reverse(out);
  int64_t used = 1;
  for (const FlatLoop& loop : out) {
    used *= loop.bound;
    flat->spread[IndexOf(loop.dim)] *= loop.bound;
  }
  flat->inner *= used;
  if (used <= fanout) return std::nullopt;
  return MappingRefusal{.reason = on_x ? Reason::kFanoutX : Reason::kFanoutY,
                        .level = level,
                        .value = static_cast<double>(used),
                        .limit = static_cast<double>(fanout)};
}

std::optional<MappingRefusal> CheckTensors(const Problem& problem, const Hierarchy& hierarchy,
                                           const Mapping& mapping, const ElementWidths& widths,
                                           const FlatNest& nest, size_t level) {
  const HierarchyLevel& memory = hierarchy.levels[level];
  const bool outermost = level + 1 == hierarchy.levels.size();
  double bits = 0;
  for (size_t t = 0; t < kTensors; ++t) {
    const Tensor tensor = static_cast<Tensor>(t);
    const bool keeps = mapping.levels[level].keeps[t];
    if (keeps && !memory.may_hold[t]) {
      return MappingRefusal{.reason = Reason::kNotHeld, .level = level, .tensor = tensor};
    }
    if (!keeps && outermost) {
      return MappingRefusal{.reason = Reason::kNotKept, .level = level, .tensor = tensor};
    }
    if (keeps) bits += TileElements(problem, tensor, nest.levels[level].tile) * widths.bits[t];
  }
  const double capacity = memory.capacity_bits * (memory.double_buffered ? 0.5 : 1.0);
  if (outermost || capacity == 0 || bits <= capacity) return std::nullopt;
  return MappingRefusal{
      .reason = Reason::kCapacity, .level = level, .value = bits, .limit = capacity};
}

std::string_view NameOf(Tensor tensor) {
  switch (tensor) {
    case Tensor::kWeights:
      return "weights";
    case Tensor::kInputs:
      return "inputs";
    case Tensor::kOutputs:
      break;
  }
  return "outputs";
}

}  // namespace

std::string MappingRefusal::ToString(const Hierarchy& hierarchy) const {
  if (reason == Reason::kLevels) {
    return fmt::format("the mapping has {} levels; the hierarchy has {}", value, limit);
  }
  const std::string& name = hierarchy.levels[level].name;
  const char dim_name = kDimNames[IndexOf(dim)];
  switch (reason) {
    case Reason::kLevels:
      break;
    case Reason::kBound:
      return fmt::format("level {}: the loop over {} has bound {}; bounds are 1 or more", name,
                         dim_name, value);
    case Reason::kTooLarge:
      return fmt::format("level {}: the loop over {} makes {:.3g} iterations; at most {:.3g}", name,
                         dim_name, value, limit);
    case Reason::kFanoutX:
      return fmt::format("level {}: spatial loops on x use {} instances; there are {}", name, value,
                         limit);
    case Reason::kFanoutY:
      return fmt::format("level {}: spatial loops on y use {} instances; there are {}", name, value,
                         limit);
    case Reason::kCover:
      return fmt::format("the bounds of {} multiply to {}; the layer has {}", dim_name, value,
                         limit);
    case Reason::kNotHeld:
      return fmt::format("level {} keeps {}, which it can't hold", name, NameOf(tensor));
    case Reason::kNotKept:
      return fmt::format("the outermost level {} does not keep {}", name, NameOf(tensor));
    case Reason::kCapacity:
      return fmt::format("level {} would hold {} bits; it has {}", name, value, limit);
  }
  return "";
}

std::optional<MappingRefusal> Flatten(const Problem& problem, const Hierarchy& hierarchy,
                                      const Mapping& mapping, const ElementWidths& widths,
                                      FlatNest* nest) {
  const size_t levels = hierarchy.levels.size();
  if (mapping.levels.size() != levels || levels == 0) {
    return MappingRefusal{.reason = Reason::kLevels,
                          .value = static_cast<double>(mapping.levels.size()),
                          .limit = static_cast<double>(levels)};
  }
  nest->levels.resize(levels);
  nest->temporal.clear();
  nest->temporal_iterations = 1;
  double product = 1;
  PerDim<int64_t> tile;
  tile.fill(1);
  for (size_t l = 0; l < levels; ++l) {
    FlatLevel& flat = nest->levels[l];
    const LevelMapping& loops = mapping.levels[l];
    const HierarchyLevel& memory = hierarchy.levels[l];
    flat.below = flat.tile = tile;
    flat.spread.fill(1);
    flat.inner = 1;
    if (auto refusal =
            AddSpatial(loops.spatial_y, l, /*on_x=*/false, memory.fanout_y, &flat, &product)) {
      return refusal;
    }
    if (auto refusal =
            AddSpatial(loops.spatial_x, l, /*on_x=*/true, memory.fanout_x, &flat, &product)) {
      return refusal;
    }
    flat.first_temporal = nest->temporal.size();
    if (auto refusal = AddLoops(loops.temporal, l, &flat.tile, &nest->temporal, &product)) {
      return refusal;
    }
    tile = flat.tile;
    if (auto refusal = CheckTensors(problem, hierarchy, mapping, widths, *nest, l)) return refusal;
  }
  for (size_t d = 0; d < kDims; ++d) {
    if (tile[d] >= problem.size[d]) continue;
    return MappingRefusal{.reason = Reason::kCover,
                          .dim = static_cast<Dim>(d),
                          .value = static_cast<double>(tile[d]),
                          .limit = static_cast<double>(problem.size[d])};
  }
  for (const FlatLoop& loop : nest->temporal) {
    nest->temporal_iterations *= static_cast<double>(loop.bound);
  }
  int64_t instances = 1;
  for (FlatLevel& flat : std::ranges::reverse_view(nest->levels)) {
    flat.instances = instances;
    instances *= flat.inner;
  }
  return std::nullopt;
}

TensorProjection ProjectionOf(const Problem& problem, Tensor tensor) {
  TensorProjection projection;
  for (size_t d = 0; d < kDims; ++d) {
    if (Indexes(static_cast<Dim>(d), tensor)) projection[d] = {static_cast<int>(d), 1};
  }
  if (tensor == Tensor::kInputs) {
    projection[IndexOf(Dim::kP)] = {static_cast<int>(Dim::kP), problem.stride_h};
    projection[IndexOf(Dim::kR)] = {static_cast<int>(Dim::kP), problem.dilation_h};
    projection[IndexOf(Dim::kQ)] = {static_cast<int>(Dim::kQ), problem.stride_w};
    projection[IndexOf(Dim::kS)] = {static_cast<int>(Dim::kQ), problem.dilation_w};
  }
  return projection;
}

}  // namespace bitscape::cost_models
