// The numeric examples of the lecture on precision (6.5930 L19, Emer and Sze, 2024).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/formats/scale.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

std::vector<float> RoundTo(LevelTable table, std::span<const float> values) {
  Scaling scaling;
  scaling.levels = std::make_shared<const LevelTable>(std::move(table));
  std::vector<float> rounded(values.size());
  Round(MustParse("codebook16").format.element, Rounding::kNearestEven, Overflow::kSaturate,
        scaling, values, rounded);
  return rounded;
}

// Levels with boundaries halfway between them, ties up.
LevelTable Halfway(std::vector<float> levels) {
  LevelTable table;
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    table.boundaries.push_back((levels[i] + levels[i + 1]) / 2);
    table.ties_up.push_back(1);
  }
  table.levels = std::move(levels);
  return table;
}

TEST(Lecture, QuantizerWithFourLevels) {
  const LevelTable table = Halfway({2, 6, 10, 14});
  EXPECT_THAT(table.boundaries, testing::ElementsAre(4, 8, 12));
  const std::vector<float> x = {1, 3, 7, 8, 9, 15, 6, 2};
  EXPECT_THAT(RoundTo(table, x), testing::ElementsAre(2, 2, 6, 10, 10, 14, 6, 2));
}

TEST(Lecture, UniformAndScaleFactorLevels) {
  // As the slide prints them: 41,249 and its like are cut, not rounded, from 44000 i / 16.
  const std::vector<float> printed_uniform = {0,     2750,  5500,  8250,  11000, 13750,
                                              16500, 19250, 22000, 24749, 27499, 30249,
                                              32999, 35749, 38499, 41249};
  const std::vector<float> printed_scaled = {0,   1.5F, 3,    9,    15,   39,    63,    159,
                                             255, 639,  1023, 2559, 4095, 10239, 16383, 40959};
  std::vector<float> uniform, scaled;
  for (int i = 0; i < 16; ++i) {
    uniform.push_back(44000.0F * static_cast<float>(i) / 16);
    const float low = std::ldexp(1.0F, 2 * (i / 2)), high = 4 * low;
    // The slide's formula divides by 8; its printed column is what a division by 2 gives.
    scaled.push_back((high - low) * static_cast<float>(i % 2) / 2 + low - 1);
  }
  EXPECT_EQ(scaled, printed_scaled);
  for (size_t i = 0; i < 16; ++i) EXPECT_NEAR(uniform[i], printed_uniform[i], 1);
  EXPECT_EQ(uniform.back(), 41250);
  // Both sets round as codebooks of four bits; the scale factors spread the range.
  EXPECT_EQ(RoundTo(Halfway(uniform), uniform), uniform);
  EXPECT_EQ(RoundTo(Halfway(scaled), scaled), scaled);
  const std::vector<float> small = {1.4F, 30, 44000};
  EXPECT_THAT(RoundTo(Halfway(uniform), small), testing::ElementsAre(0, 0, 41250));
  EXPECT_THAT(RoundTo(Halfway(scaled), small), testing::ElementsAre(1.5F, 39, 40959));
}

// One exponent for a block: small values lose their low bits to the largest one.
TEST(Lecture, SharedExponent) {
  const NumberFormat bfp4 = MustParse("bfp4").format;  // codes -7..7
  const std::vector<float> values = {5.3F, 1.2F, -0.3F, 0.6F, 0.53F, 0.12F, -0.03F, 0.06F};
  std::vector<float> rounded(values.size()), scales(2);
  RoundBlocks(bfp4, {.block = 4}, values, rounded, scales);
  EXPECT_THAT(scales, testing::ElementsAre(1, 0.125F));
  EXPECT_THAT(rounded, testing::ElementsAre(5, 1, 0, 1, 0.5F, 0.125F, 0, 0));
  // With values of one magnitude, none of them loses.
  std::vector<float> alone(1);
  RoundBlocks(bfp4, {.block = 1}, std::span(values).subspan(6, 1), alone);
  EXPECT_NEAR(alone[0], -0.03F, 0.03F / 8);
}

// The probability of a neighbour is the closeness to it.
TEST(Lecture, StochasticRoundingByChiSquare) {
  constexpr size_t kDraws = 1000000;
  struct Case {
    const char* notation;
    float value, lower, upper;
  };
  uint64_t stream = 0;
  for (const Case& test :
       {Case{"int8", 2.3F, 2, 3}, Case{"int8", -2.3F, -3, -2}, Case{"fp4_e2m1", 4.5F, 4, 6},
        Case{"fp4_e2m1", 0.1F, 0, 0.5F}, Case{"fp8_e4m3", 17.25F, 16, 18},
        Case{"log4", 0.4F, 0.25F, 0.5F}, Case{"af8_3", 0.0021F, 0, 0x1.1p-7F}}) {
    SCOPED_TRACE(test.notation);
    const std::vector<float> values(kDraws, test.value);
    std::vector<float> rounded(kDraws);
    Round(MustParse(test.notation).format.element, Rounding::kStochastic, Overflow::kSaturate, {},
          values, rounded, {.seed = 11, .stream = ++stream});
    int64_t ups = 0;
    for (const float value : rounded) {
      ASSERT_TRUE(value == test.lower || value == test.upper) << value;
      ups += value == test.upper ? 1 : 0;
    }
    const double probability =
        (double{test.value} - test.lower) / (double{test.upper} - test.lower);
    const double expected_up = probability * kDraws, expected_down = kDraws - expected_up;
    const double up = static_cast<double>(ups);
    const double chi_square =
        std::pow(up - expected_up, 2) / expected_up + std::pow(up - expected_up, 2) / expected_down;
    EXPECT_LT(chi_square, 10.83);  // one degree of freedom, p = 0.001
  }
}

}  // namespace
}  // namespace bitscape::formats
