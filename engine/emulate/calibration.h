// Ranges of the activations that MAC layers take, from the unquantized network.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "engine/data/dataset.h"
#include "engine/emulate/batch_runner.h"
#include "engine/emulate/mac_layer.h"
#include "engine/emulate/plan_support.h"

namespace bitscape::emulate {

// Over the first `count` of `images`; `graph` is the folded network. Operands of layers that the
// output does not depend on keep empty statistics.
absl::StatusOr<CalibrationRanges> Calibrate(SharedState& shared, const NamedGraph& graph,
                                            BatchRunner& runner, const data::ImageSet& images,
                                            int64_t count);

// Every layer in fp32.
quantize::ResolvedPlan UnquantizedPlan(size_t layers);

}  // namespace bitscape::emulate
