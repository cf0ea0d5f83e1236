// The fast path against the specification, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

constexpr Rounding kRoundings[] = {Rounding::kNearestEven, Rounding::kNearestAway,
                                   Rounding::kStochastic, Rounding::kFloor, Rounding::kTowardZero};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Random bit patterns: every exponent, subnormals, NaNs with payloads and infinities among them.
std::vector<float> RandomPatterns(size_t count, uint64_t stream) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = std::bit_cast<float>(static_cast<uint32_t>(RandomBits(1, stream, i)));
  }
  return values;
}

// Values near the grid of `element`: multiples of a quarter step, where the ties are.
std::vector<float> NearGrid(const ElementType& element, float scale, uint64_t codes = 4096) {
  std::vector<float> values;
  for (uint64_t i = 0; i < codes; ++i) {
    const auto code = static_cast<uint32_t>(RandomBits(2, 0, i));
    const auto next = code + 1;
    const float a = Decode(element, code), b = Decode(element, next);
    for (const double weight : {0.0, 0.25, 0.5, 0.75}) {
      const float value = static_cast<float>((a + (b - a) * weight) * scale);
      values.insert(values.end(), {value, -value, std::nextafter(value, kInfinity),
                                   std::nextafter(value, -kInfinity)});
    }
  }
  return values;
}

std::vector<float> Specials() {
  std::vector<float> values;
  for (const float value : {0.0F,
                            FLT_MIN,
                            FLT_MAX,
                            kInfinity,
                            std::numeric_limits<float>::quiet_NaN(),
                            0x1p-149F,
                            0x1.fffffcp-127F,
                            1.0F,
                            0.5F,
                            1.5F,
                            2.5F,
                            126.5F,
                            127.5F,
                            128.5F,
                            255.5F,
                            0x1p23F,
                            0x1p24F,
                            0x1p31F,
                            0x1p63F,
                            65519.999F,
                            65520.0F,
                            464.0F}) {
    values.insert(values.end(), {value, -value});
  }
  return values;
}

testing::AssertionResult SameBits(const std::vector<float>& inputs, const std::vector<float>& fast,
                                  const std::vector<float>& reference) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (std::bit_cast<uint32_t>(fast[i]) != std::bit_cast<uint32_t>(reference[i])) {
      return testing::AssertionFailure()
             << "input " << inputs[i] << " (bits " << std::hex << std::bit_cast<uint32_t>(inputs[i])
             << "): fast " << fast[i] << ", reference " << reference[i];
    }
  }
  return testing::AssertionSuccess();
}

class RoundPath : public testing::TestWithParam<std::string> {
 protected:
  testing::AssertionResult Agrees(Rounding rounding, Overflow overflow, Scaling scaling,
                                  const std::vector<float>& inputs) const {
    std::vector<float> fast(inputs.size()), reference(inputs.size());
    Round(element_, rounding, overflow, scaling, inputs, fast);
    RoundReference(element_, rounding, overflow, scaling, inputs, reference);
    return SameBits(inputs, fast, reference);
  }
  const ElementType element_ = MustParse(GetParam()).format.element;
};

TEST_P(RoundPath, EqualsTheReferenceOnRandomPatterns) {
  EXPECT_TRUE(Agrees(Rounding::kNearestEven, Overflow::kSaturate, {}, RandomPatterns(1 << 20, 0)));
}

TEST_P(RoundPath, EqualsTheReferenceAtEveryKindOfScale) {
  for (const float scale : {1.0F, 0.25F, 0x1p-120F, 0x1p-126F, 0x1p126F, 0x1p127F, 0.1F, 3.7e-5F,
                            FLT_MIN, 12345.678F, 1e30F}) {
    SCOPED_TRACE(scale);
    EXPECT_TRUE(Agrees(Rounding::kNearestEven, Overflow::kSaturate, {scale, 0},
                       RandomPatterns(1 << 13, 1)));
    EXPECT_TRUE(Agrees(Rounding::kNearestEven, Overflow::kSaturate, {scale, 0}, Specials()));
  }
  for (const float scale : {1.0F, 0.1F}) {
    EXPECT_TRUE(
        Agrees(Rounding::kNearestEven, Overflow::kSaturate, {scale, 0}, NearGrid(element_, scale)));
  }
}

