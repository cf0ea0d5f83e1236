#include "engine/formats/round_integer.h"

#include "engine/core/status.h"

namespace bitscape::formats {
namespace {

template <Unscale kUnscale, typename Scales>
BITSCAPE_INLINE void Loop(IntegerLoopSteps steps, Scales scales, const float* values,
                          float* rounded, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    rounded[i] =
        RoundInteger(steps, Unscaled<kUnscale>(values[i], scales.Factor(i))) * scales.Scale(i);
  }
}

template <Unscale kUnscale, typename Code>
BITSCAPE_INLINE void EncodeLoop(IntegerLoopSteps steps, float factor, int32_t zero_point,
                                const float* values, Code* codes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float integer = RoundInteger(steps, Unscaled<kUnscale>(values[i], factor));
    codes[i] = static_cast<Code>(static_cast<int32_t>(integer) + zero_point);
  }
}

// A clone can't be a template.
#define BITSCAPE_INTEGER_LOOP(name, unscale, scales)                                   \
  BITSCAPE_VECTOR_CLONES                                                               \
  void name(IntegerLoopSteps steps, scales given, const float* values, float* rounded, \
            size_t count) {                                                            \
    Loop<Unscale::unscale, scales>(steps, given, values, rounded, count);              \
  }
BITSCAPE_INTEGER_LOOP(Multiply, kMultiply, ScaleOfAll)
BITSCAPE_INTEGER_LOOP(Divide, kDivide, ScaleOfAll)
BITSCAPE_INTEGER_LOOP(MultiplyEach, kMultiply, ScaleOfEach)
BITSCAPE_INTEGER_LOOP(DivideEach, kDivide, ScaleOfEach)
#undef BITSCAPE_INTEGER_LOOP

#define BITSCAPE_ENCODE_LOOP(name, unscale, Code)                                          \
  BITSCAPE_VECTOR_CLONES                                                                   \
  void name(IntegerLoopSteps steps, float factor, int32_t zero_point, const float* values, \
            Code* codes, size_t count) {                                                   \
    EncodeLoop<Unscale::unscale, Code>(steps, factor, zero_point, values, codes, count);   \
  }
BITSCAPE_ENCODE_LOOP(EncodeInt8Multiply, kMultiply, int8_t)
BITSCAPE_ENCODE_LOOP(EncodeInt8Divide, kDivide, int8_t)
BITSCAPE_ENCODE_LOOP(EncodeUint8Multiply, kMultiply, uint8_t)
BITSCAPE_ENCODE_LOOP(EncodeUint8Divide, kDivide, uint8_t)
#undef BITSCAPE_ENCODE_LOOP

}  // namespace

IntegerLoopSteps StepsOf(const Integer& type, int32_t zero_point) {
  const ElementType element = type;
  return {static_cast<float>(SmallestFinite(element) - zero_point),
          static_cast<float>(LargestFinite(element) - zero_point)};
}

void RoundIntegers(IntegerLoopSteps steps, ScaleSteps scale, const float* values, float* rounded,
                   size_t count) {
  const auto loop = scale.unscale == Unscale::kDivide ? Divide : Multiply;
  loop(steps, {scale}, values, rounded, count);
}

void RoundIntegers(IntegerLoopSteps steps, ScaleOfEach scale, bool divide, const float* values,
                   float* rounded, size_t count) {
  const auto loop = divide ? DivideEach : MultiplyEach;
  loop(steps, scale, values, rounded, count);
}

void EncodeInt8(const Integer& element, const Scaling& scaling, std::span<const float> values,
                std::span<int8_t> codes) {
  BITSCAPE_CHECK(values.size() == codes.size(), "one code for each value");
  BITSCAPE_CHECK(element.is_signed && element.bits <= 8, "the codes fit int8");
  const ScaleSteps scale = StepsOf(scaling);
  const auto encode = scale.unscale == Unscale::kDivide ? EncodeInt8Divide : EncodeInt8Multiply;
  encode(StepsOf(element, scaling.zero_point), scale.factor, scaling.zero_point, values.data(),
         codes.data(), values.size());
}

void EncodeUint8(const Integer& element, const Scaling& scaling, std::span<const float> values,
                 std::span<uint8_t> codes) {
  BITSCAPE_CHECK(values.size() == codes.size(), "one code for each value");
  BITSCAPE_CHECK(!element.is_signed && element.bits <= 8, "the codes fit uint8");
  const ScaleSteps scale = StepsOf(scaling);
  const auto encode = scale.unscale == Unscale::kDivide ? EncodeUint8Divide : EncodeUint8Multiply;
  encode(StepsOf(element, scaling.zero_point), scale.factor, scaling.zero_point, values.data(),
         codes.data(), values.size());
}

}  // namespace bitscape::formats
