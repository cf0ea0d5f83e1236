// A Pareto front as a table.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "bitscape/v1/front.pb.h"
#include "bitscape/v1/sweep.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// The front's points and the reference plans, the most accurate first. The first column marks the
// front, the last one names the references; machine and sweep are named where there are several.
Table FrontTable(const v1::Front& front);

// The table's rows with every figure: all fields of the points after `onFront` and `sweep`. One
// CSV row, or one line of JSON, a point.
std::string FrontCsv(const v1::Front& front);
absl::StatusOr<std::string> FrontJsonLines(const v1::Front& front);

// What makes figures of `sweeps` hard to compare: "" if they share network and dataset.
std::string ComparisonNote(const std::vector<v1::Sweep>& sweeps);

View FrontView(const v1::Front& front);

}  // namespace bitscape::cli