TEST_P(RoundPath, EqualsTheReferenceInEveryRounding) {
  for (const Rounding rounding : kRoundings) {
    for (const Overflow overflow : {Overflow::kSaturate, Overflow::kWrap}) {
      for (const float scale : {1.0F, 0.3F}) {
        EXPECT_TRUE(Agrees(rounding, overflow, {scale, 0}, RandomPatterns(1 << 14, 2)));
        EXPECT_TRUE(Agrees(rounding, overflow, {scale, 0}, Specials()));
      }
    }
    EXPECT_TRUE(Agrees(rounding, Overflow::kSaturate, {}, NearGrid(element_, 1)));
  }
}

TEST_P(RoundPath, EqualsTheReferenceAtEveryKindOfScaleInEveryRounding) {
  const std::vector<float> patterns = RandomPatterns(1 << 11, 7);
  for (const Rounding rounding : kRoundings) {
    for (const float scale : {0x1p-3F, 0x1p-127F, 0x1p127F, 1e-30F, 1e30F}) {
      for (const bool reciprocal : {false, true}) {
        SCOPED_TRACE(testing::Message() << "rounding " << static_cast<int>(rounding) << ", scale "
                                        << scale << ", reciprocal " << reciprocal);
        const Scaling scaling{.scale = scale, .reciprocal = reciprocal};
        EXPECT_TRUE(Agrees(rounding, Overflow::kSaturate, scaling, patterns));
        EXPECT_TRUE(Agrees(rounding, Overflow::kSaturate, scaling, NearGrid(element_, scale, 64)));
      }
    }
  }
}

TEST_P(RoundPath, ANanScaleGivesNan) {
  const Scaling scaling{.scale = std::numeric_limits<float>::quiet_NaN()};
  for (const Rounding rounding : kRoundings) {
    EXPECT_TRUE(Agrees(rounding, Overflow::kSaturate, scaling, Specials()));
  }
  std::vector<float> rounded(1);
  Round(element_, Rounding::kNearestEven, Overflow::kSaturate, scaling, {{1.0F}}, rounded);
  EXPECT_TRUE(std::isnan(rounded[0]));
}

TEST_P(RoundPath, DrawsWhatItsKeySays) {
  const std::vector<float> inputs = NearGrid(element_, 1, 256);
  for (const RandomKey key : {RandomKey{}, RandomKey{7, 1, 3}, RandomKey{~uint64_t{0}, 9, 1 << 30},
                              RandomKey{5, ~uint64_t{0}, 0xfffffffffffffff0u}}) {
    std::vector<float> fast(inputs.size()), reference(inputs.size());
    for (const float scale : {1.0F, 0.9F}) {
      Round(element_, Rounding::kStochastic, Overflow::kSaturate, {scale, 0}, inputs, fast, key);
      RoundReference(element_, Rounding::kStochastic, Overflow::kSaturate, {scale, 0}, inputs,
                     reference, key);
      EXPECT_TRUE(SameBits(inputs, fast, reference));
    }
  }
}

TEST_P(RoundPath, IsIdempotent) {
  for (const float scale : {1.0F, 0.125F}) {
    const std::vector<float> inputs = RandomPatterns(1 << 14, 3);
    std::vector<float> once(inputs.size()), twice(inputs.size());
    Round(element_, Rounding::kNearestEven, Overflow::kSaturate, {scale, 0}, inputs, once);
    Round(element_, Rounding::kNearestEven, Overflow::kSaturate, {scale, 0}, once, twice);
    EXPECT_TRUE(SameBits(once, twice, once));
  }
}

TEST_P(RoundPath, IsMonotone) {
  std::vector<float> inputs = RandomPatterns(1 << 14, 4);
  std::erase_if(inputs, [](float value) { return std::isnan(value); });
  std::sort(inputs.begin(), inputs.end());
  for (const Rounding rounding :
       {Rounding::kNearestEven, Rounding::kFloor, Rounding::kTowardZero}) {
    std::vector<float> rounded(inputs.size());
    Round(element_, rounding, Overflow::kSaturate, {0.7F, 0}, inputs, rounded);
    EXPECT_TRUE(std::is_sorted(rounded.begin(), rounded.end()));
  }
}

TEST_P(RoundPath, WorksInPlaceAndOnAnyLength) {
  for (const size_t length : {0U, 1U, 15U, 16U, 17U, 63U, 1000U}) {
    std::vector<float> values = RandomPatterns(length, 5), reference(length);
    RoundReference(element_, Rounding::kNearestEven, Overflow::kSaturate, {}, values, reference);
    const std::vector<float> inputs = values;
    Round(element_, Rounding::kNearestEven, Overflow::kSaturate, {}, values, values);
    EXPECT_TRUE(SameBits(inputs, values, reference));
  }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, RoundPath, testing::ValuesIn(TestFormats()),
                         [](const auto& test) { return TestName(test.param); });

