// Sweeps in progress: queue, executor, cancellation, pause, resume after a crash.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/scheduler/library.h"
#include "server/store/store.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// What telemetry wants to know; called from scheduler threads, after the commit.
class SchedulerListener {
 public:
  virtual ~SchedulerListener() = default;
  virtual void OnTrialEnded(TrialState outcome, double seconds) = 0;
  virtual void OnImagesEvaluated(int64_t images) = 0;
  virtual void OnEvaluationReused() = 0;
  // Work on `sweep` was interrupted and will be tried again (the store can't write).
  virtual void OnInterrupted(std::string_view /*sweep*/, const absl::Status& /*why*/) {}
};

struct FrontResult {
  std::vector<std::string> objectives;
  std::vector<Trial> points;  // not dominated; by the first objective, best first, then by ordinal
  std::vector<Trial> references;
  std::vector<double> reference_point;
  double hypervolume = 0;
  int64_t trials = 0, dominated = 0;
};

// Over the SUCCEEDED trials of `sweeps`: equal ones (by digest) are one, that of the first sweep; a
// reference is listed once for each of its labels. No objectives: the first sweep's own. A trial
// with a value that is not finite counts as dominated. Errors: kNotFound, kInvalidArgument (unknown
// objective with the nearest name, fewer than 2 or more than 6, length of the reference point).
absl::StatusOr<FrontResult> QueryFront(Store& store, const std::vector<std::string>& sweeps,
                                       std::vector<std::string> objectives,
                                       std::vector<double> reference_point);

// Progress of one sweep as watchers see it.
struct SweepProgress {
  SweepCounts counts;
  int64_t trials = 0;
  double images = 0;  // trials that are not infeasible, times images
  double elapsed_seconds = 0;
  double remaining_seconds = -1;  // < 0: unknown or ended
  int64_t front_size = 0;
  double hypervolume = 0;
};

// One executor thread runs sweeps in the order of creation; joint evaluation uses every core.
// Thread-safe.
class Scheduler {
 public:
  // Stops at the next batch of images; unfinished sweeps resume at the next start.
  virtual ~Scheduler() = default;

  // Stores the sweep with all its trials (costs priced, infeasible ones ended), then queues it.
  // Acknowledged = committed. `request_id` may be empty. Errors: kAlreadyExists for an id in use.
  virtual absl::StatusOr<Sweep> Submit(std::string id, std::string spec_bytes,
                                       const SweepPlan& plan, std::string request_id) = 0;
  // Errors: kNotFound; kFailedPrecondition naming the state where the transition is not legal.
  virtual absl::StatusOr<Sweep> Cancel(std::string_view id) = 0;
  virtual absl::StatusOr<Sweep> Pause(std::string_view id) = 0;
  virtual absl::StatusOr<Sweep> Resume(std::string_view id) = 0;
  virtual absl::StatusOr<SweepProgress> Progress(std::string_view id) = 0;

  struct Load {
    int64_t trials_queued = 0, trials_running = 0, sweeps_running = 0;
  };
  // Of the sweeps that run or wait (not paused ones). A sweep whose trials can't be counted now is
  // left out.
  virtual Load GetLoad() = 0;
};

// Takes up what an earlier server left unfinished. All must outlive the scheduler; listener may be
// null.
absl::StatusOr<std::unique_ptr<Scheduler>> CreateScheduler(Store& store, Library& library,
                                                           SchedulerListener* listener);

}  // namespace bitscape::server
