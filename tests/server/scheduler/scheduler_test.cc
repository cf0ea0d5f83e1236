#include "server/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "tests/server/scheduler/scheduler_testing.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CountingListener final : public SchedulerListener {
 public:
  void OnTrialEnded(TrialState outcome, double seconds) override {
    std::lock_guard lock(mutex_);
    ++ended_[outcome];
    EXPECT_GE(seconds, 0);
  }
  void OnImagesEvaluated(int64_t images) override {
    std::lock_guard lock(mutex_);
    images_ += images;
  }
  void OnEvaluationReused() override {
    std::lock_guard lock(mutex_);
    ++reused_;
  }
  int Ended(TrialState state) {
    std::lock_guard lock(mutex_);
    return ended_[state];
  }
  int64_t Images() {
    std::lock_guard lock(mutex_);
    return images_;
  }
  int Reused() {
    std::lock_guard lock(mutex_);
    return reused_;
  }

 private:
  std::mutex mutex_;
  std::map<TrialState, int> ended_;
  int64_t images_ = 0;
  int reused_ = 0;
};

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() : library_(*store_, FakeSources(control_)) {
    scheduler_ = CreateScheduler(*store_, library_, &listener_).value();
  }

  Sweep Submit(const std::string& id, const SweepRequest& request) {
    const auto sweep = scheduler_->Submit(id, "spec", MakePlan(library_, request), "");
    EXPECT_TRUE(sweep.ok()) << sweep.status();
    return sweep.ok() ? *sweep : Sweep{};
  }

  std::vector<Trial> Trials(const std::string& id) {
    return store_->ListTrials({.sweep = id}).value();
  }

  EvaluatorControl control_;
  std::unique_ptr<Store> store_ = CreateMemoryStore();
  Library library_;
  CountingListener listener_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, AcknowledgesBeforeItEvaluates) {
  control_.AllowOnly(0);
  const Sweep sweep = Submit("alpha", {.plans = UniformPlans({"int8"}, {"int8", "int4"})});
  EXPECT_EQ(sweep.id, "alpha");
  EXPECT_EQ(sweep.spec, "spec");
  EXPECT_EQ(sweep.trials, 2);
  EXPECT_EQ(sweep.images_per_trial, kTestImages);
  EXPECT_GT(sweep.create_time_us, 0);
  const std::vector<Trial> trials = Trials("alpha");
  ASSERT_THAT(trials, SizeIs(2));
  for (const Trial& trial : trials) {
    ASSERT_TRUE(trial.cost.has_value());
    EXPECT_GT(trial.cost->energy_pj, 0);
    EXPECT_FALSE(trial.metrics.has_value());
  }
  control_.AllowAll();
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
}

TEST_F(SchedulerTest, MeasuresEveryTrial) {
  const std::vector<std::string> plans = UniformPlans({"int8", "int4", "fp16"}, {"int8", "fp16"});
  Submit("alpha", {.plans = plans});
  const Sweep sweep = AwaitState(*store_, "alpha", SweepState::kSucceeded);
  EXPECT_GT(sweep.running_us, 0);
  EXPECT_GE(sweep.end_time_us, sweep.start_time_us);
  EXPECT_GE(sweep.start_time_us, sweep.create_time_us);
  const SweepPlan plan = MakePlan(library_, {.plans = plans});
  const std::vector<Trial> trials = Trials("alpha");
  ASSERT_EQ(trials.size(), plans.size());
  for (size_t i = 0; i < trials.size(); ++i) {
    const Expected expected = ExpectedResult(plan.trials[i].plan, kTestImages, 32);
    EXPECT_EQ(trials[i].state, TrialState::kSucceeded);
    EXPECT_EQ(trials[i].attempts, 1);
    EXPECT_EQ(trials[i].images_evaluated, kTestImages);
    EXPECT_FALSE(trials[i].reused);
    ASSERT_TRUE(trials[i].metrics.has_value());
    EXPECT_EQ(trials[i].metrics->correct, expected.correct);
    EXPECT_EQ(trials[i].metrics->loss, expected.loss_sum / kTestImages);
    EXPECT_EQ(trials[i].metrics->energy_pj, trials[i].cost->energy_pj);
  }
  EXPECT_EQ(control_.PlanImages(), 6 * kTestImages);
  EXPECT_EQ(listener_.Ended(TrialState::kSucceeded), 6);
  EXPECT_EQ(listener_.Images(), 6 * kTestImages);
}

