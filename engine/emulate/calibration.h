// Statistics of the activations that MAC layers take, from the unquantized network.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <set>
#include <utility>

#include "engine/data/dataset.h"
#include "engine/emulate/batch_runner.h"
#include "engine/emulate/mac_layer.h"
#include "engine/emulate/plan_support.h"

namespace bitscape::emulate {

// Ranges over the first `count` of `images`; `graph` is the folded network. Operands of layers that
// the output does not depend on keep empty statistics.
absl::StatusOr<CalibrationStatistics> Calibrate(SharedState& shared, const NamedGraph& graph,
                                                BatchRunner& runner, const data::ImageSet& images,
                                                int64_t count);

using OperandSet = std::set<std::pair<size_t, size_t>>;  // (MAC layer, operand)

// A second pass over the same images that fills the histograms of `operands`.
absl::Status FillHistograms(SharedState& shared, const NamedGraph& graph, BatchRunner& runner,
                            const data::ImageSet& images, int64_t count, const OperandSet& operands,
                            CalibrationStatistics& statistics);

// The operands whose histograms `plan` needs and `statistics` does not have yet.
OperandSet MissingHistograms(const quantize::ResolvedPlan& plan,
                             const CalibrationStatistics& statistics);

// Every layer in fp32.
quantize::ResolvedPlan UnquantizedPlan(size_t layers);

}  // namespace bitscape::emulate
