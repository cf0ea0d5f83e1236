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

// The switching activity at which elements with registers of 6n bits meet a synthesis table at 45
// nm published with BitFusion, which does not say how many they have; with 3n bits it would be
// 0.66.
inline constexpr double kSynthesisActivity = 0.45;

// `base` first, then every option that reads otherwise, one at a time: the other sources, activity
// 0.45 and 1, the other nodes at their nominal voltage.
std::vector<Reading> AllReadings(const TechnologyOptions& base);

}  // namespace bitscape::cost_models
