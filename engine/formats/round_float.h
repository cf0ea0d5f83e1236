// Nearest rounding to a float type in float32 arithmetic. Internal to engine/formats.
#pragma once

#include "engine/formats/number_format.h"
#include "engine/formats/round_vector.h"

namespace bitscape::formats {

// What lies below the normals.
enum class BelowNormals { kGrid, kAdaptiv, kHalved };
inline BelowNormals BelowNormalsOf(const Minifloat& type) {
  if (type.underflow == Underflow::kAdaptiv) return BelowNormals::kAdaptiv;
  return type.underflow == Underflow::kHalved ? BelowNormals::kHalved : BelowNormals::kGrid;
}

// A float type as the numbers that the loop needs. Magnitudes are float32 bits without the sign.
struct FloatLoopSteps {
  BelowNormals below;
  uint32_t shift;           // float32 mantissa bits that the type lacks
  uint32_t below_half;      // just under half a unit of the last kept bit
  uint32_t odd;             // 1 where the last kept bit decides ties, else 0
  uint32_t keep;            // mask of kept bits
  uint32_t smallest_plain;  // from here on the grid is that of normals
  uint32_t largest;
  uint32_t flush_below;   // results below it become 0
  uint32_t infinity;      // the result of an infinity
  uint32_t not_a_number;  // the result of a NaN
  uint32_t zero_signs;    // kSignBit where the type has -0
  float magic;            // adding and subtracting it rounds to the subnormal grid
  // kAdaptiv: from `gap_middle` on, what is below smallest_plain becomes it, else 0. kHalved:
  // magnitudes from `gap` (the largest subnormal) become it or, from `gap_middle` on, the smallest
  // normal.
  uint32_t gap, gap_middle;
};

// Whether float32 arithmetic does: normals are float32 normals, the magic number is finite, no
// half step is below float32.
bool FitsFloatLoop(const Minifloat& type);
FloatLoopSteps StepsOf(const Minifloat& type);

template <BelowNormals kBelow>
BITSCAPE_INLINE float RoundFloat(const FloatLoopSteps& steps, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & ~kSignBit;
  const uint32_t sign = bits & kSignBit;
  // A carry runs on into the exponent.
  const uint32_t normal =
      (magnitude + steps.below_half + ((magnitude >> steps.shift) & steps.odd)) & steps.keep;
  uint32_t small = 0;
  if constexpr (kBelow == BelowNormals::kAdaptiv) {
    small = magnitude < steps.gap_middle ? 0 : steps.smallest_plain;
  } else {
    small = std::bit_cast<uint32_t>((std::bit_cast<float>(magnitude) + steps.magic) - steps.magic);
    if constexpr (kBelow == BelowNormals::kHalved) {
      const uint32_t across = magnitude < steps.gap_middle ? steps.gap : steps.smallest_plain;
      small = magnitude < steps.gap ? small : across;
    }
  }
  uint32_t result = magnitude < steps.smallest_plain ? small : normal;
  result = result < steps.largest ? result : steps.largest;
  if constexpr (kBelow == BelowNormals::kGrid) result = result < steps.flush_below ? 0 : result;
  result = magnitude == kInfinityBits ? steps.infinity : result;
  result |= result == 0 ? sign & steps.zero_signs : sign;
  result = magnitude > kInfinityBits ? steps.not_a_number : result;
  return std::bit_cast<float>(result);
}

// Nearest even. In place is allowed.
void RoundFloats(const FloatLoopSteps& steps, ScaleSteps scale, const float* values, float* rounded,
                 size_t count);
// The same with a scale for each element, and its inverse (or the scale where `divide`).
void RoundFloats(const FloatLoopSteps& steps, ScaleOfEach scale, bool divide, const float* values,
                 float* rounded, size_t count);

}  // namespace bitscape::formats
