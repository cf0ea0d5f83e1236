// Interrupted at any slice and started again, a sweep ends as an undisturbed one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/scheduler/scheduler.h"
#include "tests/server/scheduler/scheduler_testing.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

SweepRequest ExampleRequest() {
  return {.plans = UniformPlans({"int3", "int4", "int5", "int8", "fp16"},
                                {"int4", "int6", "int8", "fp8_e4m3"}),
          .machines = {kAnyMachine, kIntegerMachine}};
}

std::string Undisturbed() {
  EvaluatorControl control;
  const auto store = CreateMemoryStore();
  Library library(*store, FakeSources(control));
  const auto scheduler = CreateScheduler(*store, library, nullptr).value();
  EXPECT_TRUE(scheduler->Submit("alpha", "", MakePlan(library, ExampleRequest()), "").ok());
  AwaitState(*store, "alpha", SweepState::kSucceeded);
  return Describe(*store, "alpha");
}

TEST(SchedulerResume, EndsAsIfUndisturbed) {
  const std::string expected = Undisturbed();
  EXPECT_THAT(expected,
              AllOf(HasSubstr("SUCCEEDED"), HasSubstr("INFEASIBLE"), HasSubstr("FAILED")));
  // 20 plans, four of them broken: two groups of four slices. Stopped after each slice once.
  for (int slices = 0; slices <= 7; ++slices) {
    EvaluatorControl control;
    const auto store = CreateMemoryStore();
    Library library(*store, FakeSources(control));
    control.AllowOnly(slices);
    for (int start = 0; start < 3; ++start) {
      auto scheduler = CreateScheduler(*store, library, nullptr).value();
      if (start == 0) {
        ASSERT_TRUE(scheduler->Submit("alpha", "", MakePlan(library, ExampleRequest()), "").ok());
      }
      if (start == 2) {
        control.AllowAll();
        AwaitState(*store, "alpha", SweepState::kSucceeded);
      } else {
        control.AwaitWaiting();
      }
    }
    EXPECT_EQ(Describe(*store, "alpha"), expected) << "stopped after " << slices << " slices";
  }
}

// As a killed server leaves it: no goodbye, whatever state the rows were in.
class AfterACrash : public ::testing::Test {
 protected:
  // Runs two of four slices, and takes the scheduler's final word back.
  void CrashAs(SweepState state) {
    control_.AllowOnly(2);
    {
      const auto scheduler = CreateScheduler(*store_, library_, nullptr).value();
      ASSERT_TRUE(scheduler->Submit("alpha", "", MakePlan(library_, request_), "").ok());
      control_.AwaitWaiting();
    }
    WriteBatch batch{.sweeps = {store_->GetSweep("alpha").value()}};
    batch.sweeps[0].state = state;
    batch.trials = Trials();
    for (Trial& trial : batch.trials) {
      trial.state = TrialState::kRunning;
    }
    ASSERT_TRUE(store_->Write(std::move(batch)).ok());
    control_.AllowAll();
    scheduler_ = CreateScheduler(*store_, library_, nullptr).value();
  }

  std::vector<Trial> Trials() { return store_->ListTrials({.sweep = "alpha"}).value(); }

  const SweepRequest request_{.plans = UniformPlans({"int8"}, {"int8", "int4"})};
  EvaluatorControl control_;
  std::unique_ptr<Store> store_ = CreateMemoryStore();
  Library library_{*store_, FakeSources(control_)};
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(AfterACrash, ARunningSweepGoesOn) {
  CrashAs(SweepState::kRunning);
  const Sweep sweep = AwaitState(*store_, "alpha", SweepState::kSucceeded);
  EXPECT_EQ(control_.PlanImages(), 2 * kTestImages);
  EXPECT_GT(sweep.running_us, 0);
  for (const Trial& trial : Trials()) {
    EXPECT_EQ(trial.state, TrialState::kSucceeded);
    EXPECT_EQ(trial.attempts, 2);
    EXPECT_EQ(trial.images_evaluated, kTestImages);
    EXPECT_FALSE(trial.reused);
  }
}

TEST_F(AfterACrash, ACancellingSweepIsCancelled) {
  CrashAs(SweepState::kCancelling);
  EXPECT_EQ(store_->GetSweep("alpha")->state, SweepState::kCancelled);
  for (const Trial& trial : Trials()) {
    EXPECT_EQ(trial.state, TrialState::kCancelled);
    EXPECT_EQ(trial.images_evaluated, 64);
  }
}

TEST_F(AfterACrash, APausingSweepIsPaused) {
  CrashAs(SweepState::kPausing);
  EXPECT_EQ(store_->GetSweep("alpha")->state, SweepState::kPaused);
  EXPECT_EQ(store_->GetTrial("alpha", 0)->state, TrialState::kQueued);
  ASSERT_TRUE(scheduler_->Resume("alpha").ok());
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  EXPECT_EQ(control_.PlanImages(), 2 * kTestImages);
}

TEST(SchedulerResume, FailsTrialsWhoseContentIsAnotherNow) {
  EvaluatorControl control;
  const auto store = CreateMemoryStore();
  Library library(*store, FakeSources(control));
  const auto scheduler = CreateScheduler(*store, library, nullptr).value();
  SweepPlan plan = MakePlan(library, {.plans = UniformPlans({"int8"}, {"int8", "int4"})});
  plan.trials[0].accuracy_key = "of another network";
  ASSERT_TRUE(scheduler->Submit("alpha", "", plan, "").ok());
  AwaitState(*store, "alpha", SweepState::kSucceeded);
  EXPECT_EQ(store->GetTrial("alpha", 0)->state, TrialState::kFailed);
  EXPECT_THAT(store->GetTrial("alpha", 0)->reason, HasSubstr("has changed since"));
  EXPECT_EQ(store->GetTrial("alpha", 1)->state, TrialState::kSucceeded);
}

TEST(SchedulerResume, FailsASweepWhoseNetworkIsGone) {
  EvaluatorControl control;
  const auto store = CreateMemoryStore();
  {
    control.AllowOnly(1);
    Library library(*store, FakeSources(control));
    const auto scheduler = CreateScheduler(*store, library, nullptr).value();
    ASSERT_TRUE(scheduler
                    ->Submit("alpha", "",
                             MakePlan(library, {.plans = UniformPlans({"int8"}, {"int8"})}), "")
                    .ok());
    control.AwaitWaiting();
  }
  LibrarySources without = FakeSources(control);
  without.network_names = [] { return std::vector<std::string>{}; };
  Library library(*store, without);
  const auto scheduler = CreateScheduler(*store, library, nullptr).value();
  EXPECT_THAT(AwaitState(*store, "alpha", SweepState::kFailed).error,
              HasSubstr("no network 'tiny'"));
  EXPECT_EQ(store->GetTrial("alpha", 0)->state, TrialState::kFailed);
}

}  // namespace
}  // namespace bitscape::server
