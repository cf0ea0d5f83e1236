// What number formats have to show on trained networks: on the first 2,000 test images by default,
// on all with --all.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/emulate/evaluator.h"
#include "engine/network/zoo.h"
#include "tests/engine/emulate/test_support.h"

namespace bitscape {
namespace {

bool all_images = false;

int64_t Images() { return all_images ? 10'000 : 2'000; }
// Points that a difference of two accuracies may be off on the smaller sample: on 2,000 images its
// standard deviation is 0.3 points where 2 percent of the answers differ.
double SamplingPoints() { return all_images ? 0 : 0.6; }

double Points(const emulate::PlanResult& result) {
  return 100.0 * static_cast<double>(result.Correct()) / static_cast<double>(result.images);
}

// A network of the zoo, evaluated under many plans at once.
class Trained {
 public:
  explicit Trained(const std::string& name)
      : name_(name),
        dataset_(data::LoadBuiltinDataset("fashion-mnist").value()),
        network_(network::LoadZooNetwork(name).value()),
        evaluator_(emulate::Evaluator::Create(network_, dataset_, {.keep_logits = true}).value()) {}

  std::vector<emulate::PlanResult> Evaluate(const std::vector<std::string>& plans) {
    auto results =
        evaluator_->Evaluate(emulate::Resolve(network_, plans), data::Split::kTest, {0, Images()});
    EXPECT_TRUE(results.ok()) << results.status();
    if (!results.ok()) return {};
    for (size_t i = 0; i < plans.size(); ++i) {
      std::printf("%-8s %6.2f %s\n", name_.c_str(), Points((*results)[i]), plans[i].c_str());
    }
    return *std::move(results);
  }