TEST_F(SchedulerTest, RunsReferencesFirstAndGroupsOneAfterTheOther) {
  const std::vector<std::string> plans = UniformPlans({"int2", "int4", "int5", "int6", "int7"},
                                                      {"int4", "int5", "int6", "int7", "int8"});
  Submit("alpha", {.plans = plans, .references = {plans[24]}});
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  const std::vector<EvaluatorControl::Call> calls = control_.Calls();
  ASSERT_THAT(calls, SizeIs(8));  // 25 plans are two groups, 100 images are four slices
  const SweepPlan plan = MakePlan(library_, {.plans = plans});
  EXPECT_EQ(calls[0].plans[0], plan.trials[24].plan.ToString());
  std::set<std::string> first_group(calls[0].plans.begin(), calls[0].plans.end());
  for (size_t call = 0; call < 8; ++call) {
    EXPECT_THAT(calls[call].plans, SizeIs(call < 4 ? 16 : 9));
    EXPECT_EQ(calls[call].range.begin, static_cast<int64_t>(call % 4) * 32);
    EXPECT_EQ(calls[call].range.end, std::min<int64_t>(calls[call].range.begin + 32, kTestImages));
    EXPECT_TRUE(
        std::is_sorted(calls[call].plans.begin() + (call < 4 ? 1 : 0), calls[call].plans.end()));
  }
}

TEST_F(SchedulerTest, SharesAccuracyBetweenMachinesAndEndsWhatAMachineRefuses) {
  Submit("alpha", {.plans = {"weights=int8,activations=int8,accumulator=int32",
                             "weights=fp16,activations=int8"},
                   .machines = {kAnyMachine, kIntegerMachine}});
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  const std::vector<Trial> trials = Trials("alpha");
  ASSERT_THAT(trials, SizeIs(4));
  ASSERT_EQ(trials[0].state, TrialState::kSucceeded);
  ASSERT_EQ(trials[1].state, TrialState::kSucceeded) << trials[1].reason;
  EXPECT_EQ(trials[0].metrics->correct, trials[1].metrics->correct);
  EXPECT_NE(trials[0].metrics->energy_pj, trials[1].metrics->energy_pj);
  EXPECT_EQ(trials[2].state, TrialState::kSucceeded);
  EXPECT_EQ(trials[3].state, TrialState::kInfeasible);
  EXPECT_THAT(trials[3].reason, HasSubstr("fc1"));
  EXPECT_FALSE(trials[3].metrics.has_value());
  EXPECT_EQ(trials[3].images_evaluated, 0);
  EXPECT_EQ(control_.PlanImages(), 2 * kTestImages);  // three trials, two plans
  EXPECT_EQ(listener_.Ended(TrialState::kInfeasible), 1);
}

TEST_F(SchedulerTest, ReusesWhatAnEarlierSweepMeasured) {
  Submit("alpha", {.plans = UniformPlans({"int8"}, {"int8", "int4"})});
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  Submit("beta", {.plans = UniformPlans({"int8"}, {"int4", "int5"})});
  AwaitState(*store_, "beta", SweepState::kSucceeded);
  const std::vector<Trial> beta = Trials("beta");
  ASSERT_THAT(beta, SizeIs(2));
  EXPECT_TRUE(beta[0].reused);
  EXPECT_EQ(beta[0].images_evaluated, kTestImages);
  EXPECT_EQ(beta[0].attempts, 0);
  EXPECT_EQ(beta[0].metrics->correct, Trials("alpha")[1].metrics->correct);
  EXPECT_EQ(beta[0].metrics->loss, Trials("alpha")[1].metrics->loss);
  EXPECT_FALSE(beta[1].reused);
  EXPECT_EQ(control_.PlanImages(), 3 * kTestImages);
  EXPECT_EQ(listener_.Reused(), 1);
}

