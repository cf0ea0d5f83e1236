#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {
namespace {

using testing::HasSubstr;

const std::vector<LayerIdentity>& Layers() {
  static const auto* const layers = new std::vector<LayerIdentity>{{"conv1", "conv"},
                                                                   {"block1/conv_a", "conv"},
                                                                   {"block1/conv_b", "conv"},
                                                                   {"scores", "matmul"},
                                                                   {"fc", "gemm"}};
  return *layers;
}

PrecisionPlan Parse(std::string_view text) {
  const auto plan = ParsePlan(text);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.value_or(PrecisionPlan{});
}

ResolvedPlan Resolve(std::string_view text) {
  const auto plan = ResolvePlan(Parse(text), Layers());
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.value_or(ResolvedPlan{});
}

struct TextCase {
  const char* given;
  const char* printed;
};
class PlanText : public testing::TestWithParam<TextCase> {};

TEST_P(PlanText, RoundTripsThroughItsCanonicalForm) {
  const PrecisionPlan plan = Parse(GetParam().given);
  EXPECT_EQ(plan.ToString(), GetParam().printed);
  EXPECT_EQ(Parse(plan.ToString()), plan);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, PlanText,
    testing::Values(TextCase{"", ""}, TextCase{"weights=int8:channel", "weights=int8:channel"},
                    TextCase{"accumulator=int32,activations=int8,weights=int8:channel",
                             "weights=int8:channel,activations=int8,accumulator=int32"},
                    TextCase{"weights=e5m10:ieee,vector=fp32,fold=auto", "weights=fp16"},
                    TextCase{"fold=always", "fold=always"}, TextCase{"repair=none", ""},
                    TextCase{"repair=bias", "repair=bias"},
                    TextCase{"repair=batchnorm+bias+adaround+smooth0.5+equalize,weights=int4",
                             "weights=int4,repair=equalize+smooth+adaround+bias+batchnorm"},
                    TextCase{"repair=smooth,fold=never", "fold=never,repair=smooth"},
                    TextCase{"repair=smooth0.75", "repair=smooth0.75"},
                    TextCase{"repair=smooth1;[last]weights=int8",
                             "repair=smooth1;[last]weights=int8"},
                    TextCase{"fold=never,vector=bf16,weights=e4m3:bias=9",
                             "weights=e4m3:bias=9,vector=bf16,fold=never"},
                    TextCase{"weights=int8,activations=int8:clip=6,accumulator=int32;[last]weights="
                             "fp16,activations=fp16;[op:conv]"
                             "accumulator=int16:wrap:chunk16",
                             "weights=int8,activations=int8:clip=6,accumulator=int32;[last]weights="
                             "fp16,activations=fp16;[op:conv]"
                             "accumulator=int16:wrap:chunk16"},
                    TextCase{"[first]weights=int8", "[first]weights=int8"}, TextCase{"  ", ""},
                    TextCase{" weights = int8 , activations=int8,\n repair = bias + smooth ; "
                             "[first] weights=int4 , activations=fp16 ; [last] weights=fp16 ",
                             "weights=int8,activations=int8,repair=smooth+bias;"
                             "[first]weights=int4,activations=fp16;[last]weights=fp16"},
                    TextCase{";[block*/conv_?]weights=int4", "[block*/conv_?]weights=int4"},
                    TextCase{"[model/Add;model/Conv2D,1]weights=int4;[last]weights=fp16",
                             "[model/Add;model/Conv2D,1]weights=int4;[last]weights=fp16"}));

struct BadCase {
  const char* given;
  int column;
  std::vector<const char*> pieces;
};
class BadPlan : public testing::TestWithParam<BadCase> {};

TEST_P(BadPlan, SaysWhatIsWrongAndWhere) {
  const auto plan = ParsePlan(GetParam().given);
  ASSERT_FALSE(plan.ok()) << plan->ToString();
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(plan.status().message());
  EXPECT_THAT(message, testing::StartsWith("column " + std::to_string(GetParam().column) + ": "));
  EXPECT_THAT(message, HasSubstr("^"));
  for (const char* piece : GetParam().pieces) EXPECT_THAT(message, HasSubstr(piece));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadPlan,
    testing::Values(
        BadCase{
            "wieghts=int8", 1, {"unknown key 'wieghts'", "did you mean 'weights'?", "accumulator"}},
        BadCase{"weights=int8,", 14, {"no key=value"}},
        BadCase{"weights", 1, {"'weights' is no key=value"}},
        BadCase{"weights=", 9, {"a number format is missing"}},
        BadCase{"weights=int8,weights=int4", 14, {"'weights' is given twice"}},
        BadCase{"weights=int8,activations=int99", 26, {"'int99'", "2 to 16 bits"}},
        BadCase{"weights=int8,activations=int8:chanel", 31, {"did you mean 'channel'?"}},
        BadCase{"accumulator=int64", 13, {"2 to 32 bits"}},
        BadCase{"vector=int8", 8, {"without a scale"}},
        BadCase{"fold=maybe", 6, {"'auto', 'always' or 'never'", "'maybe'"}},
        BadCase{"weights=int8: channel", 14, {"holds no spaces"}},
        BadCase{"accumulator=int16 :wrap", 18, {"holds no spaces"}},
        BadCase{"weights=int8, ", 15, {"no key=value"}},
        BadCase{"weights= , activations=int8", 10, {"a number format is missing"}},
        BadCase{"weights=int8; ", 15, {"a rule '[match]key=value' is expected"}},
        BadCase{"[last] ", 8, {"sets nothing"}},
        BadCase{"weights=int8, wieghts=int4", 15, {"did you mean 'weights'?"}},
        BadCase{"repair=bias + bais", 15, {"unknown repair 'bais'"}},
        BadCase{"fold=alwys", 6, {"did you mean 'always'?"}},
        BadCase{"weights=int4,repair=bais", 21, {"unknown repair 'bais'", "'bias'", "adaround"}},
        BadCase{"repair=bias+adaroud", 13, {"did you mean 'adaround'?"}},
        BadCase{"repair=bias+bias", 13, {"'bias' is given twice"}},
        BadCase{"repair=smooth+smooth0.7", 15, {"'smooth' is given twice"}},
        BadCase{"repair=smooth1.5", 14, {"alpha of 0 to 1", "'1.5'"}},
        BadCase{"repair=smooth0.125", 14, {"two decimals", "'0.125'"}},
        BadCase{"repair=none+bias", 8, {"'none' stands alone"}},
        BadCase{"repair=", 8, {"unknown repair"}}, BadCase{"repair=bias+", 13, {"unknown repair"}},
        BadCase{"[last]repair=bias", 7, {"unknown key 'repair'"}},
        BadCase{"weights=int8;", 14, {"a rule '[match]key=value' is expected"}},
        BadCase{"weights=int8;activations=int8", 14, {"a rule"}},
        BadCase{"weights=int8;[last", 14, {"no ']'"}},
        BadCase{"[]weights=int8", 2, {"a rule matches"}}, BadCase{"[last]", 7, {"sets nothing"}},
        BadCase{"[last]fold=never", 7, {"unknown key 'fold'"}}));

TEST(ResolvedPlan, DefaultsToFloat32) {
  const ResolvedPlan plan = Resolve("");
  ASSERT_EQ(plan.layers.size(), Layers().size());
  for (const LayerPrecision& layer : plan.layers) {
    EXPECT_EQ(layer.ToString(), "weights=fp32,activations=fp32,accumulator=fp32");
  }
}

TEST(ResolvedPlan, LaterRulesWinAndKeepWhatTheyDoNotSet) {
  const ResolvedPlan plan = Resolve(
      "weights=int8:channel,activations=int8,accumulator=int32;[op:conv]weights=int4;[block1/"
      "*]activations=uint8;"
      "[first]weights=int6;[last]weights=fp16,activations=bf16,accumulator=fp32");
  EXPECT_EQ(plan.layers[0].ToString(), "weights=int6,activations=int8,accumulator=int32");
  EXPECT_EQ(plan.layers[1].ToString(), "weights=int4,activations=uint8,accumulator=int32");
  EXPECT_EQ(plan.layers[2].ToString(), "weights=int4,activations=uint8,accumulator=int32");
  EXPECT_EQ(plan.layers[3].ToString(), "weights=int8:channel,activations=int8,accumulator=int32");
  EXPECT_EQ(plan.layers[4].ToString(), "weights=fp16,activations=bf16,accumulator=fp32");
}

TEST(ResolvedPlan, SameWorkHasOneDigest) {
  const ResolvedPlan a = Resolve("weights=fp16;[conv1]weights=int8");
  const ResolvedPlan b =
      Resolve("weights=e5m10:ieee;[*]weights=int4;[*]weights=fp16;[first]weights=int8");
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.ToString(), b.ToString());
  EXPECT_EQ(a.Digest(), b.Digest());
  EXPECT_EQ(a.Digest().size(), 64U);
  EXPECT_NE(a.Digest(), Resolve("weights=fp16").Digest());
  EXPECT_NE(Resolve("").Digest(), Resolve("fold=never").Digest());
  EXPECT_NE(Resolve("").Digest(), Resolve("vector=bf16").Digest());
}

