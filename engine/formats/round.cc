// The fast path of rounding to nearest even: loops without branches that the compiler vectorises,
// cloned for the widest vectors of the processor. Everything else goes element by element.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "engine/core/status.h"
#include "engine/formats/codec.h"
#include "engine/formats/minifloat.h"

// The loader resolves clones before a sanitizer's runtime is up, so sanitized builds have none.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BITSCAPE_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BITSCAPE_VECTOR_CLONES
#endif
#define BITSCAPE_INLINE inline __attribute__((always_inline))

namespace bitscape::formats {
namespace {

constexpr uint32_t kSign = 0x80000000;
constexpr uint32_t kInfinity = 0x7f800000;
constexpr uint32_t kQuietNan = 0x7fc00000;
// Adding and subtracting 1.5 * 2^23 rounds |v| < 2^22 to an integer, ties to even, and -0 to +0.
constexpr float kToInteger = 12582912.0F;

// How a group's scale is taken out. Multiplying by the inverse of a power of two is the same
// division.
enum class Unscale { kNone, kMultiply, kDivide };

struct ScaleSteps {
  Unscale unscale;
  float factor;  // kDivide: the scale; kMultiply: its inverse
  float scale;
};

ScaleSteps StepsOf(float scale) {
  if (scale == 1) return {Unscale::kNone, 1, 1};
  int exponent = 0;
  const bool power_of_two = std::frexp(scale, &exponent) == 0.5F;
  if (power_of_two && exponent >= -124 && exponent <= 126) {
    return {Unscale::kMultiply, 1 / scale, scale};
  }
  return {Unscale::kDivide, scale, scale};
}

template <Unscale kUnscale>
BITSCAPE_INLINE float Unscaled(float value, float factor) {
  if constexpr (kUnscale == Unscale::kNone) return value;
  if constexpr (kUnscale == Unscale::kMultiply) return value * factor;
  return value / factor;
}

// A float type as the numbers that the loop needs. Magnitudes are float32 bits without the sign.
struct FloatSteps {
  uint32_t shift;       // float32 mantissa bits that the type lacks
  uint32_t below_half;  // just under half a unit of the last kept bit
  uint32_t odd;         // 1 where the last kept bit decides ties, 0 where nothing is dropped
  uint32_t keep;        // mask of kept bits
  uint32_t smallest_normal;
  uint32_t largest;
  uint32_t flush_below;   // results below it become 0
  uint32_t infinity;      // the result of an infinity
  uint32_t not_a_number;  // the result of a NaN
  uint32_t zero_signs;    // kSign where the type has -0
  float subnormal_magic;  // adding and subtracting it rounds to the subnormal grid
};

// Types whose normals are float32 normals and whose magic number is finite; all but odd biases.
bool HasFastPath(const Minifloat& type) {
  return MinExponent(type) >= -126 && MinExponent(type) - type.mantissa_bits + 23 <= 127;
}

FloatSteps StepsOf(const Minifloat& type) {
  FloatSteps steps{};
  steps.shift = static_cast<uint32_t>(23 - type.mantissa_bits);
  steps.below_half = steps.shift == 0 ? 0 : (uint32_t{1} << (steps.shift - 1)) - 1;
  steps.odd = steps.shift == 0 ? 0 : 1;
  if (type.mantissa_bits == 0) {  // a lone hidden bit is odd: ties go to the next power of two
    steps.below_half += 1;
    steps.odd = 0;
  }
  steps.keep = ~((uint32_t{1} << steps.shift) - 1);
  steps.smallest_normal = std::bit_cast<uint32_t>(std::ldexp(1.0F, MinExponent(type)));
  steps.largest = std::bit_cast<uint32_t>(static_cast<float>(LargestFinite(type)));
  steps.flush_below = type.subnormals ? 0 : steps.smallest_normal;
  steps.infinity = type.specials == SpecialValues::kIeee ? kInfinity : steps.largest;
  steps.not_a_number = type.specials == SpecialValues::kFinite ? 0 : kQuietNan;
  steps.zero_signs = type.specials == SpecialValues::kFnuz ? 0 : kSign;
  steps.subnormal_magic = std::ldexp(1.0F, MinExponent(type) - type.mantissa_bits + 23);
  return steps;
}

BITSCAPE_INLINE float RoundFloat(const FloatSteps& steps, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & ~kSign;
  const uint32_t sign = bits & kSign;
  const uint32_t normal =
      (magnitude + steps.below_half + ((magnitude >> steps.shift) & steps.odd)) & steps.keep;
  const uint32_t subnormal = std::bit_cast<uint32_t>(
      (std::bit_cast<float>(magnitude) + steps.subnormal_magic) - steps.subnormal_magic);
  uint32_t result = magnitude < steps.smallest_normal ? subnormal : normal;
  result = result < steps.largest ? result : steps.largest;
  result = result < steps.flush_below ? 0 : result;
  result = magnitude == kInfinity ? steps.infinity : result;
  result |= result == 0 ? sign & steps.zero_signs : sign;
  result = magnitude > kInfinity ? steps.not_a_number : result;
  return std::bit_cast<float>(result);
}

template <Unscale kUnscale>
BITSCAPE_INLINE void RoundFloats(const FloatSteps& given, ScaleSteps scaling, const float* values,
                                 float* rounded, size_t count) {
  const FloatSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    const float result = RoundFloat(steps, Unscaled<kUnscale>(values[i], scaling.factor));
    rounded[i] = kUnscale == Unscale::kNone ? result : result * scaling.scale;
  }
}

BITSCAPE_VECTOR_CLONES
void RoundFloatsUnscaled(const FloatSteps& steps, ScaleSteps scaling, const float* values,
                         float* rounded, size_t count) {
  RoundFloats<Unscale::kNone>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundFloatsMultiply(const FloatSteps& steps, ScaleSteps scaling, const float* values,
                         float* rounded, size_t count) {
  RoundFloats<Unscale::kMultiply>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundFloatsDivide(const FloatSteps& steps, ScaleSteps scaling, const float* values,
                       float* rounded, size_t count) {
  RoundFloats<Unscale::kDivide>(steps, scaling, values, rounded, count);
}

// Bounds of code - zero_point, which a saturating integer is clamped to before it is rounded: the
// bounds are integers, so the order makes no difference.
struct IntegerSteps {
  float smallest, largest;
};

IntegerSteps StepsOf(const Integer& type, int32_t zero_point) {
  const ElementType element = type;
  return {static_cast<float>(SmallestFinite(element) - zero_point),
          static_cast<float>(LargestFinite(element) - zero_point)};
}

BITSCAPE_INLINE float RoundInteger(IntegerSteps steps, float value) {
  value = value == value ? value : 0.0F;
  value = value < steps.smallest ? steps.smallest : value;
  value = value > steps.largest ? steps.largest : value;
  return (value + kToInteger) - kToInteger;
}

template <Unscale kUnscale>
BITSCAPE_INLINE void RoundIntegers(IntegerSteps steps, ScaleSteps scaling, const float* values,
                                   float* rounded, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    rounded[i] = RoundInteger(steps, Unscaled<kUnscale>(values[i], scaling.factor)) * scaling.scale;
  }
}

BITSCAPE_VECTOR_CLONES
void RoundIntegersMultiply(IntegerSteps steps, ScaleSteps scaling, const float* values,
                           float* rounded, size_t count) {
  RoundIntegers<Unscale::kMultiply>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundIntegersDivide(IntegerSteps steps, ScaleSteps scaling, const float* values,
                         float* rounded, size_t count) {
  RoundIntegers<Unscale::kDivide>(steps, scaling, values, rounded, count);
}

template <Unscale kUnscale, typename Code>
BITSCAPE_INLINE void EncodeIntegers(IntegerSteps steps, ScaleSteps scaling, int32_t zero_point,
                                    const float* values, Code* codes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float integer = RoundInteger(steps, Unscaled<kUnscale>(values[i], scaling.factor));
    codes[i] = static_cast<Code>(static_cast<int32_t>(integer) + zero_point);
  }
}

BITSCAPE_VECTOR_CLONES
void EncodeInt8Multiply(IntegerSteps steps, ScaleSteps scaling, int32_t zero_point,
                        const float* values, int8_t* codes, size_t count) {
  EncodeIntegers<Unscale::kMultiply>(steps, scaling, zero_point, values, codes, count);
}
BITSCAPE_VECTOR_CLONES
void EncodeInt8Divide(IntegerSteps steps, ScaleSteps scaling, int32_t zero_point,
                      const float* values, int8_t* codes, size_t count) {
  EncodeIntegers<Unscale::kDivide>(steps, scaling, zero_point, values, codes, count);
}
BITSCAPE_VECTOR_CLONES
void EncodeUint8Multiply(IntegerSteps steps, ScaleSteps scaling, int32_t zero_point,
                         const float* values, uint8_t* codes, size_t count) {
  EncodeIntegers<Unscale::kMultiply>(steps, scaling, zero_point, values, codes, count);
}
BITSCAPE_VECTOR_CLONES
void EncodeUint8Divide(IntegerSteps steps, ScaleSteps scaling, int32_t zero_point,
                       const float* values, uint8_t* codes, size_t count) {
  EncodeIntegers<Unscale::kDivide>(steps, scaling, zero_point, values, codes, count);
}

void RoundFloatType(const Minifloat& type, ScaleSteps scaling, std::span<const float> values,
                    std::span<float> rounded) {
  const FloatSteps steps = StepsOf(type);
  switch (scaling.unscale) {
    case Unscale::kNone:
      return RoundFloatsUnscaled(steps, scaling, values.data(), rounded.data(), values.size());
    case Unscale::kMultiply:
      return RoundFloatsMultiply(steps, scaling, values.data(), rounded.data(), values.size());
    case Unscale::kDivide:
      return RoundFloatsDivide(steps, scaling, values.data(), rounded.data(), values.size());
  }
}

void RoundIntegerType(const Integer& type, int32_t zero_point, ScaleSteps scaling,
                      std::span<const float> values, std::span<float> rounded) {
  const IntegerSteps steps = StepsOf(type, zero_point);
  if (scaling.unscale == Unscale::kDivide) {
    RoundIntegersDivide(steps, scaling, values.data(), rounded.data(), values.size());
  } else {
    RoundIntegersMultiply(steps, scaling, values.data(), rounded.data(), values.size());
  }
}

}  // namespace

void Round(const ElementType& element, Rounding rounding, Overflow overflow, Scaling scaling,
           std::span<const float> values, std::span<float> rounded, RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  if (values.empty()) return;
  if (rounding == Rounding::kNearestEven) {
    if (const Minifloat* type = std::get_if<Minifloat>(&element); type != nullptr) {
      if (IsFloat32Element(*type) && scaling.scale == 1) {
        std::memmove(rounded.data(), values.data(), values.size_bytes());
        return;
      }
      if (!IsFloat32Element(*type) && HasFastPath(*type)) {
        return RoundFloatType(*type, StepsOf(scaling.scale), values, rounded);
      }
    }
    const Integer* type = std::get_if<Integer>(&element);
    if (type != nullptr && overflow == Overflow::kSaturate && type->bits <= 16) {
      return RoundIntegerType(*type, scaling.zero_point, StepsOf(scaling.scale), values, rounded);
    }
  }
  RoundReference(element, rounding, overflow, scaling, values, rounded, key);
}

void EncodeInt8(const Integer& element, Scaling scaling, std::span<const float> values,
                std::span<int8_t> codes) {
  BITSCAPE_CHECK(values.size() == codes.size(), "one code for each value");
  BITSCAPE_CHECK(element.is_signed && element.bits <= 8, "the codes fit int8");
  const IntegerSteps steps = StepsOf(element, scaling.zero_point);
  const ScaleSteps scale = StepsOf(scaling.scale);
  const auto encode = scale.unscale == Unscale::kDivide ? EncodeInt8Divide : EncodeInt8Multiply;
  encode(steps, scale, scaling.zero_point, values.data(), codes.data(), values.size());
}

void EncodeUint8(const Integer& element, Scaling scaling, std::span<const float> values,
                 std::span<uint8_t> codes) {
  BITSCAPE_CHECK(values.size() == codes.size(), "one code for each value");
  BITSCAPE_CHECK(!element.is_signed && element.bits <= 8, "the codes fit uint8");
  const IntegerSteps steps = StepsOf(element, scaling.zero_point);
  const ScaleSteps scale = StepsOf(scaling.scale);
  const auto encode = scale.unscale == Unscale::kDivide ? EncodeUint8Divide : EncodeUint8Multiply;
  encode(steps, scale, scaling.zero_point, values.data(), codes.data(), values.size());
}

}  // namespace bitscape::formats
