// Encode and Decode are the specification of a format: exact scalar code. Round is the fast path, equal
// to Decode(Encode(x)) bit for bit (tests/engine/formats/codec_test.cc).
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
  float scale = 1;
  int32_t zero_point = 0;
};

// y[i] = (Decode(Encode(x[i] / scale + zero_point)) - zero_point) * scale, all in float32: division, one
// rounding to the element, one product (ONNX QuantizeLinear's order; floats have no zero point).
// In place is allowed (values.data() == rounded.data()). Thread-safe.
void Round(const ElementType& element, Rounding rounding, Overflow overflow, Scaling scaling,
           std::span<const float> values, std::span<float> rounded);

// The same computed one element at a time by Encode and Decode: the oracle of tests.
void RoundReference(const ElementType& element, Rounding rounding, Overflow overflow, Scaling scaling,
                    std::span<const float> values, std::span<float> rounded);

// Integer codes of `values` as int8 (symmetric or full int1..int8, fixed and dfx up to 8 bits) or uint8
// (unsigned up to 8 bits): what integer products take. codes[i] = Encode(x[i]/scale + zero_point).
void EncodeInt8(const Integer& element, Scaling scaling, std::span<const float> values, std::span<int8_t> codes);
void EncodeUint8(const Integer& element, Scaling scaling, std::span<const float> values, std::span<uint8_t> codes);

}  // namespace bitscape::formats
