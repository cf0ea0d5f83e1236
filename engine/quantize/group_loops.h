// The loops over many groups at once, written so that the compiler vectorises them. Matrices are
// row-major with `width` columns; each column is a group (Strip of group_strips.h).
#pragma once

#include <cstddef>
#include <span>

namespace bitscape::quantize {

// Smallest and largest finite value; {0, 0} where there is none. -0 counts as 0.
struct ValueRange {
  float min = 0, max = 0;
  bool operator==(const ValueRange&) const = default;
};
ValueRange RangeOf(std::span<const float> values);

// The largest magnitude; infinities and NaN count, and NaN is the largest. 0 of nothing.
float MagnitudeOf(std::span<const float> values);

// RangeOf of each column. Shape: values.size() is a multiple of min.size() == max.size().
void RangesOfColumns(std::span<const float> values, std::span<float> min, std::span<float> max);

// MagnitudeOf of each column. Shape: values.size() is a multiple of magnitudes.size().
void MagnitudesOfColumns(std::span<const float> values, std::span<float> magnitudes);

// quotients[r][c] = values[r][c] / divisors[c], or values[r][c] * factors[c]. In place is allowed.
void DivideColumns(std::span<const float> values, std::span<const float> divisors,
                   std::span<float> quotients);
void MultiplyColumns(std::span<const float> values, std::span<const float> factors,
                     std::span<float> products);

// values[r][c] = the nearest in [low[c], high[c]].
void ClampColumns(std::span<float> values, std::span<const float> low, std::span<const float> high);

// Scales of many groups from their largest magnitudes, as formats::ScaleForMagnitude gives them.
// ScaleRule::kFloor: 2^(exponent of the magnitude - top), the exponent within [lowest, highest],
// -149 and -127 - top <= lowest; 0 has the lowest. Infinities and NaN give NaN.
void FloorScales(std::span<const float> magnitudes, int top, int lowest, int highest,
                 std::span<float> scales);
// ScaleEncoding::kFloat32: magnitude / largest within [FLT_MIN, limit]; 0 has 1. Finite only.
void QuotientScales(std::span<const float> magnitudes, float largest, float limit,
                    std::span<float> scales);

}  // namespace bitscape::quantize
