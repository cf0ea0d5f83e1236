// Multipliers that share an adder tree and an accumulator.
#pragma once

#include "cost_models/mac/parts.h"

namespace bitscape::cost_models {

// Whether `lanes` products a cycle can be summed as the operands ask.
absl::Status CheckLanes(const MacOperands& operands, int lanes);

// Cost of a multiply-accumulate on `lanes` multipliers, all in use; `output` is left to the caller.
MacCost PriceLanes(const MacOperands& operands, int lanes, const MacDesign& design,
                   const Technology& technology);

}  // namespace bitscape::cost_models
