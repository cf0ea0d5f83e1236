#include "engine/formats/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

using testing::ElementsAre;

ElementType Element(std::string_view notation) { return MustParse(notation).format.element; }

TEST(Levels, AreDistinctAndAscending) {
  EXPECT_THAT(LevelsOf(Element("fp4_e2m1")).value(),
              ElementsAre(-6, -4, -3, -2, -1.5F, -1, -0.5F, 0, 0.5F, 1, 1.5F, 2, 3, 4, 6));
  EXPECT_THAT(LevelsOf(Element("int2")).value(), ElementsAre(-1, 0, 1));
  EXPECT_THAT(LevelsOf(Element("log3")).value(), ElementsAre(-1, -0.5F, -0.25F, 0, 0.25F, 0.5F, 1));
  EXPECT_THAT(LevelsOf(Element("log2:unsigned")).value(), ElementsAre(0, 0.25F, 0.5F, 1));
  EXPECT_EQ(LevelsOf(Element("fp8_e4m3")).value().size(), 253U);  // 2 NaNs, one zero
  EXPECT_EQ(LevelsOf(Element("log4:sqrt2:fsr")).value().size(), 15U);
}

TEST(Levels, ErrorsSayWhy) {
  EXPECT_THAT(std::string(LevelsOf(Element("fp32")).status().message()),
              testing::HasSubstr("2^32 codes are too many"));
  EXPECT_THAT(std::string(LevelsOf(Element("codebook16")).status().message()),
              testing::HasSubstr("fitted"));
}

TEST(Boundaries, AreTheFirstFloatOfTheUpperLevel) {
  const ElementType e2m1 = Element("fp4_e2m1");
  const std::vector<float> levels = LevelsOf(e2m1).value();
  const std::vector<float> nearest = DecisionBoundaries(e2m1, Rounding::kNearestEven, levels);
  ASSERT_EQ(nearest.size(), levels.size() - 1);
  EXPECT_EQ(nearest.back(), std::nextafter(5.0F, 6.0F));  // 5 goes to 4, the even code
  EXPECT_EQ(nearest[nearest.size() - 2], 3.5F);           // to 4
  EXPECT_EQ(DecisionBoundaries(e2m1, Rounding::kNearestAway, levels).back(), 5.0F);
  EXPECT_EQ(DecisionBoundaries(e2m1, Rounding::kFloor, levels).back(), 6.0F);
  EXPECT_TRUE(DecisionBoundaries(e2m1, Rounding::kStochastic, levels).empty());
  const ElementType log3 = Element("log3");
  const std::vector<float> powers = LevelsOf(log3).value();
  EXPECT_NEAR(DecisionBoundaries(log3, Rounding::kNearestEven, powers).back(), M_SQRT1_2, 1e-7);
}

TEST(Boundaries, SeparateTheLevelsOfEveryFormat) {
  for (const std::string& name : SmallTestFormats()) {
    const ElementType element = Element(name);
    const std::vector<float> levels = LevelsOf(element).value();
    for (const Rounding rounding : {Rounding::kNearestEven, Rounding::kNearestAway,
                                    Rounding::kFloor, Rounding::kTowardZero}) {
      const std::vector<float> boundaries = DecisionBoundaries(element, rounding, levels);
      ASSERT_EQ(boundaries.size(), levels.size() - 1) << name;
      for (size_t i = 0; i < boundaries.size(); ++i) {
        const float below = std::nextafter(boundaries[i], -std::numeric_limits<float>::infinity());
        EXPECT_EQ(Decode(element, Encode(element, boundaries[i], rounding)), levels[i + 1]) << name;
        EXPECT_EQ(Decode(element, Encode(element, below, rounding)), levels[i]) << name;
      }
    }
  }
}

std::vector<std::pair<std::string, int>> FieldList(std::string_view notation) {
  std::vector<std::pair<std::string, int>> list;
  for (const Field& field : FieldsOf(MustParse(notation).format)) {
    list.emplace_back(field.name, field.bits);
  }
  return list;
}

TEST(Fields, CutACode) {
  using P = std::pair<std::string, int>;
  EXPECT_THAT(FieldList("fp16"), ElementsAre(P{"sign", 1}, P{"exponent", 5}, P{"mantissa", 10}));
  EXPECT_THAT(FieldList("fixed8.4"), ElementsAre(P{"sign", 1}, P{"integer", 3}, P{"fraction", 4}));
  EXPECT_THAT(FieldList("fixed8.8"), ElementsAre(P{"sign", 1}, P{"fraction", 7}));
  EXPECT_THAT(FieldList("uint4"), ElementsAre(P{"integer", 4}));
  EXPECT_THAT(FieldList("log5"), ElementsAre(P{"sign", 1}, P{"exponent", 4}));
  EXPECT_THAT(FieldList("codebook16"), ElementsAre(P{"index", 4}));
}

