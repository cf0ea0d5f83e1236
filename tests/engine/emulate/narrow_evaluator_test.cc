// Narrow accumulators through both evaluators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/emulate/evaluator.h"
#include "tests/engine/emulate/test_support.h"

namespace bitscape::emulate {
namespace {

using ::testing::HasSubstr;

network::TensorPtr RandomTensor(network::Shape shape, uint64_t seed) {
  auto tensor = std::make_shared<network::Tensor>();
  tensor->shape = std::move(shape);
  for (uint64_t i = 0; i < static_cast<uint64_t>(network::ElementCount(tensor->shape)); ++i) {
    tensor->values.push_back(static_cast<float>(RandomUniform(seed, 0, i) - 0.5));
  }
  return tensor;
}

// A strided, a grouped and a dilated convolution, then a product with weights.
network::Network SmallNetwork() {
  network::Network network;
  network.name = "small";
  network.input_scaling = {.mean = {0.4F}, .std = {0.3F}};
  network.nodes.push_back(
      {.name = "input", .op = network::Input{}, .inputs = {}, .shape = {1, 2, 9, 9}});
  const auto add = [&](std::string name, network::Operator op) {
    const int last = static_cast<int>(network.nodes.size()) - 1;
    network::Shape shape = network::InferShape(op, {network.nodes.back().shape}).value();
    network.nodes.push_back({std::move(name), std::move(op), {last}, std::move(shape)});
  };
  network::Conv conv;
  conv.weights = RandomTensor({6, 2, 3, 3}, 1);
  conv.bias = RandomTensor({6}, 2);
  conv.stride = {2, 2};
  conv.pad = {1, 1, 1, 1};
  add("conv1", conv);
  add("relu", network::Relu{});
  network::Conv grouped;
  grouped.weights = RandomTensor({6, 2, 3, 3}, 3);
  grouped.groups = 3;
  grouped.dilation = {2, 2};
  grouped.pad = {2, 2, 2, 2};
  add("conv2", grouped);
  network.nodes.push_back(
      {.name = "flat", .op = network::Reshape{}, .inputs = {3}, .shape = {1, 150}});
  network::Gemm gemm;
  gemm.weights = RandomTensor({10, 150}, 4);
  gemm.bias = RandomTensor({10}, 5);
  add("fc", gemm);
  network.output = 5;
  EXPECT_TRUE(network::Validate(network).ok()) << network::Validate(network);
  return network;
}

PlanResult RunPlan(Evaluator& evaluator, const network::Network& network, const std::string& plan,
                   data::ImageRange range) {
  auto results = evaluator.Evaluate(Resolve(network, {plan}), data::Split::kTest, range);
  EXPECT_TRUE(results.ok()) << plan << ": " << results.status();
  return results.value()[0];
}

class NarrowPlans : public testing::TestWithParam<const char*> {};

TEST_P(NarrowPlans, EqualThePlainLoops) {
  const network::Network network = SmallNetwork();
  const data::Dataset dataset = RandomDataset(40, 2, 9);
  const EvaluateOptions options{.keep_logits = true};
  const auto fast = Evaluator::Create(network, dataset, options).value();
  const auto reference = CreateReferenceEvaluator(network, dataset, options).value();
  const PlanResult got = RunPlan(*fast, network, GetParam(), {0, 40});
  const PlanResult expected = RunPlan(*reference, network, GetParam(), {0, 40});
  EXPECT_EQ(got.logits, expected.logits);
  for (const LayerPath& layer : got.layers) {
    EXPECT_EQ(ToString(layer.path), "narrow") << layer.layer;
    EXPECT_TRUE(layer.exact);
  }
  // Random numbers go by the image's index in the split, not by the range.
  const PlanResult tail = RunPlan(*fast, network, GetParam(), {32, 40});
  EXPECT_EQ(tail.logits,
            std::vector<float>(expected.logits.begin() + 32 * 10, expected.logits.end()));
}

// Clips, so that both evaluators have the same scales: their calibrations differ in the last bit.
INSTANTIATE_TEST_SUITE_P(
    Plans, NarrowPlans,
    testing::Values(
        "weights=int8:channel,activations=int8:clip=3,accumulator=int12",
        "weights=int8:channel,activations=uint8:asym:clip=3,accumulator=int14:wrap:chunk4",
        "weights=int8,activations=int8:clip=3,accumulator=fp16:chunk4",
        "weights=int8,activations=int8:clip=3,accumulator=fp16:stochastic",
        "weights=fp8_e4m3:scaled,activations=fp8_e5m2,accumulator=bf16:chunk8",
        "weights=fp16,activations=fp16,accumulator=fp32:chunk4:align25",
        "weights=fp32,activations=fp32,accumulator=fp32:chunk1",
        "weights=fixed8.7,activations=fixed8.4,accumulator=fixed14.6",
        "weights=fixed8.7,activations=dfx8:clip=3,accumulator=e5m6:ieee",
        "weights=int8:block4,activations=int8:clip=3,accumulator=e6m9:ieee:chunk4",
        "weights=int8,activations=int8:dynamic,accumulator=e6m9:ieee"));

TEST(NarrowEvaluator, AnAccumulatorThatHoldsEverySumRunsWide) {
  const network::Network network = SmallNetwork();
  const data::Dataset dataset = RandomDataset(40, 2, 9);
  const EvaluateOptions options{.keep_logits = true};
  const auto fast = Evaluator::Create(network, dataset, options).value();
  const std::string operands = "weights=int4:channel,activations=int4,accumulator=";
  const PlanResult wide = RunPlan(*fast, network, operands + "int32", {0, 40});
  for (const char* accumulator :
       {"int16", "int16:wrap:chunk3", "fixed20.4", "fp32:chunk16", "e8m15:chunk4"}) {
    const PlanResult narrow = RunPlan(*fast, network, operands + accumulator, {0, 40});
    EXPECT_EQ(narrow.logits, wide.logits) << accumulator;
    for (const LayerPath& layer : narrow.layers) {
      EXPECT_NE(ToString(layer.path), "narrow") << accumulator << " in " << layer.layer;
      EXPECT_TRUE(layer.exact);
      EXPECT_THAT(layer.reason, HasSubstr("holds every sum"));
    }
  }
  const PlanResult cut = RunPlan(*fast, network, operands + "int16:chunk4:align3", {0, 40});
  EXPECT_EQ(ToString(cut.layers[0].path), "narrow");
}

// Weights of +1, -1 and inputs of 1: the sums of channels 0 and 1 are +-16 * 127 * 255 = +-518160.
struct WorstCase {
  network::Network network;
  data::Dataset dataset = RandomDataset(32, 1, 4);
  WorstCase() {
    auto weights = std::make_shared<network::Tensor>();
    weights->shape = {10, 16};
    weights->values.assign(160, 0.5F);
    std::fill_n(weights->values.begin(), 16, 1.0F);
    std::fill_n(weights->values.begin() + 16, 16, -1.0F);
    network::Gemm gemm;
    gemm.weights = weights;
    network.name = "worst";
    network.input_scaling = {.mean = {0}, .std = {1}};
    network.nodes = {{.name = "input", .op = network::Input{}, .inputs = {}, .shape = {1, 1, 4, 4}},
                     {.name = "flat", .op = network::Reshape{}, .inputs = {0}, .shape = {1, 16}},
                     {.name = "fc", .op = gemm, .inputs = {1}, .shape = {1, 10}}};
    network.output = 2;
    for (data::ImageSet* images : {&dataset.test, &dataset.calibration}) {
      std::fill(images->pixels.begin(), images->pixels.end(), uint8_t{255});
    }
  }
};

TEST(NarrowEvaluator, NoLossAtTheTightWidthAndLossBelow) {
  const WorstCase worst;
  const auto plan = [](const std::string& accumulator) {
    return "weights=int8,activations=uint8,accumulator=" + accumulator;
  };
  const quantize::ResolvedPlan resolved = Resolve(worst.network, {plan("int32")})[0];
  const quantize::LayerWidths widths =
      quantize::WidthsOf(resolved.layers[0].weights, resolved.layers[0].activations, 16);
  EXPECT_EQ(widths.lecture_bits, 20);
  EXPECT_EQ(widths.tight_bits, 20);  // 518160 < 2^19
  const EvaluateOptions options{.keep_logits = true};
  for (const bool fast : {true, false}) {
    const auto evaluator =
        fast ? Evaluator::Create(worst.network, worst.dataset, options).value()
             : CreateReferenceEvaluator(worst.network, worst.dataset, options).value();
    const auto logits = [&](const std::string& accumulator) {
      return RunPlan(*evaluator, worst.network, plan(accumulator), {0, 32}).logits;
    };
    const std::vector<float> exact = logits("int32");
    EXPECT_NEAR(exact[0], 16, 1e-4);
    EXPECT_NEAR(exact[1], -16, 1e-4);
    for (const char* overflow : {"", ":wrap", ":chunk5", ":wrap:chunk16"}) {
      EXPECT_EQ(logits(std::string("int20") + overflow), exact) << overflow;
    }
    // One bit less: both signs saturate at 2^18, or wrap.
    const float unit = 16.0F / 518160;
    const std::vector<float> saturated = logits("int19");
    EXPECT_NEAR(saturated[0], 262143 * unit, 1e-4);
    EXPECT_NEAR(saturated[1], -262144 * unit, 1e-4);
    const std::vector<float> wrapped = logits("int19:wrap");
    EXPECT_NEAR(wrapped[0], (518160 - 524288) * unit, 1e-4);
    EXPECT_NEAR(wrapped[1], (524288 - 518160) * unit, 1e-4);
    EXPECT_EQ(std::vector<float>(saturated.begin() + 2, saturated.begin() + 10),
              std::vector<float>(exact.begin() + 2, exact.begin() + 10));  // half as large
  }
}

TEST(NarrowEvaluator, PlansThatDoNotFitAreRefused) {
  const network::Network network = SmallNetwork();
  const auto check = [&](const std::string& plan) {
    return std::string(CheckPlan(network, Resolve(network, {plan})[0]).message());
  };
  EXPECT_EQ(check("weights=int8,activations=int8,accumulator=int16"), "");
  EXPECT_EQ(check("weights=ternary,activations=int8,accumulator=int16"), "");
  EXPECT_EQ(check("weights=binary,activations=binary,accumulator=int8"), "");
  EXPECT_EQ(check("weights=fp8_e4m3,activations=int8,accumulator=fp16"), "");
  EXPECT_THAT(check("weights=int8:block4,activations=int8,accumulator=int16"),
              HasSubstr("accumulator=int16 adds codes under one scale"));
  EXPECT_THAT(check("weights=int8,activations=int8:dynamic,accumulator=int16"),
              HasSubstr("narrow sums of codes whose scales the image decides"));
}

}  // namespace
}  // namespace bitscape::emulate
