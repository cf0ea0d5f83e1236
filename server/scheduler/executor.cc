// The executor thread of the scheduler.
#include <chrono>
#include <utility>

#include "engine/core/status.h"
#include "server/scheduler/scheduler_impl.h"
#include "server/scheduler/sweep_records.h"

namespace bitscape::server {
namespace {

// Pause before work on a sweep is tried again when its results could not be stored.
constexpr std::chrono::seconds kRetryStore{2};

}  // namespace

void SchedulerImpl::Execute() {
  while (true) {
    std::string id;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) {
        return;
      }
      id = queue_.begin()->second;
      queue_.erase(queue_.begin());
      current_.emplace();
      current_->id = id;
      current_->start = current_->mark = Clock::now();
      stop = current_->stop.get_token();
    }
    if (const absl::Status status = Run(id, stop); !status.ok()) {
      WaitToRetry(id, status);
    }
  }
}

// Errors: the store's. The sweep's row then says what was to be done, and it is tried again.
absl::Status SchedulerImpl::Run(const std::string& id, std::stop_token stop) {
  Sweep sweep;
  {
    std::lock_guard lock(mutex_);
    BITSCAPE_ASSIGN_OR_RETURN(sweep, store_.GetSweep(id));
    if (sweep.state == SweepState::kPending) {
      sweep.state = SweepState::kRunning;
      if (sweep.start_time_us == 0) {
        sweep.start_time_us = NowUs();
      }
      BITSCAPE_ASSIGN_OR_RETURN(sweep, WriteSweep({.sweeps = {sweep}}));
    }
  }
  if (sweep.state !=
      SweepState::kRunning) {  // a call was faster, or the last attempt was interrupted
    return Finish(id, /*ended=*/false, absl::OkStatus());
  }
  const auto commit = [&](WriteBatch batch, RunImages images) {
    std::lock_guard lock(mutex_);
    BITSCAPE_ASSIGN_OR_RETURN(Sweep row, store_.GetSweep(id));
    const Clock::time_point now = Clock::now();
    row.running_us += MicrosecondsSinceMark(now);
    batch.sweeps.push_back(std::move(row));
    BITSCAPE_RETURN_IF_ERROR(store_.Write(std::move(batch)));
    current_->mark = now;
    current_->images = images;
    return absl::OkStatus();
  };
  SweepRun run(store_, library_, listener_, sweep, std::move(stop), commit);
  if (const absl::Status unable = run.Prepare(); !unable.ok()) {
    return Finish(id, /*ended=*/false, unable);
  }
  {
    // What is left is estimated from the rate of images: without the time to get ready.
    std::lock_guard lock(mutex_);
    current_->start = Clock::now();
  }
  BITSCAPE_ASSIGN_OR_RETURN(const bool ended, run.Run());
  return Finish(id, ended, absl::OkStatus());
}

// Writes the state in which the sweep leaves the executor. `unable`: why it can't run at all.
absl::Status SchedulerImpl::Finish(const std::string& id, bool ended, const absl::Status& unable) {
  WriteBatch batch;
  {
    std::lock_guard lock(mutex_);
    BITSCAPE_ASSIGN_OR_RETURN(Sweep sweep, store_.GetSweep(id));
    if (IsTerminal(sweep.state) || sweep.state == SweepState::kPaused ||
        sweep.state == SweepState::kPending) {  // it left before it was in work
      current_.reset();
      return absl::OkStatus();
    }
    sweep.running_us += MicrosecondsSinceMark(Clock::now());
    if (sweep.state == SweepState::kCancelling) {
      BITSCAPE_ASSIGN_OR_RETURN(batch.trials,
                                MoveOpenTrials(store_, id, TrialState::kCancelled, ""));
      sweep.state = SweepState::kCancelled;
      sweep.end_time_us = NowUs();
    } else if (sweep.state == SweepState::kPausing) {
      BITSCAPE_ASSIGN_OR_RETURN(batch.trials, MoveOpenTrials(store_, id, TrialState::kQueued, ""));
      sweep.state = SweepState::kPaused;
    } else if (!unable.ok()) {
      sweep.error = std::string(unable.message());
      BITSCAPE_ASSIGN_OR_RETURN(batch.trials,
                                MoveOpenTrials(store_, id, TrialState::kFailed, sweep.error));
      sweep.state = SweepState::kFailed;
      sweep.end_time_us = NowUs();
    } else if (ended) {
      BITSCAPE_RETURN_IF_ERROR(EndSweep(store_, sweep));
    } else {  // the scheduler stops: the next one takes it up
      BITSCAPE_ASSIGN_OR_RETURN(batch.trials, MoveOpenTrials(store_, id, TrialState::kQueued, ""));
      sweep.state = SweepState::kPending;
    }
    batch.sweeps.push_back(std::move(sweep));
    BITSCAPE_RETURN_IF_ERROR(store_.Write(batch));
    current_.reset();
  }
  std::erase_if(batch.trials, [](const Trial& trial) { return !IsTerminal(trial.state); });
  Tell(batch.trials);
  return absl::OkStatus();
}

int64_t SchedulerImpl::MicrosecondsSinceMark(Clock::time_point now) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(now - current_->mark).count();
}

// Back to the queue: nothing of the sweep is lost, and other calls see the sweep as the store has
// it.
void SchedulerImpl::WaitToRetry(const std::string& id, const absl::Status& why) {
  if (listener_ != nullptr) {
    listener_->OnInterrupted(id, why);
  }
  std::unique_lock lock(mutex_);
  current_.reset();
  wake_.wait_for(lock, kRetryStore, [&] { return stopping_; });
  if (const absl::StatusOr<Sweep> sweep = store_.GetSweep(id); sweep.ok()) {
    if (!IsTerminal(sweep->state) && sweep->state != SweepState::kPaused) {
      queue_.emplace(sweep->create_time_us, id);
    }
  } else {
    queue_.emplace(0, id);  // it can't even be read: first in line
  }
}

}  // namespace bitscape::server
