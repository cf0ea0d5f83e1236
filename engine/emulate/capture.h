// What MAC layers take and give under a plan, tensor by tensor.
#pragma once

#include <absl/status/statusor.h>

#include <stop_token>

#include "engine/emulate/batch_runner.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/mac_layer.h"

namespace bitscape::emulate {

// Evaluator::Capture on `graph`, which must have been calibrated for `plan`.
absl::StatusOr<Captured> CaptureLayers(SharedState& shared, const NamedGraph& graph,
                                       BatchRunner& runner, const data::ImageSet& images,
                                       data::ImageRange range, const quantize::ResolvedPlan& plan,
                                       std::stop_token stop);

}  // namespace bitscape::emulate
