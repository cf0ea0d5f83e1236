// Sweeps, their progress and their fronts as protos.
#pragma once

#include <absl/status/statusor.h>

#include "bitscape/v1/front.pb.h"
#include "bitscape/v1/sweep.pb.h"
#include "server/scheduler/scheduler.h"
#include "server/store/store.h"

namespace bitscape::server {

// The spec that the store keeps. Errors: kDataLoss if it can't be read.
absl::StatusOr<v1::SweepSpec> SpecOf(const Sweep& sweep);
absl::StatusOr<v1::Sweep> ToProto(const Sweep& sweep, Scheduler& scheduler);
// The sweep as it is, with its progress.
absl::StatusOr<v1::Sweep> ReadSweep(const std::string& id, Store& store, Scheduler& scheduler);
absl::StatusOr<v1::Front> ToProto(const FrontResult& front, Store& store);

}  // namespace bitscape::server
