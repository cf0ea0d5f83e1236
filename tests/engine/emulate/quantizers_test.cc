// Every family, granularity, rounding and range of the notation: the oneDNN evaluator against plain
// loops, and what must not change random draws.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine/emulate/evaluator.h"
#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

using bitscape::testing::OnnxBuilder;
using Ints = std::vector<int64_t>;

struct Operands {
  std::string weights, activations;
  std::string Plan() const { return "weights=" + weights + ",activations=" + activations; }
};

std::vector<Operands> AllOperands() {
  return {
      // Integers.
      {"int8:channel:stochastic", "int8"},
      {"int4:block8", "int8"},
      {"int6:mse", "int8:p99.9"},
      {"int5:channel:aciq", "uint8:asym:mse"},
      {"int8:away", "int8:kl"},
      {"int8:channel:reciprocal", "int8:reciprocal"},
      {"int4:asym", "uint5:pact=0.75"},
      {"int8:floor", "int8:zero"},
      {"int8:channel", "int8:dynamic"},
      {"int8:channel", "uint8:asym:dynamic:p99"},
      {"int8", "int8:token"},
      {"int8", "int8:block4"},
      {"int8", "int8:stochastic"},
      {"int6:channel", "int6:dynamic:stochastic"},
      {"fixed8.6:stochastic", "fixed8.5:wrap"},
      {"dfx8:channel", "dfx8:token"},
      // Floats.
      {"e4m3:ftz", "e5m2:stochastic"},
      {"e3m4:scaled:channel:mse", "e3m2:scaled:block16"},
      {"af8_3:channel", "af8_3"},
      {"af6_2:ceil", "af8_4:dynamic"},
      {"cfloat8_1_4_3", "cfloat8_1_5_2"},
      {"cfloat8_1_4_3:literal", "cfloat16_1_6_9"},
      // Shared exponents.
      {"bfp8", "bfp8:block4"},
      {"bfp8:tensor", "bfp12:token"},
      {"mxfp8_e4m3", "mxfp8_e4m3"},
      {"mxfp6_e2m3:block8", "mxfp6_e2m3:block8"},
      {"mxfp4_e2m1", "mxfp8_e5m2:rceil"},
      {"mxint8", "mxint8:stochastic"},
      {"nvfp4", "nvfp4"},
      {"nvfp4", "nvfp4:dynamic"},
      // Logs.
      {"log4:sqrt2", "log5:sqrt2:unsigned"},
      {"log5:channel", "log6"},
      {"log4:radix4", "log4:radix4:stochastic"},
      {"log6:fsr", "log6:token"},
      // Levels.
      {"codebook16", "int8"},
      {"codebook8:lloydmax:channel", "codebook16"},
      {"codebook16:entries=int8", "codebook32:lloydmax"},
      {"binary:channel", "int8"},
      {"binary:unit:stochastic", "fp16"},
      {"binary:channel", "binary:position"},
      {"binary", "binary"},
      {"ternary:channel", "ternary"},
      {"ternary:absmean", "int8:token"},
      {"ternary:ttq:channel", "ternary:unit"},
      {"ternary:ttq:block8", "binary:dynamic"},
      {"dorefa4", "uint4:clip=1"},
  };
}

std::string ConvBytes(int64_t channels, int64_t outputs, int64_t groups, int64_t kernel) {
  OnnxBuilder builder;
  const std::string x =
      builder.Conv(builder.Input("image", {channels, 9, 9}), channels, outputs, kernel,
                   {{"group", groups}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 1}}});
  builder.Output(builder.Node("Flatten", {x}));
  return builder.Bytes();
}

std::string GemmBytes() {
  OnnxBuilder builder;
  const std::string x = builder.Node("Flatten", {builder.Input("image", {12, 9, 9})});
  builder.Output(builder.Gemm(x, 12 * 81, 24));
  return builder.Bytes();
}

std::string TokensBytes() {
  OnnxBuilder builder;
  std::string x =
      builder.Node("Squeeze", {builder.Input("image", {1, 9, 9}), builder.Integers("axes", {1})});
  x = builder.Node("MatMul", {x, builder.Random("weights", {9, 16}, 0.4F)});
  builder.Output(builder.Node("Flatten", {x}));
  return builder.Bytes();
}

std::string ProductBytes() {
  OnnxBuilder builder;
  const std::string x =
      builder.Node("Squeeze", {builder.Input("image", {1, 9, 9}), builder.Integers("axes", {1})});
  const std::string other = builder.Node("Transpose", {x}, {{"perm", Ints{0, 2, 1}}});
  builder.Output(builder.Node("Flatten", {builder.Node("MatMul", {x, other})}));
  return builder.Bytes();
}

struct Layer {
  std::string name, bytes;
  int64_t channels;
  bool has_weights = true;
};

