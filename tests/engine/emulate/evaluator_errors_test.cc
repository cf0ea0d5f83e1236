// What evaluators refuse, and how they say so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/emulate/evaluator.h"
#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

using quantize::ResolvedPlan;
using ::testing::HasSubstr;

class EvaluatorErrors : public ::testing::TestWithParam<bool> {
 protected:
  absl::StatusOr<std::unique_ptr<Evaluator>> Create(const network::Network& network,
                                                    const data::Dataset& dataset) {
    const EvaluateOptions options{.calibration_images = 1};
    return GetParam() ? Evaluator::Create(network, dataset, options)
                      : CreateReferenceEvaluator(network, dataset, options);
  }
  void ExpectCreateError(const network::Network& network, const data::Dataset& dataset,
                         const std::string& message) {
    const absl::Status status = Create(network, dataset).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }

  network::Network network_ = Import(bitscape::testing::MlpModel());
  data::Dataset dataset_ = RandomDataset(64, 1, 28);
};

TEST_P(EvaluatorErrors, NamesWhatDoesNotFitTheDataset) {
  ExpectCreateError(network_, RandomDataset(64, 3, 32),
                    "takes 1x1x28x28, an image of dataset random is 1x3x32x32");
  network::Network bare = network_;
  for (network::Node& node : bare.nodes) {
    if (auto* gemm = std::get_if<network::Gemm>(&node.op)) {
      gemm->weights = std::make_shared<network::Tensor>(network::Tensor{gemm->weights->shape, {}});
    }
  }
  ExpectCreateError(bare, dataset_, "network generated has no weights");
  network::Network scaled = network_;
  scaled.input_scaling.mean = {0, 0};
  ExpectCreateError(scaled, dataset_, "2 means and 1 deviations, it needs 1");
  data::Dataset many_classes = dataset_;
  many_classes.test.classes = 11;
  ExpectCreateError(network_, many_classes, "gives 10 logits, dataset random has 11 classes");
}