TEST_F(SchedulerTest, GoesOnWhereACancelledSweepStopped) {
  control_.AllowOnly(2);
  Submit("alpha", {.plans = UniformPlans({"int8"}, {"int8"})});
  control_.AwaitWaiting();
  ASSERT_TRUE(scheduler_->Cancel("alpha").ok());
  AwaitState(*store_, "alpha", SweepState::kCancelled);
  EXPECT_EQ(Trials("alpha")[0].images_evaluated, 64);
  control_.AllowAll();
  Submit("beta", {.plans = UniformPlans({"int8"}, {"int8", "int4"})});
  AwaitState(*store_, "beta", SweepState::kSucceeded);
  EXPECT_EQ(control_.PlanImages(), 2 * kTestImages);  // 64 + 36 + 100
  const SweepPlan plan = MakePlan(library_, {.plans = UniformPlans({"int8"}, {"int8"})});
  const Expected expected = ExpectedResult(plan.trials[0].plan, kTestImages, 32);
  EXPECT_EQ(Trials("beta")[0].metrics->correct, expected.correct);
  EXPECT_EQ(Trials("beta")[0].metrics->loss, expected.loss_sum / kTestImages);
  EXPECT_FALSE(Trials("beta")[0].reused);
}

TEST_F(SchedulerTest, FailsOnlyTheTrialsOfABrokenPlan) {
  Submit("alpha", {.plans = UniformPlans({"int8", "int3", "int4"}, {"int8"})});
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  const std::vector<Trial> trials = Trials("alpha");
  EXPECT_EQ(trials[0].state, TrialState::kSucceeded);
  EXPECT_EQ(trials[1].state, TrialState::kFailed);
  EXPECT_THAT(trials[1].reason, HasSubstr("int3 weights are not for this test"));
  EXPECT_EQ(trials[2].state, TrialState::kSucceeded);
  EXPECT_EQ(listener_.Ended(TrialState::kFailed), 1);
}

TEST_F(SchedulerTest, FailsASweepOfWhichNothingSucceeds) {
  Submit("alpha", {.plans = UniformPlans({"int3"}, {"int8", "int4"})});
  const Sweep sweep = AwaitState(*store_, "alpha", SweepState::kFailed);
  EXPECT_EQ(
      sweep.error,
      "none of 2 trials succeeded: 2 failed; the first one (t000000): layer fc1: int3 weights "
      "are not for this test");
  Submit("beta", {.plans = {"weights=int3,activations=int8,accumulator=int32",
                            "weights=fp16,activations=fp16"},
                  .machines = {kIntegerMachine}});
  EXPECT_THAT(
      AwaitState(*store_, "beta", SweepState::kFailed).error,
      HasSubstr("none of 2 trials succeeded: 1 infeasible, 1 failed; the first one (t000000)"));
}

TEST_F(SchedulerTest, FailsWithoutImagesWhereNothingIsFeasible) {
  Submit("alpha", {.plans = UniformPlans({"fp16"}, {"fp16"}), .machines = {kIntegerMachine}});
  const Sweep sweep = AwaitState(*store_, "alpha", SweepState::kFailed);
  const Trial trial = Trials("alpha")[0];
  EXPECT_EQ(trial.state, TrialState::kInfeasible);
  ASSERT_FALSE(trial.reason.empty());
  EXPECT_EQ(sweep.error,
            "none of 1 trials succeeded: 1 infeasible; the first one (t000000): " + trial.reason);
  EXPECT_THAT(control_.Calls(), IsEmpty());
}

