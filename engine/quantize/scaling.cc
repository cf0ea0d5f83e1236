// Scales and zero points from ranges and samples.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <variant>
#include <vector>

#include "engine/core/status.h"
#include "engine/formats/scale.h"
#include "engine/quantize/fit_levels.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::ElementType;
using formats::NumberFormat;
using formats::ScaleEncoding;
using formats::Scaling;

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
  const float scale = power_of_two ? PowerOfTwoScale(0, width, 0, steps)
                                   : formats::StoredFloat32Scale(width / steps, 1);
  const double zero_point =
      std::clamp(std::nearbyint(smallest - min / scale), smallest, smallest + steps);
  // Codes reach half a step beyond the range, which float32 may not hold.
  const double farthest = std::max(zero_point - smallest, smallest + steps - zero_point);
  return {.scale = power_of_two ? scale : formats::StoredFloat32Scale(scale, farthest),
          .zero_point = static_cast<int32_t>(zero_point)};
}

// Whether the sign of the extremes decides: two's complement holds one step more below zero.
bool CoversUnevenly(const NumberFormat& format) {
  return format.scale->encoding == ScaleEncoding::kPowerOfTwo &&
         format.scale->rule == formats::ScaleRule::kCover &&
         -formats::SmallestFinite(format.element) > formats::LargestFinite(format.element);
}

// The range that the scale covers. Methods that weigh errors see the values as the groups' own
// scales meet them: without the tensor's (NVFP4).
absl::StatusOr<RangeStatistics> RangeWithin(const formats::Quantizer& quantizer,
                                            const RangeStatistics& range, const Sample& sample,
                                            float tensor_scale) {
  if (tensor_scale == 1 || quantizer.range == formats::RangeMethod::kMinMax ||
      quantizer.range == formats::RangeMethod::kClip) {
    return ChooseRange(quantizer, range, sample);
  }
  std::vector<float> values(sample.values.begin(), sample.values.end());
  for (float& value : values) value /= tensor_scale;
  const RangeStatistics without{range.min / tensor_scale, range.max / tensor_scale, range.count};
  BITSCAPE_ASSIGN_OR_RETURN(
      RangeStatistics chosen,
      ChooseRange(quantizer, without, {.values = values, .weights = sample.weights}));
  chosen.min *= tensor_scale;
  chosen.max *= tensor_scale;
  return chosen;
}

// Levels fitted to the sample, its values cut to the chosen range.
absl::StatusOr<Scaling> FitLevelsWithin(const formats::Quantizer& quantizer,
                                        const RangeStatistics& range, const Sample& sample) {
  constexpr float kZero[] = {0};
  if (sample.values.empty()) return FitLevels(quantizer, {.values = kZero, .weights = {}});
  if (quantizer.range == formats::RangeMethod::kMinMax) return FitLevels(quantizer, sample);
  BITSCAPE_ASSIGN_OR_RETURN(const RangeStatistics chosen, ChooseRange(quantizer, range, sample));
  std::vector<float> values(sample.values.begin(), sample.values.end());
  for (float& value : values) value = std::clamp(value, chosen.min, chosen.max);
  return FitLevels(quantizer, {.values = values, .weights = sample.weights});
}

}  // namespace

Scaling ScalingForRange(const formats::Quantizer& quantizer, float min, float max,
                        float tensor_scale) {
  const NumberFormat& format = quantizer.format;
  const ElementType& element = format.element;
  BITSCAPE_CHECK(!std::holds_alternative<formats::LevelSet>(element),
                 "level sets take more than a range: FitScaling");
  Scaling scaling;
  const float low = formats::IsSigned(element) || format.zero_point ? std::min(min, 0.0F) : 0.0F;
  const float high = std::max(max, 0.0F);
  const float amax = std::max(high, -low);
  if (!format.scale.has_value()) {
    scaling.scale = 1;
  } else if (format.zero_point) {
    scaling = AsymmetricScaling(format, low, high);
  } else if (CoversUnevenly(format)) {
    scaling.scale = amax == 0 ? 1
                              : PowerOfTwoScale(low, high, formats::SmallestFinite(element),
                                                formats::LargestFinite(element));
  } else {
    scaling.scale = formats::ScaleForMagnitude(format, amax, tensor_scale);
  }
  scaling.reciprocal = quantizer.reciprocal;
  return scaling;
}

absl::StatusOr<Scaling> FitScaling(const formats::Quantizer& quantizer,
                                   const RangeStatistics& range, const Sample& sample,
                                   float tensor_scale) {
  if (std::holds_alternative<formats::LevelSet>(quantizer.format.element)) {
    return FitLevelsWithin(quantizer, range, sample);
  }
  if (!formats::HasScale(quantizer.format) || range.count == 0) {
    return ScalingForRange(quantizer, 0, 0, tensor_scale);
  }
  BITSCAPE_ASSIGN_OR_RETURN(const RangeStatistics chosen,
                            RangeWithin(quantizer, range, sample, tensor_scale));
  return ScalingForRange(quantizer, chosen.min, chosen.max, tensor_scale);
}

absl::StatusOr<Scaling> FitScaling(const formats::Quantizer& quantizer, const Sample& sample,
                                   float tensor_scale) {
  RangeStatistics range;
  range.Observe(sample.values);
  return FitScaling(quantizer, range, sample, tensor_scale);
}

}  // namespace bitscape::quantize
