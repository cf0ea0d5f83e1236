#include "engine/formats/scale.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "engine/core/status.h"
#include "engine/formats/codec.h"
#include "engine/formats/element_rounding.h"
#include "engine/formats/minifloat.h"

namespace bitscape::formats {
namespace {

double LargestMagnitudeOf(const ElementType& element) {
  return std::max(LargestFinite(element), -SmallestFinite(element));
}

bool IsPowerOfTwo(double value) {
  int exponent = 0;
  return std::frexp(value, &exponent) == 0.5;
}

int CoveringExponent(const ElementType& element, double amax) {
  int exponent = std::ilogb(amax) - std::ilogb(LargestFinite(element)) - 2;
  while (Saturates(element, std::ldexp(amax, -exponent))) ++exponent;
  return exponent;
}

// As ScaleRule says; amax > 0, finite. Exponents are read off the bits: log2 of a value just below
// a power of two rounds up to it.
int ExponentByRule(ScaleRule rule, const ElementType& element, float amax) {
  const int exponent = std::ilogb(amax);
  const int top = std::ilogb(LargestFinite(element));
  switch (rule) {
    case ScaleRule::kCover:
      return CoveringExponent(element, amax);
    case ScaleRule::kFloor:
      return exponent - top;
    case ScaleRule::kCeil:
      return exponent - top + (IsPowerOfTwo(amax) ? 0 : 1);
    case ScaleRule::kEven: {
      // Half a unit of the last digit is added, as to the bits of a float32.
      const double significand = std::ldexp(double{amax}, -exponent);
      const double half_unit = std::ldexp(1.0, -MantissaBits(element) - 1);
      return exponent - top + (significand + half_unit >= 2 ? 1 : 0);
    }
    case ScaleRule::kRceil: {
      const float quotient = amax * (1 / static_cast<float>(LargestFinite(element)));
      if (quotient == 0) return std::numeric_limits<int>::min();
      return std::ilogb(quotient) + (IsPowerOfTwo(quotient) ? 0 : 1);
    }
  }
  BITSCAPE_CHECK(false, "every ScaleRule has a case");
}

float PowerOfTwoScale(const ScaleLevel& level, const ElementType& element, float amax) {
  // Below 2^-149 float32 has no power of two.
  const int lowest = std::max(level.min_exponent, -149);
  if (amax == 0) return level.rule == ScaleRule::kCover ? 1 : std::ldexp(1.0F, lowest);
  int exponent = std::clamp(ExponentByRule(level.rule, element, amax), lowest, level.max_exponent);
  while (std::ldexp(LargestMagnitudeOf(element), exponent) > FLT_MAX) --exponent;
  return std::ldexp(1.0F, exponent);
}

float E4m3BlockScale(const ElementType& element, float amax, float tensor_scale) {
  const float scale = amax / static_cast<float>(LargestFinite(element)) / tensor_scale;
  const float stored =
      DecodeFloat(kE4m3Scale, EncodeFloat(kE4m3Scale, scale, Rounding::kNearestEven, 0));
  return std::max(stored, static_cast<float>(SmallestPositive(kE4m3Scale)));
}

}  // namespace

int MantissaBits(const ElementType& element) {
  struct Visitor {
    int operator()(const Minifloat& type) const { return type.mantissa_bits; }
    int operator()(const Integer& type) const { return type.bits - (type.is_signed ? 2 : 1); }
    int operator()(const Log&) const { return 0; }
    int operator()(const LevelSet&) const { return 0; }
  };
  return std::visit(Visitor{}, element);
}

bool ScaleHasNan(const NumberFormat& format) {
  return format.scale.has_value() &&
         (format.scale->has_nan || format.scale->encoding == ScaleEncoding::kE4m3);
}

float StoredFloat32Scale(double scale, double largest_code) {
  float limit = static_cast<float>(std::min(FLT_MAX / largest_code, double{FLT_MAX}));
  while (!std::isfinite(limit * static_cast<float>(largest_code))) {
    limit = std::nextafter(limit, 0.0F);
  }
  return static_cast<float>(std::clamp(scale, double{FLT_MIN}, double{limit}));
}

float ScaleForMagnitude(const NumberFormat& format, float amax, float tensor_scale) {
  if (!format.scale.has_value()) return 1;
  const ScaleLevel& level = *format.scale;
  if (!std::isfinite(amax)) {
    if (ScaleHasNan(format)) return std::numeric_limits<float>::quiet_NaN();
    amax = FLT_MAX;
  }
  switch (level.encoding) {
    case ScaleEncoding::kFloat32:
      // A float32 division, as peers compute it.
      if (amax == 0) return 1;
      return StoredFloat32Scale(amax / static_cast<float>(LargestFinite(format.element)),
                                LargestMagnitudeOf(format.element));
    case ScaleEncoding::kPowerOfTwo:
      return PowerOfTwoScale(level, format.element, amax);
    case ScaleEncoding::kFixed:
      return std::ldexp(1.0F, level.min_exponent);
    case ScaleEncoding::kE4m3:
      return E4m3BlockScale(format.element, amax, tensor_scale) * tensor_scale;
  }
  BITSCAPE_CHECK(false, "every ScaleEncoding has a case");
}

float TensorScaleForMagnitude(const NumberFormat& format, float amax) {
  if (!format.tensor_scale.has_value() || amax == 0) return 1;
  if (!std::isfinite(amax)) amax = FLT_MAX;
  const float largest = static_cast<float>(LargestFinite(format.element));
  const float largest_scale = static_cast<float>(LargestFinite(kE4m3Scale));
  const float steps = largest * largest_scale;
  float scale = StoredFloat32Scale(amax / steps, steps);
  // The largest value is rounded twice: scale times scale, then times the element.
  while (!std::isfinite(scale * largest_scale * largest)) scale = std::nextafter(scale, 0.0F);
  return scale;
}

}  // namespace bitscape::formats
