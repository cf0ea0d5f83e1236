#include "server/rpc/sweep_proto.h"

#include <fmt/format.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>
#include <map>

#include "engine/core/status.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

void SetTime(int64_t time_us, google::protobuf::Timestamp* time) {
  time->set_seconds(time_us / 1'000'000);
  time->set_nanos(static_cast<int32_t>(time_us % 1'000'000 * 1000));
}

void SetDuration(double seconds, google::protobuf::Duration* duration) {
  const double whole = std::floor(seconds);
  duration->set_seconds(static_cast<int64_t>(whole));
  duration->set_nanos(static_cast<int32_t>((seconds - whole) * 1e9));
}

v1::SweepProgress ToProto(const SweepProgress& progress) {
  const auto count = [&](TrialState state) {
    const auto it = progress.counts.by_state.find(state);
    return it == progress.counts.by_state.end() ? 0 : static_cast<int32_t>(it->second);
  };
  v1::SweepProgress proto;
  proto.set_trials(static_cast<int32_t>(progress.trials));
  proto.set_queued(count(TrialState::kQueued));
  proto.set_running(count(TrialState::kRunning));
  proto.set_succeeded(count(TrialState::kSucceeded));
  proto.set_stopped(count(TrialState::kStopped));
  proto.set_infeasible(count(TrialState::kInfeasible));
  proto.set_failed(count(TrialState::kFailed));
  proto.set_cancelled(count(TrialState::kCancelled));
  proto.set_images(progress.images);
  proto.set_images_evaluated(static_cast<double>(progress.counts.images_evaluated));
  SetDuration(progress.elapsed_seconds, proto.mutable_elapsed());
  if (progress.remaining_seconds >= 0) {
    SetDuration(progress.remaining_seconds, proto.mutable_remaining());
  }
  proto.set_front_size(static_cast<int32_t>(progress.front_size));
  proto.set_hypervolume(progress.hypervolume);
  return proto;
}

}  // namespace

absl::StatusOr<v1::SweepSpec> SpecOf(const Sweep& sweep) {
  v1::SweepSpec spec;
  if (!spec.ParseFromString(sweep.spec)) {
    return absl::DataLossError(
        fmt::format("the stored spec of sweep '{}' can't be read", sweep.id));
  }
  return spec;
}

absl::StatusOr<v1::Sweep> ToProto(const Sweep& sweep, Scheduler& scheduler) {
  v1::Sweep proto;
  proto.set_name(SweepName(sweep.id));
  BITSCAPE_ASSIGN_OR_RETURN(*proto.mutable_spec(), SpecOf(sweep));
  proto.set_state(static_cast<v1::Sweep::State>(sweep.state));
  proto.set_error(sweep.error);
  SetTime(sweep.create_time_us, proto.mutable_create_time());
  if (sweep.start_time_us != 0) {
    SetTime(sweep.start_time_us, proto.mutable_start_time());
  }
  if (sweep.end_time_us != 0) {
    SetTime(sweep.end_time_us, proto.mutable_end_time());
  }
  BITSCAPE_ASSIGN_OR_RETURN(const SweepProgress progress, scheduler.Progress(sweep.id));
  *proto.mutable_progress() = ToProto(progress);
  return proto;
}

absl::StatusOr<v1::Sweep> ReadSweep(const std::string& id, Store& store, Scheduler& scheduler) {
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, store.GetSweep(id));
  return ToProto(sweep, scheduler);
}

absl::StatusOr<v1::Front> ToProto(const FrontResult& front, Store& store) {
  std::map<std::string, v1::SweepSpec> specs;
  const auto fill = [&](const Trial& trial, v1::FrontPoint* point) -> absl::Status {
    if (!specs.contains(trial.sweep)) {
      BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, store.GetSweep(trial.sweep));
      BITSCAPE_ASSIGN_OR_RETURN(specs[trial.sweep], SpecOf(sweep));
    }
    v1::Trial proto = server::ToProto(trial, specs[trial.sweep]);
    point->set_trial(proto.name());
    point->set_plan(proto.plan());
    point->set_accelerator(proto.accelerator());
    point->set_reference(proto.reference());
    point->set_network(proto.network());
    point->set_dataset(proto.dataset());
    *point->mutable_metrics() = std::move(*proto.mutable_metrics());
    return absl::OkStatus();
  };
  v1::Front proto;
  for (const std::string& objective : front.objectives) {
    proto.add_objectives(objective);
  }
  for (const Trial& trial : front.points) {
    BITSCAPE_RETURN_IF_ERROR(fill(trial, proto.add_points()));
  }
  for (const Trial& trial : front.references) {
    BITSCAPE_RETURN_IF_ERROR(fill(trial, proto.add_references()));
  }
  proto.set_hypervolume(front.hypervolume);
  for (const double value : front.reference_point) {
    proto.add_reference_point(value);
  }
  proto.set_trials(static_cast<int32_t>(front.trials));
  proto.set_dominated(static_cast<int32_t>(front.dominated));
  return proto;
}

}  // namespace bitscape::server