TEST_F(SchedulerTest, TakesSweepsInTheOrderOfCreation) {
  control_.AllowOnly(0);
  Submit("b", {.plans = UniformPlans({"int8"}, {"int8"})});
  Submit("c", {.plans = UniformPlans({"int8"}, {"int7"})});
  Submit("a", {.plans = UniformPlans({"int8"}, {"int6"})});
  control_.AwaitWaiting();
  const Scheduler::Load load = scheduler_->GetLoad();
  EXPECT_EQ(load.sweeps_running, 1);
  EXPECT_EQ(load.trials_running, 1);
  EXPECT_EQ(load.trials_queued, 2);
  control_.AllowAll();
  const int64_t b = AwaitState(*store_, "b", SweepState::kSucceeded).end_time_us;
  const int64_t c = AwaitState(*store_, "c", SweepState::kSucceeded).end_time_us;
  const int64_t a = AwaitState(*store_, "a", SweepState::kSucceeded).end_time_us;
  EXPECT_LE(b, c);
  EXPECT_LE(c, a);
}

TEST_F(SchedulerTest, CancelsAtTheNextBatch) {
  control_.AllowOnly(1);
  Submit("alpha", {.plans = UniformPlans({"int8"}, {"int8", "int4"})});
  control_.AwaitWaiting();
  const auto cancelling = scheduler_->Cancel("alpha");
  ASSERT_TRUE(cancelling.ok()) << cancelling.status();
  EXPECT_EQ(cancelling->state, SweepState::kCancelling);
  const Sweep sweep = AwaitState(*store_, "alpha", SweepState::kCancelled);
  EXPECT_GT(sweep.end_time_us, 0);
  for (const Trial& trial : Trials("alpha")) {
    EXPECT_EQ(trial.state, TrialState::kCancelled);
    EXPECT_EQ(trial.images_evaluated, 32);
    EXPECT_GT(trial.end_time_us, 0);
  }
  EXPECT_EQ(scheduler_->Cancel("alpha").status(),
            absl::FailedPreconditionError("sweep 'alpha' is CANCELLED: it cannot be cancelled"));
  EXPECT_EQ(scheduler_->Cancel("ghost").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SchedulerTest, CancelsAndPausesWhatWaitsAtOnce) {
  control_.AllowOnly(0);
  Submit("first", {.plans = UniformPlans({"int8"}, {"int8"})});
  Submit("waits", {.plans = UniformPlans({"int8"}, {"int7"})});
  Submit("goes", {.plans = UniformPlans({"int8"}, {"int6"})});
  control_.AwaitWaiting();
  EXPECT_EQ(scheduler_->Pause("waits")->state, SweepState::kPaused);
  EXPECT_EQ(scheduler_->Cancel("goes")->state, SweepState::kCancelled);
  EXPECT_EQ(Trials("goes")[0].state, TrialState::kCancelled);
  control_.AllowAll();
  AwaitState(*store_, "first", SweepState::kSucceeded);
  EXPECT_EQ(store_->GetSweep("waits")->state, SweepState::kPaused);
  EXPECT_EQ(scheduler_->Resume("waits")->state, SweepState::kPending);
  AwaitState(*store_, "waits", SweepState::kSucceeded);
  EXPECT_EQ(store_->GetSweep("goes")->state, SweepState::kCancelled);
  EXPECT_EQ(control_.PlanImages(), 2 * kTestImages);
}

TEST_F(SchedulerTest, PausesAndResumesWithoutLosingSlices) {
  control_.AllowOnly(2);
  Submit("alpha", {.plans = UniformPlans({"int8"}, {"int8", "int4"})});
  control_.AwaitWaiting();
  EXPECT_EQ(scheduler_->Pause("alpha")->state, SweepState::kPausing);
  AwaitState(*store_, "alpha", SweepState::kPaused);
  for (const Trial& trial : Trials("alpha")) {
    EXPECT_EQ(trial.state, TrialState::kQueued);
    EXPECT_EQ(trial.images_evaluated, 64);
  }
  EXPECT_EQ(scheduler_->Pause("alpha").status(),
            absl::FailedPreconditionError("sweep 'alpha' is PAUSED: it cannot be paused"));
  control_.AllowAll();
  ASSERT_TRUE(scheduler_->Resume("alpha").ok());
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  EXPECT_EQ(control_.PlanImages(), 2 * kTestImages);
  for (const Trial& trial : Trials("alpha")) {
    EXPECT_EQ(trial.attempts, 2);
    EXPECT_FALSE(trial.reused);
  }
  EXPECT_EQ(scheduler_->Resume("alpha").status(),
            absl::FailedPreconditionError("sweep 'alpha' is SUCCEEDED: it cannot be resumed"));
}

TEST_F(SchedulerTest, CancelsAPausedSweep) {
  control_.AllowOnly(0);
  Submit("alpha", {.plans = UniformPlans({"int8"}, {"int8"})});
  control_.AwaitWaiting();
  ASSERT_TRUE(scheduler_->Pause("alpha").ok());
  AwaitState(*store_, "alpha", SweepState::kPaused);
  EXPECT_EQ(scheduler_->Cancel("alpha")->state, SweepState::kCancelled);
  EXPECT_EQ(Trials("alpha")[0].state, TrialState::kCancelled);
}

TEST_F(SchedulerTest, RefusesAnIdInUseAndRemembersRequests) {
  const SweepPlan plan = MakePlan(library_, {.plans = UniformPlans({"int8"}, {"int8"})});
  ASSERT_TRUE(scheduler_->Submit("alpha", "spec", plan, "request").ok());
  EXPECT_EQ(scheduler_->Submit("alpha", "spec", plan, "").status(),
            absl::AlreadyExistsError("sweep 'alpha' exists already"));
  const auto again = scheduler_->Submit("beta", "spec", plan, "request");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, "alpha");
  EXPECT_FALSE(store_->GetSweep("beta").ok());
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
}

