#include "engine/formats/round_float.h"

#include "engine/formats/minifloat.h"

namespace bitscape::formats {
namespace {

template <BelowNormals kBelow, Unscale kUnscale, typename Scales>
BITSCAPE_INLINE void Loop(const FloatLoopSteps& given, Scales scales, const float* values,
                          float* rounded, size_t count) {
  const FloatLoopSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    const float result = RoundFloat<kBelow>(steps, Unscaled<kUnscale>(values[i], scales.Factor(i)));
    rounded[i] = kUnscale == Unscale::kNone ? result : result * scales.Scale(i);
  }
}

using LoopOfAll = void (*)(const FloatLoopSteps&, ScaleOfAll, const float*, float*, size_t);
using LoopOfEach = void (*)(const FloatLoopSteps&, ScaleOfEach, const float*, float*, size_t);

// A clone can't be a template.
#define BITSCAPE_FLOAT_LOOP(name, below, unscale, scales)                                      \
  BITSCAPE_VECTOR_CLONES                                                                       \
  void name(const FloatLoopSteps& steps, scales given, const float* values, float* rounded,    \
            size_t count) {                                                                    \
    Loop<BelowNormals::below, Unscale::unscale, scales>(steps, given, values, rounded, count); \
  }
BITSCAPE_FLOAT_LOOP(GridPlain, kGrid, kNone, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(GridMultiply, kGrid, kMultiply, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(GridDivide, kGrid, kDivide, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(GridMultiplyEach, kGrid, kMultiply, ScaleOfEach)
BITSCAPE_FLOAT_LOOP(GridDivideEach, kGrid, kDivide, ScaleOfEach)
BITSCAPE_FLOAT_LOOP(AdaptivMultiply, kAdaptiv, kMultiply, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(AdaptivDivide, kAdaptiv, kDivide, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(AdaptivMultiplyEach, kAdaptiv, kMultiply, ScaleOfEach)
BITSCAPE_FLOAT_LOOP(AdaptivDivideEach, kAdaptiv, kDivide, ScaleOfEach)
BITSCAPE_FLOAT_LOOP(HalvedMultiply, kHalved, kMultiply, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(HalvedDivide, kHalved, kDivide, ScaleOfAll)
BITSCAPE_FLOAT_LOOP(HalvedMultiplyEach, kHalved, kMultiply, ScaleOfEach)
BITSCAPE_FLOAT_LOOP(HalvedDivideEach, kHalved, kDivide, ScaleOfEach)
#undef BITSCAPE_FLOAT_LOOP

// By BelowNormals: multiplying, dividing.
constexpr LoopOfAll kLoopsOfAll[3][2] = {
    {GridMultiply, GridDivide}, {AdaptivMultiply, AdaptivDivide}, {HalvedMultiply, HalvedDivide}};
constexpr LoopOfEach kLoopsOfEach[3][2] = {{GridMultiplyEach, GridDivideEach},
                                           {AdaptivMultiplyEach, AdaptivDivideEach},
                                           {HalvedMultiplyEach, HalvedDivideEach}};

uint32_t BitsOf(double value) { return std::bit_cast<uint32_t>(static_cast<float>(value)); }

}  // namespace

bool FitsFloatLoop(const Minifloat& type) {
  // Halved subnormals and adaptive normals go an exponent lower.
  const bool grid = BelowNormalsOf(type) == BelowNormals::kGrid;
  const int lowest = MinExponent(type) - (grid ? 0 : 2);
  // The middle of a gap has two bits more than a mantissa.
  if (!grid && type.mantissa_bits > 21) return false;
  return lowest >= -126 && MinExponent(type) - type.mantissa_bits + 23 <= 127;
}

FloatLoopSteps StepsOf(const Minifloat& type) {
  FloatLoopSteps steps{};
  steps.below = BelowNormalsOf(type);
  steps.shift = static_cast<uint32_t>(23 - type.mantissa_bits);
  const uint32_t half = steps.shift == 0 ? 0 : uint32_t{1} << (steps.shift - 1);
  steps.below_half = steps.shift == 0 ? 0 : half - 1;
  steps.odd = steps.shift == 0 ? 0 : 1;
  if (type.mantissa_bits == 0) {  // a lone hidden bit is odd: ties go to the next power of two
    steps.below_half = half;
    steps.odd = 0;
  }
  steps.keep = ~((uint32_t{1} << steps.shift) - 1);
  const uint32_t hidden = uint32_t{1} << type.mantissa_bits;
  steps.smallest_plain = BitsOf(std::ldexp(1.0, MinExponent(type)));
  steps.largest = BitsOf(LargestFinite(type));
  steps.flush_below = type.underflow == Underflow::kFlush ? steps.smallest_plain : 0;
  steps.infinity = type.specials == SpecialValues::kIeee ? kInfinityBits : steps.largest;
  steps.not_a_number = type.specials == SpecialValues::kFinite ? 0 : kQuietNanBits;
  steps.zero_signs = type.specials == SpecialValues::kFnuz ? 0 : kSignBit;
  int grid = MinExponent(type) - type.mantissa_bits;
  if (type.underflow == Underflow::kAdaptiv) {
    const double smallest = MagnitudeValue(type, 1);
    steps.smallest_plain = BitsOf(smallest);
    steps.gap_middle = BitsOf(smallest / 2);
  } else if (type.underflow == Underflow::kHalved) {
    grid -= 1;
    const double gap = MagnitudeValue(type, hidden - 1);
    steps.gap = BitsOf(gap);
    // Ties go to the even code, the smallest normal's.
    steps.gap_middle = BitsOf((gap + MagnitudeValue(type, hidden)) / 2);
  }
  steps.magic = std::ldexp(1.0F, grid + 23);
  return steps;
}

void RoundFloats(const FloatLoopSteps& steps, ScaleSteps scale, const float* values, float* rounded,
                 size_t count) {
  const bool divide = scale.unscale == Unscale::kDivide;
  LoopOfAll loop = kLoopsOfAll[static_cast<int>(steps.below)][divide ? 1 : 0];
  if (scale.unscale == Unscale::kNone && steps.below == BelowNormals::kGrid) loop = GridPlain;
  loop(steps, {scale}, values, rounded, count);
}

void RoundFloats(const FloatLoopSteps& steps, ScaleOfEach scale, bool divide, const float* values,
                 float* rounded, size_t count) {
  const LoopOfEach loop = kLoopsOfEach[static_cast<int>(steps.below)][divide ? 1 : 0];
  loop(steps, scale, values, rounded, count);
}

}  // namespace bitscape::formats
