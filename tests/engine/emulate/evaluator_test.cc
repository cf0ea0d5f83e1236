// The oneDNN evaluator against plain loops, and what must not change its results.
#include "engine/emulate/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

using quantize::ResolvedPlan;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;

// A network, its data, and both evaluators.
struct Bench {
  network::Network network;
  data::Dataset dataset;
  std::unique_ptr<Evaluator> fast, reference;

  Bench(const std::string& model, data::Dataset data,
        EvaluateOptions options = {.keep_logits = true})
      : network(Import(model)), dataset(std::move(data)) {
    fast = Evaluator::Create(network, dataset, options).value();
    reference = CreateReferenceEvaluator(network, dataset, options).value();
  }
  PlanResult Run(Evaluator& evaluator, const std::string& plan, int64_t images) const {
    auto results = evaluator.Evaluate(Resolve(network, {plan}), data::Split::kTest, {0, images});
    EXPECT_TRUE(results.ok()) << results.status();
    return results.value()[0];
  }
};

double LargestDifference(const PlanResult& a, const PlanResult& b) {
  EXPECT_EQ(a.logits.size(), b.logits.size());
  double largest = 0;
  for (size_t i = 0; i < a.logits.size(); ++i) {
    const double difference =
        std::fabs(static_cast<double>(a.logits[i]) - static_cast<double>(b.logits[i]));
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

struct Model {
  std::string name;
  std::string (*bytes)();
  int64_t channels, size;
};

class GeneratedModel : public ::testing::TestWithParam<Model> {
 protected:
  data::Dataset Data() const { return RandomDataset(40, GetParam().channels, GetParam().size); }
};

TEST_P(GeneratedModel, MatchesPlainLoopsInFloat32) {
  const Bench bench(GetParam().bytes(), Data());
  for (const std::string plan : {"weights=fp32", "weights=fp32,fold=never"}) {
    const PlanResult fast = bench.Run(*bench.fast, plan, 40);
    const PlanResult reference = bench.Run(*bench.reference, plan, 40);
    EXPECT_LT(LargestDifference(fast, reference), 1e-4) << plan;
    EXPECT_NEAR(fast.loss_sum, reference.loss_sum, 40 * 1e-4) << plan;
  }
}

// Sums in another order can move a value over a rounding boundary: rare, but a whole step of the
// format, which later layers spread. So the mean difference is bounded, not each one.
TEST_P(GeneratedModel, StaysNearPlainLoopsInEveryPath) {
  const Bench bench(GetParam().bytes(), Data());
  for (const std::string plan :
       {"weights=fixed8.6,activations=fixed8.4,accumulator=int32", "weights=fp16,activations=fp16",
        "weights=e3m4,activations=e4m3", "weights=int8:channel,activations=int8",
        "weights=int6,activations=uint8:asym",
        "weights=e3m4:scaled:channel,activations=e3m4:scaled",
        "weights=int12,activations=int12,accumulator=int32",
        "weights=fp32,activations=fp32,vector=bf16"}) {
    const PlanResult fast = bench.Run(*bench.fast, plan, 40);
    const PlanResult reference = bench.Run(*bench.reference, plan, 40);
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < fast.logits.size(); ++i) {
      difference += std::fabs(static_cast<double>(fast.logits[i] - reference.logits[i]));
      size += std::fabs(static_cast<double>(reference.logits[i]));
    }
    EXPECT_LT(difference, 1e-3 * size) << plan;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, GeneratedModel,
    ::testing::Values(Model{"GroupedConv", bitscape::testing::GroupedConvModel, 1, 28},
                      Model{"Branches", bitscape::testing::BranchesModel, 3, 32},
                      Model{"Mlp", bitscape::testing::MlpModel, 1, 28},
                      Model{"Attention", bitscape::testing::AttentionModel, 1, 16}),
    [](const auto& tested) { return tested.param.name; });

// One product of known input: every code is the same in both evaluators, whose results then differ
// by the last float operations alone ((sum + bias / scale) * scale against sum * scale + bias: 4
// roundings).
class OneLayer : public ::testing::TestWithParam<std::string> {};

TEST_P(OneLayer, IntegerSumsAreExact) {
  bitscape::testing::OnnxBuilder builder;
  std::string x = builder.Input("image", {1, 28, 28});
  x = builder.Conv(x, 1, 24, 5, {{"strides", std::vector<int64_t>{3, 3}}});
  builder.Output(builder.Node("Flatten", {x}));
  const Bench bench(builder.Bytes(), RandomDataset(64, 1, 28));
  const std::string plan = GetParam() + ",accumulator=int32";
  const PlanResult fast = bench.Run(*bench.fast, plan, 64);
  const PlanResult reference = bench.Run(*bench.reference, plan, 64);
  EXPECT_TRUE(fast.layers[0].exact) << fast.layers[0].reason;
  ASSERT_EQ(fast.logits.size(), reference.logits.size());
  for (size_t i = 0; i < fast.logits.size(); ++i) {
    const double largest = std::max(1.0, std::fabs(static_cast<double>(reference.logits[i])));
    ASSERT_NEAR(fast.logits[i], reference.logits[i], 4 * largest * 0x1p-24) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, OneLayer,
    ::testing::Values("weights=int8:channel,activations=int8", "weights=int2,activations=int4",
                      "weights=int5,activations=uint8:asym", "weights=int8,activations=uint7",
                      "weights=dfx8:channel,activations=dfx6",
                      "weights=int8:full,activations=int8:pow2", "weights=int12,activations=int12",
                      "weights=int16:channel,activations=int16"),
    [](const auto& tested) {
      std::string name = tested.param;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

// Powers of two scale without rounding: a whole network of integer layers agrees bit for bit.
TEST(Evaluator, FixedPointNetworksAgreeBitForBit) {
  bitscape::testing::OnnxBuilder builder;
  std::string x = builder.Input("image", {1, 28, 28});
  x = builder.Node("Relu",
                   {builder.Conv(x, 1, 16, 3, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}})});
  const std::string inner = builder.Node(
      "Relu",
      {builder.Conv(x, 16, 16, 3, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}}, "", false)});
  x = builder.Node("Relu",
                   {builder.Node("Add", {builder.Conv(inner, 16, 16, 1, {}, "", false), x})});
  x = builder.Node(
      "MaxPool", {x},
      {{"kernel_shape", std::vector<int64_t>{4, 4}}, {"strides", std::vector<int64_t>{4, 4}}});
  builder.Output(builder.Gemm(builder.Node("Flatten", {x}), 16 * 49, 10));
  const Bench bench(builder.Bytes(), RandomDataset(48, 1, 28));
  const std::string plan = "weights=fixed8.7,activations=fixed8.4,accumulator=int32";
  const PlanResult fast = bench.Run(*bench.fast, plan, 48);
  const PlanResult reference = bench.Run(*bench.reference, plan, 48);
  EXPECT_EQ(fast.logits, reference.logits);
  EXPECT_EQ(fast.correct, reference.correct);
  EXPECT_EQ(fast.loss_sum, reference.loss_sum);
  EXPECT_THAT(fast.layers, Each(Field(&LayerPath::exact, true)));
}

// A sum of values without sign may wrap below zero between layers.
TEST(Evaluator, WrappedValuesKeepTheirSign) {
  bitscape::testing::OnnxBuilder builder;
  std::string x = builder.Input("image", {1, 28, 28});
  const std::string left = builder.Node("Relu", {builder.Conv(x, 1, 16, 3)});
  const std::string right = builder.Node("Relu", {builder.Conv(x, 1, 16, 3)});
  x = builder.Conv(builder.Node("Add", {left, right}), 16, 16, 3);
  builder.Output(builder.Node("Flatten", {x}));
  const Bench bench(builder.Bytes(), RandomDataset(32, 1, 28));
  const std::string plan =
      "weights=fixed8.7,activations=fixed8.6,accumulator=int32,vector=fixed8.6:wrap";
  const PlanResult fast = bench.Run(*bench.fast, plan, 32);
  EXPECT_EQ(fast.logits, bench.Run(*bench.reference, plan, 32).logits);
}

const std::vector<std::string>& MixedPlans() {
  static const auto* const plans = new std::vector<std::string>{
      "weights=fp32",
      "weights=int8:channel,activations=int8",
      "weights=int8:channel,activations=int8;[last]weights=int4,activations=int4",
      "weights=int4,activations=int8;[first]weights=fp16,activations=fp16",
      "weights=fp8_e4m3,activations=fp8_e4m3",
      "weights=int8:channel,activations=int8;[branch/*]weights=fp8_e5m2,activations=fp8_e5m2",
      "weights=fp32,fold=never",
      "weights=int8:channel,activations=int8,vector=fp16",
      "weights=int8:channel,activations=int8"};
  return *plans;
}

void ExpectSame(const PlanResult& a, const PlanResult& b, const std::string& what) {
  EXPECT_EQ(a.logits, b.logits) << what;
  EXPECT_EQ(a.correct, b.correct) << what;
  EXPECT_EQ(a.loss_sum, b.loss_sum) << what;
  EXPECT_EQ(a.images, b.images) << what;
}

class Branches : public ::testing::Test {
 protected:
  static constexpr int64_t kImages = 150;  // not a multiple of the batch
  network::Network network_ = Import(bitscape::testing::BranchesModel());
  data::Dataset dataset_ = RandomDataset(kImages, 3, 32);
  std::vector<ResolvedPlan> plans_ = Resolve(network_, MixedPlans());

  std::vector<PlanResult> Run(int threads, data::ImageRange range) {
    auto evaluator =
        Evaluator::Create(network_, dataset_, {.threads = threads, .keep_logits = true}).value();
    return evaluator->Evaluate(plans_, data::Split::kTest, range).value();
  }
};

TEST_F(Branches, JointResultsEqualThoseOfOnePlanAtATime) {
  const std::vector<PlanResult> joint = Run(2, {0, kImages});
  for (size_t plan = 0; plan < plans_.size(); ++plan) {
    auto alone = Evaluator::Create(network_, dataset_, {.keep_logits = true}).value();
    const auto result =
        alone->Evaluate({&plans_[plan], 1}, data::Split::kTest, {0, kImages}).value();
    ExpectSame(joint[plan], result[0], MixedPlans()[plan]);
  }
}

TEST_F(Branches, ThreadsAndSlicesChangeNothing) {
  const std::vector<PlanResult> one = Run(1, {0, kImages});
  for (const int threads : {2, 3}) {
    const std::vector<PlanResult> many = Run(threads, {0, kImages});
    for (size_t plan = 0; plan < plans_.size(); ++plan) {
      ExpectSame(one[plan], many[plan], MixedPlans()[plan]);
    }
  }
  const std::vector<PlanResult> head = Run(2, {0, 96});
  const std::vector<PlanResult> tail = Run(2, {96, kImages});
  for (size_t plan = 0; plan < plans_.size(); ++plan) {
    PlanResult joined = head[plan];
    joined.correct.insert(joined.correct.end(), tail[plan].correct.begin(),
                          tail[plan].correct.end());
    joined.logits.insert(joined.logits.end(), tail[plan].logits.begin(), tail[plan].logits.end());
    joined.loss_sum += tail[plan].loss_sum;
    joined.images += tail[plan].images;
    ExpectSame(one[plan], joined, MixedPlans()[plan]);
  }
}

// Retires the given plans the first time it is asked, and remembers what it saw.
class Retiring : public Observer {
 public:
  explicit Retiring(std::vector<size_t> plans) : plans_(std::move(plans)) {}
  void OnProgress(std::span<const PlanProgress> progress, std::vector<bool>& retire) override {
    seen.emplace_back(progress.begin(), progress.end());
    for (const size_t plan : plans_) {
      retire[plan] = true;
    }
  }
  std::vector<std::vector<PlanProgress>> seen;

 private:
  std::vector<size_t> plans_;
};

TEST(Evaluator, RetiredPlansStopAndTheOthersGoOn) {
  const network::Network network = Import(bitscape::testing::MlpModel());
  const data::Dataset dataset = RandomDataset(1300, 1, 28);
  const std::vector<ResolvedPlan> plans = Resolve(
      network, {"weights=fp32", "weights=int8,activations=int8", "weights=int4,activations=int8"});
  auto evaluator = Evaluator::Create(network, dataset, {.keep_logits = true}).value();
  const auto whole = evaluator->Evaluate(plans, data::Split::kTest, {0, 1300}).value();
  Retiring observer({1});
  const auto raced = evaluator->Evaluate(plans, data::Split::kTest, {0, 1300}, &observer).value();
  ASSERT_EQ(observer.seen.size(), 3U);
  EXPECT_EQ(observer.seen[0][1].images, 512);
  EXPECT_EQ(observer.seen[2][1].images, 512);
  EXPECT_EQ(observer.seen[2][0].images, 1300);
  EXPECT_EQ(observer.seen[2][0].correct, whole[0].Correct());
  ExpectSame(raced[0], whole[0], "fp32");
  ExpectSame(raced[2], whole[2], "int4");
  EXPECT_EQ(raced[1].images, 512);
  EXPECT_EQ(raced[1].correct,
            std::vector<uint8_t>(whole[1].correct.begin(), whole[1].correct.begin() + 512));

  Retiring all({0, 1, 2});
  const auto none_left = evaluator->Evaluate(plans, data::Split::kTest, {0, 1300}, &all).value();
  EXPECT_EQ(all.seen.size(), 1U);
  EXPECT_EQ(none_left[2].images, 512);
}

class Cancelling : public Observer {
 public:
  explicit Cancelling(std::stop_source& stop) : stop_(stop) {}
  void OnProgress(std::span<const PlanProgress>, std::vector<bool>&) override {
    stop_.request_stop();
  }

 private:
  std::stop_source& stop_;
};

TEST(Evaluator, StopsWhenAsked) {
  const network::Network network = Import(bitscape::testing::MlpModel());
  const data::Dataset dataset = RandomDataset(1300, 1, 28);
  const std::vector<ResolvedPlan> plans = Resolve(network, {"weights=fp32"});
  for (const bool fast : {true, false}) {
    auto evaluator =
        fast ? Evaluator::Create(network, dataset, {}).value()
             : CreateReferenceEvaluator(network, dataset, {.calibration_images = 1}).value();
    std::stop_source stop;
    Cancelling observer(stop);
    const auto result =
        evaluator->Evaluate(plans, data::Split::kTest, {0, 1300}, &observer, stop.get_token());
    EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
  }
}

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
