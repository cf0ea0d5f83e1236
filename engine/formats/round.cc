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
  uint32_t half;        // half a unit of it
  uint32_t odd;         // 1 where the last kept bit decides ties, 0 where nothing is dropped
  uint32_t keep;        // mask of kept bits
  uint32_t smallest_normal;
  uint32_t largest;
  uint32_t flush_below;   // results below it become 0
  uint32_t infinity;      // the result of an infinity
  uint32_t not_a_number;  // the result of a NaN
  uint32_t zero_signs;    // kSign where the type has -0
  float subnormal_step;
  float subnormal_magic;  // adding and subtracting it rounds to the subnormal grid
};

// Types whose normals are float32 normals and whose magic number is finite; all but odd biases.
bool HasFastPath(const Minifloat& type) {
  const bool ordinary =
      type.underflow == Underflow::kGradual || type.underflow == Underflow::kFlush;
  return ordinary && MinExponent(type) >= -126 &&
         MinExponent(type) - type.mantissa_bits + 23 <= 127;
}

FloatSteps StepsOf(const Minifloat& type) {
  FloatSteps steps{};
  steps.shift = static_cast<uint32_t>(23 - type.mantissa_bits);
  steps.below_half = steps.shift == 0 ? 0 : (uint32_t{1} << (steps.shift - 1)) - 1;
  steps.half = steps.shift == 0 ? 0 : uint32_t{1} << (steps.shift - 1);
  steps.odd = steps.shift == 0 ? 0 : 1;
  if (type.mantissa_bits == 0) {  // a lone hidden bit is odd: ties go to the next power of two
    steps.below_half = steps.half;
    steps.odd = 0;
  }
  steps.keep = ~((uint32_t{1} << steps.shift) - 1);
  steps.smallest_normal = std::bit_cast<uint32_t>(std::ldexp(1.0F, MinExponent(type)));
  steps.largest = std::bit_cast<uint32_t>(static_cast<float>(LargestFinite(type)));
  steps.flush_below = type.underflow == Underflow::kFlush ? steps.smallest_normal : 0;
  steps.infinity = type.specials == SpecialValues::kIeee ? kInfinity : steps.largest;
  steps.not_a_number = type.specials == SpecialValues::kFinite ? 0 : kQuietNan;
  steps.zero_signs = type.specials == SpecialValues::kFnuz ? 0 : kSign;
  steps.subnormal_step = std::ldexp(1.0F, MinExponent(type) - type.mantissa_bits);
  steps.subnormal_magic = std::ldexp(1.0F, MinExponent(type) - type.mantissa_bits + 23);
  return steps;
}

// |normal| to the kept bits. A carry runs on into the exponent.
template <Rounding kRounding>
BITSCAPE_INLINE uint32_t RoundNormal(const FloatSteps& steps, uint32_t magnitude, bool negative) {
  uint32_t carry = 0;
  if constexpr (kRounding == Rounding::kNearestEven) {
    carry = steps.below_half + ((magnitude >> steps.shift) & steps.odd);
  } else if constexpr (kRounding == Rounding::kNearestAway) {
    carry = steps.half;
  } else if constexpr (kRounding == Rounding::kFloor) {
    carry = negative ? ~steps.keep : 0;
  }
  return (magnitude + carry) & steps.keep;
}

// |subnormal| to the subnormal grid: the nearest even multiple, moved by a step where the rounding
// differs.
template <Rounding kRounding>
BITSCAPE_INLINE float RoundSubnormal(const FloatSteps& steps, float value, bool negative) {
  const float nearest = (value + steps.subnormal_magic) - steps.subnormal_magic;
  if constexpr (kRounding == Rounding::kNearestEven) return nearest;
  if constexpr (kRounding == Rounding::kNearestAway) {
    return 2 * (value - nearest) == steps.subnormal_step ? nearest + steps.subnormal_step : nearest;
  }
  const float inner = nearest > value ? nearest - steps.subnormal_step : nearest;
  if constexpr (kRounding == Rounding::kTowardZero) return inner;
  return negative && inner < value ? inner + steps.subnormal_step : inner;
}

template <Rounding kRounding>
BITSCAPE_INLINE float RoundFloat(const FloatSteps& steps, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & ~kSign;
  const uint32_t sign = bits & kSign;
  const uint32_t normal = RoundNormal<kRounding>(steps, magnitude, sign != 0);
  const uint32_t subnormal = std::bit_cast<uint32_t>(
      RoundSubnormal<kRounding>(steps, std::bit_cast<float>(magnitude), sign != 0));
  uint32_t result = magnitude < steps.smallest_normal ? subnormal : normal;
  result = result < steps.largest ? result : steps.largest;
  result = result < steps.flush_below ? 0 : result;
  result = magnitude == kInfinity ? steps.infinity : result;
  result |= result == 0 ? sign & steps.zero_signs : sign;
  result = magnitude > kInfinity ? steps.not_a_number : result;
  return std::bit_cast<float>(result);
}

