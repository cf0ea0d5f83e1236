// The functions behind the rows of families.cc, one file a family.
#pragma once

#include "cost_models/mac/families.h"

namespace bitscape::cost_models {

absl::Status CheckNative(const MacOperands& used, const MacDesign& design);
MacCost EstimateNative(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                       const Technology& technology);

absl::Status CheckDotProduct(const MacOperands& used, const MacDesign& design);
MacCost EstimateDotProduct(const MacOperands& built, const MacOperands& used,
                           const MacDesign& design, const Technology& technology);

}  // namespace bitscape::cost_models
