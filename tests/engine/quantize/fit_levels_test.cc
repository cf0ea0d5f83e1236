// Fitted levels against the papers' formulas and reference vectors (tests/golden/README.md).
#include "engine/quantize/fit_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <random>
#include <vector>

#include "tests/golden/vectors.h"

namespace bitscape::quantize {
namespace {

using formats::LevelFit;
using formats::LevelSet;
using formats::LevelTable;
using formats::Scaling;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr formats::Minifloat kFp32{.exponent_bits = 8,
                                   .mantissa_bits = 23,
                                   .bias = 127,
                                   .specials = formats::SpecialValues::kIeee};

formats::Quantizer Levels(int levels, LevelFit fit,
                          std::variant<formats::Minifloat, formats::Integer> entries = kFp32) {
  formats::Quantizer quantizer;
  quantizer.format.name = "levels";
  quantizer.format.element = LevelSet{.levels = levels, .fit = fit, .entries = entries};
  return quantizer;
}

Scaling Fit(const formats::Quantizer& quantizer, std::span<const float> values) {
  return FitLevels(quantizer, {.values = values, .weights = {}}).value();
}

// What LevelTable says, spelled out.
size_t Index(const LevelTable& table, float value) {
  size_t index = 0;
  for (size_t i = 0; i < table.boundaries.size(); ++i) {
    const bool passes =
        table.ties_up[i] != 0 ? value >= table.boundaries[i] : value > table.boundaries[i];
    index += passes ? 1 : 0;
  }
  return index;
}
double Value(const Scaling& scaling, float value) {
  return double{scaling.levels->levels[Index(*scaling.levels, value)]} * scaling.scale;
}

double SquaredError(const Scaling& scaling, std::span<const float> values) {
  double error = 0;
  for (const float value : values) error += std::pow(Value(scaling, value) - value, 2);
  return error / static_cast<double>(values.size());
}

class WeightsGolden : public testing::Test {
 protected:
  void SetUp() override {
    golden_ = golden::ReadJson("lecture_formats.json").at("weights");
    for (const auto& row : golden_.at("W")) {
      rows_.push_back(row.get<std::vector<float>>());
      layer_.insert(layer_.end(), rows_.back().begin(), rows_.back().end());
    }
    ASSERT_EQ(layer_.size(), 216U);
  }
  // Codes -1, 0, +1 of one filter.
  static std::vector<int> Codes(const Scaling& scaling, std::span<const float> values) {
    std::vector<int> codes;
    for (const float value : values) {
      codes.push_back(static_cast<int>(Index(*scaling.levels, value)) - 1);
    }
    return codes;
  }
  void ExpectCodes(const Scaling& scaling, const nlohmann::json& codes) const {
    for (size_t row = 0; row < rows_.size(); ++row) {
      EXPECT_EQ(Codes(scaling, rows_[row]), codes.at(row).get<std::vector<int>>()) << row;
    }
  }

