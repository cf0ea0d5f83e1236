// Nearest rounding to saturating integers of up to 16 bits in float32 arithmetic. Internal to
// engine/formats.
#pragma once

#include "engine/formats/number_format.h"
#include "engine/formats/round_vector.h"

namespace bitscape::formats {

// Bounds of code - zero_point, which the quotient is clamped to before it is rounded: the bounds
// are integers, so the order makes no difference.
struct IntegerLoopSteps {
  float smallest, largest;
};
IntegerLoopSteps StepsOf(const Integer& type, int32_t zero_point);

// Wider codes are not exact in float32.
inline bool FitsIntegerLoop(const Integer& type) { return type.bits <= 16; }

BITSCAPE_INLINE float RoundInteger(IntegerLoopSteps steps, float value) {
  // Adding and subtracting 1.5 * 2^23 rounds |v| < 2^22 to an integer, ties to even, and -0 to +0.
  constexpr float kToInteger = 12582912.0F;
  value = value == value ? value : 0.0F;
  value = value < steps.smallest ? steps.smallest : value;
  value = value > steps.largest ? steps.largest : value;
  return (value + kToInteger) - kToInteger;
}

// Nearest even, saturating. In place is allowed.
void RoundIntegers(IntegerLoopSteps steps, ScaleSteps scale, const float* values, float* rounded,
                   size_t count);
// The same with a scale for each element, and its inverse (or the scale where `divide`).
void RoundIntegers(IntegerLoopSteps steps, ScaleOfEach scale, bool divide, const float* values,
                   float* rounded, size_t count);

}  // namespace bitscape::formats