TEST(ResolvedPlan, RepairsChangeTheDigestAndTheirAbsenceDoesNot) {
  EXPECT_THAT(Resolve("weights=int4").ToString(),
              testing::StartsWith("vector=fp32,fold=always\nweights=int4,"));
  EXPECT_EQ(Resolve("weights=int4,repair=none,fold=always").Digest(),
            Resolve("weights=int4").Digest());
  EXPECT_NE(Resolve("weights=int4,repair=bias").Digest(), Resolve("weights=int4").Digest());
  EXPECT_EQ(Resolve("repair=bias+smooth").Digest(), Resolve("repair=smooth0.5+bias").Digest());
  EXPECT_THAT(Resolve("repair=bias").ToString(),
              testing::StartsWith("vector=fp32,fold=always,repair=bias\n"));
}

TEST(ResolvedPlan, FoldsUnlessAMethodNeedsBatchNorm) {
  EXPECT_EQ(Resolve("weights=int4").fold, BatchNormFold::kAlways);
  EXPECT_EQ(Resolve("weights=int4,fold=never").fold, BatchNormFold::kNever);
  EXPECT_EQ(Resolve("weights=int4,repair=batchnorm").fold, BatchNormFold::kNever);
  const formats::LevelSet ternary{.levels = 3, .fit = formats::LevelFit::kTwn, .entries = {}};
  formats::LevelSet codebook = ternary;
  codebook.fit = formats::LevelFit::kKmeans;
  PrecisionPlan plan;
  plan.rules.push_back({.match = "fc", .values = {}});
  plan.rules[0].values.weights = formats::Float32();
  formats::NumberFormat& format = plan.rules[0].values.weights->format;
  format.element = ternary;
  EXPECT_EQ(ResolvePlan(plan, Layers())->fold, BatchNormFold::kNever);
  plan.fold = BatchNormFold::kAlways;
  EXPECT_EQ(ResolvePlan(plan, Layers())->fold, BatchNormFold::kAlways);
  plan.fold.reset();
  format.element = codebook;
  EXPECT_EQ(ResolvePlan(plan, Layers())->fold, BatchNormFold::kAlways);
}