 private:
  std::string name_;
  data::Dataset dataset_;
  network::Network network_;
  std::unique_ptr<emulate::Evaluator> evaluator_;
};

// Of the logits, in dB.
double SqnrOf(const emulate::PlanResult& exact, const emulate::PlanResult& rounded) {
  double signal = 0, noise = 0;
  for (size_t i = 0; i < exact.logits.size(); ++i) {
    const double error = double{rounded.logits[i]} - exact.logits[i];
    signal += double{exact.logits[i]} * exact.logits[i];
    noise += error * error;
  }
  return 10 * std::log10(signal / noise);
}

TEST(WideSignificands, LoseAtMostAPointAtEightBits) {
  const std::vector<std::string> plans = {
      "",
      "weights=int8,activations=int8,accumulator=int32",
      "weights=int8:channel,activations=int8,accumulator=int32",
      "weights=fixed8.7,activations=fixed8.5",
      "weights=dfx8,activations=dfx8,accumulator=int32",
      "weights=bfp8:block16,activations=bfp8:block16",
      "weights=mxint8,activations=mxint8",
      "weights=mxfp8_e4m3:rceil,activations=mxfp8_e4m3:rceil",
      "weights=e3m4:scaled,activations=e3m4:scaled",
      "weights=e4m3:scaled,activations=e4m3:scaled",
      "weights=fp8_e4m3,activations=fp8_e4m3",
      "weights=af8_3,activations=af8_3",
      "weights=cfloat8_1_4_3,activations=cfloat8_1_4_3",
      "weights=codebook256,activations=codebook256",
  };
  const auto results = Trained("resnet8").Evaluate(plans);
  ASSERT_EQ(results.size(), plans.size());
  for (size_t i = 1; i < plans.size(); ++i) {
    EXPECT_GE(Points(results[i]), Points(results[0]) - 1.0 - SamplingPoints()) << plans[i];
  }
}

TEST(ChannelScales, BeatOneScaleOnDepthwiseLayers) {
  std::vector<std::string> plans;
  for (const int bits : {5, 4, 3}) {
    for (const char* modifier : {"", ":channel"}) {
      plans.push_back("weights=int" + std::to_string(bits) + modifier +
                      ",activations=int8,accumulator=int32");
    }
  }
  const auto results = Trained("dscnn").Evaluate(plans);
  ASSERT_EQ(results.size(), plans.size());
  for (size_t i = 0; i < plans.size(); i += 2) {
    EXPECT_GE(Points(results[i + 1]), Points(results[i]) + 2.0 - SamplingPoints()) << plans[i];
  }
}

class EveryNetwork : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Zoo, EveryNetwork, testing::Values("dscnn", "lenet5", "resnet8"),
                         [](const auto& tested) { return tested.param; });

// e1m2's values are a quarter of int4's codes.
TEST_P(EveryNetwork, SameValuesGiveTheSameAnswers) {
  const auto results =
      Trained(GetParam())
          .Evaluate({
              "weights=int4,activations=int4,accumulator=fp32",
              "weights=e1m2:scaled,activations=e1m2:scaled,accumulator=fp32",
              "weights=int4:channel,activations=int4,accumulator=fp32",
              "weights=e1m2:scaled:channel,activations=e1m2:scaled,accumulator=fp32",
              "weights=int3,activations=int3,accumulator=fp32",
              "weights=e1m1:scaled,activations=e1m1:scaled,accumulator=fp32",
          });
  ASSERT_EQ(results.size(), 6u);
  for (size_t i = 0; i < results.size(); i += 2) {
    EXPECT_EQ(results[i].correct, results[i + 1].correct) << i;
  }
  EXPECT_NE(results[0].correct, results[4].correct);
}

TEST(Blocks, AreAsGoodAsTheirSignificandsAndScales) {
  const auto both = [](const std::string& format) {
    return "weights=" + format + ",activations=" + format;
  };
  for (const char* network : {"resnet8", "dscnn"}) {
    const auto results = Trained(network).Evaluate(
        {"", both("mxint8"), both("mxfp6_e2m3:rceil"), both("mxfp8_e4m3:rceil"),
         both("mxfp6_e3m2:rceil"), both("mxfp8_e5m2:rceil"), both("nvfp4"), both("mxfp4_e2m1"),
         both("mxfp4_e2m1:rceil")});
    ASSERT_EQ(results.size(), 9u);
    std::vector<double> sqnr;
    for (const auto& result : results) sqnr.push_back(SqnrOf(results[0], result));
    for (size_t i = 1; i < sqnr.size(); ++i) std::printf("%s %zu: %.2f dB\n", network, i, sqnr[i]);
    // Significands of 7, 4 and 3 bits. In range alone differ E2M3 and E4M3, E3M2 and E5M2: blocks
    // of 32 need little of it.
    EXPECT_GT(sqnr[1], sqnr[2] + 6);
    EXPECT_NEAR(sqnr[2], sqnr[3], 1);
    EXPECT_GT(std::min(sqnr[2], sqnr[3]), sqnr[4] + 3);
    EXPECT_NEAR(sqnr[4], sqnr[5], 0.5);
    // Four bits: blocks of half the size and scales with a mantissa; then those that don't
    // saturate.
    EXPECT_GT(sqnr[2], sqnr[6] + 3);
    EXPECT_GT(sqnr[6], sqnr[8] + 3);
    EXPECT_GE(Points(results[8]), Points(results[7]) + 2);
    EXPECT_GE(Points(results[1]), Points(results[6]));
    EXPECT_GE(Points(results[6]), Points(results[8]) + 2);
  }
}

TEST(KeptBatchNorm, IsTheChoiceOfBinaryAndTernaryWeights) {
  std::vector<std::string> plans;
  const std::vector<std::string> weights = {"weights=binary", "weights=ternary:ttq",
                                            "weights=int4"};
  for (const std::string& plan : weights) {
    for (const char* fold : {"", ",fold=never", ",fold=always"}) plans.push_back(plan + fold);
  }
  const auto results = Trained("resnet8").Evaluate(plans);
  ASSERT_EQ(results.size(), plans.size());
  for (size_t plan = 0; plan < weights.size(); ++plan) {
    const bool keeps = plan < 2;
    const auto& chosen = results[3 * plan].logits;
    EXPECT_EQ(chosen == results[3 * plan + 1].logits, keeps) << weights[plan];
    EXPECT_EQ(chosen == results[3 * plan + 2].logits, !keeps) << weights[plan];
  }
}

TEST(Repairs, RecoverHalfOfWhatPlainRoundingLoses) {
  int checked = 0;
  for (const char* network :
       all_images ? std::vector{"resnet8", "dscnn", "lenet5"} : std::vector{"resnet8"}) {
    Trained trained(network);
    for (const std::string weights : {"weights=int4", "weights=int3"}) {
      const auto results = trained.Evaluate({"", weights, weights + ",repair=adaround+bias"});
      ASSERT_EQ(results.size(), 3u);
      const double loss = Points(results[0]) - Points(results[1]);
      if (loss < 2) continue;
      ++checked;
      EXPECT_GE(Points(results[2]), Points(results[1]) + loss / 2) << network << ' ' << weights;
    }
  }
  EXPECT_GE(checked, all_images ? 4 : 1);
}

}  // namespace
}  // namespace bitscape

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--all") != 0) {
      std::fprintf(stderr, "unknown argument %s; --all: all 10,000 test images\n", argv[i]);
      return 2;
    }
    bitscape::all_images = true;
  }
  return RUN_ALL_TESTS();
}
