// How requests say in which way the cost model's sources are read.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "bitscape/v1/cost.pb.h"
#include "cost_models/accelerators/accelerator.h"
#include "cost_models/technology/technology.h"

namespace bitscape::server {

// The machine's own node and supply with what `reading` says instead; its supply goes with its
// node. Errors: field errors under `field` that name what is allowed.
absl::StatusOr<cost_models::TechnologyOptions> ReadingOf(
    const v1::CostReading& reading, const cost_models::Accelerator& accelerator,
    std::string_view field);
// Complete: the supply is the one in use.
v1::CostReading ToProto(const cost_models::TechnologyOptions& options);

}  // namespace bitscape::server