struct RefusedCase {
  const char* text;
  std::vector<const char*> pieces;
};
class RefusedPlan : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedPlan, NamesTheLayerOrRule) {
  const auto plan = ResolvePlan(Parse(GetParam().text), Layers());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* piece : GetParam().pieces)
    EXPECT_THAT(std::string(plan.status().message()), HasSubstr(piece));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, RefusedPlan,
    testing::Values(
        RefusedCase{"[conv2]weights=int8",
                    {"the rule '[conv2]' matches no layer", "did you mean 'conv1'?"}},
        RefusedCase{"[op:cnov]weights=int8", {"'[op:cnov]'", "did you mean 'op:conv'?"}},
        RefusedCase{"accumulator=int32",
                    {"layer conv1", "int32", "the weights are fp32", "int, uint, fixed and dfx"}},
        RefusedCase{"weights=int8,activations=fp8_e4m3,accumulator=int32",
                    {"layer conv1", "the activations are fp8_e4m3"}},
        RefusedCase{"weights=int8,activations=int8,accumulator=int32;[last]weights=fp16",
                    {"layer fc", "fp16"}},
        RefusedCase{"weights=bf16,activations=int8,accumulator=int16",
                    {"layer conv1", "int16", "bf16"}},
        RefusedCase{"fold=always,repair=batchnorm", {"repair=batchnorm", "fold=never"}},
        RefusedCase{"fold=never,repair=equalize", {"repair=equalize", "folded"}},
        RefusedCase{"repair=equalize+batchnorm", {"repair=equalize", "repair=batchnorm"}},
        RefusedCase{"weights=int4:floor,repair=adaround", {"layer conv1", "int4:floor"}},
        RefusedCase{"weights=int8:token", {"layer conv1", "tensor, channel or block"}},
        RefusedCase{"weights=int8:dynamic", {"'dynamic' is for activations"}},
        RefusedCase{"weights=int8:pact", {"'pact' is for activations"}},
        RefusedCase{"[fc]activations=int8:channel", {"layer fc", "'channel' is for weights"}}));

TEST(ResolvedPlan, NarrowAccumulatorsOfOtherKindsTakeAnyOperands) {
  EXPECT_EQ(
      Resolve("weights=bf16,activations=bf16,accumulator=fp16:chunk4").layers[0].accumulator.chunk,
      4);
  EXPECT_EQ(Resolve("weights=fixed8.4,activations=dfx8,accumulator=int32").layers.size(),
            Layers().size());
  EXPECT_EQ(Resolve("weights=fp16,accumulator=fixed24.8").layers.size(), Layers().size());
}

TEST(ResolvedPlan, OneLayerIsFirstAndLast) {
  const auto plan =
      ResolvePlan(Parse("[first]weights=int8;[last]activations=int4"), {{"fc", "gemm"}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->layers[0].ToString(), "weights=int8,activations=int4,accumulator=fp32");
  EXPECT_FALSE(ResolvePlan(Parse("[first]weights=int8"), {}).ok());
}

}  // namespace
}  // namespace bitscape::quantize
