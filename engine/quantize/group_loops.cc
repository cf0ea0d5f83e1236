#include "engine/quantize/group_loops.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/core/vector_clones.h"

namespace bitscape::quantize {
namespace {

constexpr int32_t kMagnitudeBits = 0x7fffffff;
constexpr int32_t kInfinity = 0x7f800000;
constexpr int32_t kQuietNan = 0x7fc00000;

// Integers that ascend as finite floats do: reductions over them may run in any order.
inline int32_t OrderOf(float value) {
  const int32_t bits = std::bit_cast<int32_t>(value);
  return bits ^ ((bits >> 31) & kMagnitudeBits);
}
float ValueOf(int32_t order) {
  return std::bit_cast<float>(order ^ ((order >> 31) & kMagnitudeBits)) + 0.0F;
}

struct OrderRange {
  int32_t min, max;
};

BITSCAPE_VECTOR_CLONES
OrderRange FiniteOrders(const float* values, size_t count) {
  int32_t min = std::numeric_limits<int32_t>::max();
  int32_t max = std::numeric_limits<int32_t>::min();
  for (size_t i = 0; i < count; ++i) {
    const bool finite = (std::bit_cast<int32_t>(values[i]) & kMagnitudeBits) < kInfinity;
    const int32_t order = OrderOf(values[i]);
    const int32_t low = finite ? order : std::numeric_limits<int32_t>::max();
    const int32_t high = finite ? order : std::numeric_limits<int32_t>::min();
    min = low < min ? low : min;
    max = high > max ? high : max;
  }
  return {min, max};
}

BITSCAPE_VECTOR_CLONES
int32_t LargestMagnitude(const float* values, size_t count) {
  int32_t largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const int32_t magnitude = std::bit_cast<int32_t>(values[i]) & kMagnitudeBits;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

// Results may stand where the operands do: no iteration reads what another wrote (ivdep).
BITSCAPE_VECTOR_CLONES
void ColumnRanges(const float* values, size_t count, float* min, float* max, size_t width) {
  for (size_t first = 0; first < count; first += width) {
    const float* row = values + first;
#pragma GCC ivdep
    for (size_t c = 0; c < width; ++c) {
      const bool finite = std::fabs(row[c]) <= FLT_MAX;
      const float low = finite ? row[c] : std::numeric_limits<float>::infinity();
      const float high = finite ? row[c] : -std::numeric_limits<float>::infinity();
      min[c] = low < min[c] ? low : min[c];
      max[c] = high > max[c] ? high : max[c];
    }
  }
}

BITSCAPE_VECTOR_CLONES
void ColumnMagnitudes(const float* values, size_t count, float* magnitudes, size_t width) {
  for (size_t first = 0; first < count; first += width) {
    const float* row = values + first;
#pragma GCC ivdep
    for (size_t c = 0; c < width; ++c) {
      const int32_t magnitude = std::bit_cast<int32_t>(row[c]) & kMagnitudeBits;
      const int32_t seen = std::bit_cast<int32_t>(magnitudes[c]);
      magnitudes[c] = std::bit_cast<float>(magnitude > seen ? magnitude : seen);
    }
  }
}

BITSCAPE_VECTOR_CLONES
void Divide(const float* values, size_t count, const float* divisors, float* quotients,
            size_t width) {
  for (size_t first = 0; first < count; first += width) {
#pragma GCC ivdep
    for (size_t c = 0; c < width; ++c) quotients[first + c] = values[first + c] / divisors[c];
  }
}

BITSCAPE_VECTOR_CLONES
void Multiply(const float* values, size_t count, const float* factors, float* products,
              size_t width) {
  for (size_t first = 0; first < count; first += width) {
#pragma GCC ivdep
    for (size_t c = 0; c < width; ++c) products[first + c] = values[first + c] * factors[c];
  }
}

BITSCAPE_VECTOR_CLONES
void Clamp(float* values, size_t count, const float* low, const float* high, size_t width) {
  for (size_t first = 0; first < count; first += width) {
    float* row = values + first;
#pragma GCC ivdep
    for (size_t c = 0; c < width; ++c) {
      const float raised = row[c] < low[c] ? low[c] : row[c];
      row[c] = raised > high[c] ? high[c] : raised;
    }
  }
}

BITSCAPE_VECTOR_CLONES
void PowersByExponent(const float* magnitudes, size_t count, int32_t top, int32_t lowest,
                      int32_t highest, float* scales) {
#pragma GCC ivdep
  for (size_t i = 0; i < count; ++i) {
    const int32_t bits = std::bit_cast<int32_t>(magnitudes[i]);
    // A subnormal's true exponent is lower still; both are cut to the lowest.
    const int32_t exponent = (bits >> 23) - 127 - top;
    const int32_t raised = exponent < lowest ? lowest : exponent;
    const int32_t cut = raised > highest ? highest : raised;
    const int32_t below = cut < -126 ? -126 - cut : 0;
    const int32_t power = below > 0 ? 0x00800000 >> below : (cut + 127) << 23;
    scales[i] = std::bit_cast<float>(bits >= kInfinity ? kQuietNan : power);
  }
}

BITSCAPE_VECTOR_CLONES
void Quotients(const float* magnitudes, size_t count, float largest, float limit, float* scales) {
#pragma GCC ivdep
  for (size_t i = 0; i < count; ++i) {
    const float quotient = magnitudes[i] / largest;
    const float raised = quotient < FLT_MIN ? FLT_MIN : quotient;
    const float cut = raised > limit ? limit : raised;
    scales[i] = magnitudes[i] == 0 ? 1 : cut;
  }
}

}  // namespace

ValueRange RangeOf(std::span<const float> values) {
  const OrderRange orders = FiniteOrders(values.data(), values.size());
  if (orders.min > orders.max) return {};
  return {ValueOf(orders.min), ValueOf(orders.max)};
}

float MagnitudeOf(std::span<const float> values) {
  return std::bit_cast<float>(LargestMagnitude(values.data(), values.size()));
}

void RangesOfColumns(std::span<const float> values, std::span<float> min, std::span<float> max) {
  std::fill(min.begin(), min.end(), std::numeric_limits<float>::infinity());
  std::fill(max.begin(), max.end(), -std::numeric_limits<float>::infinity());
  ColumnRanges(values.data(), values.size(), min.data(), max.data(), min.size());
  for (size_t c = 0; c < min.size(); ++c) {
    const bool seen = min[c] <= max[c];
    min[c] = seen ? min[c] + 0.0F : 0;
    max[c] = seen ? max[c] + 0.0F : 0;
  }
}

void MagnitudesOfColumns(std::span<const float> values, std::span<float> magnitudes) {
  std::fill(magnitudes.begin(), magnitudes.end(), 0.0F);
  ColumnMagnitudes(values.data(), values.size(), magnitudes.data(), magnitudes.size());
}

void DivideColumns(std::span<const float> values, std::span<const float> divisors,
                   std::span<float> quotients) {
  Divide(values.data(), values.size(), divisors.data(), quotients.data(), divisors.size());
}

void MultiplyColumns(std::span<const float> values, std::span<const float> factors,
                     std::span<float> products) {
  Multiply(values.data(), values.size(), factors.data(), products.data(), factors.size());
}

void ClampColumns(std::span<float> values, std::span<const float> low,
                  std::span<const float> high) {
  Clamp(values.data(), values.size(), low.data(), high.data(), low.size());
}

void FloorScales(std::span<const float> magnitudes, int top, int lowest, int highest,
                 std::span<float> scales) {
  PowersByExponent(magnitudes.data(), magnitudes.size(), top, lowest, highest, scales.data());
}

void QuotientScales(std::span<const float> magnitudes, float largest, float limit,
                    std::span<float> scales) {
  Quotients(magnitudes.data(), magnitudes.size(), largest, limit, scales.data());
}

}  // namespace bitscape::quantize
