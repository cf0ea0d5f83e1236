// The popular-network table of a network: its layers summed by kind.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/mac_shape.h"

namespace bitscape::network {

// "conv", "dwconv" (each group has one channel), "fc" (weights times one vector or, in a
// transformer, one each token), "attention" (both operands are activations).
std::string_view LayerKind(const MacShape& shape);

// Channels are those of one group (C: what a filter reads), filters those of all groups (M).
struct LayerTotals {
  std::string_view kind;
  int64_t layers = 0;
  int64_t weights = 0;  // 0 for attention
  int64_t macs = 0;
  std::vector<std::string> filter_sizes;  // "3x3", each once, smallest area first
  int64_t min_channels = 0, max_channels = 0;
  int64_t min_filters = 0, max_filters = 0;
  int64_t max_reduction_length = 0;  // largest R * S * C
};

// One for each kind that occurs, in the order of LayerKind's list.
std::vector<LayerTotals> TotalsByKind(std::span<const MacShape> shapes);

// ceil(log2(reduction_length)): bits that an exact sum of so many products needs beyond one
// product.
int ReductionBits(int64_t reduction_length);

}  // namespace bitscape::network