TEST(RoundFloat32, KeepsEveryBit) {
  const std::vector<float> inputs = RandomPatterns(1 << 16, 6);
  std::vector<float> rounded(inputs.size());
  Round(Float32().format.element, Rounding::kNearestEven, Overflow::kSaturate, {}, inputs, rounded);
  EXPECT_TRUE(SameBits(inputs, rounded, inputs));
}

TEST(RoundInteger, ZeroPointsAndWideCodesInEveryRounding) {
  for (const Integer type :
       {Integer{8, true, true}, Integer{4, false, false}, Integer{5, true, false},
        Integer{16, true, true}, Integer{24, true, true}, Integer{32, true, true}}) {
    std::vector<float> inputs = NearGrid(Integer{16, true, true}, 1, 512);
    for (const float value : RandomPatterns(1 << 12, 8)) inputs.push_back(value);
    std::vector<float> fast(inputs.size()), reference(inputs.size());
    for (const Rounding rounding : kRoundings) {
      for (const Overflow overflow : {Overflow::kSaturate, Overflow::kWrap}) {
        for (const int32_t zero_point : {0, 3, 7}) {
          for (const float scale : {1.0F, 0.3F}) {
            const Scaling scaling{scale, zero_point};
            Round(type, rounding, overflow, scaling, inputs, fast);
            RoundReference(type, rounding, overflow, scaling, inputs, reference);
            ASSERT_TRUE(SameBits(inputs, fast, reference))
                << type.bits << " bits, rounding " << static_cast<int>(rounding) << ", zero point "
                << zero_point << ", scale " << scale << ", overflow " << static_cast<int>(overflow);
          }
        }
      }
    }
  }
}

// Tables of every size, boundaries where Lloyd-Max puts them and elsewhere, both kinds of tie.
class RoundLevelSet : public testing::TestWithParam<int> {
 protected:
  // `spread`: how unequal the distances are.
  static LevelTable Table(int levels, uint64_t stream, double spread) {
    LevelTable table;
    for (int i = 0; i < levels; ++i) {
      const double uniform = RandomUniform(3, stream, static_cast<uint64_t>(i)) * 2 - 1;
      table.levels.push_back(
          static_cast<float>(std::copysign(std::pow(std::fabs(uniform), spread), uniform)));
    }
    std::sort(table.levels.begin(), table.levels.end());
    for (size_t i = 0; i + 1 < table.levels.size(); ++i) {
      table.boundaries.push_back((table.levels[i] + table.levels[i + 1]) / 2);
      table.ties_up.push_back(RandomBits(4, stream, i) % 2 == 0 ? 1 : 0);
    }
    return table;
  }
  // On and beside every boundary and level.
  static std::vector<float> Inputs(const LevelTable& table, float scale) {
    std::vector<float> inputs = RandomPatterns(1 << 12, 9);
    for (const float value : Specials()) inputs.push_back(value);
    const auto add = [&](float value) {
      inputs.insert(inputs.end(),
                    {value, std::nextafter(value, kInfinity), std::nextafter(value, -kInfinity)});
    };
    for (const float boundary : table.boundaries) add(boundary);
    for (const float level : table.levels) add(level * scale);
    for (uint64_t i = 0; i < 4096; ++i) {
      inputs.push_back(static_cast<float>(RandomUniform(5, 0, i) * 3 - 1.5));
    }
    return inputs;
  }
};

