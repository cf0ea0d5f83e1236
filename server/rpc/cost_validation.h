// Published figures beside the cost model's, as protos.
#pragma once

#include <absl/status/statusor.h>

#include <mutex>
#include <string>
#include <vector>

#include "bitscape/v1/cost.pb.h"
#include "cost_models/validation/validation.h"
#include "server/scheduler/library.h"

namespace bitscape::server {

// Runs the models once, and again only when there are other machines: names keep their content.
// Thread-safe.
class CostValidator {
 public:
  // The library must outlive the validator.
  explicit CostValidator(Library& library) : library_(library) {}

  // Errors: a field error for an unknown group, with those that exist; those of RunValidation.
  absl::StatusOr<v1::CostValidation> Validate(const v1::ValidateCostModelRequest& request);

 private:
  // Requires mutex_.
  absl::Status Refresh();

  Library& library_;
  std::mutex mutex_;  // guards all below
  std::vector<std::string> machines_;
  std::vector<cost_models::ValidationRow> rows_;
};

}  // namespace bitscape::server
