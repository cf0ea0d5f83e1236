// How each element type rounds one value: the parts that codec.cc puts together.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/formats/codec.h"
#include "engine/formats/number_format.h"
#include "engine/formats/quantizer.h"

namespace bitscape::formats {

// Uniform in [0, 1), 53 bits.
inline double UnitDraw(uint64_t random) {
  return std::ldexp(static_cast<double>(random >> 11), -53);
}

// Rounds a magnitude, exact in double, to an integer. `negative` is the sign that it belongs to,
// which floor needs.
double RoundMagnitude(double magnitude, bool negative, Rounding rounding, uint64_t random);

// Whether lower < magnitude < upper becomes `upper`, where nothing lies between: by value, ties of
// nearest to `upper` where it is even.
bool RoundsUpInGap(double lower, double upper, double magnitude, bool upper_is_even, bool negative,
                   Rounding rounding, uint64_t random);

uint32_t EncodeFloat(const Minifloat& type, float value, Rounding rounding, uint64_t random);
float DecodeFloat(const Minifloat& type, uint32_t code);
// The rounded magnitude of finite |v| = `value` > 0 as a code that may lie beyond the largest: a
// whole number.
double FloatSteps(const Minifloat& type, double value, bool negative, Rounding rounding,
                  uint64_t random);

// The code as a number: overflow(round(value) + zero_point).
int64_t EncodeInteger(const Integer& type, float value, Rounding rounding, Overflow overflow,
                      uint64_t random, int64_t zero_point);
float DecodeInteger(const Integer& type, uint32_t code);

uint32_t EncodeLog(const Log& type, float value, Rounding rounding, uint64_t random);
float DecodeLog(const Log& type, uint32_t code);
// The exponent code c that the magnitude (> 0, finite) is nearest to in the log domain, as if there
// were codes beyond 0 and C, too.
int NearestLogCode(const Log& type, double magnitude);
// C: exponent codes are 0..C.
inline int LargestLogCode(const Log& type) {
  return (1 << (type.bits - (type.is_signed ? 1 : 0))) - 1;
}
// The value of an exponent code in float32: odd powers of sqrt 2 are rounded to it, and levels
// below its smallest value are 0.
float LogLevel(const Log& type, int code);

// Whether nearest rounding would go beyond the largest value if codes went on; magnitude >= 0, at
// scale 1. False for level sets.
bool Saturates(const ElementType& element, double magnitude);

// The type of NVFP4's block scales, which are positive.
inline constexpr Minifloat kE4m3Scale{
    .exponent_bits = 4, .mantissa_bits = 3, .bias = 7, .specials = SpecialValues::kFn};
// Digits after the first of a magnitude: what ScaleRule::kEven rounds to.
int MantissaBits(const ElementType& element);

}  // namespace bitscape::formats