  nlohmann::json golden_;
  std::vector<std::vector<float>> rows_;
  std::vector<float> layer_;
};

TEST_F(WeightsGolden, Twn) {
  const auto& layer = golden_.at("twn_layer");
  const Scaling scaling = Fit(Levels(3, LevelFit::kTwn), layer_);
  EXPECT_EQ(scaling.scale, layer.at("alpha").get<float>());
  EXPECT_NEAR(scaling.levels->boundaries[1], layer.at("delta").get<double>(), 1e-8);
  ExpectCodes(scaling, layer.at("codes"));
  const auto& filters = golden_.at("twn_per_filter");
  for (size_t row = 0; row < rows_.size(); ++row) {
    const Scaling filter = Fit(Levels(3, LevelFit::kTwn), rows_[row]);
    EXPECT_EQ(filter.scale, filters.at("alpha").at(row).get<float>());
    EXPECT_NEAR(filter.levels->boundaries[1], filters.at("delta").at(row).get<double>(), 1e-8);
    EXPECT_EQ(Codes(filter, rows_[row]), filters.at("codes").at(row).get<std::vector<int>>());
  }
}

TEST_F(WeightsGolden, Ttq) {
  const auto& ttq = golden_.at("ttq_t0.05");
  const Scaling scaling = Fit(Levels(3, LevelFit::kTtq), layer_);
  EXPECT_NEAR(scaling.levels->boundaries[1], ttq.at("delta").get<double>(), 1e-8);
  ExpectCodes(scaling, ttq.at("codes"));
  double sums[3] = {0, 0, 0};
  int counts[3] = {0, 0, 0};
  for (size_t i = 0; i < layer_.size(); ++i) {
    const auto code = static_cast<size_t>(ttq.at("codes").at(i / 27).at(i % 27).get<int>() + 1);
    sums[code] += layer_[i];
    ++counts[code];
  }
  EXPECT_FLOAT_EQ(scaling.levels->levels[0], static_cast<float>(sums[0] / counts[0]));
  EXPECT_EQ(scaling.levels->levels[1], 0);
  EXPECT_FLOAT_EQ(scaling.levels->levels[2], static_cast<float>(sums[2] / counts[2]));
  EXPECT_EQ(scaling.scale, 1);
}

TEST_F(WeightsGolden, Bwn) {
  for (size_t row = 0; row < rows_.size(); ++row) {
    const Scaling filter = Fit(Levels(2, LevelFit::kMeanAbs), rows_[row]);
    EXPECT_EQ(filter.scale, golden_.at("bwn").at("alpha_per_filter").at(row).get<float>());
    EXPECT_THAT(filter.levels->levels, ElementsAre(-1, 1));
  }
  // One bit of DoReFa is the same for a whole layer.
  EXPECT_EQ(Fit(Levels(2, LevelFit::kDorefa), layer_).scale,
            golden_.at("dorefa_k1_scale").get<float>());
}

// Both readings of gamma + epsilon give these codes; ours clamps gamma, as the released code does.
TEST_F(WeightsGolden, BitNet) {
  const auto& bitnet = golden_.at("bitnet_b158");
  const Scaling scaling = Fit(Levels(3, LevelFit::kAbsMean), layer_);
  EXPECT_EQ(scaling.scale, bitnet.at("gamma").get<float>());
  ExpectCodes(scaling, bitnet.at("codes_eps_clampmin"));
  ExpectCodes(scaling, bitnet.at("codes_eps_additive"));
}

TEST_F(WeightsGolden, Dorefa) {
  for (const int bits : {2, 3, 4, 8}) {
    const Scaling scaling = Fit(Levels(1 << bits, LevelFit::kDorefa), layer_);
    EXPECT_EQ(scaling.levels->levels.size(), size_t{1} << bits);
    EXPECT_EQ(scaling.scale, 1);
    const auto& expected = golden_.at("dorefa").at(std::to_string(bits));
    for (size_t i = 0; i < layer_.size(); ++i) {
      EXPECT_FLOAT_EQ(static_cast<float>(Value(scaling, layer_[i])),
                      expected.at(i / 27).at(i % 27).get<float>())
          << bits << " bits, weight " << i;
    }
  }
}

// At each boundary the paper's formula changes its code, and not one float below.
TEST(FitLevels, DorefaBoundariesAreExact) {
  const std::vector<float> values = {-0.7F, 0.1F, 0.55F, 1.9F};
  for (const int bits : {2, 4, 8}) {
    const Scaling scaling = Fit(Levels(1 << bits, LevelFit::kDorefa), values);
    const double steps = (1 << bits) - 1;
    const auto code = [&](float value) {
      return std::nearbyint(
          steps *
          std::clamp(std::tanh(double{value}) / (2 * std::tanh(double{1.9F})) + 0.5, 0.0, 1.0));
    };
    ASSERT_EQ(scaling.levels->boundaries.size(), static_cast<size_t>(steps));
    for (size_t i = 0; i < scaling.levels->boundaries.size(); ++i) {
      const float boundary = scaling.levels->boundaries[i];
      EXPECT_EQ(code(boundary), static_cast<double>(i + 1));
      EXPECT_EQ(code(std::nextafter(boundary, -FLT_MAX)), static_cast<double>(i));
      EXPECT_EQ(Index(*scaling.levels, boundary), i + 1);
    }
    EXPECT_EQ(Value(scaling, -5.0F), -1);
    EXPECT_EQ(Value(scaling, 5.0F), 1);
  }
}

TEST(FitLevels, TiesFollowThePapers) {
  const std::vector<float> values = {-1, 1};
  EXPECT_EQ(Value(Fit(Levels(2, LevelFit::kUnit), values), 0.0F), 1);
  EXPECT_EQ(Value(Fit(Levels(2, LevelFit::kUnit), values), -0.0F), 1);
  EXPECT_EQ(Value(Fit(Levels(2, LevelFit::kUnit), values), -FLT_TRUE_MIN), -1);
  const Scaling unit = Fit(Levels(3, LevelFit::kUnit), values);
  for (const float sign : {-1.0F, 1.0F}) {
    EXPECT_EQ(Value(unit, sign * 0.5F), 0);
    EXPECT_EQ(Value(unit, sign * std::nextafter(0.5F, 1.0F)), sign);
  }
  // Half of gamma rounds to even: 0. gamma = 1.
  const Scaling absmean = Fit(Levels(3, LevelFit::kAbsMean), values);
  for (const float sign : {-1.0F, 1.0F}) {
    EXPECT_EQ(Value(absmean, sign * 0.5F), 0);
    EXPECT_EQ(Value(absmean, sign * std::nextafter(0.5F, 1.0F)), sign);
  }
  // |x| > delta: a value at the threshold is 0. TTQ of max|x| = 20: delta = 0.05 * 20 = 1.
  const std::vector<float> twenty = {-20, 1, -1, 10, 0};
  const Scaling ttq = Fit(Levels(3, LevelFit::kTtq), twenty);
  EXPECT_THAT(ttq.levels->levels, ElementsAre(-20, 0, 10));
  EXPECT_EQ(Value(ttq, 1.0F), 0);
  EXPECT_EQ(Value(ttq, -1.0F), 0);
  EXPECT_EQ(Value(ttq, std::nextafter(1.0F, 2.0F)), 10);
  EXPECT_EQ(Value(ttq, std::nextafter(-1.0F, -2.0F)), -20);
}

TEST(FitLevels, GroupsOfZerosStayZero) {
  const std::vector<float> zeros(10, 0.0F);
  const formats::Quantizer all[] = {
      Levels(3, LevelFit::kUnit),    Levels(3, LevelFit::kTwn),
      Levels(3, LevelFit::kAbsMean), Levels(3, LevelFit::kTtq),
      Levels(16, LevelFit::kKmeans), Levels(16, LevelFit::kLloydMax, formats::Integer{.bits = 8})};
  for (const formats::Quantizer& quantizer : all) {
    const Scaling scaling = Fit(quantizer, zeros);
    EXPECT_EQ(Value(scaling, 0.0F), 0);
    EXPECT_GT(scaling.scale, 0);
    EXPECT_GE(scaling.levels->levels.size(), 2U);
  }
  // A sign has no zero: as close as a positive scale comes.
  EXPECT_EQ(Value(Fit(Levels(2, LevelFit::kMeanAbs), zeros), 0.0F), FLT_MIN);
  EXPECT_EQ(Fit(Levels(3, LevelFit::kAbsMean), zeros).scale, 1e-5F);
  const Scaling dorefa = Fit(Levels(4, LevelFit::kDorefa), zeros);
  EXPECT_NEAR(Value(dorefa, 0.0F), 1.0 / 3, 1e-7);  // 2 round(1.5) / 3 - 1
}

TEST(FitLevels, TtqMirrorsASideWithoutValues) {
  const std::vector<float> values = {0, 2, 4};
  EXPECT_THAT(Fit(Levels(3, LevelFit::kTtq), values).levels->levels, ElementsAre(-3, 0, 3));
}

// Worked by hand: levels 0, 5, 10 give the cells {0, 1, 2}, {4}, {9, 10}.
TEST(FitLevels, KmeansStartsEvenlySpaced) {
  const std::vector<float> values = {9, 0, 2, 10, 1, 4};
  const Scaling scaling = Fit(Levels(3, LevelFit::kKmeans), values);
  EXPECT_THAT(scaling.levels->levels, ElementsAre(1, 4, 9.5F));
  EXPECT_THAT(scaling.levels->boundaries, ElementsAre(2.5F, 6.75F));
  EXPECT_EQ(scaling.scale, 1);
}

TEST(FitLevels, NoMoreLevelsThanValues) {
  const std::vector<float> values = {3, -1, 3, 3, 0.5F, -1};
  for (const LevelFit fit : {LevelFit::kKmeans, LevelFit::kLloydMax}) {
    const Scaling scaling = Fit(Levels(8, fit), values);
    EXPECT_THAT(scaling.levels->levels, ElementsAre(-1, 0.5F, 3));
    EXPECT_THAT(scaling.levels->boundaries, ElementsAre(-0.25F, 1.75F));
    EXPECT_EQ(SquaredError(scaling, values), 0);
    const std::vector<float> one(4, 7.0F);
    EXPECT_EQ(SquaredError(Fit(Levels(2, fit), one), one), 0);
  }
}

TEST(FitLevels, IntegerEntriesReachTheirLargestCode) {
  const std::vector<float> values = {-0.5F, 1, 2};
  const Scaling scaling =
      Fit(Levels(4, LevelFit::kLloydMax, formats::Integer{.bits = 8, .is_signed = true}), values);
  EXPECT_EQ(scaling.scale, 2.0F / 127);
  EXPECT_THAT(scaling.levels->levels, ElementsAre(-32, 64, 127));  // -31.75, 63.5
  EXPECT_FLOAT_EQ(scaling.levels->boundaries[0], 16 * scaling.scale);
}

TEST(FitLevels, FloatEntriesAreRoundedWithoutAScale) {
  const formats::Minifloat e4m3{
      .exponent_bits = 4, .mantissa_bits = 3, .bias = 7, .specials = formats::SpecialValues::kFn};
  const std::vector<float> values = {-1.03F, 0.3F, 0.301F, 5.3F, 600};
  const Scaling scaling = Fit(Levels(8, LevelFit::kKmeans, e4m3), values);
  // Both of 0.3 and 0.301 are 0.3125; 600 saturates.
  EXPECT_THAT(scaling.levels->levels, ElementsAre(-1, 0.3125F, 5.5F, 448));
  EXPECT_THAT(scaling.levels->boundaries, ElementsAre(-0.34375F, 2.90625F, 226.75F));
}

// Nearest of the stored values for every float near a boundary.
TEST(FitLevels, BoundariesDecideForTheNearestStoredLevel) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0.1F, 2.0F);
  std::vector<float> values(3000);
  for (float& value : values) value = normal(random);
  for (const auto& entries :
       std::initializer_list<std::variant<formats::Minifloat, formats::Integer>>{
           kFp32, formats::Integer{.bits = 8, .is_signed = true}}) {
    const Scaling scaling = Fit(Levels(16, LevelFit::kLloydMax, entries), values);
    ASSERT_EQ(scaling.levels->levels.size(), 16U);
    for (size_t i = 0; i + 1 < 16; ++i) {
      const double low = scaling.levels->levels[i] * scaling.scale;
      const double high = scaling.levels->levels[i + 1] * scaling.scale;
      float value = scaling.levels->boundaries[i];
      for (int step = 0; step < 3; ++step) value = std::nextafter(value, -FLT_MAX);
      for (int step = 0; step < 7; ++step, value = std::nextafter(value, FLT_MAX)) {
        EXPECT_EQ(Index(*scaling.levels, value), value - low < high - value ? i : i + 1);
      }
    }
  }
}