double LargestMagnitude(const std::vector<float>& values) {
  double largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::fabs(static_cast<double>(value)));
  }
  return largest;
}

// One layer on known inputs: both evaluators round the same numbers to the same values, and then
// differ by the order of float32 sums alone.
class QuantizedLayer : public ::testing::TestWithParam<Operands> {};

TEST_P(QuantizedLayer, MatchesPlainLoops) {
  const std::vector<Layer> layers{{"grouped", ConvBytes(12, 8, 2, 3), 12},
                                  {"depthwise", ConvBytes(12, 12, 12, 3), 12},
                                  {"pointwise", ConvBytes(12, 16, 1, 1), 12},
                                  {"gemm", GemmBytes(), 12},
                                  {"tokens", TokensBytes(), 1},
                                  {"product", ProductBytes(), 1, false}};
  for (const Layer& layer : layers) {
    if (!layer.has_weights && GetParam().activations.find("position") != std::string::npos) {
      continue;
    }
    const network::Network network = Import(layer.bytes);
    const data::Dataset dataset = RandomDataset(40, layer.channels, 9);
    const auto plans = Resolve(network, {GetParam().Plan()});
    const EvaluateOptions options{.threads = 2, .keep_logits = true};
    const auto run = [&](std::unique_ptr<Evaluator> evaluator) {
      auto results = evaluator->Evaluate(plans, data::Split::kTest, {0, 40});
      EXPECT_TRUE(results.ok()) << layer.name << ": " << results.status();
      return std::move(results).value()[0];
    };
    const PlanResult fast = run(Evaluator::Create(network, dataset, options).value());
    const PlanResult reference = run(CreateReferenceEvaluator(network, dataset, options).value());
    ASSERT_EQ(fast.logits.size(), reference.logits.size());
    const double largest = LargestMagnitude(reference.logits);
    EXPECT_GT(largest, 0) << layer.name;
    for (size_t i = 0; i < fast.logits.size(); ++i) {
      ASSERT_NEAR(fast.logits[i], reference.logits[i], 4e-6 * largest)
          << layer.name << ' ' << i << ": " << fast.layers[0].reason;
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Operands>& tested) {
  std::string name = tested.param.weights + "__" + tested.param.activations;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, QuantizedLayer, ::testing::ValuesIn(AllOperands()), NameOf);

// Whole networks. Sums in another order can move a value over a rounding boundary, a whole step of
// a coarse format, which later layers spread: the mean difference stays small.
class QuantizedNetwork : public ::testing::TestWithParam<std::string> {};

TEST_P(QuantizedNetwork, StaysNearPlainLoops) {
  const network::Network network = Import(bitscape::testing::GroupedConvModel());
  const data::Dataset dataset = RandomDataset(40, 1, 28);
  const auto plans = Resolve(network, {GetParam()});
  const EvaluateOptions options{.keep_logits = true};
  const auto fast = Evaluator::Create(network, dataset, options)
                        .value()
                        ->Evaluate(plans, data::Split::kTest, {0, 40});
  const auto reference = CreateReferenceEvaluator(network, dataset, options)
                             .value()
                             ->Evaluate(plans, data::Split::kTest, {0, 40});
  ASSERT_TRUE(fast.ok() && reference.ok()) << fast.status() << reference.status();
  double difference = 0, size = 0;
  for (size_t i = 0; i < fast->front().logits.size(); ++i) {
    const double expected = static_cast<double>(reference->front().logits[i]);
    difference += std::fabs(static_cast<double>(fast->front().logits[i]) - expected);
    size += std::fabs(expected);
  }
  EXPECT_LT(difference, 2e-3 * size);
}

INSTANTIATE_TEST_SUITE_P(
    Plans, QuantizedNetwork,
    ::testing::Values("weights=mxfp8_e4m3,activations=mxfp8_e4m3",
                      "weights=nvfp4,activations=mxint8",
                      "weights=int8:channel,activations=int8:dynamic,accumulator=int32",
                      "weights=int8:channel:stochastic,activations=int8:stochastic",
                      "weights=codebook16:channel,activations=int8:p99.9",
                      "weights=binary:channel,activations=int8,vector=bf16",
                      "weights=ternary:channel,activations=int8:token",
                      "weights=af8_3,activations=af8_3;[last]weights=fp16,activations=fp16",
                      "weights=log6:sqrt2,activations=log6:sqrt2,fold=never"),
    [](const auto& tested) { return "Plan" + std::to_string(tested.index); });

// Sums of integer codes under scales that the image decides are exact, too.
TEST(Quantizers, DynamicIntegersAddExactly) {
  for (const std::string plan :
       {"weights=int16:channel,activations=int16:dynamic", "weights=ternary,activations=int8:token",
        "weights=int8:channel,activations=uint8:asym:dynamic",
        "weights=int8,activations=binary:dynamic"}) {
    const network::Network network = Import(ConvBytes(12, 16, 1, 1));
    const data::Dataset dataset = RandomDataset(40, 12, 9);
    const auto plans = Resolve(network, {plan + ",accumulator=int32"});
    const EvaluateOptions options{.keep_logits = true};
    const PlanResult fast = Evaluator::Create(network, dataset, options)
                                .value()
                                ->Evaluate(plans, data::Split::kTest, {0, 40})
                                .value()[0];
    EXPECT_TRUE(fast.layers[0].exact) << plan << ": " << fast.layers[0].reason;
    const PlanResult reference = CreateReferenceEvaluator(network, dataset, options)
                                     .value()
                                     ->Evaluate(plans, data::Split::kTest, {0, 40})
                                     .value()[0];
    const double largest = LargestMagnitude(reference.logits);
    for (size_t i = 0; i < fast.logits.size(); ++i) {
      // The reference rounds values, the codes times their scale.
      ASSERT_NEAR(fast.logits[i], reference.logits[i], 1e-6 * largest) << plan << ' ' << i;
    }
  }
}

class StochasticPlans : public ::testing::Test {
 protected:
  std::vector<PlanResult> Run(const std::vector<std::string>& plans, int threads,
                              data::ImageRange range, uint64_t seed = 1) {
    auto evaluator = Evaluator::Create(network_, dataset_,
                                       {.threads = threads, .seed = seed, .keep_logits = true})
                         .value();
    return evaluator->Evaluate(Resolve(network_, plans), data::Split::kTest, range).value();
  }

  network::Network network_ = Import(bitscape::testing::BranchesModel());
  data::Dataset dataset_ = RandomDataset(100, 3, 32);
  const std::vector<std::string> plans_{
      "weights=int4:stochastic,activations=int4:stochastic",
      "weights=int4:stochastic,activations=int4:stochastic;[last]activations=fp16",
      "weights=fp8_e4m3,activations=fp8_e4m3:stochastic",
      "weights=int8,activations=int6:dynamic:stochastic",
      "weights=mxfp4_e2m1,activations=mxfp6_e2m3:stochastic",
      "weights=binary:channel,activations=int8"};
};

TEST_F(StochasticPlans, DrawTheSameWhateverElseRuns) {
  const std::vector<PlanResult> joint = Run(plans_, 2, {0, 100});
  for (size_t plan = 0; plan < plans_.size(); ++plan) {
    EXPECT_EQ(Run({plans_[plan]}, 1, {0, 100})[0].logits, joint[plan].logits) << plans_[plan];
  }
}

TEST_F(StochasticPlans, DrawTheSameHoweverTheImagesAreCut) {
  const std::vector<PlanResult> whole = Run(plans_, 1, {0, 100});
  const std::vector<PlanResult> head = Run(plans_, 2, {0, 64});
  const std::vector<PlanResult> tail = Run(plans_, 3, {64, 100});
  for (size_t plan = 0; plan < plans_.size(); ++plan) {
    std::vector<float> joined = head[plan].logits;
    joined.insert(joined.end(), tail[plan].logits.begin(), tail[plan].logits.end());
    EXPECT_EQ(joined, whole[plan].logits) << plans_[plan];
  }
}

TEST_F(StochasticPlans, DrawByTheSeed) {
  const std::vector<PlanResult> one = Run(plans_, 2, {0, 32}, 1);
  const std::vector<PlanResult> other = Run(plans_, 2, {0, 32}, 2);
  for (size_t plan = 0; plan + 1 < plans_.size(); ++plan) {
    EXPECT_NE(one[plan].logits, other[plan].logits) << plans_[plan];
  }
  EXPECT_EQ(one.back().logits, other.back().logits);  // nothing of it is drawn
}

// Two images with equal pixels draw different numbers, and layers draw apart from each other.
TEST_F(StochasticPlans, DrawAnewForEachImage) {
  const size_t image = static_cast<size_t>(dataset_.test.image_elements());
  for (size_t i = 1; i < 100; ++i) {
    std::copy_n(dataset_.test.pixels.begin(), image,
                dataset_.test.pixels.begin() + static_cast<int64_t>(i * image));
  }
  const std::vector<PlanResult> results = Run({plans_[0], plans_.back()}, 2, {0, 100});
  const auto logits = [&](size_t plan, size_t index) {
    const auto begin = results[plan].logits.begin() + static_cast<int64_t>(index * 10);
    return std::vector<float>(begin, begin + 10);
  };
  EXPECT_NE(logits(0, 0), logits(0, 1));
  EXPECT_NE(logits(0, 0), logits(0, 32));
  EXPECT_EQ(logits(1, 0), logits(1, 1));
}

}  // namespace
}  // namespace bitscape::emulate
