// Post-training repairs, on generated networks and on the trained ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/layer_errors.h"
#include "engine/network/zoo.h"
#include "tests/engine/emulate/generated_models.h"
#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

using ::testing::HasSubstr;

const data::Dataset& FashionMnist() {
  static const data::Dataset* const dataset =
      new data::Dataset(data::LoadBuiltinDataset("fashion-mnist").value());
  return *dataset;
}

// One evaluator of a network, and what it says of plans.
struct Bench {
  network::Network network;
  const data::Dataset& dataset;
  std::unique_ptr<Evaluator> evaluator;

  Bench(network::Network of, const data::Dataset& data, EvaluateOptions options = {})
      : network(std::move(of)), dataset(data) {
    options.keep_logits = true;
    evaluator = Evaluator::Create(network, dataset, options).value();
  }
  PlanResult Run(const std::string& plan, data::Split split, int64_t images) {
    auto results = evaluator->Evaluate(Resolve(network, {plan}), split, {0, images});
    EXPECT_TRUE(results.ok()) << plan << ": " << results.status();
    return results.ok() ? std::move(results->front()) : PlanResult();
  }
  // Percent correct of the first images of the test split.
  double Accuracy(const std::string& plan, int64_t images) {
    return 100.0 * static_cast<double>(Run(plan, data::Split::kTest, images).Correct()) /
           static_cast<double>(images);
  }
};

Bench Zoo(const std::string& name, EvaluateOptions options = {}) {
  return {network::LoadZooNetwork(name).value(), FashionMnist(), options};
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::fabs(double{a[i]} - double{b[i]}));
  }
  return largest;
}

// The largest difference between the mean logits of two plans, class by class.
double LargestMeanError(const PlanResult& a, const PlanResult& b, size_t classes) {
  std::vector<double> mean(classes);
  for (size_t i = 0; i < a.logits.size(); ++i) {
    mean[i % classes] +=
        (double{a.logits[i]} - double{b.logits[i]}) / static_cast<double>(a.images);
  }
  double largest = 0;
  for (const double error : mean) largest = std::max(largest, std::fabs(error));
  return largest;
}

class ZooRepair : public ::testing::TestWithParam<std::string> {};

TEST_P(ZooRepair, MovedScalesKeepTheFunction) {
  Bench bench = Zoo(GetParam());
  // The images whose activations are within what moved clips allow.
  const PlanResult exact = bench.Run("", data::Split::kCalibration, 512);
  for (const char* plan : {"repair=equalize", "repair=smooth", "repair=smooth0.8,fold=never",
                           "repair=equalize+smooth"}) {
    const PlanResult moved = bench.Run(plan, data::Split::kCalibration, 512);
    EXPECT_LT(LargestDifference(exact.logits, moved.logits), 1e-4) << plan;
    // Beyond them it hardly matters.
    EXPECT_NEAR(bench.Accuracy(plan, 1024), bench.Accuracy("", 1024), 0.2) << plan;
  }
}

TEST_P(ZooRepair, BiasCorrectionTakesTheMeanErrorAway) {
  Bench bench = Zoo(GetParam());
  for (const std::string quantizers : {"weights=int4", "weights=int4:channel,activations=int5"}) {
    const PlanResult exact = bench.Run("", data::Split::kCalibration, 512);
    const PlanResult plain = bench.Run(quantizers, data::Split::kCalibration, 512);
    const PlanResult corrected =
        bench.Run(quantizers + ",repair=bias", data::Split::kCalibration, 512);
    EXPECT_GT(LargestMeanError(plain, exact, 10), 0.1);
    EXPECT_LT(LargestMeanError(corrected, exact, 10), 1e-4);
    EXPECT_LT(corrected.loss_sum, plain.loss_sum);
  }
}

TEST_P(ZooRepair, BatchNormIsReestimated) {
  Bench bench = Zoo(GetParam());
  const double exact = bench.Accuracy("", 2000);
  const double plain = bench.Accuracy("weights=int3:channel,fold=never", 2000);
  const double repaired = bench.Accuracy("weights=int3:channel,repair=batchnorm", 2000);
  EXPECT_GT(exact - plain, 2);
  EXPECT_LT(exact - repaired, (exact - plain) / 2) << plain << " to " << repaired;
}