TEST(Error, CountsWhatIsLost) {
  const ElementType int4 = Element("int4");
  const ValueLimits narrow = LimitsOf(int4, {.scale = 0.5F});
  EXPECT_EQ(narrow.smallest, -3.5F);
  EXPECT_EQ(narrow.largest, 3.5F);
  const ValueLimits wide = LimitsOf(int4, {.scale = 2});
  const std::vector<float> values = {4,  -3.5F, 0.1F, 0,
                                     13, 14.5F, -15,  std::numeric_limits<float>::infinity()};
  const std::vector<float> rounded = {3.5F, -3.5F, 0, 0, 14, 14, -14, 14};
  const ValueLimits limits[] = {narrow, wide};
  const RoundingError error = MeasureError(values, rounded, limits, 4);
  EXPECT_EQ(error.count, 7);
  EXPECT_EQ(error.not_finite, 1);
  EXPECT_EQ(error.saturated, 3.0 / 7);  // 4, 14.5, -15
  EXPECT_EQ(error.nonzero, 6);
  EXPECT_EQ(error.underflowed, 1.0 / 6);
  EXPECT_EQ(error.max_error, 1);
  EXPECT_NEAR(error.noise_power * 7, 0.25 + 0.01 + 1 + 0.25 + 1, 1e-6);
  RoundingError parts = MeasureError(std::span(values).first(4), std::span(rounded).first(4),
                                     std::span(limits).first(1));
  parts.Merge(MeasureError(std::span(values).subspan(4), std::span(rounded).subspan(4),
                           std::span(limits).subspan(1)));
  EXPECT_EQ(parts.count, error.count);
  EXPECT_DOUBLE_EQ(parts.noise_power, error.noise_power);
  EXPECT_DOUBLE_EQ(parts.saturated, error.saturated);
  EXPECT_DOUBLE_EQ(parts.underflowed, error.underflowed);
}

TEST(Error, NegativesThatNoLevelStandsForAreCounted) {
  const std::vector<float> values = {-1, -0.25F, 0, 2}, rounded = {0, 0, 0, 2};
  const ValueLimits positive[] = {{0, 255}}, both[] = {{-1, 255}};
  RoundingError error = MeasureError(values, rounded, positive);
  EXPECT_EQ(error.negatives_cut, 0.5);
  EXPECT_EQ(MeasureError(values, rounded, both).negatives_cut, 0);
  error.Merge(
      MeasureError(std::vector<float>{1, 2, 3, -4}, std::vector<float>{1, 2, 3, 0}, positive));
  EXPECT_EQ(error.negatives_cut, 3.0 / 8);
}

TEST(UnitOfCodes, IsAPartOfFixedPointAndMxint8) {
  const auto unit = [](const char* name) { return UnitOfCodes(ParseQuantizer(name)->format); };
  EXPECT_EQ(unit("fixed8.4"), 1.0 / 16);
  EXPECT_EQ(unit("mxint8"), 1.0 / 64);
  EXPECT_EQ(unit("mxint8:full:ceil"), 1.0 / 64);
  for (const char* const name : {"mxfp8_e4m3", "bfp8", "int8", "dfx8", "nvfp4", "fp16", "log4"}) {
    EXPECT_EQ(unit(name), 1) << name;
  }
  EXPECT_EQ(unit("log4:fsr=3"), 8);
}

TEST(Error, SignalToNoise) {
  const ValueLimits all[] = {{-10, 10}};
  const std::vector<float> values = {1, -1}, rounded = {1.1F, -1.1F};
  EXPECT_NEAR(MeasureError(values, rounded, all).SqnrDb(), 20, 1e-5);
  EXPECT_EQ(MeasureError(values, values, all).SqnrDb(), std::numeric_limits<double>::infinity());
}

TEST(Error, LimitsFollowZeroPointsAndFittedLevels) {
  const ValueLimits asymmetric = LimitsOf(Element("uint8:asym"), {.scale = 2, .zero_point = 100});
  EXPECT_EQ(asymmetric.smallest, -200);
  EXPECT_EQ(asymmetric.largest, 310);
  Scaling fitted{.scale = 3};
  fitted.levels = std::make_shared<const LevelTable>(LevelTable{{-1, 2}, {0}, {1}});
  EXPECT_EQ(LimitsOf(Element("codebook2"), fitted).largest, 6);
  EXPECT_EQ(LimitsOf(Element("codebook2"), fitted).smallest, -3);
}

}  // namespace
}  // namespace bitscape::formats
