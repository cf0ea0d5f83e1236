// A Pareto front as a table.
#pragma once

#include "bitscape/v1/front.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// The front's points and the reference plans, the most accurate first. The first column marks the
// front, the last one names the references.
Table FrontTable(const v1::Front& front);

View FrontView(const v1::Front& front);

}  // namespace bitscape::cli
