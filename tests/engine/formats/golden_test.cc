// Codecs against reference vectors (tests/golden/README.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "engine/formats/codec.h"
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

TEST(TorchGolden, AgreesWhereDivisionAndInverseAgree) {
  std::ifstream file = OpenGolden("torch_fake_quantize.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  int compared = 0, different = 0;
  for (const auto& test : golden.at("cases")) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const auto integer = IntegerOf(test.at("qmin"), test.at("qmax"));
    ASSERT_TRUE(integer.has_value());
    // One scale, or one for each row of [8, 16].
    const bool per_channel = test.contains("shape");
    const size_t row = per_channel ? test.at("shape")[1].get<size_t>() : test.at("in").size();
    for (size_t i = 0; i < test.at("in").size(); ++i) {
      Scaling scaling;
      scaling.scale = FromBits(per_channel ? test.at("scale")[i / row] : test.at("scale_f32bits"));
      scaling.zero_point = per_channel ? 0 : test.at("zero_point").get<int>();
      const float inverse = 1 / scaling.scale;
      const float input = FromBits(test.at("in")[i]);
      // Beyond int64 PyTorch 1.13 wraps.
      const bool same = std::nearbyint(input * inverse) == std::nearbyint(input / scaling.scale) &&
                        std::fabs(input * inverse) < 0x1p62F;
      if (!same) {
        ++different;
        continue;
      }
      float rounded = 0;
      Round(*integer, Rounding::kNearestEven, Overflow::kSaturate, scaling, {&input, 1},
            {&rounded, 1});
      EXPECT_EQ(rounded, FromBits(test.at("out")[i])) << input;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1500);
  // Rows that lie on a tie of one order only, and 1e30, where PyTorch wraps.
  EXPECT_EQ(different, 63);
}

}  // namespace
}  // namespace bitscape::formats
