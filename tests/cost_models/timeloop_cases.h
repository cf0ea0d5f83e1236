// The cases of tests/golden/timeloop: a layer on a machine, what may be mapped, what accesses cost,
// Timeloop's own best mapping and its counts for that.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cost_models/mapping/loop_nest.h"
#include "cost_models/mapping/search.h"

namespace bitscape::cost_models {

// Of one level and tensor; accesses are per instance.
struct TimeloopTensorStats {
  double partition = 0, tile = 0, instances = 0;
  double reads = 0, fills = 0, updates = 0, temporal_reductions = 0;
  double energy_pj = 0;  // of all instances, without leakage
};
struct TimeloopLevelStats {
  double cycles = 0, throttling = 1, leakage_pj = 0;
  std::map<Tensor, TimeloopTensorStats> tensors;  // that the level keeps
};
struct TimeloopStats {
  std::map<std::string, TimeloopLevelStats> levels;  // by name
  double multipliers_used = 0, computes = 0, mac_energy_pj = 0;
  // Of the summary, as rounded there; its energy includes leakage.
  double cycles = 0, energy_uj = 0, utilization = 0;
};

struct TimeloopCase {
  std::string name;  // table/layer
  Problem problem;
  Hierarchy hierarchy;
  MappingConstraints constraints;
  ElementWidths widths;
  AccessPrices prices;                    // pJ, or MACs
  std::vector<double> leakage_per_cycle;  // of one instance of each level, in the same unit
  Mapping mapping;
  TimeloopStats stats;
};

// All cases of tests/golden/timeloop, or of the folder that BITSCAPE_TIMELOOP_CASES names, by name.
// Files that can't be read as such fail the test that asks.
std::vector<TimeloopCase> ReadTimeloopCases();

}  // namespace bitscape::cost_models
