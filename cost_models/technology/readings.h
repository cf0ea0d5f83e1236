// The choices that sources leave open, for sensitivity reports.
#pragma once

#include <string>
#include <vector>

#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

struct Reading {
  std::string label;  // what differs from the base: "sram cacti_lop", "node 7nm"; "base"
  TechnologyOptions options;
};

// The switching activity at which the blocks meet a synthesis table of 45 nm elements published
// with BitFusion (fitted to that table, 0.449).
inline constexpr double kSynthesisActivity = 0.45;

// `base` first, then every option that reads otherwise, one at a time: the other sources, activity
// 0.45 and 1, the other nodes at their nominal voltage.
std::vector<Reading> AllReadings(const TechnologyOptions& base);

}  // namespace bitscape::cost_models
