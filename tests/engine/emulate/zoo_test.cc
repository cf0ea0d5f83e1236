// The trained networks on the whole test set, against what PyTorch counted.
#include "engine/network/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/files.h"
#include "engine/data/dataset.h"
#include "engine/emulate/evaluator.h"
#include "engine/quantize/precision_plan.h"
#include "tests/engine/emulate/test_support.h"

namespace bitscape::emulate {
namespace {

const data::Dataset& FashionMnist() {
  static const data::Dataset* const dataset =
      new data::Dataset(data::LoadBuiltinDataset("fashion-mnist").value());
  return *dataset;
}

nlohmann::json ReferenceOf(const std::string& name) {
  const auto path = DataDirectory().value() / "zoo" / (name + ".json");
  return nlohmann::json::parse(ReadFile(path, 1 << 20).value());
}

constexpr data::ImageRange kAll{0, 10'000};

class Zoo : public testing::TestWithParam<std::string> {};

TEST_P(Zoo, Float32CountsWhatPyTorchCounted) {
  const network::Network network = network::LoadZooNetwork(GetParam()).value();
  const nlohmann::json reference = ReferenceOf(GetParam());
  auto evaluator = Evaluator::Create(network, FashionMnist(), {.keep_logits = true}).value();
  const auto plans = Resolve(network, {"weights=fp32,activations=fp32"});
  const auto results = evaluator->Evaluate(plans, data::Split::kTest, kAll);
  ASSERT_TRUE(results.ok()) << results.status();
  const PlanResult& result = results->front();
  EXPECT_EQ(result.images, kAll.end);
  EXPECT_NEAR(static_cast<double>(result.Correct()), reference["correct"].get<double>(), 2);
  const auto& logits = reference["logits_first_16"];
  for (size_t image = 0; image < logits.size(); ++image) {
    for (size_t c = 0; c < logits[image].size(); ++c) {
      EXPECT_NEAR(result.logits[image * logits[image].size() + c], logits[image][c].get<float>(),
                  1e-4);
    }
  }
}

// Points of accuracy that a plan may lose against fp32, out of 10,000 images.
struct Allowed {
  std::string plan;
  double images;
};

TEST_P(Zoo, LosesLittleInWideFormats) {
  const network::Network network = network::LoadZooNetwork(GetParam()).value();
  auto evaluator = Evaluator::Create(network, FashionMnist(), {}).value();
  std::vector<Allowed> allowed{{"weights=fp16,activations=fp16", 15},
                               {"weights=bf16,activations=bf16", 15}};
  if (GetParam() != "dscnn") {  // whose activations need more than 8 bits under one scale
    allowed.push_back({"weights=int8:channel,activations=int8,accumulator=int32", 50});
  }
  std::vector<std::string> texts{"weights=fp32,activations=fp32"};
  for (const Allowed& plan : allowed) {
    texts.push_back(plan.plan);
  }
  const auto results = evaluator->Evaluate(Resolve(network, texts), data::Split::kTest, kAll);
  ASSERT_TRUE(results.ok()) << results.status();
  for (size_t i = 0; i < allowed.size(); ++i) {
    EXPECT_NEAR(static_cast<double>((*results)[i + 1].Correct()),
                static_cast<double>((*results)[0].Correct()), allowed[i].images)
        << allowed[i].plan;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Zoo, testing::Values("dscnn", "lenet5", "resnet8"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace bitscape::emulate