template <Unscale kUnscale, Rounding kRounding = Rounding::kNearestEven>
BITSCAPE_INLINE void RoundFloats(const FloatSteps& given, ScaleSteps scaling, const float* values,
                                 float* rounded, size_t count) {
  const FloatSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    const float result =
        RoundFloat<kRounding>(steps, Unscaled<kUnscale>(values[i], scaling.factor));
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

// The other roundings are rare: one variant each.
BITSCAPE_VECTOR_CLONES
void RoundFloatsAway(const FloatSteps& steps, ScaleSteps scaling, const float* values,
                     float* rounded, size_t count) {
  RoundFloats<Unscale::kDivide, Rounding::kNearestAway>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundFloatsFloor(const FloatSteps& steps, ScaleSteps scaling, const float* values,
                      float* rounded, size_t count) {
  RoundFloats<Unscale::kDivide, Rounding::kFloor>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundFloatsTowardZero(const FloatSteps& steps, ScaleSteps scaling, const float* values,
                           float* rounded, size_t count) {
  RoundFloats<Unscale::kDivide, Rounding::kTowardZero>(steps, scaling, values, rounded, count);
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

template <Rounding kRounding = Rounding::kNearestEven>
BITSCAPE_INLINE float RoundInteger(IntegerSteps steps, float value) {
  value = value == value ? value : 0.0F;
  value = value < steps.smallest ? steps.smallest : value;
  value = value > steps.largest ? steps.largest : value;
  // The nearest integer, moved by one where the rounding differs. No step gives -0.
  const float nearest = (value + kToInteger) - kToInteger;
  if constexpr (kRounding == Rounding::kNearestEven) return nearest;
  if constexpr (kRounding == Rounding::kFloor) return nearest > value ? nearest - 1 : nearest;
  const float up = nearest + 1, down = nearest - 1;
  if constexpr (kRounding == Rounding::kTowardZero) {
    const float inner = value < 0 && nearest < value ? up : nearest;
    return value > 0 && nearest > value ? down : inner;
  }
  const float outer = value > 0 && value - nearest == 0.5F ? up : nearest;
  return value < 0 && value - nearest == -0.5F ? down : outer;
}

template <Unscale kUnscale, Rounding kRounding = Rounding::kNearestEven>
BITSCAPE_INLINE void RoundIntegers(IntegerSteps steps, ScaleSteps scaling, const float* values,
                                   float* rounded, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    rounded[i] = RoundInteger<kRounding>(steps, Unscaled<kUnscale>(values[i], scaling.factor)) *
                 scaling.scale;
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

BITSCAPE_VECTOR_CLONES
void RoundIntegersAway(IntegerSteps steps, ScaleSteps scaling, const float* values, float* rounded,
                       size_t count) {
  RoundIntegers<Unscale::kDivide, Rounding::kNearestAway>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundIntegersFloor(IntegerSteps steps, ScaleSteps scaling, const float* values, float* rounded,
                        size_t count) {
  RoundIntegers<Unscale::kDivide, Rounding::kFloor>(steps, scaling, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void RoundIntegersTowardZero(IntegerSteps steps, ScaleSteps scaling, const float* values,
                             float* rounded, size_t count) {
  RoundIntegers<Unscale::kDivide, Rounding::kTowardZero>(steps, scaling, values, rounded, count);
}

template <Unscale kUnscale, typename Code>
BITSCAPE_INLINE void EncodeIntegers(IntegerSteps steps, ScaleSteps scaling, int32_t zero_point,
                                    const float* values, Code* codes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float integer = RoundInteger<>(steps, Unscaled<kUnscale>(values[i], scaling.factor));
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

using FloatLoop = void (*)(const FloatSteps&, ScaleSteps, const float*, float*, size_t);
using IntegerLoop = void (*)(IntegerSteps, ScaleSteps, const float*, float*, size_t);

ScaleSteps Dividing(float scale) { return {Unscale::kDivide, scale, scale}; }

// The loop for a rounding; null where there is none.
FloatLoop FloatLoopOf(Rounding rounding, Unscale unscale) {
  switch (rounding) {
    case Rounding::kNearestEven:
      if (unscale == Unscale::kNone) return RoundFloatsUnscaled;
      return unscale == Unscale::kMultiply ? RoundFloatsMultiply : RoundFloatsDivide;
    case Rounding::kNearestAway:
      return RoundFloatsAway;
    case Rounding::kFloor:
      return RoundFloatsFloor;
    case Rounding::kTowardZero:
      return RoundFloatsTowardZero;
    case Rounding::kStochastic:
      return nullptr;
  }
  BITSCAPE_CHECK(false, "every Rounding has a case");
}

IntegerLoop IntegerLoopOf(Rounding rounding, Unscale unscale) {
  switch (rounding) {
    case Rounding::kNearestEven:
      return unscale == Unscale::kDivide ? RoundIntegersDivide : RoundIntegersMultiply;
    case Rounding::kNearestAway:
      return RoundIntegersAway;
    case Rounding::kFloor:
      return RoundIntegersFloor;
    case Rounding::kTowardZero:
      return RoundIntegersTowardZero;
    case Rounding::kStochastic:
      return nullptr;
  }
  BITSCAPE_CHECK(false, "every Rounding has a case");
}

// Whether a vector loop did it.
struct RoundFast {
  Rounding rounding;
  Overflow overflow;
  const Scaling& scaling;
  std::span<const float> values;
  std::span<float> rounded;

  ScaleSteps Scale() const {
    if (scaling.reciprocal) return {Unscale::kMultiply, 1 / scaling.scale, scaling.scale};
    return rounding == Rounding::kNearestEven ? StepsOf(scaling.scale) : Dividing(scaling.scale);
  }

  bool operator()(const Minifloat& type) const {
    if (IsFloat32Element(type)) {
      if (scaling.scale != 1) return false;
      std::memmove(rounded.data(), values.data(), values.size_bytes());
      return true;
    }
    const ScaleSteps scale = Scale();
    if (scaling.reciprocal && rounding != Rounding::kNearestEven) return false;
    const FloatLoop loop = FloatLoopOf(rounding, scale.unscale);
    if (loop == nullptr || !HasFastPath(type)) return false;
    loop(StepsOf(type), scale, values.data(), rounded.data(), values.size());
    return true;
  }

  bool operator()(const Integer& type) const {
    const ScaleSteps scale = Scale();
    if (scaling.reciprocal && rounding != Rounding::kNearestEven) return false;
    const IntegerLoop loop = IntegerLoopOf(rounding, scale.unscale);
    // Wider codes are not exact in float32.
    if (loop == nullptr || overflow == Overflow::kWrap || type.bits > 16) return false;
    loop(StepsOf(type, scaling.zero_point), scale, values.data(), rounded.data(), values.size());
    return true;
  }

  bool operator()(const Log&) const { return false; }
  bool operator()(const LevelSet&) const { return false; }
};

}  // namespace

void Round(const ElementType& element, Rounding rounding, Overflow overflow, const Scaling& scaling,
           std::span<const float> values, std::span<float> rounded, RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  if (values.empty()) return;
  if (std::visit(RoundFast{rounding, overflow, scaling, values, rounded}, element)) return;
  RoundReference(element, rounding, overflow, scaling, values, rounded, key);
}

void EncodeInt8(const Integer& element, const Scaling& scaling, std::span<const float> values,
                std::span<int8_t> codes) {
  BITSCAPE_CHECK(values.size() == codes.size(), "one code for each value");
  BITSCAPE_CHECK(element.is_signed && element.bits <= 8, "the codes fit int8");
  const IntegerSteps steps = StepsOf(element, scaling.zero_point);
  const ScaleSteps scale = StepsOf(scaling.scale);
  const auto encode = scale.unscale == Unscale::kDivide ? EncodeInt8Divide : EncodeInt8Multiply;
  encode(steps, scale, scaling.zero_point, values.data(), codes.data(), values.size());
}

void EncodeUint8(const Integer& element, const Scaling& scaling, std::span<const float> values,
                 std::span<uint8_t> codes) {
  BITSCAPE_CHECK(values.size() == codes.size(), "one code for each value");
  BITSCAPE_CHECK(!element.is_signed && element.bits <= 8, "the codes fit uint8");
  const IntegerSteps steps = StepsOf(element, scaling.zero_point);
  const ScaleSteps scale = StepsOf(scaling.scale);
  const auto encode = scale.unscale == Unscale::kDivide ? EncodeUint8Divide : EncodeUint8Multiply;
  encode(steps, scale, scaling.zero_point, values.data(), codes.data(), values.size());
}

}  // namespace bitscape::formats
