// What repairs recover of the trained networks' accuracy, over the whole test set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/emulate/evaluator.h"
#include "engine/network/zoo.h"
#include "tests/engine/emulate/test_support.h"

namespace bitscape::emulate {
namespace {

constexpr int64_t kImages = 10'000;

struct Case {
  std::string network, weights;
};

class RepairZoo : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    dataset_ = data::LoadBuiltinDataset("fashion-mnist").value();
    network_ = network::LoadZooNetwork(GetParam().network).value();
    evaluator_ = Evaluator::Create(network_, dataset_, {}).value();
  }
  double Accuracy(const std::string& plan) {
    const auto results =
        evaluator_->Evaluate(Resolve(network_, {plan}), data::Split::kTest, {0, kImages});
    EXPECT_TRUE(results.ok()) << results.status();
    const double accuracy = 100.0 * static_cast<double>(results.value()[0].Correct()) / kImages;
    std::printf("%s %s: %.2f\n", GetParam().network.c_str(), plan.c_str(), accuracy);
    return accuracy;
  }

  data::Dataset dataset_;
  network::Network network_;
  std::unique_ptr<Evaluator> evaluator_;
};

TEST_P(RepairZoo, AdaRoundWithBiasCorrectionRecoversHalf) {
  const double exact = Accuracy("");
  const double plain = Accuracy(GetParam().weights);
  const double repaired = Accuracy(GetParam().weights + ",repair=adaround+bias");
  if (exact - plain >= 2) {
    EXPECT_LE(exact - repaired, (exact - plain) / 2);
  } else {
    EXPECT_GE(repaired, plain - 0.5);
  }
  const double equalized = Accuracy(GetParam().weights + ",repair=equalize+adaround+bias");
  EXPECT_LE(exact - equalized, std::max((exact - plain) / 2, 2.0));
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const char* network : {"resnet8", "dscnn", "lenet5"}) {
    for (const char* weights : {"int4", "int4:channel", "int3", "int3:channel"}) {
      cases.push_back({network, std::string("weights=") + weights});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Plans, RepairZoo, ::testing::ValuesIn(Cases()), [](const auto& tested) {
  std::string name = tested.param.network + '_' + tested.param.weights.substr(8);
  for (char& character : name) character = character == ':' ? '_' : character;
  return name;
});

}  // namespace
}  // namespace bitscape::emulate
