#include "engine/quantize/tensor_rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/formats/scale.h"
#include "engine/quantize/group_rounding.h"
#include "tests/engine/quantize/group_oracle.h"

namespace bitscape::quantize {
namespace {

using formats::Quantizer;
using formats::Scaling;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

RangeStatistics Observed(std::vector<float> values) {
  RangeStatistics statistics;
  statistics.Observe(values);
  return statistics;
}

TensorLayout Rows(const std::vector<float>& values, int64_t rows) {
  return {.outer = rows, .axis = static_cast<int64_t>(values.size()) / rows};
}

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
                         TensorLayout layout = {}) {
    return RoundWeights(Parse(notation), layout, weights).status();
  };
  EXPECT_EQ(status("int8", {1, kNan}, {.axis = 2}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status("int8", {1, kNan}, {.axis = 2})), HasSubstr("weight 1 is nan"));
  EXPECT_THAT(Message(status("fp16", {-kInfinity})), HasSubstr("weight 0 is -inf"));
  EXPECT_THAT(Message(status("int8", {1, 2, 3}, {.outer = 2, .axis = 2})),
              HasSubstr("3 weights in a layout of 2 x 2 x 1"));
  EXPECT_THAT(Message(status("int8", {}, {.outer = 0})), HasSubstr("0 weights in a layout of 0"));
  EXPECT_THAT(Message(status("int8", {1, 2}, {.axis = 2, .segment = 3})),
              HasSubstr("segments of 3 don't divide an axis of 2"));
}

TEST(CheckWeights, RefusesWhatWeightsDoNotHave) {
  const auto message = [](std::string_view notation) {
    const absl::Status status = CheckWeights(Parse(notation));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << notation;
    return Message(status);
  };
  EXPECT_EQ(message("int8:token"),
            "weights int8:token: weights share scales by tensor, channel or block");
  EXPECT_THAT(message("binary:position"), HasSubstr("tensor, channel or block"));
  EXPECT_THAT(message("int8:dynamic"), HasSubstr("'dynamic' is for activations"));
  EXPECT_THAT(message("uint4:pact=6"), HasSubstr("'pact' is for activations"));
  EXPECT_THAT(message("int4:block32:kl"), HasSubstr("a block is too small"));
  EXPECT_EQ(RoundWeights(Parse("int8:token"), {}, std::vector<float>{1}).status(),
            CheckWeights(Parse("int8:token")));
}

class WeightGroups : public testing::TestWithParam<std::string_view> {};

// Convolution, Gemm, depthwise and a product's right operand.
const TensorLayout kLayouts[] = {{.outer = 3, .axis = 40, .inner = 9},
                                 {.outer = 5, .axis = 70, .inner = 1},
                                 {.outer = 1, .axis = 64, .inner = 1},
                                 {.outer = 6, .axis = 1, .inner = 9},
                                 {.outer = 2, .axis = 24, .inner = 33, .segment = 12},
                                 {.outer = 4, .axis = 30, .inner = 1, .segment = 10},
                                 {.outer = 9, .axis = 32, .inner = 1, .segment = 1}};

void ExpectTheDefinition(const Quantizer& quantizer, const TensorLayout& layout,
                         const std::vector<float>& weights, formats::RandomKey key) {
  const RoundedTensor rounded = RoundWeights(quantizer, layout, weights, key).value();
  const OracleTensor expected = OracleRound(quantizer, layout, weights, rounded.tensor_scale, key);
  EXPECT_EQ(rounded.scalings, expected.scalings);
  ExpectSameBits(rounded.values, expected.values);
}

TEST_P(WeightGroups, EqualTheDefinition) {
  uint64_t stream = 0;
  for (const Sharing& sharing :
       {Sharing{formats::Granularity::kTensor}, Sharing{formats::Granularity::kChannel},
        Sharing{formats::Granularity::kBlock, 1}, Sharing{formats::Granularity::kBlock, 8},
        Sharing{formats::Granularity::kBlock, 32}}) {
    const Quantizer quantizer = WithSharing(GetParam(), sharing);
    for (const TensorLayout& layout : kLayouts) {
      SCOPED_TRACE(quantizer.ToString() + " layout " + std::to_string(stream));
      const std::vector<float> weights = OracleValues(layout, ++stream);
      const formats::RandomKey key{.seed = 3, .stream = stream, .first = 1000};
      ExpectTheDefinition(quantizer, layout, weights, key);
      if (HasFatalFailure()) return;
    }
  }
}

