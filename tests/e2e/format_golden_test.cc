// `bitscape format round` and `show` agree with the golden vectors bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/format_fixture.h"
#include "tests/golden/vectors.h"

namespace bitscape::e2e {
namespace {

using golden::FloatsOf;
using golden::FromBits;
using golden::ReadJson;
using golden::ReadRows;

uint32_t BitsOf(float value) { return std::bit_cast<uint32_t>(value); }

TEST_F(FormatTest, RoundsToNearestEvenAsTheVectors) {
  for (const auto& [file, notation] : golden::kRounded) {
    Floats inputs, expected;
    for (const auto& row : ReadRows(std::string("rne_sat_") + file + ".csv")) {
      inputs.push_back(FromBits(row.at(0)));
      expected.push_back(FromBits(row.at(1)));
    }
    ASSERT_EQ(inputs.size(), 2000U) << file;
    ExpectRounds(notation, inputs, expected);
  }
}

TEST_F(FormatTest, KeepsEveryDecodedValue) {
  for (const auto& [file, notation] : golden::kDecoded) {
    const nlohmann::json format = Run({"format", "show", notation, "-o", "json"}).Json();
    Floats values;
    const auto rows = ReadRows(std::string("decode_") + file + ".csv");
    ASSERT_EQ(format["codes"].size(), rows.size()) << notation;
    for (size_t code = 0; code < rows.size(); ++code) {
      const bool is_nan = rows[code].at(1) == "nan";
      values.push_back(is_nan ? std::numeric_limits<float>::quiet_NaN()
                              : FromBits(rows[code].at(1)));
      // The table that `show` prints.
      const std::string shown = format["codes"][code]["value"];
      EXPECT_EQ(shown == "nan", is_nan) << notation << " " << code;
      if (!is_nan) {
        EXPECT_EQ(BitsOf(std::stof(shown)), BitsOf(values.back())) << shown;
      }
    }
    ExpectRounds(notation, values, values);
  }
}

TEST_F(FormatTest, RoundsMxBlocksAsTheVectors) {
  const nlohmann::json vectors = ReadJson("mx_blocks.json");
  Floats values;
  for (const auto& block : vectors.at("in")) {
    for (const float value : FloatsOf(block)) values.push_back(value);
  }
  ASSERT_EQ(values.size(), 12U * 32);
  for (const std::string format : golden::kMxFormats) {
    Floats expected;
    for (const auto& block : vectors.at(format)) {
      for (const float value : FloatsOf(block)) {
        // Two's complement has no -0, whose sign the vectors keep.
        expected.push_back(format == "mxint8" && value == 0 ? 0.0F : value);
      }
    }
    ExpectRounds(format, values, expected, "12x32");
    ExpectRounds(format, values, expected);  // one row: blocks along it
  }
}

TEST_F(FormatTest, RoundsCfloat8AsTheVectors) {
  const nlohmann::json vectors = ReadJson("cfloat8_decode.json");
  for (const auto& [name, codes] : vectors.items()) {
    const std::string notation = golden::CfloatNameOf(name).Notation();
    Floats gradual, literal;
    for (const auto& row : codes) {
      const auto& other = row.at("denorm_value_if_2^-bias_reading");
      gradual.push_back(row.at("value"));
      literal.push_back(other.is_null() ? gradual.back() : other.get<float>());
    }
    ASSERT_EQ(gradual.size(), 128U);
    ExpectRounds(notation, gradual, gradual);
    ExpectRounds(notation + ":literal", literal, literal);
    // Halfway between two neighbours the even code wins, which is every second one.
    Floats ties, even;
    for (size_t code = 0; code + 1 < gradual.size(); ++code) {
      ties.push_back((gradual[code] + gradual[code + 1]) / 2);  // exact
      even.push_back(gradual[code + code % 2]);
    }
    ExpectRounds(notation, ties, even);
  }
}

TEST_F(FormatTest, RoundsLogNetAsTheVectors) {
  int compared = 0;
  const nlohmann::json vectors = ReadJson("lecture_formats.json");
  for (const auto& test : vectors.at("lognet")) {
    const std::string notation = golden::LogNetNotation(test);
    const Floats values = FloatsOf(test.at("in"));
    const Floats rounded = Round(notation, values);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(rounded[i], static_cast<float>(test.at("out_f64")[i].get<double>()))
          << notation << " of " << values[i];
      ++compared;
    }
  }
  EXPECT_EQ(compared, 6 * 155);
}

TEST_F(FormatTest, RoundsAdaptivFloatAsTheVectors) {
  int formats = 0;
  const nlohmann::json vectors = ReadJson("lecture_formats.json");
  for (const auto& test : vectors.at("adaptivfloat")) {
    const std::string notation = golden::AdaptivFloatNotation(test);
    const Floats values = FloatsOf(test.at("in"));
    Floats expected = FloatsOf(test.at("out"));
    for (size_t i = 0; i < values.size(); ++i) {
      // The vectors write every zero as +0; a float's zero keeps its sign.
      if (expected[i] == 0) expected[i] = std::copysign(0.0F, values[i]);
    }
    ExpectRounds(notation, values, expected);
    ++formats;
  }
  EXPECT_EQ(formats, 7);
}

// `clip` gives symmetric integers the scale V / L and unsigned ones V / L from 0, so the cases
// whose scale is such a float32 quotient can be asked for.
TEST_F(FormatTest, RoundsIntegersAsPyTorch) {
  int cases = 0;
  const nlohmann::json vectors = ReadJson("torch_fake_quantize.json");
  for (const auto& test : vectors.at("cases")) {
    if (test.contains("shape") || test.at("zero_point").get<int>() != 0) continue;
    const int smallest = test.at("qmin"), largest = test.at("qmax");
    const int bits =
        static_cast<int>(std::bit_width(static_cast<unsigned>(largest))) + (smallest < 0 ? 1 : 0);
    const float scale = FromBits(test.at("scale_f32bits"));
    // The clip whose quotient by L is the scale, next to scale * L.
    float clip = scale * static_cast<float>(largest);
    for (int step = 0; step < 8 && clip / static_cast<float>(largest) != scale; ++step) {
      clip = std::nextafter(clip, step % 2 == 0 ? 0.0F : std::numeric_limits<float>::infinity());
    }
    if (clip / static_cast<float>(largest) != scale) continue;
    std::ostringstream notation;
    notation.precision(9);
    notation << (smallest < 0 ? "int" : "uint") << bits << (smallest == -largest - 1 ? ":full" : "")
             << ":clip=" << clip << ":reciprocal";
    const Floats values = FloatsOf(test.at("in"));
    Floats expected = FloatsOf(test.at("out"));
    for (size_t i = 0; i < values.size(); ++i) {
      // Beyond int64 PyTorch 1.13 wraps; here it saturates.
      if (std::fabs(values[i] / scale) > 0x1p62F) {
        expected[i] = static_cast<float>(values[i] < 0 ? smallest : largest) * scale;
      }
      if (expected[i] == 0) expected[i] = 0;  // integers have no -0
    }
    ExpectRounds(notation.str(), values, expected);
    ++cases;
  }
  EXPECT_GE(cases, 4);
}

TEST_F(FormatTest, RoundsWhatIsNoOrdinaryNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Floats values = {nan, infinity, -infinity, -0.0F, 0x1p-149F, -0x1p-149F, 1e38F, 2.5F, 3.5F};
  ExpectRounds("fp8_e4m3", values, {nan, 448, -448, -0.0F, 0, -0.0F, 448, 2.5F, 3.5F});
  ExpectRounds("fp8_e5m2", values, {nan, infinity, -infinity, -0.0F, 0, -0.0F, 57344, 2.5F, 3.5F});
  ExpectRounds("fp4_e2m1", values, {0, 6, -6, -0.0F, 0, -0.0F, 6, 2, 4});
  ExpectRounds("fixed8.0", values, {0, 127, -128, 0, 0, 0, 127, 2, 4});
  ExpectRounds("fp16", values, {nan, infinity, -infinity, -0.0F, 0, -0.0F, 65504, 2.5F, 3.5F});
  ExpectRounds("fp32", values, values);
  ExpectRounds("bf16", values,
               {nan, infinity, -infinity, -0.0F, 0, -0.0F, 0x1.2cp126F, 2.5F, 3.5F});
  // A block with a NaN or an infinity is NaN as a whole; the next one isn't.
  Floats blocks(64, 1.0F), rounded(64, 1.0F);
  blocks[5] = infinity;
  std::fill_n(rounded.begin(), 32, nan);
  ExpectRounds("mxfp8_e4m3", blocks, rounded);
  // Scales come from the finite values: 7 is the largest code.
  ExpectRounds("int4", {7, nan, infinity, -infinity, -0.0F, 2.5F, -3.5F}, {7, 0, 7, -7, 0, 2, -4});
}

}  // namespace
}  // namespace bitscape::e2e