TEST_F(SchedulerTest, RefusesUnknownNames) {
  SweepPlan plan = MakePlan(library_, {.plans = UniformPlans({"int8"}, {"int8"})});
  plan.trials[0].accelerator = "eyeris_like";
  EXPECT_THAT(std::string(scheduler_->Submit("alpha", "", plan, "").status().message()),
              HasSubstr("did you mean 'eyeriss_like'?"));
  plan.network = "tony";
  EXPECT_THAT(std::string(scheduler_->Submit("alpha", "", plan, "").status().message()),
              HasSubstr("no network 'tony'; did you mean 'tiny'?"));
}

TEST_F(SchedulerTest, TellsProgress) {
  control_.AllowOnly(6);  // the first group of 16 (four slices), half of the second
  const std::vector<std::string> plans =
      UniformPlans({"int4", "int5", "int6", "int7", "int8"}, {"int4", "int5", "int6", "int7"});
  Submit("alpha", {.plans = plans});
  control_.AwaitWaiting();
  const auto progress = scheduler_->Progress("alpha");
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->trials, 20);
  EXPECT_EQ(progress->images, 20 * kTestImages);
  EXPECT_EQ(progress->counts.by_state.at(TrialState::kSucceeded), 16);
  EXPECT_EQ(progress->counts.by_state.at(TrialState::kRunning), 4);
  EXPECT_EQ(progress->counts.images_evaluated, 16 * kTestImages + 4 * 64);
  EXPECT_GT(progress->elapsed_seconds, 0);
  EXPECT_GT(progress->remaining_seconds, 0);
  const FrontResult front = QueryFront(*store_, {"alpha"}, {}, {}).value();
  EXPECT_EQ(progress->front_size, static_cast<int64_t>(front.points.size()));
  EXPECT_EQ(progress->hypervolume, front.hypervolume);
  control_.AllowAll();
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  const auto after = scheduler_->Progress("alpha");
  EXPECT_EQ(after->counts.images_evaluated, 20 * kTestImages);
  EXPECT_LT(after->remaining_seconds, 0);
  EXPECT_EQ(scheduler_->Progress("ghost").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SchedulerTest, ToldTrialsAddUp) {
  Submit("alpha", {.plans = UniformPlans({"int8", "int3"}, {"int8", "int4", "int5"}),
                   .machines = {kAnyMachine, kIntegerMachine}});
  AwaitState(*store_, "alpha", SweepState::kSucceeded);
  scheduler_.reset();  // the listener is told after the commit
  int told = 0;
  for (int state = 1; state <= 7; ++state) {
    told += listener_.Ended(static_cast<TrialState>(state));
  }
  EXPECT_EQ(told, 12);
}

}  // namespace
}  // namespace bitscape::server