TEST(FitLevels, LloydMaxIsNeverWorseThanKmeans) {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  for (const int levels : {2, 3, 4, 7, 16, 64}) {
    std::vector<float> values(4000);
    for (float& value : values) value = std::pow(normal(random), 3.0F);
    const double lloyd = SquaredError(Fit(Levels(levels, LevelFit::kLloydMax), values), values);
    const double kmeans = SquaredError(Fit(Levels(levels, LevelFit::kKmeans), values), values);
    EXPECT_LE(lloyd, kmeans * (1 + 1e-6)) << levels;
  }
}

TEST(FitLevels, OrderOfTheSampleDoesNotMatter) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(2000);
  for (float& value : values) value = normal(random);
  const Scaling before = Fit(Levels(16, LevelFit::kLloydMax), values);
  std::shuffle(values.begin(), values.end(), random);
  EXPECT_EQ(Fit(Levels(16, LevelFit::kLloydMax), values), before);
}

TEST(FitLevels, WeightsCountAsRepetitions) {
  const std::vector<float> once = {-2, 0.5F, 3, 100};
  const std::vector<double> weights = {1, 2, 1, 0};
  const std::vector<float> repeated = {-2, 0.5F, 0.5F, 3};
  for (const LevelFit fit : {LevelFit::kTwn, LevelFit::kTtq, LevelFit::kAbsMean}) {
    EXPECT_EQ(FitLevels(Levels(3, fit), {.values = once, .weights = weights}).value(),
              Fit(Levels(3, fit), repeated));
  }
  EXPECT_EQ(FitLevels(Levels(4, LevelFit::kDorefa), {.values = once, .weights = weights}).value(),
            Fit(Levels(4, LevelFit::kDorefa), repeated));
}

TEST(FitLevels, Errors) {
  const auto message = [](const formats::Quantizer& quantizer, const Sample& sample) {
    return std::string(FitLevels(quantizer, sample).status().message());
  };
  const std::vector<float> values = {1, 2};
  const std::vector<double> weights = {1, 2, 3}, none = {0, 0};
  EXPECT_THAT(message(Levels(4, LevelFit::kKmeans), {}), HasSubstr("at least one value"));
  EXPECT_THAT(message(Levels(4, LevelFit::kKmeans), {.values = values, .weights = none}),
              HasSubstr("at least one value"));
  EXPECT_THAT(message(Levels(4, LevelFit::kKmeans), {.values = values, .weights = weights}),
              HasSubstr("2 values with 3 weights"));
  formats::Quantizer integer;
  integer.format.name = "int8";
  integer.format.element = formats::Integer{.bits = 8, .is_signed = true};
  EXPECT_THAT(message(integer, {.values = values, .weights = {}}),
              HasSubstr("int8: a format of fixed levels"));
}

}  // namespace
}  // namespace bitscape::quantize
