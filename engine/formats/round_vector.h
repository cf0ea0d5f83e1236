// What the vectorised loops of rounding share. Internal to engine/formats.
//
// A loop is plain C++ without branches that the compiler vectorises; clones of it are compiled for
// AVX-512, AVX2 and plain x86-64, and the loader takes the widest that the processor has.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/core/vector_clones.h"
#include "engine/formats/codec.h"

namespace bitscape::formats {

inline constexpr uint32_t kSignBit = 0x80000000;
inline constexpr uint32_t kInfinityBits = 0x7f800000;
inline constexpr uint32_t kQuietNanBits = 0x7fc00000;

// What a rounding is asked to do; the parameters of Round.
struct RoundRequest {
  Rounding rounding = Rounding::kNearestEven;
  Overflow overflow = Overflow::kSaturate;
  Scaling scaling;
  RandomKey key;
};

// How a scale is taken out. Multiplying by the inverse of a power of two is the same division.
enum class Unscale { kNone, kMultiply, kDivide };

struct ScaleSteps {
  Unscale unscale;
  float factor;  // kDivide: the scale; kMultiply: its inverse
  float scale;
};

// A power of two whose inverse is a normal float32, too.
BITSCAPE_INLINE bool HasExactInverse(float scale) {
  const uint32_t bits = std::bit_cast<uint32_t>(scale);
  const uint32_t exponent = bits >> 23;
  return (bits & 0x007fffff) == 0 && exponent >= 1 && exponent <= 253;
}

inline ScaleSteps StepsOf(const Scaling& scaling) {
  const float scale = scaling.scale;
  if (scale == 1) return {Unscale::kNone, 1, 1};
  if (scaling.reciprocal || HasExactInverse(scale)) return {Unscale::kMultiply, 1 / scale, scale};
  return {Unscale::kDivide, scale, scale};
}

template <Unscale kUnscale>
BITSCAPE_INLINE float Unscaled(float value, float factor) {
  if constexpr (kUnscale == Unscale::kNone) return value;
  if constexpr (kUnscale == Unscale::kMultiply) return value * factor;
  return value / factor;
}

// Random numbers in a vector loop: element i takes
// RandomBits(seed, stream, first + i) of engine/core/random.h, of which all but the last mixing is
// the same for every element.
struct DrawSteps {
  uint64_t stream_bits, first;
};
inline constexpr uint64_t kGoldenGamma = 0x9e3779b97f4a7c15u;
BITSCAPE_INLINE uint64_t Mix(uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}
inline DrawSteps StepsOf(const RandomKey& key) {
  return {Mix((Mix(key.seed + kGoldenGamma) ^ key.stream) + kGoldenGamma), key.first};
}
// Uniform in [0, 1), 53 bits: UnitDraw of element_rounding.h. The conversion goes by halves, since
// most vector units have none for 64-bit integers.
BITSCAPE_INLINE double Draw(const DrawSteps& steps, uint64_t i) {
  constexpr uint64_t kExponentOf52 = 0x4330000000000000u;  // 2^52 + n holds n in its low bits
  const uint64_t bits = Mix((steps.stream_bits ^ (steps.first + i)) + kGoldenGamma);
  const double high = std::bit_cast<double>((bits >> 32) | kExponentOf52) - 0x1p52;
  const double low = std::bit_cast<double>(((bits >> 11) & 0x1fffffu) | kExponentOf52) - 0x1p52;
  return high * 0x1p-32 + low * 0x1p-53;
}

// Every rounding as one comparison: between neighbours lower <= v < upper the result is `upper`
// where threshold * (upper - lower) < v - lower.
struct UpSteps {
  double positive, negative;  // the threshold by the sign of the value
  double odd;                 // what an odd lower neighbour takes off it
};
// Just under a half: no fraction of a float32's 24 bits lies between.
inline constexpr double kUnderHalf = 0.5 - 0x1p-40;
inline UpSteps UpStepsOf(Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearestEven:
      return {0.5, 0.5, 0.5 - kUnderHalf};
    case Rounding::kNearestAway:
      return {kUnderHalf, kUnderHalf, 0};
    case Rounding::kFloor:
      return {1, 0, 0};
    case Rounding::kTowardZero:
    case Rounding::kStochastic:  // takes its draws instead
      return {1, 1, 0};
  }
  return {1, 1, 0};
}

// The scales of the elements of a loop: one for all, or one for each (blocks).
struct ScaleOfAll {
  ScaleSteps steps;
  BITSCAPE_INLINE float Factor(size_t) const { return steps.factor; }
  BITSCAPE_INLINE float Scale(size_t) const { return steps.scale; }
};
struct ScaleOfEach {
  const float* factors;
  const float* scales;
  BITSCAPE_INLINE float Factor(size_t i) const { return factors[i]; }
  BITSCAPE_INLINE float Scale(size_t i) const { return scales[i]; }
};

}  // namespace bitscape::formats
