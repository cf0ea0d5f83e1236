// Floats of every kind.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/core/status.h"
#include "engine/formats/element_rounding.h"
#include "engine/formats/minifloat.h"

namespace bitscape::formats {
namespace {

uint32_t EncodeNotANumber(const Minifloat& type) {
  switch (type.specials) {
    case SpecialValues::kFinite:
      return 0;
    case SpecialValues::kIeee:  // quiet: the first mantissa bit set
      return ((uint32_t{1} << (type.exponent_bits + 1)) - 1) << (type.mantissa_bits - 1);
    case SpecialValues::kFn:
      return SignBit(type) - 1;
    case SpecialValues::kFnuz:
      return SignBit(type);
  }
  BITSCAPE_CHECK(false, "every SpecialValues has a case");
}

// The code of a normal, and of a subnormal whose step goes on from the normals': a carry to the
// next power of two runs on into the exponent.
double StepsFrom(const Minifloat& type, int exponent, double value, bool negative,
                 Rounding rounding, uint64_t random) {
  const double units = std::ldexp(value, type.mantissa_bits - exponent);
  const double rounded = RoundMagnitude(units, negative, rounding, random);
  return std::ldexp(exponent - MinExponent(type), type.mantissa_bits) + rounded;
}

// kHalved: subnormals have half the step, and no value lies between the largest of them and the
// normals.
double HalvedSteps(const Minifloat& type, double value, bool negative, Rounding rounding,
                   uint64_t random) {
  const uint32_t hidden = uint32_t{1} << type.mantissa_bits;
  const double largest = MagnitudeValue(type, hidden - 1);
  if (value <= largest) {
    const double units = std::ldexp(value, type.mantissa_bits + type.bias);
    return RoundMagnitude(units, negative, rounding, random);
  }
  const bool up = RoundsUpInGap(largest, MagnitudeValue(type, hidden), value, hidden % 2 == 0,
                                negative, rounding, random);
  return up ? hidden : hidden - 1;
}

}  // namespace

double FloatSteps(const Minifloat& type, double value, bool negative, Rounding rounding,
                  uint64_t random) {
  const int exponent = std::ilogb(value);
  const int lowest = MinExponent(type);
  switch (type.underflow) {
    case Underflow::kGradual:
      return StepsFrom(type, std::max(exponent, lowest), value, negative, rounding, random);
    case Underflow::kFlush: {
      // Rounded as with subnormals, which then become 0.
      const double steps =
          StepsFrom(type, std::max(exponent, lowest), value, negative, rounding, random);
      return steps < std::ldexp(1.0, type.mantissa_bits) ? 0 : steps;
    }
    case Underflow::kAdaptiv: {
      // Algorithm 1: half the smallest value goes up, so `upper` counts as even.
      const double smallest = MagnitudeValue(type, 1);
      if (value < smallest) {
        return RoundsUpInGap(0, smallest, value, true, negative, rounding, random) ? 1 : 0;
      }
      return StepsFrom(type, exponent, value, negative, rounding, random);
    }
    case Underflow::kHalved:
      return exponent < lowest ? HalvedSteps(type, value, negative, rounding, random)
                               : StepsFrom(type, exponent, value, negative, rounding, random);
  }
  BITSCAPE_CHECK(false, "every Underflow has a case");
}

uint32_t EncodeFloat(const Minifloat& type, float value, Rounding rounding, uint64_t random) {
  if (IsFloat32Element(type)) return std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return EncodeNotANumber(type);
  const bool negative = std::signbit(value);
  const uint32_t largest = LargestFiniteMagnitude(type);
  uint32_t magnitude = 0;
  if (std::isinf(value)) {
    magnitude = type.specials == SpecialValues::kIeee ? largest + 1 : largest;
  } else if (value != 0) {
    const double steps =
        FloatSteps(type, std::fabs(static_cast<double>(value)), negative, rounding, random);
    magnitude = steps > largest ? largest : static_cast<uint32_t>(steps);
  }
  if (magnitude == 0 && type.specials == SpecialValues::kFnuz) return 0;
  return negative ? magnitude | SignBit(type) : magnitude;
}

float DecodeFloat(const Minifloat& type, uint32_t code) {
  if (IsFloat32Element(type)) return std::bit_cast<float>(code);
  const uint32_t sign = code & SignBit(type);
  const uint32_t magnitude = code & (SignBit(type) - 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  if (type.specials == SpecialValues::kFnuz && sign != 0 && magnitude == 0) return nan;
  const uint32_t largest = LargestFiniteMagnitude(type);
  float value = 0;
  if (magnitude <= largest) {
    value = static_cast<float>(MagnitudeValue(type, magnitude));
  } else if (type.specials == SpecialValues::kFn && magnitude == SignBit(type) - 1) {
    return nan;
  } else if (type.specials == SpecialValues::kIeee && magnitude != largest + 1) {
    return nan;
  } else {
    value = std::numeric_limits<float>::infinity();
  }
  // A flushed code of fnuz is +0, the only zero there is.
  const bool negative = sign != 0 && !(value == 0 && type.specials == SpecialValues::kFnuz);
  return negative ? -value : value;
}

}  // namespace bitscape::formats
