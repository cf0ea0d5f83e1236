// Layers and memories of 16-bit words for the tests of the mapping search.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

inline constexpr ElementWidths kWidths = {{16, 16, 16}};

inline Problem Layer(int64_t m, int64_t c, int64_t p, int64_t q, int64_t r, int64_t s,
                     int64_t n = 1, int64_t g = 1) {
  Problem problem;
  problem.size = {g, n, m, c, p, q, r, s};
  return problem;
}

// A memory of `words` of 16 bits for all tensors.
inline HierarchyLevel Memory(std::string name, double words, int64_t x = 1, int64_t y = 1) {
  HierarchyLevel level;
  level.name = std::move(name);
  level.capacity_bits = 16 * words;
  level.fanout_x = x;
  level.fanout_y = y;
  return level;
}

}  // namespace bitscape::cost_models
