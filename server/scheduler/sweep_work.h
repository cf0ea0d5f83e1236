// What is left to measure for a sweep: distinct plans, in the groups in which they run.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"
#include "server/store/store.h"

namespace bitscape::server {

// One plan's accuracy, shared by the trials that differ in the accelerator only.
struct Work {
  std::string key;
  quantize::ResolvedPlan plan;
  std::string order;       // the plan's text: neighbours share a prefix of layers
  bool reference = false;  // some trial is a reference
  std::vector<Trial> trials;
  int64_t images = 0;  // measured so far
  int64_t correct = 0;
  double loss_sum = 0;  // slices added in order
};

struct SweepWork {
  std::vector<Work> works;    // in order of execution
  std::vector<Trial> failed;  // ended as FAILED: their plan is not what was submitted
  int64_t images = 0;         // of each work
};

// Of the trials of `sweep` that have not ended, with what the store knows of their accuracy. Plans
// are resolved again from their text; a trial whose key is no longer its content's (the network or
// the engine is another one now) fails. Errors: the store's.
absl::StatusOr<SweepWork> LoadWork(Store& store, const Sweep& sweep,
                                   const network::Network& network, const data::Dataset& dataset);

// Plans evaluated jointly. Few: a group's trials end together, so the front grows group by group.
// Many: neighbours share work. Sorted by layer, 16 neighbours keep nearly all of it (the 256 plans
// of two choices on each of 8 layers cost 544 layer runs instead of 510).
inline constexpr size_t kPlansPerGroup = 16;

}  // namespace bitscape::server
