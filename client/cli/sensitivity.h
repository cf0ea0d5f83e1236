// What stays on a front under every reading of the cost model's sources: asked and printed.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "bitscape/v1/cost.pb.h"
#include "client/cli/cost_options.h"
#include "client/cli/session.h"

namespace bitscape::cli {

struct SensitivityOptions {
  std::vector<std::string> sweeps;  // or plans
  PlanOptions plans;
  std::vector<std::string> objectives;
  v1::CostReading base;
};

absl::Status ShowSensitivity(Session& session, const SensitivityOptions& options);

}  // namespace bitscape::cli