// Few levels change the mean and variance of what a layer gives: batch norm takes that up.
TEST_P(ZooRepair, ReestimatedBatchNormHelpsBinaryAndTernaryWeights) {
  Bench bench = Zoo(GetParam());
  const double ternary = bench.Accuracy("weights=ternary:channel", 2000);
  EXPECT_GT(bench.Accuracy("weights=ternary:channel,repair=batchnorm", 2000), ternary + 20);
  const std::string ends = ";[first]weights=int8;[last]weights=int8";
  const double binary = bench.Accuracy("weights=binary:channel" + ends, 2000);
  EXPECT_GT(bench.Accuracy("weights=binary:channel,repair=batchnorm" + ends, 2000), binary + 10);
}

INSTANTIATE_TEST_SUITE_P(Networks, ZooRepair, ::testing::Values("lenet5", "resnet8", "dscnn"),
                         [](const auto& tested) { return tested.param; });

// Channels of very different weights are what equalization is for.
TEST(Equalization, HelpsWeightsUnderOneScale) {
  Bench bench = Zoo("dscnn");
  const double plain = bench.Accuracy("weights=int4", 2000);
  const double equalized = bench.Accuracy("weights=int4,repair=equalize", 2000);
  EXPECT_GT(equalized, plain + 20);
}

TEST(SmoothQuant, HelpsActivationsUnderOneScale) {
  Bench bench = Zoo("dscnn");
  const double plain = bench.Accuracy("weights=int8:channel,activations=int4", 2000);
  const double smooth = bench.Accuracy("weights=int8:channel,activations=int4,repair=smooth", 2000);
  EXPECT_GT(smooth, plain + 5);
}

TEST(AdaRound, RecoversMostOfWhatRoundingLoses) {
  struct Case {
    std::string network, weights;
  };
  for (const Case& tested :
       {Case{"resnet8", "weights=int4"}, Case{"dscnn", "weights=int3:channel"}}) {
    Bench bench = Zoo(tested.network);
    const double exact = bench.Accuracy("", 2000);
    const double plain = bench.Accuracy(tested.weights, 2000);
    const double repaired = bench.Accuracy(tested.weights + ",repair=adaround+bias", 2000);
    EXPECT_GT(exact - plain, 2);
    EXPECT_LT(exact - repaired, (exact - plain) / 2)
        << tested.network << ' ' << tested.weights << ": " << plain << " to " << repaired;
  }
}

network::Network Generated(std::string (*model)()) { return Import(model()); }

class RepairedModel : public ::testing::TestWithParam<Model> {};

// Grouped and strided convolutions, branches, sums, products of activations.
TEST_P(RepairedModel, ComesNearerToTheUnquantizedOne) {
  const data::Dataset dataset = RandomDataset(32, GetParam().channels, GetParam().size);
  Bench bench(Generated(GetParam().bytes), dataset, {.threads = 2, .calibration_images = 40});
  const PlanResult exact = bench.Run("", data::Split::kCalibration, 40);
  const auto error = [&](const std::string& plan) {
    const PlanResult result = bench.Run(plan, data::Split::kCalibration, 40);
    double sum = 0;
    for (size_t i = 0; i < exact.logits.size(); ++i) {
      sum += std::pow(double{result.logits[i]} - double{exact.logits[i]}, 2);
    }
    return std::sqrt(sum / static_cast<double>(exact.logits.size()));
  };
  EXPECT_LT(error("repair=equalize"), 1e-4);
  EXPECT_LT(error("repair=smooth"), 1e-4);
  const std::string quantizers = "weights=int3:channel,activations=int8,accumulator=int32";
  const double plain = error(quantizers);
  EXPECT_GT(plain, 0);
  EXPECT_LT(error(quantizers + ",repair=bias"), plain);
  EXPECT_LT(error(quantizers + ",repair=adaround+batchnorm+bias"), plain);
}

INSTANTIATE_TEST_SUITE_P(Models, RepairedModel, ::testing::ValuesIn(kGeneratedModels),
                         [](const auto& tested) { return tested.param.name; });

