#include "server/scheduler/scheduler_impl.h"

#include <fmt/format.h>

#include <utility>

#include "engine/core/status.h"
#include "server/scheduler/pricing.h"
#include "server/scheduler/sweep_records.h"
#include "server/trials/identity.h"

namespace bitscape::server {
namespace {

absl::Status NotLegal(const Sweep& sweep, std::string_view verb) {
  return absl::FailedPreconditionError(
      fmt::format("sweep '{}' is {}: it cannot be {}", sweep.id, ToString(sweep.state), verb));
}

double SecondsOf(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

SchedulerImpl::SchedulerImpl(Store& store, Library& library, SchedulerListener* listener,
                             const std::vector<Sweep>& waiting)
    : store_(store), library_(library), listener_(listener) {
  for (const Sweep& sweep : waiting) {
    Enqueue(sweep);
  }
  executor_ = std::thread([this] { Execute(); });
}

SchedulerImpl::~SchedulerImpl() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (current_.has_value()) {
      current_->stop.request_stop();
    }
  }
  wake_.notify_all();
  executor_.join();
}

void SchedulerImpl::Enqueue(const Sweep& sweep) {
  queue_.emplace(sweep.create_time_us, sweep.id);
  wake_.notify_all();
}

absl::StatusOr<Sweep> SchedulerImpl::WriteSweep(WriteBatch batch) {
  const std::string id = batch.sweeps.front().id;
  BITSCAPE_RETURN_IF_ERROR(store_.Write(std::move(batch)));
  return store_.GetSweep(id);
}

absl::StatusOr<Sweep> SchedulerImpl::Submit(std::string id, std::string spec_bytes,
                                            const SweepPlan& plan, std::string request_id) {
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<Trial> trials, PriceTrials(id, plan, library_));
  BITSCAPE_ASSIGN_OR_RETURN(const auto dataset, library_.GetDataset(plan.dataset));
  std::vector<Trial> ended;
  for (const Trial& trial : trials) {
    if (IsTerminal(trial.state)) {
      ended.push_back(trial);
    }
  }
  absl::StatusOr<Sweep> stored;
  {
    std::lock_guard lock(mutex_);
    if (!request_id.empty()) {
      BITSCAPE_ASSIGN_OR_RETURN(const std::optional<std::string> known,
                                store_.FindRequest(request_id));
      if (known.has_value()) {
        return store_.GetSweep(*known);
      }
    }
    if (const absl::Status found = store_.GetSweep(id).status(); !absl::IsNotFound(found)) {
      return found.ok() ? absl::AlreadyExistsError(fmt::format("sweep '{}' exists already", id))
                        : found;
    }
    Sweep sweep;
    sweep.id = id;
    sweep.spec = std::move(spec_bytes);
    sweep.network = plan.network;
    sweep.dataset = plan.dataset;
    sweep.evaluation = plan.evaluation;
    sweep.objectives = plan.objectives;
    sweep.create_time_us = NowUs();
    sweep.trials = static_cast<int64_t>(trials.size());
    sweep.images_per_trial = EvaluatedImages(*dataset, plan.evaluation);
    WriteBatch batch{.sweeps = {sweep}, .trials = std::move(trials)};
    if (!request_id.empty()) {
      batch.request_id = std::move(request_id);
      batch.request_sweep = std::move(id);
    }
    stored = WriteSweep(std::move(batch));
    BITSCAPE_RETURN_IF_ERROR(stored.status());
    Enqueue(*stored);
  }
  Tell(ended);
  return stored;
}

// A sweep in work goes to `in_work` and stops at the next batch; one that waits goes to `at_once`
// with its open trials.
absl::StatusOr<Sweep> SchedulerImpl::Stop(std::string_view id, SweepState at_once,
                                          SweepState in_work, TrialState trials,
                                          std::vector<Trial>& ended) {
  BITSCAPE_ASSIGN_OR_RETURN(Sweep sweep, store_.GetSweep(id));
  if (IsLegal(sweep.state, in_work)) {
    sweep.state = in_work;
    BITSCAPE_ASSIGN_OR_RETURN(Sweep stored, WriteSweep({.sweeps = {sweep}}));
    if (current_.has_value() && current_->id == id) {
      current_->stop.request_stop();
    }
    return stored;
  }
  // PAUSING goes to PAUSED, CANCELLING to CANCELLED, but when their work has stopped.
  if (!IsLegal(sweep.state, at_once) || sweep.state == SweepState::kPausing ||
      sweep.state == SweepState::kCancelling) {
    return NotLegal(sweep, at_once == SweepState::kPaused ? "paused" : "cancelled");
  }
  WriteBatch batch;
  BITSCAPE_ASSIGN_OR_RETURN(batch.trials, MoveOpenTrials(store_, id, trials, ""));
  if (IsTerminal(trials)) {
    ended = batch.trials;
  }
  queue_.erase({sweep.create_time_us, sweep.id});
  sweep.state = at_once;
  sweep.end_time_us = IsTerminal(at_once) ? NowUs() : 0;
  batch.sweeps.push_back(std::move(sweep));
  return WriteSweep(std::move(batch));
}

