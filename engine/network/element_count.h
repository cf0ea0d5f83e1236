// Element counts of shapes that come from outside.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/network/network.h"

namespace bitscape::network {

// The product of the dimensions; nothing if one is below 1 or the product exceeds `limit`.
inline std::optional<int64_t> BoundedElementCount(const Shape& shape, int64_t limit) {
  int64_t count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 1 || dimension > limit / count) return std::nullopt;
    count *= dimension;
  }
  return count;
}

}  // namespace bitscape::network
