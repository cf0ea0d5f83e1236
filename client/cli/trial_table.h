// The trials of a sweep as a table.
#pragma once

#include "bitscape/v1/trial.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// One row a trial; names the machine where there are several.
Table TrialTable(const v1::ListTrialsResponse& trials);

}  // namespace bitscape::cli
