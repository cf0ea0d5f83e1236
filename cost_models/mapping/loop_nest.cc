#include "cost_models/mapping/loop_nest.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <ranges>

#include "cost_models/mapping/mapping_counter.h"

namespace bitscape::cost_models {
namespace {

int64_t Window(int64_t outputs, int64_t stride, int64_t taps, int64_t dilation) {
  return (outputs - 1) * stride + (taps - 1) * dilation + 1;
}

void AppendLoops(const std::vector<Loop>& loops, std::string_view axis, int* depth,
                 std::string* text) {
  for (const Loop& loop : loops) {
    if (loop.bound == 1) continue;
    *text += fmt::format("{:{}}for {} in 0..{}{}\n", "", 2 * *depth,
                         kDimNames[static_cast<size_t>(loop.dim)], loop.bound, axis);
    ++*depth;
  }
}

}  // namespace

double Problem::Macs() const {
  double macs = 1;
  for (const int64_t n : size) macs *= static_cast<double>(n);
  return macs;
}

Problem ProblemOf(const network::MacShape& layer) {
  Problem problem;
  // A product of two activations has other weights in each image.
  const bool by_image = layer.weights_are_activations;
  problem.size = {by_image ? layer.groups * layer.n : layer.groups,
                  by_image ? 1 : layer.n,
                  layer.m,
                  layer.c,
                  layer.p,
                  layer.q,
                  layer.r,
                  layer.s};
  problem.stride_h = layer.stride_h;
  problem.stride_w = layer.stride_w;
  problem.dilation_h = layer.dilation_h;
  problem.dilation_w = layer.dilation_w;
  return problem;
}

bool Indexes(Dim dim, Tensor tensor) {
  switch (dim) {
    case Dim::kG:
      return true;
    case Dim::kN:
    case Dim::kP:
    case Dim::kQ:
      return tensor != Tensor::kWeights;
    case Dim::kM:
      return tensor != Tensor::kInputs;
    case Dim::kC:
    case Dim::kR:
    case Dim::kS:
      break;
  }
  return tensor != Tensor::kOutputs;
}

double TileElements(const Problem& problem, Tensor tensor, const PerDim<int64_t>& tile) {
  const auto [g, n, m, c, p, q, r, s] = tile;
  switch (tensor) {
    case Tensor::kWeights:
      return static_cast<double>(g * m * c * r * s);
    case Tensor::kInputs:
      return static_cast<double>(g * n * c) *
             static_cast<double>(Window(p, problem.stride_h, r, problem.dilation_h)) *
             static_cast<double>(Window(q, problem.stride_w, s, problem.dilation_w));
    case Tensor::kOutputs:
      break;
  }
  return static_cast<double>(g * n * m * p * q);
}

int64_t Hierarchy::Multipliers() const {
  int64_t multipliers = 1;
  for (const HierarchyLevel& level : levels) multipliers *= level.fanout_x * level.fanout_y;
  return multipliers;
}

std::string Mapping::ToString(const Hierarchy& hierarchy) const {
  std::string text;
  int depth = 0;
  for (size_t l = levels.size(); l-- > 0;) {
    const LevelMapping& level = levels[l];
    text += fmt::format("{:{}}{} keeps", "", 2 * depth, hierarchy.levels[l].name);
    if (level.keeps == PerTensor<bool>{false, false, false}) text += " nothing";
    if (level.keeps[0]) text += " weights";
    if (level.keeps[1]) text += " inputs";
    if (level.keeps[2]) text += " outputs";
    text += '\n';
    AppendLoops(level.temporal, "", &depth, &text);
    AppendLoops(level.spatial_x, " on x", &depth, &text);
    AppendLoops(level.spatial_y, " on y", &depth, &text);
  }
  return text;
}

absl::StatusOr<MappingCounts> CountMapping(const Problem& problem, const Hierarchy& hierarchy,
                                           const Mapping& mapping, const ElementWidths& widths) {
  MappingCounter counter(problem, hierarchy, widths);
  MappingCounts counts;
  if (counter.Count(mapping, &counts)) return counts;
  return counter.Check(mapping);
}

}  // namespace bitscape::cost_models
