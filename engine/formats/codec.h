// Encode and Decode are the specification of a format: exact scalar code. Round is the fast path,
// equal to Decode(Encode(x)) bit for bit (tests/engine/formats/codec_test.cc).
#pragma once

#include <cstdint>
#include <span>

#include "engine/formats/number_format.h"
#include "engine/formats/quantizer.h"

namespace bitscape::formats {

// The code of `value` at scale 1. Non-finite inputs have defined results (README.md): NaN gives the
// format's NaN, or the code of 0 where it has none; infinities give the format's infinity, or
// saturate where it has none. `overflow` applies to finite values beyond the range.
// Stochastic rounding takes `random`, uniform 64 bits; the other roundings ignore it.
uint32_t Encode(const ElementType& element, float value, Rounding rounding = Rounding::kNearestEven,
                Overflow overflow = Overflow::kSaturate, uint64_t random = 0);

// The value of a code at scale 1; bits above the code's width are ignored.
float Decode(const ElementType& element, uint32_t code);

// One scale group: y = (code - zero_point) * scale in float32.
struct Scaling {
  float scale = 1;         // positive, finite
  int32_t zero_point = 0;  // an integer code; floats have none
  bool operator==(const Scaling&) const = default;
};

// Which random numbers stochastic rounding draws: element i takes RandomBits(seed, stream, first +
// i).
struct RandomKey {
  uint64_t seed = 1;
  uint64_t stream = 0;  // the tensor
  uint64_t first = 0;   // index of values[0] in the tensor
};

// One element in float32: v = x / scale (a division); the element type rounds v once; y = result *
// scale. Integers: code = overflow(round(v) + zero_point), y = (code - zero_point) * scale: the
// zero point is added after rounding, as ONNX QuantizeLinear does. In place is allowed
// (values.data() == rounded.data()). Shape: values.size() == rounded.size(). Thread-safe.
void Round(const ElementType& element, Rounding rounding, Overflow overflow, Scaling scaling,
           std::span<const float> values, std::span<float> rounded, RandomKey key = {});

// The same computed one element at a time by Encode and Decode: the oracle of tests.
void RoundReference(const ElementType& element, Rounding rounding, Overflow overflow,
                    Scaling scaling, std::span<const float> values, std::span<float> rounded,
                    RandomKey key = {});

// Integer codes of `values` as int8 (signed of up to 8 bits, fixed and dfx included) or uint8
// (unsigned of up to 8 bits): what integer products take. codes[i] = saturate(nearest_even(x[i] /
// scale) + zero_point); NaN gives the zero point. Shape: values.size() == codes.size().
// Thread-safe.
void EncodeInt8(const Integer& element, Scaling scaling, std::span<const float> values,
                std::span<int8_t> codes);
void EncodeUint8(const Integer& element, Scaling scaling, std::span<const float> values,
                 std::span<uint8_t> codes);

}  // namespace bitscape::formats
