// Groups whose rows are statistics over many designs.
#pragma once

#include <absl/status/statusor.h>

#include <vector>

#include "cost_models/validation/figures.h"

namespace bitscape::cost_models {

// Rank correlations over the 72 arrays of psma_28nm.csv, by clock and precision.
absl::StatusOr<std::vector<ValidationRow>> PsmaRows(const Session& session);

// The cases of timeloop.json: our counts of Timeloop's mappings, and the mappings that our search
// finds.
absl::StatusOr<std::vector<ValidationRow>> TimeloopRows(const Session& session);

// Areas against the circuits of gate_counts.json: for each family rank correlation, and the mean
// relative error after one fitted constant.
absl::StatusOr<std::vector<ValidationRow>> GateCountRows(const Session& session);

}  // namespace bitscape::cost_models
