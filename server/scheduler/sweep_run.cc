#include "server/scheduler/sweep_run.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/core/status.h"
#include "server/scheduler/sweep_records.h"
#include "server/trials/runner.h"

namespace bitscape::server {
namespace {

// Trials in one commit where many end at once.
constexpr size_t kTrialsPerCommit = 1000;

double Seconds(const Trial& trial) {
  return static_cast<double>(trial.end_time_us - trial.start_time_us) * 1e-6;
}

}  // namespace

SweepRun::SweepRun(Store& store, Library& library, SchedulerListener* listener, Sweep sweep,
                   std::stop_token stop, Commit commit)
    : store_(store),
      library_(library),
      listener_(listener),
      sweep_(std::move(sweep)),
      stop_(std::move(stop)),
      commit_(std::move(commit)) {}

absl::Status SweepRun::Prepare() {
  BITSCAPE_ASSIGN_OR_RETURN(network_, library_.GetNetwork(sweep_.network));
  BITSCAPE_ASSIGN_OR_RETURN(dataset_, library_.GetDataset(sweep_.dataset));
  BITSCAPE_ASSIGN_OR_RETURN(evaluator_, library_.GetEvaluator(sweep_.network, sweep_.dataset,
                                                              sweep_.evaluation.calibration_images,
                                                              sweep_.evaluation.seed));
  return absl::OkStatus();
}

absl::StatusOr<bool> SweepRun::Run() {
  BITSCAPE_ASSIGN_OR_RETURN(work_, LoadWork(store_, sweep_, *network_, *dataset_));
  for (const Work& work : work_.works) {
    run_images_.left += std::max<int64_t>(0, work_.images - work.images);
  }
  BITSCAPE_RETURN_IF_ERROR(Save({.trials = std::exchange(work_.failed, {})}));
  BITSCAPE_RETURN_IF_ERROR(EndKnownWorks());
  for (size_t begin = 0; begin < work_.works.size(); begin += kPlansPerGroup) {
    const size_t size = std::min(kPlansPerGroup, work_.works.size() - begin);
    BITSCAPE_ASSIGN_OR_RETURN(const bool ended,
                              RunGroup(std::span(work_.works).subspan(begin, size)));
    if (!ended) {
      return false;
    }
  }
  return true;
}

// Commits, then tells the listener of the trials that have ended.
absl::Status SweepRun::Save(WriteBatch batch) {
  std::vector<std::pair<TrialState, double>> ended;
  int64_t reused = 0;
  for (const Trial& trial : batch.trials) {
    if (IsTerminal(trial.state)) {
      ended.emplace_back(trial.state, Seconds(trial));
      reused += trial.reused ? 1 : 0;
    }
  }
  BITSCAPE_RETURN_IF_ERROR(commit_(std::move(batch), run_images_));
  if (listener_ != nullptr) {
    for (const auto& [state, seconds] : ended) {
      listener_->OnTrialEnded(state, seconds);
    }
    for (; reused > 0; --reused) {
      listener_->OnEvaluationReused();
    }
  }
  return absl::OkStatus();
}

void SweepRun::Succeed(const Work& work, bool reused, Trial& trial) const {
  trial.state = TrialState::kSucceeded;
  trial.images_evaluated = work.images;
  trial.metrics = MakeMetrics(*trial.cost, work.correct, work.images, work.loss_sum);
  trial.reused = reused;
  trial.end_time_us = NowUs();
}

// Plans that were measured to the end before cost nothing.
absl::Status SweepRun::EndKnownWorks() {
  const auto is_known = [&](const Work& work) { return work.images >= work_.images; };
  WriteBatch batch;
  for (Work& work : work_.works) {
    if (!is_known(work)) {
      continue;
    }
    for (Trial& trial : work.trials) {
      trial.start_time_us = NowUs();
      Succeed(work, /*reused=*/true, trial);
      batch.trials.push_back(std::move(trial));
    }
    if (batch.trials.size() >= kTrialsPerCommit) {
      BITSCAPE_RETURN_IF_ERROR(Save(std::exchange(batch, {})));
    }
  }
  std::erase_if(work_.works, is_known);
  return batch.trials.empty() ? absl::OkStatus() : Save(std::move(batch));
}

absl::StatusOr<bool> SweepRun::RunGroup(std::span<Work> group) {
  if (stop_.stop_requested()) {
    return false;
  }
  BITSCAPE_RETURN_IF_ERROR(StartTrials(group));
  while (true) {
    // Those that are furthest behind, so that the group comes together: earlier work may have left
    // its plans at different images. Failed works have no trials.
    std::vector<Work*> cohort;
    for (Work& work : group) {
      if (work.trials.empty() || work.images >= work_.images) {
        continue;
      }
      if (!cohort.empty() && work.images < cohort.front()->images) {
        cohort.clear();
      }
      if (cohort.empty() || work.images == cohort.front()->images) {
        cohort.push_back(&work);
      }
    }
    if (cohort.empty()) {
      return true;
    }
    if (stop_.stop_requested()) {
      return false;
    }
    BITSCAPE_RETURN_IF_ERROR(MeasureSlice(cohort));
  }
}

absl::Status SweepRun::StartTrials(std::span<Work> group) {
  WriteBatch batch;
  for (Work& work : group) {
    for (Trial& trial : work.trials) {
      trial.state = TrialState::kRunning;
      ++trial.attempts;
      trial.start_time_us = NowUs();
      trial.images_evaluated = work.images;
      batch.trials.push_back(trial);
    }
  }
  return Save(std::move(batch));
}

absl::Status SweepRun::MeasureSlice(std::span<Work*> cohort) {
  // The ends of slices depend on slice_images alone, so that an interrupted run adds the same sums.
  const int64_t begin = cohort.front()->images;
  const int64_t slice = sweep_.evaluation.slice_images;
  const data::ImageRange range{begin, std::min((begin / slice + 1) * slice, work_.images)};
  std::vector<quantize::ResolvedPlan> plans;
  plans.reserve(cohort.size());
  for (const Work* work : cohort) {
    plans.push_back(work->plan);
  }
  absl::StatusOr<std::vector<SliceResult>> results =
      RunSlice(*evaluator_, plans, sweep_.evaluation.split, range, stop_);
  if (results.ok()) {
    return SaveSlice(cohort, range, *results);
  }
  if (absl::IsCancelled(results.status()) && stop_.stop_requested()) {
    return absl::OkStatus();  // the caller sees the stop
  }
  return FailBrokenPlans(cohort, results.status());
}

absl::Status SweepRun::SaveSlice(std::span<Work*> cohort, data::ImageRange range,
                                 std::vector<SliceResult>& results) {
  WriteBatch batch;
  for (size_t i = 0; i < cohort.size(); ++i) {
    Work& work = *cohort[i];
    SliceResult& result = results[i];
    work.correct += std::accumulate(result.correct.begin(), result.correct.end(), int64_t{0});
    work.loss_sum += result.loss_sum;
    work.images = range.end;
    batch.slices.push_back({work.key, range.begin, std::move(result.correct), result.loss_sum});
    for (Trial& trial : work.trials) {
      trial.images_evaluated = work.images;
      if (work.images == work_.images) {
        Succeed(work, /*reused=*/false, trial);
      }
      batch.trials.push_back(trial);
    }
  }
  const int64_t images = static_cast<int64_t>(cohort.size()) * range.size();
  run_images_.done += images;
  run_images_.left -= images;
  BITSCAPE_RETURN_IF_ERROR(Save(std::move(batch)));
  if (listener_ != nullptr) {
    listener_->OnImagesEvaluated(images);
  }
  return absl::OkStatus();
}

// An error of the joint evaluation is some plan's: only that plan's trials fail. If no plan is at
// fault alone, all are.
absl::Status SweepRun::FailBrokenPlans(std::span<Work*> cohort, const absl::Status& error) {
  bool found = false;
  for (Work* work : cohort) {
    const absl::Status own = evaluator_->Paths(work->plan).status();
    if (!own.ok()) {
      found = true;
      BITSCAPE_RETURN_IF_ERROR(FailWork(*work, std::string(own.message())));
    }
  }
  if (!found) {
    for (Work* work : cohort) {
      BITSCAPE_RETURN_IF_ERROR(FailWork(*work, std::string(error.message())));
    }
  }
  return absl::OkStatus();
}

absl::Status SweepRun::FailWork(Work& work, const std::string& reason) {
  run_images_.left -= work_.images - work.images;
  WriteBatch batch;
  for (Trial& trial : std::exchange(work.trials, {})) {
    trial.state = TrialState::kFailed;
    trial.reason = reason;
    trial.end_time_us = NowUs();
    batch.trials.push_back(std::move(trial));
  }
  return Save(std::move(batch));
}

}  // namespace bitscape::server
