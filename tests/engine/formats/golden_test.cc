// Codecs against reference vectors (tests/golden/README.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/formats/scale.h"
#include "tests/engine/formats/test_formats.h"
#include "tests/golden/vectors.h"

namespace bitscape::formats {
namespace {

using golden::Bits;
using golden::FloatsOf;
using golden::FromBits;
using golden::ReadJson;
using golden::ReadRows;

std::string NameOf(const testing::TestParamInfo<golden::FormatFile>& test) {
  return test.param.file;
}

class DecodeGolden : public testing::TestWithParam<golden::FormatFile> {};

TEST_P(DecodeGolden, EveryCode) {
  const ElementType element = MustParse(GetParam().notation).format.element;
  const auto rows = ReadRows(std::string("decode_") + GetParam().file + ".csv");
  ASSERT_EQ(rows.size(), 1U << ElementBits(element));
  for (const auto& row : rows) {
    const float actual = Decode(element, Bits(row.at(0)));
    if (row.at(1) == "nan") {
      EXPECT_TRUE(std::isnan(actual)) << row.at(0);
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(actual), Bits(row.at(1))) << row.at(0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, DecodeGolden, testing::ValuesIn(golden::kDecoded), NameOf);

class RoundGolden : public testing::TestWithParam<golden::FormatFile> {};

TEST_P(RoundGolden, NearestEvenSaturating) {
  const ElementType element = MustParse(GetParam().notation).format.element;
  const auto rows = ReadRows(std::string("rne_sat_") + GetParam().file + ".csv");
  ASSERT_GE(rows.size(), 1000U);
  std::vector<float> inputs, fast(rows.size());
  for (const auto& row : rows) inputs.push_back(FromBits(row.at(0)));
  Round(element, Rounding::kNearestEven, Overflow::kSaturate, {}, inputs, fast);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(Decode(element, Encode(element, inputs[i]))),
              Bits(rows[i].at(1)));
    EXPECT_EQ(std::bit_cast<uint32_t>(fast[i]), Bits(rows[i].at(1))) << rows[i].at(0);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundGolden, testing::ValuesIn(golden::kRounded), NameOf);

// An integer type with these codes, if the notation has one.
std::optional<Integer> IntegerOf(int smallest, int largest) {
  for (int bits = 2; bits <= 8; ++bits) {
    if (smallest == 0 && largest == (1 << bits) - 1) return Integer{bits, false, false};
    if (largest != (1 << (bits - 1)) - 1) continue;
    if (smallest == -largest) return Integer{bits, true, false};
    if (smallest == -largest - 1) return Integer{bits, true, true};
  }
  return std::nullopt;
}

TEST(TorchGolden, ReciprocalIsPyTorchsArithmetic) {
  int compared = 0;
  const nlohmann::json vectors = ReadJson("torch_fake_quantize.json");
  for (const auto& test : vectors.at("cases")) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const auto integer = IntegerOf(test.at("qmin"), test.at("qmax"));
    ASSERT_TRUE(integer.has_value());
    // One scale, or one for each row of [8, 16].
    const bool per_channel = test.contains("shape");
    const size_t row = per_channel ? test.at("shape")[1].get<size_t>() : test.at("in").size();
    for (size_t i = 0; i < test.at("in").size(); ++i) {
      Scaling scaling;
      scaling.reciprocal = true;
      scaling.scale = FromBits(per_channel ? test.at("scale")[i / row] : test.at("scale_f32bits"));
      scaling.zero_point = per_channel ? 0 : test.at("zero_point").get<int>();
      const float input = FromBits(test.at("in")[i]);
      // Beyond int64 PyTorch 1.13 wraps; here it saturates.
      const bool wraps = std::fabs(input / scaling.scale) > 0x1p62F;
      const int code = input < 0 ? test.at("qmin") : test.at("qmax");
      const float expected = wraps ? static_cast<float>(code - scaling.zero_point) * scaling.scale
                                   : FromBits(test.at("out")[i]);
      float rounded = 0, reference = 0;
      Round(*integer, Rounding::kNearestEven, Overflow::kSaturate, scaling, {&input, 1},
            {&rounded, 1});
      RoundReference(*integer, Rounding::kNearestEven, Overflow::kSaturate, scaling, {&input, 1},
                     {&reference, 1});
      EXPECT_EQ(rounded, expected) << input;
      EXPECT_EQ(reference, expected) << input;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1500);
}

class MxGolden : public testing::TestWithParam<const char*> {};

TEST_P(MxGolden, ValuesAndScales) {
  const nlohmann::json vectors = ReadJson("mx_blocks.json");
  const NumberFormat format = MustParse(GetParam()).format;
  const bool integer = std::holds_alternative<Integer>(format.element);
  // The scale of MXINT8's codes holds the elements' 2^-6, too.
  const int fraction_bits = integer ? 6 : 0;
  const nlohmann::json& exponents = vectors.at(std::string(GetParam()) + "_scale_exponent");
  ASSERT_EQ(vectors.at("in").size(), 12U);
  for (size_t block = 0; block < vectors.at("in").size(); ++block) {
    const std::vector<float> values = FloatsOf(vectors.at("in")[block]);
    const std::vector<float> expected = FloatsOf(vectors.at(GetParam())[block]);
    std::vector<float> rounded(values.size()), fast(values.size());
    float scale = 0, fast_scale = 0;
    RoundBlocksReference(format, {.block = 32}, values, rounded, {&scale, 1});
    RoundBlocks(format, {.block = 32}, values, fast, {&fast_scale, 1});
    EXPECT_EQ(scale, std::ldexp(1.0F, exponents[block].get<int>() - fraction_bits));
    EXPECT_EQ(fast_scale, scale);
    for (size_t i = 0; i < values.size(); ++i) {
      // Two's complement has no -0, whose sign the vectors keep.
      const float want = integer && expected[i] == 0 ? 0.0F : expected[i];
      EXPECT_EQ(std::bit_cast<uint32_t>(rounded[i]), std::bit_cast<uint32_t>(want))
          << "block " << block << " value " << i;
      EXPECT_EQ(std::bit_cast<uint32_t>(fast[i]), std::bit_cast<uint32_t>(want));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, MxGolden, testing::ValuesIn(golden::kMxFormats),
                         [](const auto& format) { return std::string(format.param); });

std::vector<float> RoundBlock(std::string_view notation, const std::vector<float>& values) {
  std::vector<float> rounded(values.size());
  RoundBlocksReference(MustParse(notation).format, {.block = 32}, values, rounded);
  return rounded;
}

TEST(MxSpecialGolden, AgreesOnBlocksThatHoldNanOrInfinity) {
  const nlohmann::json vectors = ReadJson("mx_special.json");
  const float infinity = std::numeric_limits<float>::infinity();
  for (const char* name : {"mxfp8_e4m3", "mxfp4_e2m1", "mxint8"}) {
    for (const float special : {infinity, -infinity, std::nanf("")}) {
      EXPECT_THAT(RoundBlock(name, {special, 1, 2}), testing::Each(testing::IsNan()));
    }
  }
  ASSERT_EQ(vectors.at("block with nan")[0].size(), 3U);
  ASSERT_EQ(vectors.at("block with +inf")[0].size(), 3U);
}

TEST(MxSpecialGolden, DiffersWhereTheLibrarysLogarithmIsInexact) {
  const nlohmann::json vectors = ReadJson("mx_special.json");
  // floor(log2 7.9999995) is 2: scale 1, and 6 saturates. The library takes 3 and gives 8.
  EXPECT_EQ(vectors.at("pred(8.0) log2 error: in=7.9999995")[0][0], 8.0);
  EXPECT_EQ(RoundBlock("mxfp4_e2m1", {std::nextafter(8.0F, 0.0F), 0, 0}).front(), 6.0F);
  EXPECT_EQ(RoundBlock("mxfp4_e2m1", {8, 0, 0}).front(), vectors.at("amax=8")[0][0].get<float>());
  // 1.9999999 has floor(log2) 0: scale 2^-8, 511.99997 saturates to 448. It agrees.
  EXPECT_EQ(RoundBlock("mxfp8_e4m3", {std::nextafter(2.0F, 0.0F), 1}).front(), 1.75F);
}

TEST(MxSpecialGolden, Mxint8SaturatesSymmetrically) {
  const nlohmann::json vectors = ReadJson("mx_special.json");
  const std::vector<float> large = {-2, 2, 1};
  EXPECT_EQ(RoundBlock("mxint8", large), vectors.at("int8 -2")[0].get<std::vector<float>>());
  const std::vector<float> below = {1.9999F, -1.9999F, 1};
  EXPECT_EQ(RoundBlock("mxint8", below),
            vectors.at("int8 1.9999 only")[0].get<std::vector<float>>());
}

TEST(MxSpecialGolden, FloorOfTheLogarithmIsExactNextToPowersOfTwo) {
  const NumberFormat format = MustParse("mxfp4_e2m1").format;
  const nlohmann::json vectors = ReadJson("mx_special.json");
  const std::string key =
      "floats just below 2^k whose torch.floor(log2) is wrong (of 8), vectorised kernel";
  ASSERT_EQ(vectors.at(key).size(), 37U);
  for (const auto& row : vectors.at(key)) {
    const int power = row[0];
    float value = std::ldexp(1.0F, power);
    EXPECT_EQ(ScaleForMagnitude(format, value), std::ldexp(1.0F, power - 2));
    for (int step = 0; step < 8; ++step) {
      value = std::nextafter(value, 0.0F);
      EXPECT_EQ(ScaleForMagnitude(format, value), std::ldexp(1.0F, power - 3)) << value;
    }
  }
}

TEST(CfloatGolden, DecodesBothReadings) {
  const nlohmann::json vectors = ReadJson("cfloat8_decode.json");
  ASSERT_EQ(vectors.size(), 10U);
  for (const auto& [name, codes] : vectors.items()) {
    SCOPED_TRACE(name);
    const golden::CfloatName cfloat = golden::CfloatNameOf(name);
    const std::string notation = cfloat.Notation();
    const ElementType gradual = MustParse(notation).format.element;
    const ElementType literal = MustParse(notation + ":literal").format.element;
    // The same values through the tensor's bias as a scale.
    const ElementType scaled = MustParse(cfloat.format).format.element;
    ASSERT_EQ(codes.size(), 128U);
    for (const auto& row : codes) {
      const uint32_t code = row.at("code");
      const float value = row.at("value");
      const auto& other = row.at("denorm_value_if_2^-bias_reading");
      const float literal_value = other.is_null() ? value : other.get<float>();
      EXPECT_EQ(Decode(gradual, code), value);
      EXPECT_EQ(Decode(literal, code), literal_value);
      EXPECT_EQ(std::ldexp(Decode(scaled, code), -cfloat.bias), value);
      EXPECT_EQ(Encode(gradual, value), code);
      EXPECT_EQ(Encode(literal, literal_value), code);
      EXPECT_EQ(Decode(gradual, code | 128), -value);
    }
  }
}

TEST(LectureGolden, AdaptivFloat) {
  const nlohmann::json vectors = ReadJson("lecture_formats.json");
  int compared = 0;
  for (const auto& test : vectors.at("adaptivfloat")) {
    const std::string notation = golden::AdaptivFloatNotation(test);
    SCOPED_TRACE(notation);
    const NumberFormat format = MustParse(notation).format;
    const std::vector<float> values = FloatsOf(test.at("in"));
    float amax = 0;
    for (const float value : values) amax = std::max(amax, std::fabs(value));
    const Scaling scaling{.scale = ScaleForMagnitude(format, amax)};
    EXPECT_EQ(LargestFinite(format.element) * scaling.scale, test.at("vmax").get<double>());
    EXPECT_EQ(SmallestPositive(format.element) * scaling.scale, test.at("vmin").get<double>());
    std::vector<float> rounded(values.size());
    RoundReference(format.element, Rounding::kNearestEven, Overflow::kSaturate, scaling, values,
                   rounded);
    for (size_t i = 0; i < values.size(); ++i) {
      // The vectors write every zero as +0; here, as in every float, a zero keeps its sign.
      const float expected = FromBits(test.at("out")[i]);
      const float want = expected == 0 ? std::copysign(0.0F, values[i]) : expected;
      EXPECT_EQ(std::bit_cast<uint32_t>(rounded[i]), std::bit_cast<uint32_t>(want)) << values[i];
      ++compared;
    }
  }
  EXPECT_EQ(compared, 7 * 128);
}

TEST(LectureGolden, LogNet) {
  const nlohmann::json vectors = ReadJson("lecture_formats.json");
  int compared = 0;
  for (const auto& test : vectors.at("lognet")) {
    const std::string notation = golden::LogNetNotation(test);
    SCOPED_TRACE(notation);
    const NumberFormat format = MustParse(notation).format;
    const Scaling scaling{.scale = ScaleForMagnitude(format, 1)};
    const std::vector<float> values = FloatsOf(test.at("in"));
    std::vector<float> rounded(values.size());
    RoundReference(format.element, Rounding::kNearestEven, Overflow::kSaturate, scaling, values,
                   rounded);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(rounded[i], static_cast<float>(test.at("out_f64")[i].get<double>())) << values[i];
      ++compared;
    }
  }
  EXPECT_EQ(compared, 6 * 155);
}

// Unsigned codes over [0, alpha]. The reference is computed in double, so results differ by
// float32's rounding of the scale, codes do not.
TEST(LectureGolden, Pact) {
  const nlohmann::json vectors = ReadJson("lecture_formats.json");
  for (const auto& test : vectors.at("pact")) {
    const Integer element{.bits = test.at("k"), .is_signed = false};
    const double alpha = test.at("alpha");
    const double steps = std::ldexp(1.0, element.bits) - 1;
    const Scaling scaling{.scale = static_cast<float>(alpha) / static_cast<float>(steps)};
    const std::vector<float> values = test.at("in").get<std::vector<float>>();
    std::vector<float> rounded(values.size());
    RoundReference(element, Rounding::kNearestEven, Overflow::kSaturate, scaling, values, rounded);
    for (size_t i = 0; i < values.size(); ++i) {
      const double code = std::nearbyint(test.at("out")[i].get<double>() / alpha * steps);
      EXPECT_EQ(rounded[i], static_cast<float>(code) * scaling.scale) << values[i];
    }
  }
}

}  // namespace
}  // namespace bitscape::formats
