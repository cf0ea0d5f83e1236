// The fast path against the specification, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

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
std::vector<float> NearGrid(const ElementType& element, float scale) {
  std::vector<float> values;
  for (uint64_t i = 0; i < 4096; ++i) {
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
  for (const Rounding rounding : {Rounding::kNearestEven, Rounding::kNearestAway,
                                  Rounding::kStochastic, Rounding::kFloor, Rounding::kTowardZero}) {
    for (const Overflow overflow : {Overflow::kSaturate, Overflow::kWrap}) {
      for (const float scale : {1.0F, 0.3F}) {
        EXPECT_TRUE(Agrees(rounding, overflow, {scale, 0}, RandomPatterns(1 << 14, 2)));
        EXPECT_TRUE(Agrees(rounding, overflow, {scale, 0}, Specials()));
      }
    }
    EXPECT_TRUE(Agrees(rounding, Overflow::kSaturate, {}, NearGrid(element_, 1)));
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
