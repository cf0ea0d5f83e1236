// The scheduler: one executor thread, and the calls that change sweeps under it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/scheduler/scheduler.h"
#include "server/scheduler/sweep_run.h"

namespace bitscape::server {

class SchedulerImpl final : public Scheduler {
 public:
  // `waiting`: sweeps to run.
  SchedulerImpl(Store& store, Library& library, SchedulerListener* listener,
                const std::vector<Sweep>& waiting);
  ~SchedulerImpl() override;

  absl::StatusOr<Sweep> Submit(std::string id, std::string spec_bytes, const SweepPlan& plan,
                               std::string request_id) override;
  absl::StatusOr<Sweep> Cancel(std::string_view id) override;
  absl::StatusOr<Sweep> Pause(std::string_view id) override;
  absl::StatusOr<Sweep> Resume(std::string_view id) override;
  absl::StatusOr<SweepProgress> Progress(std::string_view id) override;
  Load GetLoad() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Current {
    std::string id;
    std::stop_source stop;
    Clock::time_point start, mark;  // mark: up to here the time is in running_us
    RunImages images{0, -1};        // left < 0: not known yet
  };
  struct FrontFigures {
    int64_t succeeded = 0;
    int64_t size = 0;
    double hypervolume = 0;
  };

  // These require mutex_.
  absl::StatusOr<Sweep> WriteSweep(WriteBatch batch);  // of one sweep; returns it as stored
  absl::StatusOr<Sweep> Stop(std::string_view id, SweepState at_once, SweepState in_work,
                             TrialState trials, std::vector<Trial>& ended);
  void Enqueue(const Sweep& sweep);
  int64_t MicrosecondsSinceMark(Clock::time_point now) const;

  // The executor thread's (executor.cc).
  void Execute();
  absl::Status Run(const std::string& id, std::stop_token stop);
  absl::Status Finish(const std::string& id, bool ended, const absl::Status& unable);
  void WaitToRetry(const std::string& id, const absl::Status& why);

  absl::StatusOr<FrontFigures> Front(const Sweep& sweep, int64_t succeeded);
  void Tell(const std::vector<Trial>& trials);

  Store& store_;
  Library& library_;
  SchedulerListener* const listener_;

  // Guards all below but the caches, and makes every change of a sweep's row in the store (read,
  // decide, write) one step: held over those writes, never over an evaluation.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::set<std::pair<int64_t, std::string>> queue_;  // creation time, id
  std::optional<Current> current_;
  bool stopping_ = false;

  std::mutex fronts_mutex_;  // guards fronts_; taken alone
  std::map<std::string, FrontFigures> fronts_;

  std::thread executor_;  // last: uses all above
};

}  // namespace bitscape::server
