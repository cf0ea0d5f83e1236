// A sweep's trials before any image is evaluated: priced, the impossible ones ended.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "server/scheduler/library.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// One trial a spec, in order: QUEUED with its cost, INFEASIBLE with the machine's reason, or FAILED
// where its cost is unknown. Errors: kNotFound for a network or accelerator.
absl::StatusOr<std::vector<Trial>> PriceTrials(const std::string& sweep, const SweepPlan& plan,
                                               Library& library);

}  // namespace bitscape::server