// Results depend on the plan alone: not on threads, other plans, or what ran before.
TEST(Repair, DependsOnThePlanAlone) {
  const data::Dataset dataset = RandomDataset(64, 3, 32);
  const std::string plan = "weights=int3,activations=int6,repair=smooth+adaround+bias";
  Bench one(Generated(bitscape::testing::BranchesModel), dataset, {.threads = 1});
  Bench two(Generated(bitscape::testing::BranchesModel), dataset, {.threads = 2});
  const PlanResult alone = one.Run(plan, data::Split::kTest, 64);
  const auto together = two.evaluator->Evaluate(
      Resolve(two.network, {"weights=int3,activations=int6", "weights=int4,repair=bias", plan}),
      data::Split::kTest, {0, 64});
  ASSERT_TRUE(together.ok()) << together.status();
  EXPECT_EQ(alone.logits, (*together)[2].logits);
  EXPECT_NE(alone.logits, (*together)[0].logits);
  EXPECT_EQ(alone.logits, two.Run(plan, data::Split::kTest, 64).logits);
  EXPECT_EQ(one.Run("weights=int3,activations=int6", data::Split::kTest, 64).logits,
            (*together)[0].logits);
}

// A repair must not reach the plan without it.
TEST(Repair, LeavesOtherPlansAlone) {
  const data::Dataset dataset = RandomDataset(32, 1, 28);
  Bench bench(Generated(bitscape::testing::MlpModel), dataset);
  Bench fresh(Generated(bitscape::testing::MlpModel), dataset);
  bench.Run("weights=int3,repair=adaround+bias", data::Split::kTest, 32);
  bench.Run("weights=int3,repair=equalize", data::Split::kTest, 32);
  EXPECT_EQ(bench.Run("weights=int3", data::Split::kTest, 32).logits,
            fresh.Run("weights=int3", data::Split::kTest, 32).logits);
}

// Scales that moved are no noise.
TEST(Repair, LayerErrorsCompareWithTheSameVariant) {
  Bench bench = Zoo("dscnn");
  const auto errors = MeasureErrors(
      *bench.evaluator, Resolve(bench.network, {"weights=int8:channel,repair=equalize+smooth"})[0],
      data::Split::kTest, 64);
  ASSERT_TRUE(errors.ok()) << errors.status();
  for (const LayerErrors& layer : errors->layers) {
    EXPECT_GT(layer.output.SqnrDb(), 20) << layer.layer;
  }
}

// Repairs take longer than most evaluations; what they had begun leaves nothing behind.
TEST(Repair, StopsWhenAsked) {
  const data::Dataset dataset = RandomDataset(32, 1, 28);
  const std::string plan = "weights=int3,repair=equalize+bias";
  Bench bench(Generated(bitscape::testing::MlpModel), dataset);
  Bench fresh(Generated(bitscape::testing::MlpModel), dataset);
  // Calibrated already: only the repairs' own passes can see the request.
  bench.Run("weights=int3", data::Split::kTest, 32);
  std::stop_source stop;
  stop.request_stop();
  const auto captured = bench.evaluator->Capture(Resolve(bench.network, {plan})[0],
                                                 data::Split::kTest, {0, 32}, stop.get_token());
  EXPECT_EQ(captured.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(captured.status().message()), HasSubstr("layer "));
  EXPECT_EQ(bench.Run(plan, data::Split::kTest, 32).logits,
            fresh.Run(plan, data::Split::kTest, 32).logits);
}

TEST(Repair, NeedsCalibrationImages) {
  const data::Dataset dataset = RandomDataset(32, 1, 28);
  const network::Network network = Generated(bitscape::testing::MlpModel);
  auto evaluator = Evaluator::Create(network, dataset, {.calibration_images = 0}).value();
  const auto results = evaluator->Evaluate(Resolve(network, {"weights=int4,repair=bias"}),
                                           data::Split::kTest, {0, 32});
  EXPECT_EQ(results.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(results.status().message()),
              HasSubstr("repair=bias: there are no calibration images"));
}

TEST(Repair, IsRefusedByTheReferenceEvaluator) {
  const data::Dataset dataset = RandomDataset(32, 1, 28);
  const network::Network network = Generated(bitscape::testing::MlpModel);
  auto reference = CreateReferenceEvaluator(network, dataset, {}).value();
  const auto results = reference->Evaluate(Resolve(network, {"weights=int4,repair=equalize+bias"}),
                                           data::Split::kTest, {0, 32});
  EXPECT_EQ(results.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(results.status().message()),
              HasSubstr("repair=equalize+bias: the reference evaluator makes no repairs"));
}

}  // namespace
}  // namespace bitscape::emulate
