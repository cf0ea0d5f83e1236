// The real evaluator on a network of the zoo.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/scheduler/scheduler.h"
#include "tests/server/scheduler/scheduler_testing.h"
#include "tests/server/store/store_testing.h"

namespace bitscape::server {
namespace {

SweepRequest LenetRequest() {
  return {.plans = {"weights=fp32,activations=fp32", "weights=fp16,activations=fp16",
                    "weights=int8:channel,activations=int8,accumulator=int32",
                    "weights=int4:channel,activations=int8,accumulator=int32",
                    "weights=int4:channel,activations=int8,accumulator=int32;[last]weights=int8",
                    "weights=int2,activations=int2,accumulator=int32"},
          .network = "lenet5",
          .dataset = "fashion-mnist",
          .images = 500,
          .slice_images = 96};
}

TEST(SchedulerZoo, MeasuresLenet5AndResumesToTheSameResults) {
  const auto calm_store = CreateMemoryStore();
  Library calm_library(*calm_store);
  const auto calm = CreateScheduler(*calm_store, calm_library, nullptr).value();
  const SweepPlan plan = MakePlan(calm_library, LenetRequest());
  ASSERT_TRUE(calm->Submit("alpha", "", plan, "").ok());
  AwaitState(*calm_store, "alpha", SweepState::kSucceeded);
  const std::vector<Trial> trials = calm_store->ListTrials({.sweep = "alpha"}).value();
  ASSERT_EQ(trials.size(), 6u);
  for (const Trial& trial : trials) {
    ASSERT_EQ(trial.state, TrialState::kSucceeded) << trial.reason;
    EXPECT_EQ(trial.images_evaluated, 500);
  }
  EXPECT_GT(trials[0].metrics->accuracy, 0.8);
  EXPECT_NEAR(trials[1].metrics->accuracy, trials[0].metrics->accuracy, 0.01);
  EXPECT_NEAR(trials[2].metrics->accuracy, trials[0].metrics->accuracy, 0.02);
  EXPECT_LT(trials[5].metrics->accuracy, trials[0].metrics->accuracy);
  EXPECT_LT(trials[2].metrics->energy_pj, trials[0].metrics->energy_pj);

  // On disk, closed and opened again after each slice or so.
  TemporaryFolder folder;
  for (int start = 0;; ++start) {
    ASSERT_LT(start, 100);
    auto store = OpenSqliteStore(folder / "results.db");
    ASSERT_TRUE(store.ok()) << store.status();
    Library library(**store);
    auto scheduler = CreateScheduler(**store, library, nullptr).value();
    if (start == 0) {
      ASSERT_TRUE(scheduler->Submit("alpha", "", plan, "").ok());
    }
    const int64_t before = (*store)->CountTrials("alpha")->images_evaluated;
    Sweep sweep = (*store)->GetSweep("alpha").value();
    while (!IsTerminal(sweep.state) && (*store)->CountTrials("alpha")->images_evaluated == before) {
      (*store)->WaitForChange((*store)->Revision(), 10);
      sweep = (*store)->GetSweep("alpha").value();
    }
    if (IsTerminal(sweep.state)) {
      EXPECT_GT(start, 1);
      EXPECT_EQ(Describe(**store, "alpha"), Describe(*calm_store, "alpha"));
      break;
    }
  }
}

}  // namespace
}  // namespace bitscape::server
