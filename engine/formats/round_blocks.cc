// Blocks that share a scale: the scales of many blocks in one loop, then the elements of many
// blocks in one loop that reads a scale for each.
#include <algorithm>
#include <array>
#include <cstring>
#include <variant>

#include "engine/core/status.h"
#include "engine/formats/block_scales.h"
#include "engine/formats/codec.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/round_float.h"
#include "engine/formats/round_integer.h"
#include "engine/formats/round_log.h"
#include "engine/formats/round_wide.h"
#include "engine/formats/scale.h"

namespace bitscape::formats {
namespace {

constexpr size_t kChunk = 2048;  // elements that are rounded at once

// Sixteen columns of a block, which are reduced to one magnitude after the last row. A vector type
// of the compiler's, since its loops over the columns come out as single elements.
using Columns = uint32_t __attribute__((vector_size(64)));

// The largest magnitudes of `blocks` whole blocks, as float32 bits: what is `limit` or more doesn't
// count.
template <size_t kBlock>
BITSCAPE_INLINE void Magnitudes(const float* values, size_t given_block, size_t blocks,
                                uint32_t limit, uint32_t* magnitudes) {
  constexpr size_t kColumns = 16;
  const size_t block = kBlock == 0 ? given_block : kBlock;
  for (size_t b = 0; b < blocks; ++b) {
    const float* const own = values + b * block;
    Columns largest{};
    size_t i = 0;
    for (; i + kColumns <= block; i += kColumns) {
      Columns row;
      std::memcpy(&row, own + i, sizeof(row));
      row &= ~kSignBit;
      row = row < limit ? row : Columns{};
      largest = row > largest ? row : largest;
    }
    if (i < block) {
      Columns row{};
      std::memcpy(&row, own + i, (block - i) * sizeof(float));
      row &= ~kSignBit;
      row = row < limit ? row : Columns{};
      largest = row > largest ? row : largest;
    }
    Columns other = __builtin_shufflevector(largest, largest, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2,
                                            3, 4, 5, 6, 7);
    largest = other > largest ? other : largest;
    other = __builtin_shufflevector(largest, largest, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9,
                                    10, 11);
    largest = other > largest ? other : largest;
    other = __builtin_shufflevector(largest, largest, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15,
                                    12, 13);
    largest = other > largest ? other : largest;
    magnitudes[b] = largest[0] > largest[1] ? largest[0] : largest[1];
  }
}

template <size_t kBlock>
BITSCAPE_INLINE void Spread(const float* of_blocks, size_t given_block, size_t blocks,
                            float* of_each) {
  const size_t block = kBlock == 0 ? given_block : kBlock;
  for (size_t b = 0; b < blocks; ++b) {
    for (size_t i = 0; i < block; ++i) of_each[b * block + i] = of_blocks[b];
  }
}

BITSCAPE_VECTOR_CLONES
void MagnitudesOf16(const float* values, size_t blocks, uint32_t limit, uint32_t* magnitudes) {
  Magnitudes<16>(values, 16, blocks, limit, magnitudes);
}
BITSCAPE_VECTOR_CLONES
void MagnitudesOf32(const float* values, size_t blocks, uint32_t limit, uint32_t* magnitudes) {
  Magnitudes<32>(values, 32, blocks, limit, magnitudes);
}
BITSCAPE_VECTOR_CLONES
void MagnitudesOfAny(const float* values, size_t block, size_t blocks, uint32_t limit,
                     uint32_t* magnitudes) {
  Magnitudes<0>(values, block, blocks, limit, magnitudes);
}
BITSCAPE_VECTOR_CLONES
void Spread16(const float* of_blocks, size_t blocks, float* of_each) {
  Spread<16>(of_blocks, 16, blocks, of_each);
}
BITSCAPE_VECTOR_CLONES
void Spread32(const float* of_blocks, size_t blocks, float* of_each) {
  Spread<32>(of_blocks, 32, blocks, of_each);
}
BITSCAPE_VECTOR_CLONES
void SpreadAny(const float* of_blocks, size_t block, size_t blocks, float* of_each) {
  Spread<0>(of_blocks, block, blocks, of_each);
}

void FindMagnitudes(const float* values, size_t block, size_t blocks, uint32_t limit,
                    uint32_t* magnitudes) {
  if (block == 16) return MagnitudesOf16(values, blocks, limit, magnitudes);
  if (block == 32) return MagnitudesOf32(values, blocks, limit, magnitudes);
  MagnitudesOfAny(values, block, blocks, limit, magnitudes);
}

void SpreadOver(const float* of_blocks, size_t block, size_t blocks, float* of_each) {
  if (block == 16) return Spread16(of_blocks, blocks, of_each);
  if (block == 32) return Spread32(of_blocks, blocks, of_each);
  SpreadAny(of_blocks, block, blocks, of_each);
}

// The inverses that take the scales out. True where they are not exact and the scales divide.
bool FindFactors(const ScaleLoopSteps& steps, bool reciprocal, const float* scales, float* factors,
                 size_t count) {
  if (reciprocal) {
    for (size_t b = 0; b < count; ++b) factors[b] = 1 / scales[b];
    return false;
  }
  if (std::holds_alternative<PowerSteps>(steps)) {
    // The inverse of a power of two is exact unless it overflows; NaN stays NaN.
    bool overflows = false;
    for (size_t b = 0; b < count; ++b) {
      factors[b] = 1 / scales[b];
      overflows |= scales[b] < 0x1p-127F;
    }
    if (!overflows) return false;
  }
  return true;
}

// How the elements of a chunk are rounded; monostate: in double.
using ElementLoopSteps =
    std::variant<std::monostate, FloatLoopSteps, IntegerLoopSteps, LogLoopSteps>;

ElementLoopSteps ElementLoopStepsOf(const ElementType& element, Rounding rounding,
                                    Overflow overflow) {
  struct Visitor {
    bool even, nearest, wraps;
    ElementLoopSteps operator()(const Minifloat& type) const {
      if (!even || !FitsFloatLoop(type)) return {};
      return StepsOf(type);
    }
    ElementLoopSteps operator()(const Integer& type) const {
      if (!even || wraps || !FitsIntegerLoop(type)) return {};
      return StepsOf(type, 0);
    }
    ElementLoopSteps operator()(const Log& type) const {
      if (!nearest) return {};
      return StepsOf(type);
    }
    ElementLoopSteps operator()(const LevelSet&) const {
      BITSCAPE_CHECK(false, "blocks have no levels to fit");
    }
  };
  const bool even = rounding == Rounding::kNearestEven;
  return std::visit(
      Visitor{even, even || rounding == Rounding::kNearestAway, overflow == Overflow::kWrap},
      element);
}

// A chunk of whole blocks, its scales spread over the elements.
struct RoundChunk {
  const ElementType& element;
  const RoundRequest& request;
  ScaleOfEach scale;
  bool divide;
  uint64_t first;
  const float* values;
  float* rounded;
  size_t count;