// Scales down to 2^-141 (bfp16), whose inverses float32 doesn't hold, subnormal values, and values
// next to float32's largest.
TEST_P(WeightGroups, EqualTheDefinitionAtTheEndsOfFloat32) {
  uint64_t stream = 50;
  for (const Sharing& sharing :
       {Sharing{formats::Granularity::kChannel}, Sharing{formats::Granularity::kBlock, 8}}) {
    const Quantizer quantizer = WithSharing(GetParam(), sharing);
    for (const TensorLayout& layout : {TensorLayout{.outer = 2, .axis = 24, .inner = 9},
                                       TensorLayout{.outer = 3, .axis = 24, .inner = 1}}) {
      for (const int exponent : {-141, -125, -117, 123}) {
        SCOPED_TRACE(quantizer.ToString() + " times 2^" + std::to_string(exponent));
        std::vector<float> weights = OracleValues(layout, ++stream);
        for (float& weight : weights) weight = std::ldexp(weight, exponent);
        const formats::RandomKey key{.seed = 3, .stream = stream};
        ExpectTheDefinition(quantizer, layout, weights, key);
        if (HasFatalFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, WeightGroups, testing::ValuesIn(kOracleFormats));
INSTANTIATE_TEST_SUITE_P(Roundings, WeightGroups,
                         testing::Values("int8:stochastic", "mxfp4_e2m1:stochastic",
                                         "uint8:asym:stochastic", "binary:unit:stochastic",
                                         "int8:asym:floor", "mxfp8_e4m3:away", "e2m3:scaled:zero",
                                         "int4:full:wrap", "uint8:asym:clip=0.3:wrap",
                                         "int8:reciprocal", "fp16:stochastic"));

TEST(ScalesForMagnitudes, EqualTheScalarSpecification) {
  std::vector<float> magnitudes = {0, 0x1p-149F, 0x1p-127F, 0x1.fffffep-1F, 3.4028235e38F};
  for (int exponent = -149; exponent <= 127; ++exponent) {
    const float power = std::ldexp(1.0F, exponent);
    for (const float factor : {1.0F, 1.3F, 1.75F, 0x1.fffffep0F}) {
      magnitudes.push_back(power * factor);
    }
  }
  for (const std::string_view notation : kOracleFormats) {
    const formats::NumberFormat format = Parse(notation).format;
    if (!ScaleFollowsMagnitude(format)) continue;
    SCOPED_TRACE(notation);
    std::vector<float> values = magnitudes;
    if (formats::ScaleHasNan(format)) values.insert(values.end(), {kInfinity, kNan});
    std::vector<float> scales(values.size()), expected(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      expected[i] = formats::ScaleForMagnitude(format, values[i], 0.37F);
    }
    ScalesForMagnitudes(format, 0.37F, values, scales);
    ExpectSameBits(scales, expected);
  }
}

TEST(RoundWeights, Nvfp4HasTwoLevels) {
  const std::vector<float> weights = OracleValues({.axis = 64}, 1);
  const RoundedTensor rounded = RoundWeights(Parse("nvfp4"), {.axis = 64}, weights).value();
  float amax = 0;
  for (const float weight : weights) amax = std::max(amax, std::fabs(weight));
  EXPECT_EQ(rounded.tensor_scale, amax / (6 * 448));
  EXPECT_EQ(rounded.scalings.size(), 4U);
  for (const Scaling& scaling : rounded.scalings) {
    // The group's own part is an fp8_e4m3.
    const float part = scaling.scale / rounded.tensor_scale;
    EXPECT_NEAR(part,
                formats::Decode(Parse("fp8_e4m3").format.element,
                                formats::Encode(Parse("fp8_e4m3").format.element, part)),
                part * 0x1p-22);
  }
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
  EXPECT_EQ(status({3}, "binary:position").code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace bitscape::quantize
