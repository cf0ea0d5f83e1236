// Runs what is left of one sweep: groups of plans, slice by slice, each slice saved.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "server/scheduler/library.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/sweep_work.h"
#include "server/store/store.h"
#include "server/trials/runner.h"

namespace bitscape::server {

// Distinct plans times images: done since the run began, and still to do.
struct RunImages {
  int64_t done = 0, left = 0;
};

// Used by one thread.
class SweepRun {
 public:
  // Writes the batch together with the sweep's own progress.
  using Commit = std::function<absl::Status(WriteBatch batch, RunImages images)>;

  // All must outlive the run; `listener` may be null.
  SweepRun(Store& store, Library& library, SchedulerListener* listener, Sweep sweep,
           std::stop_token stop, Commit commit);

  // Finds network, dataset and evaluator. Errors: why the sweep can't run at all.
  absl::Status Prepare();

  // True: every trial has ended. False: stopped before. Errors: the store's; what was committed
  // stays, and another run goes on from there.
  absl::StatusOr<bool> Run();

 private:
  absl::Status Save(WriteBatch batch);
  absl::Status EndKnownWorks();
  absl::StatusOr<bool> RunGroup(std::span<Work> group);
  absl::Status StartTrials(std::span<Work> group);
  absl::Status MeasureSlice(std::span<Work*> cohort);
  absl::Status SaveSlice(std::span<Work*> cohort, data::ImageRange range,
                         std::vector<SliceResult>& results);
  absl::Status FailBrokenPlans(std::span<Work*> cohort, const absl::Status& error);
  absl::Status FailWork(Work& work, const std::string& reason);
  void Succeed(const Work& work, bool reused, Trial& trial) const;

  Store& store_;
  Library& library_;
  SchedulerListener* const listener_;
  const Sweep sweep_;
  const std::stop_token stop_;
  const Commit commit_;

  std::shared_ptr<const network::Network> network_;
  std::shared_ptr<const data::Dataset> dataset_;
  std::shared_ptr<emulate::Evaluator> evaluator_;
  SweepWork work_;
  RunImages run_images_;
};

}  // namespace bitscape::server