  void operator()(std::monostate) const {
    std::array<float, kChunk> quotients;
    Unscale32(scale, divide, values, quotients.data(), count);
    RoundWide(element, request, first, quotients.data(), rounded, count);
    Rescale32(scale.scales, rounded, count);
  }
  void operator()(const FloatLoopSteps& steps) const {
    RoundFloats(steps, scale, divide, values, rounded, count);
  }
  void operator()(const IntegerLoopSteps& steps) const {
    RoundIntegers(steps, scale, divide, values, rounded, count);
  }
  void operator()(const LogLoopSteps& steps) const {
    RoundLogs(steps, scale, divide, values, rounded, count);
  }
};

class BlockRounder {
 public:
  BlockRounder(const NumberFormat& format, const BlockRounding& options, RandomKey key)
      : format_(format),
        block_(static_cast<size_t>(options.block)),
        limit_(ScaleHasNan(format) ? ~uint32_t{0} : kInfinityBits),
        request_{options.rounding, options.overflow, {.reciprocal = options.reciprocal}, key},
        scale_steps_(ScaleLoopStepsOf(format, options.tensor_scale)),
        in_chunks_(block_ <= kChunk / 4 && FitsChunks(format.element)) {
    if (in_chunks_) {
      element_steps_ = ElementLoopStepsOf(format.element, options.rounding, options.overflow);
    }
  }

  // Blocks that a call of Round takes at once.
  size_t BlocksAtOnce() const { return in_chunks_ ? kChunk / block_ : 1; }

  // `count` is whole blocks, or one that is shorter. Writes a scale for each.
  void Round(size_t first, const float* values, float* rounded, size_t count, float* scales) const {
    const size_t block = std::min(block_, count);
    const size_t blocks = count / block;
    std::array<uint32_t, kChunk> magnitudes;
    FindMagnitudes(values, block, blocks, limit_, magnitudes.data());
    FindScales(scale_steps_, magnitudes.data(), scales, blocks);
    if (!in_chunks_) return RoundOne(first, {values, count}, {rounded, count}, scales[0]);
    std::array<float, kChunk> factors, factors_of_each, scales_of_each;
    const bool divide =
        FindFactors(scale_steps_, request_.scaling.reciprocal, scales, factors.data(), blocks);
    SpreadOver(scales, block, blocks, scales_of_each.data());
    if (!divide) SpreadOver(factors.data(), block, blocks, factors_of_each.data());
    const float* const of_each = divide ? scales_of_each.data() : factors_of_each.data();
    std::visit(RoundChunk{format_.element,
                          request_,
                          {of_each, scales_of_each.data()},
                          divide,
                          first,
                          values,
                          rounded,
                          count},
               element_steps_);
  }

 private:
  static bool FitsChunks(const ElementType& element) {
    const Minifloat* const type = std::get_if<Minifloat>(&element);
    return FitsWideLoop(element) && (type == nullptr || !IsFloat32Element(*type));
  }

  void RoundOne(size_t first, std::span<const float> values, std::span<float> rounded,
                float scale) const {
    Scaling scaling = request_.scaling;
    scaling.scale = scale;
    RandomKey key = request_.key;
    key.first += first;
    bitscape::formats::Round(format_.element, request_.rounding, request_.overflow, scaling, values,
                             rounded, key);
  }

  const NumberFormat& format_;
  const size_t block_;
  const uint32_t limit_;  // of magnitudes that count
  const RoundRequest request_;
  const ScaleLoopSteps scale_steps_;
  const bool in_chunks_;
  ElementLoopSteps element_steps_;
};

}  // namespace

void RoundBlocks(const NumberFormat& format, const BlockRounding& options,
                 std::span<const float> values, std::span<float> rounded, std::span<float> scales,
                 RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  BITSCAPE_CHECK(options.block > 0, "blocks hold values");
  const size_t block = static_cast<size_t>(options.block);
  BITSCAPE_CHECK(scales.empty() || scales.size() == (values.size() + block - 1) / block,
                 "one scale for each block");
  const BlockRounder rounder(format, options, key);
  const size_t whole = values.size() / block * block;
  std::array<float, kChunk> own_scales;
  for (size_t first = 0; first < values.size();) {
    const size_t count = first < whole ? std::min(rounder.BlocksAtOnce() * block, whole - first)
                                       : values.size() - whole;
    float* const found = scales.empty() ? own_scales.data() : scales.data() + first / block;
    rounder.Round(first, values.data() + first, rounded.data() + first, count, found);
    first += count;
  }
}

}  // namespace bitscape::formats
