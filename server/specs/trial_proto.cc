#include <google/protobuf/timestamp.pb.h>

#include "engine/core/status.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

void SetTime(int64_t time_us, google::protobuf::Timestamp* time) {
  time->set_seconds(time_us / 1'000'000);
  time->set_nanos(static_cast<int32_t>(time_us % 1'000'000 * 1000));
}

// A spec may give a bare id; results always show the resource name.
std::string FullName(std::string (*build)(std::string_view), std::string_view collection,
                     const std::string& name) {
  const absl::StatusOr<std::string> id = ParseName(collection, name, "name");
  return id.ok() ? build(*id) : name;
}

}  // namespace

v1::Metrics ToProto(const TrialMetrics& metrics) {
  v1::Metrics proto;
  proto.set_accuracy(metrics.accuracy);
  proto.set_accuracy_low(metrics.accuracy_low);
  proto.set_accuracy_high(metrics.accuracy_high);
  proto.set_correct(static_cast<int32_t>(metrics.correct));
  proto.set_images(static_cast<int32_t>(metrics.images));
  proto.set_loss(metrics.loss);
  proto.set_energy_pj(metrics.energy_pj);
  proto.set_area_um2(metrics.area_um2);
  proto.set_latency_seconds(metrics.latency_seconds);
  proto.set_latency_cycles(metrics.latency_cycles);
  proto.set_weight_bytes(metrics.weight_bytes);
  return proto;
}

v1::Trial ToProto(const Trial& trial, const v1::SweepSpec& spec) {
  v1::Trial proto;
  proto.set_name(TrialName(trial.sweep, trial.ordinal));
  proto.set_digest(trial.spec.digest);
  proto.set_network(FullName(NetworkName, "networks", spec.network()));
  proto.set_dataset(FullName(DatasetName, "datasets", spec.dataset()));
  proto.set_accelerator(AcceleratorName(trial.spec.accelerator));
  proto.set_plan(trial.spec.plan_text);
  proto.set_reference(trial.spec.reference);
  proto.set_state(static_cast<v1::Trial::State>(trial.state));
  proto.set_reason(trial.reason);
  proto.set_attempts(trial.attempts);
  proto.set_images_evaluated(static_cast<int32_t>(trial.images_evaluated));
  if (trial.metrics) {
    *proto.mutable_metrics() = ToProto(*trial.metrics);
    const std::string& split = spec.evaluation().split();
    proto.mutable_metrics()->set_split(split.empty() ? "test" : split);
  } else if (trial.cost) {
    v1::Metrics& metrics = *proto.mutable_metrics();
    metrics.set_energy_pj(trial.cost->energy_pj);
    metrics.set_area_um2(trial.cost->area_um2);
    metrics.set_latency_seconds(trial.cost->latency_seconds);
    metrics.set_latency_cycles(trial.cost->latency_cycles);
    metrics.set_weight_bytes(trial.cost->weight_bytes);
  }
  if (trial.start_time_us != 0) {
    SetTime(trial.start_time_us, proto.mutable_start_time());
  }
  if (trial.end_time_us != 0) {
    SetTime(trial.end_time_us, proto.mutable_end_time());
  }
  proto.set_reused(trial.reused);
  return proto;
}

v1::Trial ToProto(const Trial& trial, const Sweep& sweep) {
  v1::SweepSpec spec;
  BITSCAPE_CHECK(spec.ParseFromString(sweep.spec), "the store keeps the spec that we serialized");
  return ToProto(trial, spec);
}

}  // namespace bitscape::server
