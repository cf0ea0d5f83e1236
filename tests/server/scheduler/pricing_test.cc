// Every family of formats has a price before an image is evaluated; what can't run says why.
#include "server/scheduler/pricing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/server/scheduler/scheduler_testing.h"
#include "tests/server/store/store_testing.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

// One plan for each family, granularity and kind of sum.
std::vector<std::string> EveryFamily() {
  std::vector<std::string> plans;
  for (const char* format :
       {"fp32",   "bf16",    "fp8_e4m3",      "int8",         "uint8:asym",     "fixed8.4",
        "dfx8",   "bfp8",    "mxfp8_e4m3",    "mxfp6_e2m3",   "mxfp4_e2m1",     "mxint8",
        "nvfp4",  "af8_3",   "cfloat8_1_4_3", "log4",         "log4:sqrt2",     "codebook16",
        "binary", "ternary", "dorefa2",       "int8:block32", "int8:stochastic"}) {
    plans.push_back(std::string("weights=") + format + ",activations=" + format);
  }
  for (const char* weights : {"int4:channel", "log4", "codebook16:channel", "binary:channel"}) {
    plans.push_back(std::string("weights=") + weights + ",activations=int8");
  }
  for (const char* activations : {"int8:token", "int8:dynamic", "binary:position"}) {
    plans.push_back(std::string("weights=binary,activations=") + activations);
  }
  for (const char* rest : {"weights=int8,activations=int8,accumulator=int32",
                           "weights=int8,activations=int8,accumulator=int16:wrap:chunk16",
                           "weights=fp16,activations=fp16,accumulator=fp16:chunk16"}) {
    plans.push_back(rest);
  }
  return plans;
}

class Pricing : public ::testing::Test {
 protected:
  std::vector<Trial> Price(const std::vector<std::string>& plans, const std::string& accelerator) {
    const SweepPlan plan = MakePlan(library_, {.plans = plans,
                                               .machines = {accelerator},
                                               .network = "lenet5",
                                               .dataset = "fashion-mnist",
                                               .images = 64});
    return PriceTrials("alpha", plan, library_).value();
  }

  std::unique_ptr<Store> store_ = CreateMemoryStore();
  Library library_{*store_};
};

TEST_F(Pricing, EveryFamilyHasAPriceOnAMachineBuiltForThePlan) {
  const std::vector<std::string> plans = EveryFamily();
  const std::vector<Trial> trials = Price(plans, kAnyMachine);
  ASSERT_EQ(trials.size(), plans.size());
  for (const Trial& trial : trials) {
    EXPECT_EQ(trial.state, TrialState::kQueued) << trial.spec.plan_text << ": " << trial.reason;
    ASSERT_TRUE(trial.cost.has_value()) << trial.spec.plan_text;
    EXPECT_GT(trial.cost->energy_pj, 0);
    EXPECT_GT(trial.cost->area_um2, 0);
    EXPECT_GT(trial.cost->latency_cycles, 0);
    EXPECT_GT(trial.cost->weight_bytes, 0);
  }
}

TEST_F(Pricing, FixedMachinesSayWhatTheyTake) {
  int queued = 0;
  for (const Trial& trial : Price(EveryFamily(), kIntegerMachine)) {
    if (trial.state == TrialState::kQueued) {
      ++queued;
      EXPECT_TRUE(trial.cost.has_value());
      continue;
    }
    EXPECT_EQ(trial.state, TrialState::kInfeasible) << trial.spec.plan_text << trial.reason;
    EXPECT_FALSE(trial.cost.has_value());
    EXPECT_THAT(trial.reason, HasSubstr("the machine int8_array takes up to int8 x int8 + int32"));
  }
  EXPECT_GE(queued, 1) << "int8 with int32";
}

}  // namespace
}  // namespace bitscape::server
