// The oneDNN evaluator against plain loops, and what must not change its results.
#include "engine/emulate/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/engine/emulate/generated_models.h"
#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

using quantize::ResolvedPlan;
using ::testing::Each;
using ::testing::Field;

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

INSTANTIATE_TEST_SUITE_P(Models, GeneratedModel, ::testing::ValuesIn(kGeneratedModels),
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

}  // namespace
}  // namespace bitscape::emulate
