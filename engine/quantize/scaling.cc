// Scales and zero points from ranges.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::ElementType;
using formats::NumberFormat;
using formats::ScaleEncoding;
using formats::Scaling;

// `scale` as it is stored: a normal float32, so that no unit flushes it, and small enough for
// `largest_code` steps to stay finite.
float GuardedScale(double scale, double largest_code) {
  float limit = static_cast<float>(std::min(FLT_MAX / largest_code, double{FLT_MAX}));
  while (!std::isfinite(limit * static_cast<float>(largest_code)))
    limit = std::nextafter(limit, 0.0F);
  return static_cast<float>(std::clamp(scale, double{FLT_MIN}, double{limit}));
}

// The smallest 2^k for which neither bound saturates after it is rounded, k in [-126, 127] and no
// code beyond float32.
float PowerOfTwoScale(double min, double max, double smallest_code, double largest_code) {
  const double amax = std::max(max, -min);
  int k = std::ilogb(amax) - std::ilogb(largest_code) - 2;
  const auto covers = [&](int exponent) {
    return std::nearbyint(std::ldexp(max, -exponent)) <= largest_code &&
           std::nearbyint(std::ldexp(min, -exponent)) >= smallest_code;
  };
  while (!covers(k)) ++k;
  k = std::clamp(k, -126, 127);
  const double magnitude = std::max(largest_code, -smallest_code);
  while (std::ldexp(magnitude, k) > FLT_MAX) --k;
  return std::ldexp(1.0F, k);
}

Scaling AsymmetricScaling(const NumberFormat& format, double min, double max) {
  const double smallest = formats::SmallestFinite(format.element);
  const double steps = formats::LargestFinite(format.element) - smallest;
  const double width = max - min;
  if (width == 0) return {.scale = 1, .zero_point = static_cast<int32_t>(smallest)};
  const bool power_of_two = format.scale->encoding == ScaleEncoding::kPowerOfTwo;
  const float scale =
      power_of_two ? PowerOfTwoScale(0, width, 0, steps) : GuardedScale(width / steps, 1);
  const double zero_point =
      std::clamp(std::nearbyint(smallest - min / scale), smallest, smallest + steps);
  // Codes reach half a step beyond the range, which float32 may not hold.
  const double farthest = std::max(zero_point - smallest, smallest + steps - zero_point);
  return {.scale = power_of_two ? scale : GuardedScale(scale, farthest),
          .zero_point = static_cast<int32_t>(zero_point)};
}

}  // namespace

Scaling ScalingForRange(const formats::Quantizer& quantizer, float min, float max,
                        float /*tensor_scale*/) {
  const NumberFormat& format = quantizer.format;
  Scaling scaling;
  scaling.reciprocal = quantizer.reciprocal;
  const std::optional<formats::ScaleLevel>& level = format.scale;
  if (!level.has_value()) return scaling;
  if (level->encoding == ScaleEncoding::kFixed) {
    scaling.scale = std::ldexp(1.0F, level->min_exponent);
    return scaling;
  }
  const ElementType& element = format.element;
  const float low = formats::IsSigned(element) || format.zero_point ? std::min(min, 0.0F) : 0.0F;
  const float high = std::max(max, 0.0F);
  if (format.zero_point) {
    scaling = AsymmetricScaling(format, low, high);
    scaling.reciprocal = quantizer.reciprocal;
    return scaling;
  }
  const float amax = std::max(high, -low);
  if (amax == 0) return scaling;
  const double largest = formats::LargestFinite(element);
  const double smallest = formats::SmallestFinite(element);
  if (level->encoding == ScaleEncoding::kPowerOfTwo) {
    scaling.scale = PowerOfTwoScale(low, high, smallest, largest);
  } else {
    // A float32 division, as peers compute it: the largest value of a scaled element is a float32.
    scaling.scale = GuardedScale(amax / static_cast<float>(largest), std::max(largest, -smallest));
  }
  return scaling;
}

}  // namespace bitscape::quantize
