// Codecs against reference vectors (tests/golden/README.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/formats/scale.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

std::ifstream OpenGolden(const std::string& name) {
  std::ifstream file(std::string(BITSCAPE_GOLDEN_DIR) + "/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  return file;
}

// Rows of a CSV file without its header.
std::vector<std::vector<std::string>> ReadRows(const std::string& name) {
  std::ifstream file = OpenGolden(name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

uint32_t Bits(const std::string& hexadecimal) {
  return static_cast<uint32_t>(std::stoul(hexadecimal, nullptr, 16));
}
float FromBits(const std::string& hexadecimal) { return std::bit_cast<float>(Bits(hexadecimal)); }

struct GoldenFormat {
  const char* file;
  const char* notation;
};
std::string NameOf(const testing::TestParamInfo<GoldenFormat>& test) { return test.param.file; }

class DecodeGolden : public testing::TestWithParam<GoldenFormat> {};

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

INSTANTIATE_TEST_SUITE_P(
    Formats, DecodeGolden,
    testing::Values(GoldenFormat{"e2m1", "fp4_e2m1"}, GoldenFormat{"e2m3", "fp6_e2m3"},
                    GoldenFormat{"e3m2", "fp6_e3m2"}, GoldenFormat{"e4m3fn", "fp8_e4m3"},
                    GoldenFormat{"e4m3fnuz", "e4m3:fnuz"}, GoldenFormat{"e5m2", "fp8_e5m2"},
                    GoldenFormat{"e5m2fnuz", "e5m2:fnuz"}),
    NameOf);

class RoundGolden : public testing::TestWithParam<GoldenFormat> {};

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

INSTANTIATE_TEST_SUITE_P(Formats, RoundGolden,
                         testing::Values(GoldenFormat{"bf16", "bf16"}, GoldenFormat{"fp16", "fp16"},
                                         GoldenFormat{"e2m1", "fp4_e2m1"},
                                         GoldenFormat{"e3m2", "fp6_e3m2"},
                                         GoldenFormat{"e4m3fn", "fp8_e4m3"},
                                         GoldenFormat{"e5m2", "fp8_e5m2"}),
                         NameOf);

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

nlohmann::json ReadJson(const std::string& name) {
  std::ifstream file = OpenGolden(name);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  // Python writes NaN, which JSON lacks.
  for (size_t at = text.find("NaN"); at != std::string::npos; at = text.find("NaN", at)) {
    text.replace(at, 3, "null");
  }
  return nlohmann::json::parse(text);
}

std::vector<float> FloatsOf(const nlohmann::json& bits) {
  std::vector<float> values;
  for (const auto& value : bits) values.push_back(FromBits(value));
  return values;
}

TEST(TorchGolden, ReciprocalIsPyTorchsArithmetic) {
  int compared = 0;
  const nlohmann::json golden = ReadJson("torch_fake_quantize.json");
  for (const auto& test : golden.at("cases")) {
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

class MxGolden : public testing::TestWithParam<GoldenFormat> {};

TEST_P(MxGolden, ValuesAndScales) {
  const nlohmann::json golden = ReadJson("mx_blocks.json");
  const NumberFormat format = MustParse(GetParam().notation).format;
  const std::string file = GetParam().file;
  const bool integer = std::holds_alternative<Integer>(format.element);
  // The scale of MXINT8's codes holds the elements' 2^-6, too.
  const int fraction_bits = integer ? 6 : 0;
  const nlohmann::json& exponents = golden.at(file + "_scale_exponent");
  ASSERT_EQ(golden.at("in").size(), 12U);
  for (size_t block = 0; block < golden.at("in").size(); ++block) {
    const std::vector<float> values = FloatsOf(golden.at("in")[block]);
    const std::vector<float> expected = FloatsOf(golden.at(file)[block]);
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

INSTANTIATE_TEST_SUITE_P(Formats, MxGolden,
                         testing::Values(GoldenFormat{"mxfp8_e4m3", "mxfp8_e4m3"},
                                         GoldenFormat{"mxfp8_e5m2", "mxfp8_e5m2"},
                                         GoldenFormat{"mxfp6_e3m2", "mxfp6_e3m2"},
                                         GoldenFormat{"mxfp6_e2m3", "mxfp6_e2m3"},
                                         GoldenFormat{"mxfp4_e2m1", "mxfp4_e2m1"},
                                         GoldenFormat{"mxint8", "mxint8"}),
                         NameOf);

std::vector<float> RoundBlock(std::string_view notation, const std::vector<float>& values) {
  std::vector<float> rounded(values.size());
  RoundBlocksReference(MustParse(notation).format, {.block = 32}, values, rounded);
  return rounded;
}

TEST(MxSpecialGolden, AgreesOnBlocksThatHoldNanOrInfinity) {
  const nlohmann::json golden = ReadJson("mx_special.json");
  const float infinity = std::numeric_limits<float>::infinity();
  for (const char* name : {"mxfp8_e4m3", "mxfp4_e2m1", "mxint8"}) {
    for (const float special : {infinity, -infinity, std::nanf("")}) {
      EXPECT_THAT(RoundBlock(name, {special, 1, 2}), testing::Each(testing::IsNan()));
    }
  }
  ASSERT_EQ(golden.at("block with nan")[0].size(), 3U);
  ASSERT_EQ(golden.at("block with +inf")[0].size(), 3U);
}

TEST(MxSpecialGolden, DiffersWhereTheLibrarysLogarithmIsInexact) {
  const nlohmann::json golden = ReadJson("mx_special.json");
  // floor(log2 7.9999995) is 2: scale 1, and 6 saturates. The library takes 3 and gives 8.
  EXPECT_EQ(golden.at("pred(8.0) log2 error: in=7.9999995")[0][0], 8.0);
  EXPECT_EQ(RoundBlock("mxfp4_e2m1", {std::nextafter(8.0F, 0.0F), 0, 0}).front(), 6.0F);
  EXPECT_EQ(RoundBlock("mxfp4_e2m1", {8, 0, 0}).front(), golden.at("amax=8")[0][0].get<float>());
  // 1.9999999 has floor(log2) 0: scale 2^-8, 511.99997 saturates to 448. It agrees.
  EXPECT_EQ(RoundBlock("mxfp8_e4m3", {std::nextafter(2.0F, 0.0F), 1}).front(), 1.75F);
}

TEST(MxSpecialGolden, Mxint8SaturatesSymmetrically) {
  const nlohmann::json golden = ReadJson("mx_special.json");
  const std::vector<float> large = {-2, 2, 1};
  EXPECT_EQ(RoundBlock("mxint8", large), golden.at("int8 -2")[0].get<std::vector<float>>());
  const std::vector<float> below = {1.9999F, -1.9999F, 1};
  EXPECT_EQ(RoundBlock("mxint8", below),
            golden.at("int8 1.9999 only")[0].get<std::vector<float>>());
}

TEST(MxSpecialGolden, FloorOfTheLogarithmIsExactNextToPowersOfTwo) {
  const NumberFormat format = MustParse("mxfp4_e2m1").format;
  const nlohmann::json golden = ReadJson("mx_special.json");
  const std::string key =
      "floats just below 2^k whose torch.floor(log2) is wrong (of 8), vectorised kernel";
  ASSERT_EQ(golden.at(key).size(), 37U);
  for (const auto& row : golden.at(key)) {
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
  const nlohmann::json golden = ReadJson("cfloat8_decode.json");
  ASSERT_EQ(golden.size(), 10U);
  for (const auto& [name, codes] : golden.items()) {
    SCOPED_TRACE(name);
    const size_t bias_at = name.find("_bias");
    const std::string notation = name.substr(0, bias_at) + ":bias=" + name.substr(bias_at + 5);
    const ElementType gradual = MustParse(notation).format.element;
    const ElementType literal = MustParse(notation + ":literal").format.element;
    // The same values through the tensor's bias as a scale.
    const ElementType scaled = MustParse(name.substr(0, bias_at)).format.element;
    const int bias = std::stoi(name.substr(bias_at + 5));
    ASSERT_EQ(codes.size(), 128U);
    for (const auto& row : codes) {
      const uint32_t code = row.at("code");
      const float value = row.at("value");
      const auto& other = row.at("denorm_value_if_2^-bias_reading");
      const float literal_value = other.is_null() ? value : other.get<float>();
      EXPECT_EQ(Decode(gradual, code), value);
      EXPECT_EQ(Decode(literal, code), literal_value);
      EXPECT_EQ(std::ldexp(Decode(scaled, code), -bias), value);
      EXPECT_EQ(Encode(gradual, value), code);
      EXPECT_EQ(Encode(literal, literal_value), code);
      EXPECT_EQ(Decode(gradual, code | 128), -value);
    }
  }
}

TEST(LectureGolden, AdaptivFloat) {
  const nlohmann::json golden = ReadJson("lecture_formats.json");
  int compared = 0;
  for (const auto& test : golden.at("adaptivfloat")) {
    const int bits = test.at("n"), exponent_bits = test.at("e");
    const std::string notation = "af" + std::to_string(bits) + "_" + std::to_string(exponent_bits);
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
  const nlohmann::json golden = ReadJson("lecture_formats.json");
  int compared = 0;
  for (const auto& test : golden.at("lognet")) {
    const bool square_root = test.at("base").is_string();
    const std::string notation = "log" + std::to_string(test.at("bits").get<int>()) +
                                 (square_root ? ":sqrt2" : "") +
                                 (test.at("signed").get<int>() != 0 ? "" : ":unsigned") +
                                 ":fsr=" + std::to_string(test.at("FSR").get<int>());
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
  const nlohmann::json golden = ReadJson("lecture_formats.json");
  for (const auto& test : golden.at("pact")) {
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
