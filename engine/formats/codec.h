// Encode and Decode are the specification of a format: exact scalar code. Round is the fast path,
// equal to Decode(Encode(x)) bit for bit (tests/engine/formats/codec_test.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/formats/number_format.h"
#include "engine/formats/quantizer.h"

namespace bitscape::formats {

// What a level set fitted to a group: a value x becomes levels[i] where i counts the boundaries
// that x passes: x > boundary, or x >= boundary where `ties_up[i]`. Boundaries are in units of x,
// levels in units of the group's scale: value = levels[i] * scale. NaN gives the level nearest to 0
// (the lower of two).
struct LevelTable {
  std::vector<float> levels;      // ascending, 2..256
  std::vector<float> boundaries;  // ascending, one fewer
  std::vector<uint8_t> ties_up;   // one for each boundary
  bool operator==(const LevelTable&) const = default;
};

// The code of `value` at scale 1. Level sets have no codes without a table: use EncodeLevel.
// Non-finite inputs have defined results (README.md): NaN gives the format's NaN, or the code of 0
// where it has none; infinities give the format's infinity, or saturate where it has none.
// `overflow` applies to finite values beyond the range. Stochastic rounding takes `random`, uniform
// 64 bits; the other roundings ignore it. Zeros keep their sign where the type has a sign bit
// (floats but fnuz, signed logs). Ties of logs, which base 4 alone has (2 * 4^n), go up.
uint32_t Encode(const ElementType& element, float value, Rounding rounding = Rounding::kNearestEven,
                Overflow overflow = Overflow::kSaturate, uint64_t random = 0);

// The value of a code at scale 1; bits above the code's width are ignored.
float Decode(const ElementType& element, uint32_t code);

// The index of the level that `value` gets. Rounding: nearest and away decide by the boundaries;
// floor, zero and stochastic are by value between the neighbouring levels times `scale`
// (BinaryConnect's P(+1) = clip((x + 1) / 2)).
uint32_t EncodeLevel(const LevelTable& table, float scale, float value,
                     Rounding rounding = Rounding::kNearestEven, uint64_t random = 0);

// What one group of values shares: y = (code - zero_point) * scale in float32.
struct Scaling {
  float scale = 1;  // positive, finite; NaN: the group holds a NaN or infinity and its format's
                    // scale can say so (MX, NVFP4): every value becomes NaN
  int32_t zero_point = 0;                         // an integer code; floats have none
  bool reciprocal = false;                        // Quantizer::reciprocal
  std::shared_ptr<const LevelTable> levels = {};  // level sets: what was fitted; else null
  bool operator==(const Scaling& other) const;    // compares what `levels` points to
};

// Which random numbers stochastic rounding draws: element i takes RandomBits(seed, stream, first +
// i).
struct RandomKey {
  uint64_t seed = 1;
  uint64_t stream = 0;  // the tensor
  uint64_t first = 0;   // index of values[0] in the tensor
};

// One element in float32: v = x / scale (a division, or a product with the inverse where
// `reciprocal`); the element type rounds v once; y = result * scale. Integers: code =
// overflow(round(v) + zero_point), y = (code - zero_point) * scale: the zero point is added after
// rounding, as ONNX QuantizeLinear does. Level sets: see LevelTable. In place is allowed
// (values.data() == rounded.data()). Shape: values.size() == rounded.size(). Thread-safe.
void Round(const ElementType& element, Rounding rounding, Overflow overflow, const Scaling& scaling,
           std::span<const float> values, std::span<float> rounded, RandomKey key = {});

// The same computed one element at a time by Encode and Decode: the oracle of tests.
void RoundReference(const ElementType& element, Rounding rounding, Overflow overflow,
                    const Scaling& scaling, std::span<const float> values, std::span<float> rounded,
                    RandomKey key = {});

// Blocks of `block` consecutive values (the last may be shorter), each with the scale that
// ScaleForMagnitude gives its largest magnitude (scale.h). `format` has a scale and no zero point
// or levels. `scales`: empty, or one for each block. One call for many blocks: the loops run across
// them.
struct BlockRounding {
  Rounding rounding = Rounding::kNearestEven;
  Overflow overflow = Overflow::kSaturate;
  bool reciprocal = false;
  int block = 32;
  float tensor_scale = 1;  // NVFP4
};
void RoundBlocks(const NumberFormat& format, const BlockRounding& options,
                 std::span<const float> values, std::span<float> rounded,
                 std::span<float> scales = {}, RandomKey key = {});
// The oracle: block by block, by ScaleForMagnitude and RoundReference.
void RoundBlocksReference(const NumberFormat& format, const BlockRounding& options,
                          std::span<const float> values, std::span<float> rounded,
                          std::span<float> scales = {}, RandomKey key = {});

// Integer codes of `values` as int8 (signed of up to 8 bits, fixed and dfx included) or uint8
// (unsigned of up to 8 bits): what integer products take. codes[i] = saturate(nearest_even(x[i] /
// scale) + zero_point); NaN gives the zero point. Shape: values.size() == codes.size().
// Thread-safe.
void EncodeInt8(const Integer& element, const Scaling& scaling, std::span<const float> values,
                std::span<int8_t> codes);
void EncodeUint8(const Integer& element, const Scaling& scaling, std::span<const float> values,
                 std::span<uint8_t> codes);

}  // namespace bitscape::formats
