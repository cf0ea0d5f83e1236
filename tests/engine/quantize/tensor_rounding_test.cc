#include "engine/quantize/tensor_rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bitscape::quantize {
namespace {

using formats::Quantizer;
using formats::Scaling;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Quantizer Parse(std::string_view notation) { return formats::ParseQuantizer(notation).value(); }

RangeStatistics Observed(std::vector<float> values) {
  RangeStatistics statistics;
  statistics.Observe(values);
  return statistics;
}

TensorLayout Rows(const std::vector<float>& values, int64_t rows) {
  return {.outer = rows, .axis = static_cast<int64_t>(values.size()) / rows};
}

absl::StatusOr<Scaling> CalibratedScaling(const formats::Quantizer& quantizer,
                                          const RangeStatistics& statistics) {
  const absl::StatusOr<ActivationScaling> calibrated =
      CalibrateActivations(quantizer, Distribution(statistics));
  if (!calibrated.ok()) return calibrated.status();
  return calibrated->scaling;
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(RangeStatistics, SeesFiniteValuesOnly) {
  const RangeStatistics statistics = Observed({1, kNan, -kInfinity, -3, kInfinity, 2});
  EXPECT_EQ(statistics.min, -3);
  EXPECT_EQ(statistics.max, 2);
  EXPECT_EQ(statistics.count, 3);
  EXPECT_EQ(Observed({kNan, kInfinity}).count, 0);
}

TEST(RangeStatistics, DoesNotStartFromZero) {
  EXPECT_EQ(Observed({2, 3}).min, 2);
  EXPECT_EQ(Observed({-2, -3}).max, -2);
}

TEST(RangeStatistics, MergesInAnyOrder) {
  const RangeStatistics parts[] = {Observed({1, -2}), Observed({}), Observed({-0.0F}),
                                   Observed({0.0F, 7})};
  RangeStatistics forward, backward;
  for (int i = 0; i < 4; ++i) {
    forward.Merge(parts[i]);
    backward.Merge(parts[3 - i]);
  }
  EXPECT_EQ(forward.min, backward.min);
  EXPECT_EQ(forward.max, backward.max);
  EXPECT_EQ(forward.count, 5);
  EXPECT_EQ(backward.count, 5);
  EXPECT_FALSE(std::signbit(Observed({-0.0F}).max));
}

TEST(RoundWeights, SharesOneScaleOrOneAChannel) {
  const std::vector<float> weights = {7, -3.4F, 0.6F, 14, 2, -1};
  const RoundedTensor whole = RoundWeights(Parse("int4"), Rows(weights, 2), weights).value();
  EXPECT_THAT(whole.scalings, ElementsAre(Scaling{2, 0}));
  EXPECT_THAT(whole.values,
              ElementsAre(8, -4, 0, 14, 2, 0));  // 3.5 -> 4, -1.7 -> -2, .3 -> 0, -.5 -> 0
  const RoundedTensor rows = RoundWeights(Parse("int4:channel"), Rows(weights, 2), weights).value();
  EXPECT_THAT(rows.scalings, ElementsAre(Scaling{1, 0}, Scaling{2, 0}));
  EXPECT_THAT(rows.values, ElementsAre(7, -3, 1, 14, 2, 0));
}

TEST(RoundWeights, FormatsWithoutAScaleRoundDirectly) {
  const RoundedTensor rounded =
      RoundWeights(Parse("fp4_e2m1"), {.axis = 3}, std::vector<float>{0.3F, 2.6F, -100}).value();
  EXPECT_THAT(rounded.values, ElementsAre(0.5F, 3, -6));
  EXPECT_THAT(RoundWeights(Parse("fixed8.4"), {.axis = 2}, std::vector<float>{0.04F, 100})->values,
              ElementsAre(0.0625F, 7.9375F));
}

TEST(RoundWeights, ClipsAndTakesPercentiles) {
  const std::vector<float> weights = {1, -2, 3, -100};
  EXPECT_EQ(RoundWeights(Parse("int8:clip=12.7"), Rows(weights, 1), weights)->scalings[0].scale,
            12.7F / 127);
  // 75 % of 4 magnitudes: the third smallest, 3.
  EXPECT_EQ(RoundWeights(Parse("int8:p75"), Rows(weights, 1), weights)->scalings[0].scale,
            3.0F / 127);
  EXPECT_EQ(RoundWeights(Parse("int8:p100"), Rows(weights, 1), weights)->scalings[0].scale,
            100.0F / 127);
  EXPECT_EQ(RoundWeights(Parse("int8:p1"), Rows(weights, 1), weights)->scalings[0].scale,
            1.0F / 127);
}

TEST(RoundWeights, PercentilesOfRoundCountsLeaveTheOutlierOut) {
  for (const size_t count : {1000U, 3000U, 41000U, 164000U}) {
    std::vector<float> weights(count);
    for (size_t i = 0; i < count; ++i) weights[i] = static_cast<float>(i + 1);
    EXPECT_EQ(RoundWeights(Parse("int8:p99.9"), Rows(weights, 1), weights)->scalings[0].scale,
              static_cast<float>(count * 999 / 1000) / 127)
        << count;
  }
}

TEST(RoundWeights, RefusesWhatItCannotRound) {
  const auto status = [](std::string_view notation, std::vector<float> weights,
                         int64_t channels = 1) {
    return RoundWeights(Parse(notation), Rows(weights, channels), weights).status();
  };
  EXPECT_EQ(status("int8", {1, kNan}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status("int8", {1, kNan})), HasSubstr("weight 1 is nan"));
  EXPECT_THAT(Message(status("fp16", {-kInfinity})), HasSubstr("weight 0 is -inf"));
  EXPECT_THAT(Message(status("int8", {1, 2, 3}, 2)),
              HasSubstr("3 weights don't divide into 2 channels"));
  EXPECT_THAT(Message(status("int8", {}, 2)), HasSubstr("0 weights"));
  EXPECT_THAT(Message(status("int8", {1}, 0)), HasSubstr("0 channels"));
  EXPECT_EQ(status("int8:token", {1}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status("int8:position", {1})), HasSubstr("tensor, channel or block"));
  EXPECT_EQ(status("int8:block4", {1}).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(status("int8:block4", {1})), HasSubstr("weights int8:block4"));
  EXPECT_EQ(status("int8:mse", {1}).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(status("int8:kl", {1})), HasSubstr("int8:kl: this range method"));
}

TEST(RoundWeights, StochasticRoundingFollowsItsKey) {
  const std::vector<float> weights(256, 0.3F);
  std::vector<float> with_range = weights;
  with_range[0] = 7;
  const Quantizer quantizer = Parse("int4:stochastic");
  const auto a = RoundWeights(quantizer, Rows(with_range, 1), with_range, {.seed = 1}).value();
  EXPECT_EQ(a.values,
            RoundWeights(quantizer, Rows(with_range, 1), with_range, {.seed = 1})->values);
  EXPECT_NE(a.values,
            RoundWeights(quantizer, Rows(with_range, 1), with_range, {.seed = 2})->values);
  EXPECT_NE(
      a.values,
      RoundWeights(quantizer, Rows(with_range, 1), with_range, {.seed = 1, .stream = 1})->values);
}

TEST(ActivationScaling, TakesTheCalibratedRange) {
  const RangeStatistics statistics = Observed({-1, 5});
  EXPECT_EQ(CalibratedScaling(Parse("int8"), statistics).value(), (Scaling{5.0F / 127, 0}));
  EXPECT_EQ(CalibratedScaling(Parse("uint8"), statistics).value(), (Scaling{5.0F / 255, 0}));
  EXPECT_EQ(CalibratedScaling(Parse("int8:clip=2"), statistics).value(), (Scaling{2.0F / 127, 0}));
  EXPECT_EQ(CalibratedScaling(Parse("uint8:asym:clip=2"), Observed({0, 5})).value(),
            (Scaling{2.0F / 255, 0}));
  EXPECT_EQ(CalibratedScaling(Parse("fp16"), RangeStatistics{}).value(), Scaling{});
  EXPECT_EQ(CalibratedScaling(Parse("fixed8.4"), RangeStatistics{}).value(), (Scaling{0.0625F, 0}));
}

TEST(ActivationScaling, RefusesWhatCalibrationCannotGive) {
  const RangeStatistics statistics = Observed({-1, 5});
  const auto status = [&](std::string_view notation) {
    return CalibratedScaling(Parse(notation), statistics).status();
  };
  EXPECT_EQ(status("int8:dynamic").code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(status("int8:dynamic")), HasSubstr("activations int8:dynamic"));
  EXPECT_EQ(status("int8:token").code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status("int8:p99").code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status("int8:channel").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CalibratedScaling(Parse("int8"), RangeStatistics{}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(CalibratedScaling(Parse("int8"), RangeStatistics{}).status()),
              HasSubstr("calibration saw no finite value"));
}

TEST(RoundTensor, FindsScalesAlongTheRightAxes) {
  const std::vector<float> values = {7, 1.2F, 14, 1.2F, 28, 1.2F, 56, 1.2F};
  const std::vector<int64_t> shape = {2, 2, 2};
  const auto rounded = [&](std::string_view notation) {
    return RoundTensor(Parse(notation), shape, values)->values;
  };
  EXPECT_THAT(rounded("int4"), ElementsAre(8, 0, 16, 0, 32, 0, 56, 0));
  EXPECT_THAT(rounded("int4:channel"), ElementsAre(8, 2, 14, 2, 32, 0, 56, 0));
  EXPECT_THAT(rounded("int4:token"), ElementsAre(7, 1, 14, 2, 28, 0, 56, 0));
  EXPECT_THAT(rounded("int4:block1"), ElementsAre(7, 1.2F, 14, 1.2F, 28, 1.2F, 56, 1.2F));
}

TEST(RoundTensor, AShorterLastBlockHasItsOwnScale) {
  const std::vector<float> values = {7, 1.2F, 70, 14, 1.2F, 0.7F};
  EXPECT_THAT(RoundTensor(Parse("int4:block2"), std::vector<int64_t>{2, 3}, values)->values,
              ElementsAre(7, 1, 70, 14, 2, 0.7F));
}

TEST(RoundTensor, NonFiniteValuesDoNotSetTheScale) {
  const std::vector<float> values = {7, kInfinity, kNan, -kInfinity};
  EXPECT_THAT(RoundTensor(Parse("int4"), std::vector<int64_t>{4}, values)->values,
              ElementsAre(7, 7, 0, -7));
  const std::vector<float> halves =
      RoundTensor(Parse("fp16"), std::vector<int64_t>{4}, values)->values;
  EXPECT_EQ(halves[1], kInfinity);
  EXPECT_TRUE(std::isnan(halves[2]));
}

TEST(RoundTensor, ChecksItsShape) {
  const std::vector<float> values = {1, 2, 3};
  const auto status = [&](std::vector<int64_t> shape, std::string_view notation = "int8") {
    return RoundTensor(Parse(notation), shape, values).status();
  };
  EXPECT_THAT(Message(status({2, 2})), HasSubstr("shape 2x2 has 4 elements, the data 3"));
  EXPECT_THAT(Message(status({-1, -3})), HasSubstr("every size is positive"));
  EXPECT_THAT(Message(status({int64_t{1} << 62, 8})), HasSubstr("their product fits 64 bits"));
  EXPECT_EQ(status({3}, "int8:position").code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status({3}, "int8:aciq").code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace bitscape::quantize
