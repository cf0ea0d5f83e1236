// Activations: calibrated scalings, scales found as the values come, and MX vectors laid out with
// strides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "engine/quantize/group_rounding.h"
#include "tests/engine/quantize/group_oracle.h"
#include "tests/golden/vectors.h"

namespace bitscape::quantize {
namespace {

using formats::Quantizer;
using formats::Scaling;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Distribution Observed(const std::vector<float>& values) {
  RangeStatistics range;
  range.Observe(values);
  Distribution distribution(range);
  distribution.Observe(values);
  return distribution;
}

ActivationScaling Calibrated(std::string_view notation, const std::vector<float>& values) {
  return CalibrateActivations(Parse(notation), Observed(values)).value();
}

std::vector<float> Rounded(const Quantizer& quantizer, const ActivationScaling& calibrated,
                           const TensorLayout& layout, const std::vector<float>& values,
                           formats::RandomKey key = {}) {
  std::vector<float> rounded(values.size()), scratch;
  RoundActivations(quantizer, calibrated, layout, values, rounded, key, scratch);
  return rounded;
}

void ExpectSameScalings(const std::vector<Scaling>& actual, const std::vector<Scaling>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ExpectSameBits({actual[i].scale}, {expected[i].scale});
    ASSERT_EQ(actual[i].zero_point, expected[i].zero_point) << "group " << i;
    ASSERT_EQ(actual[i].reciprocal, expected[i].reciprocal) << "group " << i;
    ASSERT_EQ(actual[i].levels == nullptr, expected[i].levels == nullptr) << "group " << i;
    if (actual[i].levels != nullptr) {
      ExpectSameBits(actual[i].levels->levels, expected[i].levels->levels);
    }
  }
}

TEST(CalibrateActivations, TakesTheCalibratedRange) {
  const std::vector<float> values = {-1, 5};
  EXPECT_EQ(Calibrated("int8", values).scaling, (Scaling{.scale = 5.0F / 127}));
  EXPECT_EQ(Calibrated("uint8", values).scaling, (Scaling{.scale = 5.0F / 255}));
  EXPECT_EQ(Calibrated("int8:clip=2", values).scaling, (Scaling{.scale = 2.0F / 127}));
  EXPECT_EQ(Calibrated("uint4:pact=6", values).scaling, (Scaling{.scale = 6.0F / 15}));
  EXPECT_EQ(Calibrated("uint8:asym:clip=2", {0, 5}).scaling, (Scaling{.scale = 2.0F / 255}));
  EXPECT_EQ(CalibrateActivations(Parse("fp16"), {})->scaling, Scaling{});
  EXPECT_EQ(CalibrateActivations(Parse("fixed8.4"), {})->scaling, (Scaling{.scale = 0.0625F}));
}

TEST(CalibrateActivations, FitsToTheDistribution) {
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(static_cast<float>(i % 2 == 0 ? 0 : i));
  const float bin = 999.0F / Distribution::kBins;
  const ActivationScaling clipped = Calibrated("uint8:p90", values);
  EXPECT_NEAR(clipped.scaling.scale * 255, 799, 2 * bin);
  const ActivationScaling binary = Calibrated("binary", values);
  EXPECT_NEAR(binary.scaling.scale, 250, bin);
  const ActivationScaling codebook = Calibrated("codebook8", values);
  ASSERT_NE(codebook.scaling.levels, nullptr);
  EXPECT_LE(codebook.scaling.levels->levels.size(), 8U);
  EXPECT_LT(Calibrated("int4:mse", values).scaling.scale, 999.0F / 7 + 1e-3F);
}

TEST(CalibrateActivations, TheBinOfZeroStandsForZero) {
  // Mostly zeros, as behind a rectifier: their level is 0 itself.
  std::vector<float> values(1000, 0.0F);
  values[0] = 1;
  values[1] = 0.5F;
  const ActivationScaling codebook = Calibrated("codebook4", values);
  EXPECT_EQ(Rounded(Parse("codebook4"), codebook, {}, {0}), (std::vector<float>{0}));
}

TEST(CalibrateActivations, TheBinThatEndsAtZeroStandsForItsOwnMiddle) {
  std::vector<float> values(1000, -0.0001F);
  values.push_back(-1);
  values.push_back(1);
  // Bins of 2 / 4096 from -1 on: one of them ends at 0 and holds the small values.
  EXPECT_EQ(Calibrated("int8:p50", values).scaling.scale, 0x1p-12F / 127);
}

TEST(CalibrateActivations, RefusesWhatWasNotObserved) {
  const absl::Status nothing = CalibrateActivations(Parse("int8"), Distribution()).status();
  EXPECT_EQ(nothing.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(nothing), HasSubstr("calibration saw no finite value"));
  RangeStatistics range;
  range.Observe(std::vector<float>{1, 2});
  EXPECT_THAT(Message(CalibrateActivations(Parse("int8:p99"), Distribution(range)).status()),
              HasSubstr("calibration kept the range only"));
  EXPECT_TRUE(CalibrateActivations(Parse("int8"), Distribution(range)).ok());
  EXPECT_TRUE(CalibrateActivations(Parse("int8:token"), Distribution()).ok());
  EXPECT_EQ(CalibrateActivations(Parse("int8:channel"), Observed({1})).status(),
            CheckActivations(Parse("int8:channel")));
}

TEST(CheckActivations, RefusesWhatActivationsDoNotHave) {
  const auto message = [](std::string_view notation) {
    return Message(CheckActivations(Parse(notation)));
  };
  EXPECT_EQ(message("int8:channel"),
            "activations int8:channel: 'channel' is for weights; activations share scales by "
            "tensor, token, position or block");
  EXPECT_THAT(message("int8:position"), HasSubstr("it is for 'binary'"));
  EXPECT_THAT(message("binary:position:dynamic"), HasSubstr("always come from the image"));
  EXPECT_THAT(message("codebook16:token"), HasSubstr("learned anew for each image"));
  EXPECT_THAT(message("int8:kl:dynamic"), HasSubstr("'kl' is a calibration"));
  EXPECT_EQ(CheckActivations(Parse("uint4:pact")).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(message("uint4:pact"), HasSubstr("pact=A gives one"));
  for (const char* fine : {"fp16", "int8", "int8:kl", "int8:token", "int8:block16:mse", "nvfp4",
                           "mxfp4_e2m1", "binary:position", "binary:dynamic", "ternary:token",
                           "codebook16", "int8:p99:dynamic", "uint4:clip=1", "uint4:pact=6"}) {
    EXPECT_EQ(CheckActivations(Parse(fine)), absl::OkStatus()) << fine;
  }
}

TEST(IsDynamic, BlocksAndTokensAlwaysAre) {
  for (const char* name : {"int8:dynamic", "int8:token", "mxfp8_e4m3", "nvfp4", "int8:block8"}) {
    EXPECT_TRUE(IsDynamic(Parse(name))) << name;
  }
  for (const char* name : {"int8", "fp16", "fixed8.4", "binary:position", "codebook16"}) {
    EXPECT_FALSE(IsDynamic(Parse(name))) << name;
  }
}

// One image of a plain, grouped and depthwise convolution; rows; a right operand.
const TensorLayout kLayouts[] = {{.outer = 1, .axis = 40, .inner = 49},
                                 {.outer = 1, .axis = 24, .inner = 30, .segment = 12},
                                 {.outer = 1, .axis = 7, .inner = 64, .segment = 1},
                                 {.outer = 6, .axis = 50, .inner = 1},
                                 {.outer = 2, .axis = 20, .inner = 33}};

class ActivationGroups : public testing::TestWithParam<std::string_view> {};

TEST_P(ActivationGroups, EqualTheDefinition) {
  uint64_t stream = 100;
  for (const Sharing& sharing :
       {Sharing{formats::Granularity::kTensor, 0, true}, Sharing{formats::Granularity::kToken},
        Sharing{formats::Granularity::kBlock, 8}, Sharing{formats::Granularity::kBlock, 32},
        Sharing{formats::Granularity::kBlock, 16, true}}) {
    const Quantizer quantizer = WithSharing(GetParam(), sharing);
    if (!CheckActivations(quantizer).ok() || !IsDynamic(quantizer)) continue;
    for (const TensorLayout& layout : kLayouts) {
      SCOPED_TRACE(quantizer.ToString() + " layout " + std::to_string(stream));
      std::vector<float> values = OracleValues(layout, ++stream);
      const formats::RandomKey key{.seed = 3, .stream = stream, .first = uint64_t{1} << 40};
      const ActivationScaling calibrated =
          CalibrateActivations(quantizer, Observed({-3, 2})).value();
      for (const bool special : {false, true}) {
        if (special) {
          values[3] = kNan;
          values[values.size() / 2] = -kInfinity;
        }
        float tensor_scale = calibrated.tensor_scale;
        if (quantizer.dynamic_range && quantizer.format.tensor_scale.has_value()) {
          RangeStatistics range;
          range.Observe(values);
          tensor_scale =
              formats::TensorScaleForMagnitude(quantizer.format, std::max(range.max, -range.min));
        }
        const auto [expected, scalings] = OracleRound(quantizer, layout, values, tensor_scale, key);
        ExpectSameBits(Rounded(quantizer, calibrated, layout, values, key), expected);
        std::vector<float> in_place = values, scratch;
        RoundActivations(quantizer, calibrated, layout, in_place, in_place, key, scratch);
        ExpectSameBits(in_place, expected);
        std::vector<Scaling> fitted;
        ASSERT_EQ(FitGroups(quantizer, layout, tensor_scale, values, scratch, fitted),
                  absl::OkStatus());
        ExpectSameScalings(fitted, scalings);
        if (HasFatalFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ActivationGroups, testing::ValuesIn(kOracleFormats));
INSTANTIATE_TEST_SUITE_P(Roundings, ActivationGroups,
                         testing::Values("int8:stochastic", "mxfp4_e2m1:stochastic",
                                         "uint8:asym:stochastic", "mxfp8_e4m3:away",
                                         "int8:asym:floor", "int8:reciprocal", "ternary:zero"));

TEST(RoundActivations, StaticScalesAreTheCalibratedOnes) {
  const ActivationScaling calibrated = Calibrated("int4", {-7, 7});
  EXPECT_THAT(Rounded(Parse("int4"), calibrated, {.axis = 4}, {0.6F, -2.2F, 100, kNan}),
              ElementsAre(1, -2, 7, 0));
}

TEST(RoundActivations, ImagesDrawByTheirOwnIndices) {
  const Quantizer quantizer = Parse("int4:stochastic");
  const ActivationScaling calibrated = Calibrated("int4:stochastic", {-7, 7});
  std::vector<float> both(64, 0.5F);
  const std::vector<float> together =
      Rounded(quantizer, calibrated, {.axis = 64}, both, {.seed = 1, .stream = 2, .first = 0});
  const std::vector<float> second =
      Rounded(quantizer, calibrated, {.axis = 32}, std::vector<float>(32, 0.5F),
              {.seed = 1, .stream = 2, .first = 32});
  EXPECT_EQ(second, std::vector<float>(together.begin() + 32, together.end()));
}

TEST(RoundActivations, PositionGivesSigns) {
  const Quantizer quantizer = Parse("binary:position");
  const ActivationScaling signs = CalibrateActivations(quantizer, Distribution()).value();
  EXPECT_EQ(signs.scaling.scale, 1);
  EXPECT_THAT(Rounded(quantizer, signs, {.axis = 6}, {3, -0.1F, 0, -0.0F, kInfinity, -kInfinity}),
              ElementsAre(1, -1, 1, 1, 1, -1));
}

TEST(RoundActivations, BitnetTokensAreAbsmaxIntegers) {
  // s = 127 / absmax, q = clip(round(x s), -128, 127) (BitNet b1.58), two tokens of three.
  const Quantizer quantizer = Parse("bitnet_activations");
  EXPECT_THAT(Rounded(quantizer, {}, {.outer = 2, .axis = 3}, {127, -63.4F, 1, 254, 3.1F, -5}),
              ElementsAre(127, -63, 1, 254, 4, -4));
}

// The six MX formats on the golden blocks, one block in each column.
class MxBlocks : public testing::TestWithParam<const char*> {};

TEST_P(MxBlocks, EqualTheGoldenVectorsWithStrides) {
  const nlohmann::json vectors = golden::ReadJson("mx_blocks.json");
  const nlohmann::json& in = vectors.at("in");
  const nlohmann::json& out = vectors.at(GetParam());
  const nlohmann::json& exponents = vectors.at(std::string(GetParam()) + "_scale_exponent");
  const size_t width = in.size();
  ASSERT_GT(width, 0U);
  std::vector<float> values(32 * width), expected(32 * width);
  for (size_t block = 0; block < width; ++block) {
    for (size_t i = 0; i < 32; ++i) {
      values[i * width + block] = golden::FromBits(in[block][i]);
      expected[i * width + block] = golden::FromBits(out[block][i]);
    }
  }
  const TensorLayout layout{.outer = 1, .axis = 32, .inner = static_cast<int64_t>(width)};
  const RoundedTensor rounded = RoundWeights(Parse(GetParam()), layout, values).value();
  // Integers have one zero; elsewhere its sign counts.
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(rounded.values[i], expected[i]) << i;
  const bool integers = std::string_view(GetParam()) == "mxint8";
  if (!integers) ExpectSameBits(rounded.values, expected);
  for (size_t block = 0; block < width; ++block) {
    // MXINT8's codes count 64ths.
    const int step = integers ? -6 : 0;
    EXPECT_EQ(rounded.scalings[block].scale, std::ldexp(1.0F, exponents[block].get<int>() + step));
  }
  EXPECT_EQ(Rounded(Parse(GetParam()), {}, layout, values), rounded.values);
}

INSTANTIATE_TEST_SUITE_P(Formats, MxBlocks, testing::ValuesIn(golden::kMxFormats),
                         [](const auto& format) { return std::string(format.param); });

}  // namespace
}  // namespace bitscape::quantize
