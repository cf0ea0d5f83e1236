// The vector loops of narrow sums: cloned for the widest vectors of the processor.
#pragma once

#include <cstdint>

#include "engine/emulate/narrow_lanes.h"

namespace bitscape::emulate {

struct LaneTask {
  const LanePlan& plan;            // any way but kScalar
  const float* tile = nullptr;     // [reduction_length, kLanes]
  const float* weights = nullptr;  // [reduction_length]
  int64_t lanes = kLanes;          // those above may be left out
  SumKey key;
  const uint64_t* first = nullptr;  // [lanes]
};

// Writes a sum for each lane, and whether kDoubleChecked met a chunk that two doubles don't hold,
// so that the lane's sum is worthless.
void RunLanes(const LaneTask& task, double* sums, bool* inexact);

}  // namespace bitscape::emulate
