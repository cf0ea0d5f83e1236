// Plans of one network on machines, as requests name them.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "bitscape/v1/cost.pb.h"
#include "server/rpc/lookup.h"
#include "server/scheduler/library.h"

namespace bitscape::server {

struct PlansOnMachines {
  std::shared_ptr<const network::Network> network;
  std::vector<PlanOnNetwork> plans;                                           // 1 to 64
  std::vector<std::shared_ptr<const cost_models::Accelerator>> accelerators;  // 1 to 16
};

// Errors: field errors; kNotFound with the nearest name.
absl::StatusOr<PlansOnMachines> FindPlansOnMachines(const v1::CompareCostsRequest& request,
                                                    Library& library);

}  // namespace bitscape::server
