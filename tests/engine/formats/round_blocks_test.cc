// Blocks on the fast path against the specification, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "engine/formats/scale.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

constexpr Rounding kRoundings[] = {Rounding::kNearestEven, Rounding::kNearestAway,
                                   Rounding::kStochastic, Rounding::kFloor, Rounding::kTowardZero};

float Pattern(uint64_t stream, uint64_t i) {
  return std::bit_cast<float>(static_cast<uint32_t>(RandomBits(11, stream, i)));
}

// Blocks whose magnitudes go over all of float32: within a block values lie within 2^-12 of its
// largest; some blocks hold zeros only, or a NaN, or an infinity.
std::vector<float> Blocks(size_t count, size_t block, uint64_t stream, bool finite) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t draw = RandomBits(12, stream, i / block);
    const int exponent = static_cast<int>(draw % 280) - 150;
    const double magnitude = std::ldexp(1 + RandomUniform(13, stream, i), exponent) *
                             std::exp2(-12 * RandomUniform(14, stream, i));
    float value = static_cast<float>(std::min(magnitude, double{FLT_MAX}));
    if (draw >> 32 & 1)
      value = std::ldexp(std::round(std::ldexp(value, 3 - exponent)), exponent - 3);
    if (!std::isfinite(value)) value = FLT_MAX;
    if (draw % 31 == 0) value = 0;
    if (!finite && draw % 17 == 0 && i % block == block / 2) {
      value = draw % 2 == 0 ? std::numeric_limits<float>::infinity()
                            : std::numeric_limits<float>::quiet_NaN();
    }
    values[i] = RandomBits(15, stream, i) % 2 == 0 ? value : -value;
  }
  return values;
}

class RoundBlocksPath : public testing::TestWithParam<std::string> {
 protected:
  void ExpectAgreement(const BlockRounding& options, const std::vector<float>& values,
                       RandomKey key = {}) const {
    const size_t block = static_cast<size_t>(options.block);
    const size_t blocks = (values.size() + block - 1) / block;
    std::vector<float> fast(values.size()), reference(values.size());
    std::vector<float> scales(blocks), reference_scales(blocks);
    RoundBlocks(format_, options, values, fast, scales, key);
    RoundBlocksReference(format_, options, values, reference, reference_scales, key);
    for (size_t b = 0; b < blocks; ++b) {
      ASSERT_EQ(std::bit_cast<uint32_t>(scales[b]), std::bit_cast<uint32_t>(reference_scales[b]))
          << "block " << b << ": fast scale " << scales[b] << ", reference " << reference_scales[b];
    }
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(fast[i]), std::bit_cast<uint32_t>(reference[i]))
          << "input " << values[i] << " at " << i << ": fast " << fast[i] << ", reference "
          << reference[i] << ", scale " << scales[i / block];
    }
  }
  const NumberFormat format_ = MustParse(GetParam()).format;
};

TEST_P(RoundBlocksPath, EqualsTheReferenceForEverySizeOfBlock) {
  for (const int block : {1, 2, 7, 16, 32, 33, 128, 300}) {
    SCOPED_TRACE(block);
    const size_t count = 64 * static_cast<size_t>(block) + static_cast<size_t>(block) / 2;
    const BlockRounding options{.block = block};
    ExpectAgreement(options, Blocks(count, static_cast<size_t>(block), 1, true));
    ExpectAgreement(options, Blocks(count, static_cast<size_t>(block), 2, false));
  }
}

TEST_P(RoundBlocksPath, EqualsTheReferenceInEveryRounding) {
  const std::vector<float> values = Blocks(3000, 32, 3, false);
  for (const Rounding rounding : kRoundings) {
    for (const Overflow overflow : {Overflow::kSaturate, Overflow::kWrap}) {
      for (const bool reciprocal : {false, true}) {
        SCOPED_TRACE(static_cast<int>(rounding));
        ExpectAgreement({.rounding = rounding,
                         .overflow = overflow,
                         .reciprocal = reciprocal,
                         .block = 32,
                         .tensor_scale = 0.37F},
                        values, {3, 4, 5});
      }
    }
  }
}

