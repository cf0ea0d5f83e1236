#include "engine/network/layer_totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>
#include <tuple>

namespace bitscape::network {
namespace {

constexpr std::string_view kKinds[] = {"conv", "dwconv", "fc", "attention"};

}  // namespace

std::string_view LayerKind(const MacShape& shape) {
  if (shape.weights_are_activations) return kKinds[3];
  if (shape.op == "gemm") return kKinds[2];
  return shape.groups > 1 && shape.c == 1 ? kKinds[1] : kKinds[0];
}

int ReductionBits(int64_t reduction_length) {
  return static_cast<int>(std::bit_width(static_cast<uint64_t>(reduction_length) - 1));
}

std::vector<LayerTotals> TotalsByKind(std::span<const MacShape> shapes) {
  std::vector<LayerTotals> totals;
  for (const std::string_view kind : kKinds) {
    LayerTotals sum;
    sum.kind = kind;
    std::set<std::tuple<int64_t, int64_t, int64_t>> sizes;  // area, height, width
    for (const MacShape& shape : shapes) {
      if (LayerKind(shape) != kind) continue;
      const int64_t filters = shape.groups * shape.m;
      const bool first = sum.layers == 0;
      sum.min_channels = first ? shape.c : std::min(sum.min_channels, shape.c);
      sum.min_filters = first ? filters : std::min(sum.min_filters, filters);
      sum.max_channels = std::max(sum.max_channels, shape.c);
      sum.max_filters = std::max(sum.max_filters, filters);
      sum.max_reduction_length = std::max(sum.max_reduction_length, shape.ReductionLength());
      sum.weights += shape.weights_are_activations ? 0 : shape.WeightElements();
      sum.macs += shape.Macs();
      sizes.emplace(shape.r * shape.s, shape.r, shape.s);
      ++sum.layers;
    }
    for (const auto& [area, height, width] : sizes) {
      sum.filter_sizes.push_back(fmt::format("{}x{}", height, width));
    }
    if (sum.layers > 0) totals.push_back(std::move(sum));
  }
  return totals;
}

}  // namespace bitscape::network
