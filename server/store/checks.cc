#include "server/store/checks.h"

#include <fmt/format.h>

#include <cstdlib>

namespace bitscape::server {

absl::Status CheckBatch(const WriteBatch& batch) {
  for (const Sweep& sweep : batch.sweeps) {
    if (sweep.id.empty()) {
      return absl::InvalidArgumentError("store: a sweep without an id");
    }
  }
  for (const Trial& trial : batch.trials) {
    if (trial.sweep.empty() || trial.ordinal < 0) {
      return absl::InvalidArgumentError(fmt::format(
          "store: a trial needs a sweep and an ordinal of 0 or more, it has '{}' and {}",
          trial.sweep, trial.ordinal));
    }
    if (trial.metrics.has_value() && !trial.cost.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("store: trial {} of sweep '{}' has metrics "
                      "without costs",
                      trial.ordinal, trial.sweep));
    }
  }
  for (const SliceRecord& slice : batch.slices) {
    if (slice.key.empty() || slice.correct.empty()) {
      return absl::InvalidArgumentError("store: a slice needs a key and at least one image");
    }
  }
  for (const StoredResource& resource : batch.resources) {
    if (resource.name.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("store: a {} without a name", ToString(resource.kind)));
    }
  }
  if (batch.request_id.empty() != batch.request_sweep.empty()) {
    return absl::InvalidArgumentError("store: a request id needs its sweep, and the sweep its id");
  }
  return absl::OkStatus();
}

absl::Status CheckLimit(int64_t limit) {
  return limit >= 1 ? absl::OkStatus()
                    : absl::InvalidArgumentError(
                          fmt::format("store: a limit of {}, at least 1 is needed", limit));
}

absl::Status SweepNotFound(std::string_view id) {
  return absl::NotFoundError(fmt::format("no sweep '{}'", id));
}

absl::Status TrialNotFound(std::string_view sweep, int64_t ordinal) {
  return absl::NotFoundError(fmt::format("no trial '{}' in sweep '{}'", TrialId(ordinal), sweep));
}

absl::Status ResourceNotFound(StoredResource::Kind kind, std::string_view name) {
  return absl::NotFoundError(fmt::format("no stored {} '{}'", ToString(kind), name));
}

absl::Status SliceDoesNotFollow(const SliceRecord& slice, int64_t images) {
  return absl::FailedPreconditionError(
      fmt::format("store: a slice of record {} begins at image {}, the record holds {} images",
                  slice.key, slice.begin, images));
}

absl::Status RequestIdInUse(std::string_view request_id) {
  return absl::AlreadyExistsError(fmt::format("request id '{}' is in use", request_id));
}

std::string_view ToString(StoredResource::Kind kind) {
  switch (kind) {
    case StoredResource::Kind::kNetwork:
      return "network";
    case StoredResource::Kind::kDataset:
      return "dataset";
    case StoredResource::Kind::kAccelerator:
      return "accelerator";
  }
  std::abort();
}

}  // namespace bitscape::server
