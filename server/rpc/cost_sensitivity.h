// Which points stay on a front, however the sources of the cost model are read.
#pragma once

#include <absl/status/statusor.h>

#include <functional>

#include "bitscape/v1/cost.pb.h"
#include "server/rpc/services.h"

namespace bitscape::server {

// `cancelled` is asked between prices. Errors: field errors; kNotFound; kCancelled.
absl::StatusOr<v1::CostSensitivity> AnalyzeCostSensitivity(
    const v1::AnalyzeSensitivityRequest& request, ServiceContext& context,
    const std::function<bool()>& cancelled);

}  // namespace bitscape::server
