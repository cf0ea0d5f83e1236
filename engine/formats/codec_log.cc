// Powers of a base.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/core/status.h"
#include "engine/formats/element_rounding.h"

namespace bitscape::formats {
namespace {

// log2 of the square of the base.
int SquareStep(LogBase base) {
  switch (base) {
    case LogBase::kTwo:
      return 2;
    case LogBase::kSqrtTwo:
      return 1;
    case LogBase::kFour:
      return 4;
  }
  BITSCAPE_CHECK(false, "every LogBase has a case");
}

// Code c stands for base^(c - offset).
int CodeOffset(const Log& type) { return LargestLogCode(type) + (type.below_full_scale ? 1 : 0); }

int FloorDivide(int dividend, int divisor) {
  const int quotient = dividend / divisor;
  return dividend % divisor < 0 ? quotient - 1 : quotient;
}

// By value: the neighbours of the magnitude, then the rounding's choice.
int CodeByValue(const Log& type, double magnitude, bool negative, Rounding rounding,
                uint64_t random) {
  const int largest = LargestLogCode(type);
  int code = std::clamp(NearestLogCode(type, magnitude), 0, largest);
  while (code > 0 && LogLevel(type, code) > magnitude) --code;
  while (code < largest && LogLevel(type, code + 1) <= magnitude) ++code;
  const double lower = LogLevel(type, code);
  if (code == largest || lower == magnitude) return code;
  const double upper = LogLevel(type, code + 1);
  if (RoundsUpInGap(lower, upper, magnitude, true, negative, rounding, random)) return code + 1;
  return lower == 0 ? 0 : code;
}

int MagnitudeCode(const Log& type, float value, Rounding rounding, uint64_t random) {
  if (std::isinf(value)) return LargestLogCode(type);
  const double magnitude = std::fabs(static_cast<double>(value));
  switch (rounding) {
    case Rounding::kNearestEven:
    case Rounding::kNearestAway:
      return std::clamp(NearestLogCode(type, magnitude), 0, LargestLogCode(type));
    case Rounding::kStochastic:
    case Rounding::kFloor:
    case Rounding::kTowardZero:
      return CodeByValue(type, magnitude, std::signbit(value), rounding, random);
  }
  BITSCAPE_CHECK(false, "every Rounding has a case");
}

}  // namespace

float LogLevel(const Log& type, int code) {
  if (code == 0) return 0;
  const int half_exponents = SquareStep(type.base) * (code - CodeOffset(type));
  const bool odd = half_exponents % 2 != 0;
  const int exponent = (half_exponents - (odd ? 1 : 0)) / 2;
  return static_cast<float>(std::ldexp(odd ? std::numbers::sqrt2 : 1.0, exponent));
}

// Neighbours base^(n - 1) and base^n meet at base^(n - 1/2). Compared are squares: that of a
// float32 is exact in double, and so is the square of the threshold of base 2 and 4. The square of
// base sqrt 2's is a power of two times sqrt 2, whose 53 bits no square of a float32 equals (it has
// 48), so the comparison is exact, too. Base 4 alone has ties, 2 * 4^n: up.
int NearestLogCode(const Log& type, double magnitude) {
  const double square = magnitude * magnitude;
  const int exponent = std::ilogb(square);
  const int step = SquareStep(type.base);
  const bool past_sqrt_two = std::ldexp(square, -exponent) >= std::numbers::sqrt2;
  const int power =
      step == 1 ? exponent + (past_sqrt_two ? 1 : 0) : FloorDivide(exponent + step / 2, step);
  return power + CodeOffset(type);
}

uint32_t EncodeLog(const Log& type, float value, Rounding rounding, uint64_t random) {
  if (std::isnan(value)) return 0;
  const bool negative = std::signbit(value);
  if (negative && !type.is_signed) return 0;
  const int code = value == 0 ? 0 : MagnitudeCode(type, value, rounding, random);
  const uint32_t sign = negative ? uint32_t{1} << (type.bits - 1) : 0;
  return sign | static_cast<uint32_t>(code);
}

float DecodeLog(const Log& type, uint32_t code) {
  const uint32_t magnitude = code & static_cast<uint32_t>(LargestLogCode(type));
  const float value = LogLevel(type, static_cast<int>(magnitude));
  const bool negative = type.is_signed && (code >> (type.bits - 1) & 1) != 0;
  return negative ? -value : value;
}

}  // namespace bitscape::formats