absl::StatusOr<Sweep> SchedulerImpl::Cancel(std::string_view id) {
  std::vector<Trial> ended;
  absl::StatusOr<Sweep> sweep;
  {
    std::lock_guard lock(mutex_);
    sweep =
        Stop(id, SweepState::kCancelled, SweepState::kCancelling, TrialState::kCancelled, ended);
  }
  if (sweep.ok()) {
    Tell(ended);
  }
  return sweep;
}

absl::StatusOr<Sweep> SchedulerImpl::Pause(std::string_view id) {
  std::vector<Trial> ended;  // none: paused trials wait
  std::lock_guard lock(mutex_);
  return Stop(id, SweepState::kPaused, SweepState::kPausing, TrialState::kQueued, ended);
}

absl::StatusOr<Sweep> SchedulerImpl::Resume(std::string_view id) {
  std::lock_guard lock(mutex_);
  BITSCAPE_ASSIGN_OR_RETURN(Sweep sweep, store_.GetSweep(id));
  if (sweep.state != SweepState::kPaused) {
    return NotLegal(sweep, "resumed");
  }
  sweep.state = SweepState::kPending;
  BITSCAPE_ASSIGN_OR_RETURN(Sweep stored, WriteSweep({.sweeps = {sweep}}));
  Enqueue(stored);
  return stored;
}

absl::StatusOr<SweepProgress> SchedulerImpl::Progress(std::string_view id) {
  SweepProgress progress;
  Sweep sweep;
  {
    std::lock_guard lock(mutex_);
    BITSCAPE_ASSIGN_OR_RETURN(sweep, store_.GetSweep(id));
    BITSCAPE_ASSIGN_OR_RETURN(progress.counts, store_.CountTrials(id));
    progress.elapsed_seconds = static_cast<double>(sweep.running_us) * 1e-6;
    if (current_.has_value() && current_->id == id) {
      const Clock::time_point now = Clock::now();
      progress.elapsed_seconds += SecondsOf(now - current_->mark);
      if (current_->images.done > 0) {
        progress.remaining_seconds = SecondsOf(now - current_->start) *
                                     static_cast<double>(current_->images.left) /
                                     static_cast<double>(current_->images.done);
      }
    }
  }
  progress.trials = sweep.trials;
  progress.images =
      static_cast<double>(sweep.trials - progress.counts.by_state[TrialState::kInfeasible]) *
      static_cast<double>(sweep.images_per_trial);
  BITSCAPE_ASSIGN_OR_RETURN(const FrontFigures front,
                            Front(sweep, progress.counts.by_state[TrialState::kSucceeded]));
  progress.front_size = front.size;
  progress.hypervolume = front.hypervolume;
  return progress;
}

// SUCCEEDED is an end: as many of them are the same ones, and the same front.
absl::StatusOr<SchedulerImpl::FrontFigures> SchedulerImpl::Front(const Sweep& sweep,
                                                                 int64_t succeeded) {
  if (succeeded == 0) {
    return FrontFigures{};
  }
  {
    std::lock_guard lock(fronts_mutex_);
    if (const auto known = fronts_.find(sweep.id);
        known != fronts_.end() && known->second.succeeded == succeeded) {
      return known->second;
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(const FrontResult front, QueryFront(store_, {sweep.id}, {}, {}));
  const FrontFigures figures{front.trials, static_cast<int64_t>(front.points.size()),
                             front.hypervolume};
  std::lock_guard lock(fronts_mutex_);
  // Far more sweeps than anyone watches at once: start afresh rather than grow for ever.
  constexpr size_t kKept = 1000;
  if (fronts_.size() >= kKept) {
    fronts_.clear();
  }
  fronts_[sweep.id] = figures;
  return figures;
}

Scheduler::Load SchedulerImpl::GetLoad() {
  std::vector<std::string> ids;
  Load load;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [created, id] : queue_) {
      ids.push_back(id);
    }
    if (current_.has_value()) {
      ids.push_back(current_->id);
      load.sweeps_running = 1;
    }
  }
  for (const std::string& id : ids) {
    absl::StatusOr<SweepCounts> counts = store_.CountTrials(id);
    if (counts.ok()) {
      load.trials_queued += counts->by_state[TrialState::kQueued];
      load.trials_running += counts->by_state[TrialState::kRunning];
    }
  }
  return load;
}

void SchedulerImpl::Tell(const std::vector<Trial>& trials) {
  if (listener_ == nullptr) {
    return;
  }
  for (const Trial& trial : trials) {
    const int64_t us = trial.start_time_us == 0 ? 0 : trial.end_time_us - trial.start_time_us;
    listener_->OnTrialEnded(trial.state, static_cast<double>(us) * 1e-6);
  }
}

}  // namespace bitscape::server
