#include "server/scheduler/scheduler.h"

#include <utility>

#include "engine/core/status.h"
#include "server/scheduler/scheduler_impl.h"
#include "server/scheduler/sweep_records.h"

namespace bitscape::server {
namespace {

// What a server that was killed left in work: nothing runs now, and what was asked for is done.
absl::Status Recover(Store& store, Sweep& sweep) {
  TrialState trials = TrialState::kQueued;
  switch (sweep.state) {
    case SweepState::kRunning:
      sweep.state = SweepState::kPending;
      break;
    case SweepState::kPausing:
      sweep.state = SweepState::kPaused;
      break;
    case SweepState::kCancelling:
      sweep.state = SweepState::kCancelled;
      sweep.end_time_us = NowUs();
      trials = TrialState::kCancelled;
      break;
    default:
      return absl::OkStatus();
  }
  WriteBatch batch;
  BITSCAPE_ASSIGN_OR_RETURN(batch.trials, MoveOpenTrials(store, sweep.id, trials, ""));
  batch.sweeps.push_back(sweep);
  return store.Write(std::move(batch));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> CreateScheduler(Store& store, Library& library,
                                                           SchedulerListener* listener) {
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<Sweep> sweeps, UnfinishedSweeps(store));
  for (Sweep& sweep : sweeps) {
    BITSCAPE_RETURN_IF_ERROR(Recover(store, sweep));
  }
  std::erase_if(sweeps, [](const Sweep& sweep) { return sweep.state != SweepState::kPending; });
  return std::make_unique<SchedulerImpl>(store, library, listener, sweeps);
}

}  // namespace bitscape::server