TEST_P(EvaluatorErrors, NamesBadRangesAndPlans) {
  auto evaluator = Create(network_, dataset_).value();
  const auto message = [&](const std::vector<ResolvedPlan>& plans, data::ImageRange range) {
    return std::string(evaluator->Evaluate(plans, data::Split::kTest, range).status().message());
  };
  const std::vector<ResolvedPlan> good = Resolve(network_, {"weights=fp32"});
  EXPECT_THAT(message(good, {0, 65}), HasSubstr("images [0, 65): the test split has [0, 64)"));
  EXPECT_THAT(message(good, {16, 64}), HasSubstr("the first must be a multiple of 32"));
  EXPECT_THAT(message(good, {32, 32}), HasSubstr("images [32, 32)"));
  std::vector<ResolvedPlan> short_plan = good;
  short_plan[0].layers.pop_back();
  EXPECT_THAT(message(short_plan, {0, 64}), HasSubstr("layers, network generated has"));
  EXPECT_EQ(evaluator->Paths(short_plan[0]).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(EvaluatorErrors, NeedsCalibrationImagesForRangesOnly) {
  data::Dataset uncalibrated = dataset_;
  uncalibrated.calibration = RandomImages(0, 1, 28, 1);
  auto evaluator = Create(network_, uncalibrated).value();
  const auto status = [&](const std::string& plan) {
    return evaluator->Evaluate(Resolve(network_, {plan}), data::Split::kTest, {0, 32}).status();
  };
  EXPECT_TRUE(status("weights=int8,activations=fixed8.4").ok());
  const absl::Status missing = status("weights=int8,activations=int8");
  EXPECT_EQ(missing.code(), absl::StatusCode::kInvalidArgument);
  const std::string layer =
      network_.nodes[static_cast<size_t>(network::MacLayers(network_)[0])].name;
  EXPECT_THAT(
      std::string(missing.message()),
      ::testing::AllOf(HasSubstr("layer " + layer), HasSubstr("calibration saw no finite value")));
}

TEST_P(EvaluatorErrors, NamesTheLayerOfWhatCannotBeRun) {
  auto evaluator = Create(network_, dataset_).value();
  const auto status = [&](void (*change)(quantize::LayerPrecision&)) {
    std::vector<ResolvedPlan> plans = Resolve(network_, {"weights=int8,activations=int8"});
    change(plans[0].layers[1]);
    return evaluator->Evaluate(plans, data::Split::kTest, {0, 64}).status();
  };
  const std::string layer =
      "layer " + network_.nodes[static_cast<size_t>(network::MacLayers(network_)[1])].name;
  const absl::Status pact = status([](auto& precision) {
    precision.activations = formats::ParseQuantizer("uint4:pact").value();
  });
  EXPECT_EQ(pact.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(pact.message()),
              ::testing::AllOf(HasSubstr(layer), HasSubstr("comes from training")));
  const absl::Status token =
      status([](auto& precision) { precision.weights.granularity = formats::Granularity::kToken; });
  EXPECT_THAT(std::string(token.message()),
              ::testing::AllOf(HasSubstr(layer), HasSubstr("by tensor, channel or block")));
  const absl::Status channel = status(
      [](auto& precision) { precision.activations.granularity = formats::Granularity::kChannel; });
  EXPECT_THAT(std::string(channel.message()), HasSubstr("'channel' is for weights"));
  const absl::Status blocks = status([](auto& precision) {
    precision.weights = formats::ParseQuantizer("int4:block32").value();
    precision.accumulator.kind = quantize::Accumulator::Kind::kInt32;
  });
  EXPECT_EQ(blocks.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(blocks.message()),
      ::testing::AllOf(HasSubstr(layer), HasSubstr("under int4:block32 a sum has several")));
  const absl::Status floats = status([](auto& precision) {
    precision.weights = formats::Float32();
    precision.accumulator.kind = quantize::Accumulator::Kind::kInt32;
  });
  EXPECT_EQ(floats.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(floats.message()),
              HasSubstr("accumulator=int32 needs integer operands, not fp32"));
}

INSTANTIATE_TEST_SUITE_P(Both, EvaluatorErrors, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "OneDnn" : "Reference"; });

// 1.1 TB: one value of a batch takes 2.1 GB, and calibration keeps those of all layers.
TEST(Evaluator, RefusesWhatTheMachinesMemoryDoesNotHold) {
  constexpr int64_t kChannels = 21000;
  bitscape::testing::OnnxBuilder builder;
  std::string x = builder.Conv(builder.Input("image", {1, 28, 28}), 1, kChannels, 1);
  for (int layer = 0; layer < 8; ++layer) {
    x = builder.Conv(x, kChannels, kChannels, 1, {{"group", kChannels}});
  }
  builder.Output(builder.Node("Flatten", {builder.Node("GlobalAveragePool", {x})}));
  const network::Network network = Import(builder.Bytes());
  data::Dataset dataset = RandomDataset(2048, 1, 28);
  dataset.calibration = RandomImages(2048, 1, 28, 3);
  auto evaluator =
      Evaluator::Create(network, dataset, {.threads = 64, .calibration_images = 2048}).value();
  const absl::Status status =
      evaluator->Evaluate(Resolve(network, {"weights=fp32"}), data::Split::kTest, {0, 2048})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("GB of buffers on each of 64 threads for batches of 32"),
                               HasSubstr("this machine has")));
}

TEST(Evaluator, RefusesValuesWithoutABatch) {
  network::Network network = Import(bitscape::testing::MlpModel());
  for (network::Node& node : network.nodes) {
    if (std::holds_alternative<network::Reshape>(node.op)) {
      node.shape = {784, 1};
    }
  }
  const data::Dataset dataset = RandomDataset(32, 1, 28);
  const absl::Status status = Evaluator::Create(network, dataset, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("shape 784x1 for one image; the batch must stay the first dimension"));
}

}  // namespace
}  // namespace bitscape::emulate
