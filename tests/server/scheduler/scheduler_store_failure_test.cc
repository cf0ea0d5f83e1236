// A store that can't write for a while.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "server/scheduler/scheduler.h"
#include "tests/server/scheduler/scheduler_testing.h"

namespace bitscape::server {
namespace {

// Passes everything on, but its disk can be full.
class FullDiskStore final : public Store {
 public:
  void SetFull(bool full) {
    std::lock_guard lock(mutex_);
    full_ = full;
  }
  absl::Status Write(WriteBatch batch) override {
    std::lock_guard lock(mutex_);
    return full_ ? absl::ResourceExhaustedError("disk is full") : store_->Write(std::move(batch));
  }
  absl::StatusOr<Sweep> GetSweep(std::string_view id) override { return store_->GetSweep(id); }
  absl::StatusOr<std::vector<Sweep>> ListSweeps(std::string_view after, int64_t limit) override {
    return store_->ListSweeps(after, limit);
  }
  absl::StatusOr<std::optional<std::string>> FindRequest(std::string_view id) override {
    return store_->FindRequest(id);
  }
  absl::StatusOr<Trial> GetTrial(std::string_view sweep, int64_t ordinal) override {
    return store_->GetTrial(sweep, ordinal);
  }
  absl::StatusOr<std::vector<Trial>> ListTrials(const TrialQuery& query) override {
    return store_->ListTrials(query);
  }
  absl::StatusOr<SweepCounts> CountTrials(std::string_view sweep) override {
    return store_->CountTrials(sweep);
  }
  absl::StatusOr<std::optional<AccuracyRecord>> GetAccuracy(std::string_view key) override {
    return store_->GetAccuracy(key);
  }
  absl::StatusOr<StoredResource> GetResource(StoredResource::Kind kind,
                                             std::string_view name) override {
    return store_->GetResource(kind, name);
  }
  absl::StatusOr<std::vector<StoredResource>> ListResources(StoredResource::Kind kind) override {
    return store_->ListResources(kind);
  }
  int64_t Revision() override { return store_->Revision(); }
  int64_t WaitForChange(int64_t revision, int64_t timeout_ms) override {
    return store_->WaitForChange(revision, timeout_ms);
  }
  Statistics GetStatistics() override { return store_->GetStatistics(); }

 private:
  std::mutex mutex_;
  bool full_ = false;
  std::unique_ptr<Store> store_ = CreateMemoryStore();
};

class Interruptions final : public SchedulerListener {
 public:
  void OnTrialEnded(TrialState, double) override {}
  void OnImagesEvaluated(int64_t) override {}
  void OnEvaluationReused() override {}
  void OnInterrupted(std::string_view sweep, const absl::Status& why) override {
    std::lock_guard lock(mutex_);
    sweep_ = std::string(sweep);
    why_ = std::string(why.message());
    changed_.notify_all();
  }
  std::string Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !sweep_.empty(); });
    return sweep_ + ": " + why_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string sweep_, why_;
};

class StoreFailure : public ::testing::Test {
 protected:
  // Two slices are saved, then the disk is full.
  void RunIntoFullDisk() {
    control_.AllowOnly(2);
    ASSERT_TRUE(scheduler_->Submit("alpha", "", MakePlan(library_, request_), "").ok());
    control_.AwaitWaiting();
    store_.SetFull(true);
    control_.AllowAll();
    EXPECT_EQ(interruptions_.Await(), "alpha: disk is full");
  }

  const SweepRequest request_{.plans = UniformPlans({"int8"}, {"int8", "int4"})};
  EvaluatorControl control_;
  FullDiskStore store_;
  Library library_{store_, FakeSources(control_)};
  Interruptions interruptions_;
  std::unique_ptr<Scheduler> scheduler_ =
      CreateScheduler(store_, library_, &interruptions_).value();
};

TEST_F(StoreFailure, IsTriedAgainFromTheLastSavedSlice) {
  RunIntoFullDisk();
  EXPECT_EQ(scheduler_->Submit("beta", "", MakePlan(library_, request_), "").status(),
            absl::ResourceExhaustedError("disk is full"));
  EXPECT_EQ(store_.GetTrial("alpha", 0)->images_evaluated, 64);
  store_.SetFull(false);
  AwaitState(store_, "alpha", SweepState::kSucceeded);
  const Trial trial = store_.GetTrial("alpha", 0).value();
  EXPECT_EQ(trial.images_evaluated, kTestImages);
  const SweepPlan plan = MakePlan(library_, request_);
  EXPECT_EQ(trial.metrics->correct, ExpectedResult(plan.trials[0].plan, kTestImages, 32).correct);
}

TEST_F(StoreFailure, LeavesTheSweepToACancel) {
  RunIntoFullDisk();
  store_.SetFull(false);
  ASSERT_TRUE(scheduler_->Cancel("alpha").ok());
  AwaitState(store_, "alpha", SweepState::kCancelled);
  EXPECT_EQ(store_.GetTrial("alpha", 1)->state, TrialState::kCancelled);
}

TEST_F(StoreFailure, DoesNotKeepTheSchedulerFromStopping) {
  RunIntoFullDisk();
  scheduler_.reset();
  EXPECT_EQ(store_.GetSweep("alpha")->state, SweepState::kRunning);  // as it could be saved
  store_.SetFull(false);
  scheduler_ = CreateScheduler(store_, library_, nullptr).value();
  AwaitState(store_, "alpha", SweepState::kSucceeded);
}

}  // namespace
}  // namespace bitscape::server
