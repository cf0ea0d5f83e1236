// Reads and changes a sweep's trials in the store as a whole.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/store.h"

namespace bitscape::server {

int64_t NowUs();  // since the epoch

// Every trial of the sweep in one of `states`, by ordinal.
absl::StatusOr<std::vector<Trial>> AllTrials(Store& store, std::string_view sweep,
                                             std::vector<TrialState> states);

// The trials that have not ended, all put into `state` (with `reason`; end time now if the state
// is an end).
absl::StatusOr<std::vector<Trial>> MoveOpenTrials(Store& store, std::string_view sweep,
                                                  TrialState state, const std::string& reason);

// Every sweep that has not ended, oldest first.
absl::StatusOr<std::vector<Sweep>> UnfinishedSweeps(Store& store);

// Ends `sweep` from the states of its trials: SUCCEEDED if one of them did, else FAILED with an
// error that counts them and gives the first one's reason.
absl::Status EndSweep(Store& store, Sweep& sweep);

}  // namespace bitscape::server
