// What a layer costs under the best mapping that was found for it.
#pragma once

#include <absl/status/statusor.h>

#include "cost_models/accelerators/machine.h"
#include "cost_models/cost_report.h"

namespace bitscape::cost_models {

// Completes `cost` (StartLayer) for a layer on a datapath of `family` that was built for `built`
// and costs `mac` for this layer's operands. Errors: kNotFound where no mapping fits the machine's
// memories.
absl::StatusOr<LayerCost> EstimateSearched(const Machine& machine, const MacFamily& family,
                                           const network::MacShape& layer, const LayerBits& bits,
                                           const MacOperands& built, const MacCost& mac,
                                           LayerCost cost);

}  // namespace bitscape::cost_models