TEST_P(RoundLevelSet, EqualsTheReference) {
  const LevelSet type{.levels = GetParam(), .fit = LevelFit::kKmeans, .entries = Minifloat{}};
  for (const double spread : {0.3, 1.0, 3.0, 40.0}) {
    for (const float scale : {1.0F, 0.3F}) {
      const auto table = std::make_shared<LevelTable>(
          Table(GetParam(), static_cast<uint64_t>(spread * 10), spread));
      const Scaling scaling{.scale = scale, .levels = table};
      const std::vector<float> inputs = Inputs(*table, scale);
      std::vector<float> fast(inputs.size()), reference(inputs.size());
      for (const Rounding rounding : kRoundings) {
        Round(type, rounding, Overflow::kSaturate, scaling, inputs, fast, {1, 2, 3});
        RoundReference(type, rounding, Overflow::kSaturate, scaling, inputs, reference, {1, 2, 3});
        EXPECT_TRUE(SameBits(inputs, fast, reference))
            << "spread " << spread << ", scale " << scale << ", rounding "
            << static_cast<int>(rounding);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RoundLevelSet,
                         testing::Values(2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 100, 256));

TEST(RoundLevelSet, EqualLevelsAndTiesAtZero) {
  const auto table = std::make_shared<LevelTable>(
      LevelTable{.levels = {-1, 1, 1}, .boundaries = {0, 1}, .ties_up = {1, 0}});
  const std::vector<float> inputs = {-0.0F, 0.0F, -0x1p-149F, 0x1p-149F, 1.0F, 2.0F, -2.0F};
  std::vector<float> rounded(inputs.size());
  Round(LevelSet{.levels = 3, .fit = LevelFit::kKmeans, .entries = Minifloat{}},
        Rounding::kNearestEven, Overflow::kSaturate, {.levels = table}, inputs, rounded);
  EXPECT_THAT(rounded, testing::ElementsAre(1, 1, -1, 1, 1, 1, -1));
}

TEST(RoundZeroPoint, IsAddedAfterRounding) {
  // 2.5 rounds to 2 before 3 is added; 5.5 rounded after the addition would give 6.
  const Integer uint4{.bits = 4, .is_signed = false, .full_range = false};
  const std::vector<float> inputs = {2.5F, -3.4F, -10.0F, 100.0F,
                                     std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> rounded(inputs.size());
  Round(uint4, Rounding::kNearestEven, Overflow::kSaturate, {1, 3}, inputs, rounded);
  EXPECT_THAT(rounded, testing::ElementsAre(2, -3, -3, 12, 0));
  std::vector<uint8_t> codes(inputs.size());
  EncodeUint8(uint4, {1, 3}, inputs, codes);
  EXPECT_THAT(codes, testing::ElementsAre(5, 0, 0, 15, 3));
}

TEST(EncodeIntegerCodes, EqualTheCodec) {
  const std::vector<float> inputs = NearGrid(Integer{8, true, true}, 1);
  for (const char* name : {"int8", "int8:full", "int5", "fixed8.4", "dfx6", "uint8", "uint3"}) {
    SCOPED_TRACE(name);
    const Integer integer = std::get<Integer>(MustParse(name).format.element);
    for (const float scale : {1.0F, 0.5F, 0.3F}) {
      std::vector<int8_t> codes(inputs.size());
      std::vector<uint8_t> unsigned_codes(inputs.size());
      if (integer.is_signed) {
        EncodeInt8(integer, {scale, 0}, inputs, codes);
      } else {
        EncodeUint8(integer, {scale, 0}, inputs, unsigned_codes);
      }
      for (size_t i = 0; i < inputs.size(); ++i) {
        const float expected = Decode(integer, Encode(integer, inputs[i] / scale));
        ASSERT_EQ(integer.is_signed ? codes[i] : unsigned_codes[i], expected) << inputs[i];
      }
    }
  }
}

TEST(EncodeIntegerCodes, ZeroPointsOfSignedCodes) {
  const Integer int8{.bits = 8, .is_signed = true, .full_range = true};
  const std::vector<float> inputs = {-1000.0F, 0.0F, 1.0F, 1000.0F};
  std::vector<int8_t> codes(inputs.size());
  EncodeInt8(int8, {1, -128}, inputs, codes);
  EXPECT_THAT(codes, testing::ElementsAre(-128, -128, -127, 127));
}

TEST(ScaledFloat, E1m2EqualsInt4ValueForValue) {
  const ElementType e1m2 = MustParse("e1m2:scaled").format.element;
  const ElementType int4 = MustParse("int4").format.element;
  const std::vector<float> inputs = NearGrid(int4, 0.3F);
  const float amax = 2.1F;
  std::vector<float> of_float(inputs.size()), of_integer(inputs.size());
  Round(e1m2, Rounding::kNearestEven, Overflow::kSaturate, {amax / 3.5F, 0}, inputs, of_float);
  Round(int4, Rounding::kNearestEven, Overflow::kSaturate, {amax / 7.0F, 0}, inputs, of_integer);
  EXPECT_EQ(of_float, of_integer);  // -0 equals 0
}

}  // namespace
}  // namespace bitscape::formats