// The scale of a block at every exponent: magnitudes around powers of two and the mantissas where
// a rule may change its mind.
TEST_P(RoundBlocksPath, FindsTheScaleOfEveryMagnitude) {
  std::vector<float> magnitudes;
  const double largest = LargestFinite(format_.element);
  for (int exponent = -149; exponent <= 127; ++exponent) {
    for (double mantissa :
         {1.0, 1.25, 1.5, 1.75, 1.875, 1.9375, 1.96875, std::sqrt(2.0), std::sqrt(std::sqrt(2.0)),
          std::ldexp(largest, -std::ilogb(largest)),
          std::ldexp(largest + 0.5, -std::ilogb(largest + 0.5)), 2.0 - 0x1p-6, 2.0 - 0x1p-9}) {
      const float value = static_cast<float>(std::ldexp(mantissa, exponent));
      for (const float own : {value, std::nextafter(value, 0.0F), std::nextafter(value, FLT_MAX)}) {
        if (std::isfinite(own)) magnitudes.push_back(own);
      }
    }
  }
  for (uint64_t i = 0; i < 4096; ++i) {
    const float own = std::fabs(Pattern(16, i));
    if (std::isfinite(own)) magnitudes.push_back(own);
  }
  for (const float tensor_scale : {1.0F, 0x1p-20F, 1e-30F, 1e30F}) {
    std::vector<float> rounded(magnitudes.size()), scales(magnitudes.size());
    RoundBlocks(format_, {.block = 1, .tensor_scale = tensor_scale}, magnitudes, rounded, scales);
    for (size_t i = 0; i < magnitudes.size(); ++i) {
      const float expected = ScaleForMagnitude(format_, magnitudes[i], tensor_scale);
      ASSERT_EQ(std::bit_cast<uint32_t>(scales[i]), std::bit_cast<uint32_t>(expected))
          << "magnitude " << magnitudes[i] << ": " << scales[i] << ", expected " << expected;
    }
  }
}

TEST_P(RoundBlocksPath, WorksInPlaceAndWithoutScales) {
  const std::vector<float> values = Blocks(1000, 16, 5, true);
  std::vector<float> in_place = values, apart(values.size());
  RoundBlocks(format_, {.block = 16}, values, apart);
  RoundBlocks(format_, {.block = 16}, in_place, in_place);
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(in_place[i]), std::bit_cast<uint32_t>(apart[i]));
  }
  RoundBlocks(format_, {.block = 16}, {}, {});
}

std::vector<std::string> BlockFormats() {
  std::vector<std::string> names;
  for (const std::string& name : TestFormats()) {
    if (!MustParse(name).format.zero_point) names.push_back(name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(AllFormats, RoundBlocksPath, testing::ValuesIn(BlockFormats()),
                         [](const auto& test) { return TestName(test.param); });

TEST(RoundBlocks, ABlockWithANanOrInfinityIsNanWhereTheScaleCanSaySo) {
  std::vector<float> values(64, 1.0F), rounded(64);
  values[3] = std::numeric_limits<float>::infinity();
  RoundBlocks(MustParse("mxfp4_e2m1").format, {.block = 32}, values, rounded);
  EXPECT_TRUE(std::all_of(rounded.begin(), rounded.begin() + 32, [](float y) { return y != y; }));
  EXPECT_EQ(rounded[32], 1.0F);
  // bfp's exponent has no NaN: the infinity saturates.
  RoundBlocks(MustParse("bfp8").format, {.block = 32}, values, rounded);
  EXPECT_EQ(rounded[0], 1.0F);
  EXPECT_TRUE(std::isfinite(rounded[3]));
}

}  // namespace
}  // namespace bitscape::formats
