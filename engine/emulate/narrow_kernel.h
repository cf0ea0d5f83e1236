// Narrow sums as a step of a program.
#pragma once

#include <optional>
#include <vector>

#include "engine/emulate/kernels.h"
#include "engine/emulate/narrow_mac.h"

namespace bitscape::emulate {

// A MAC layer's codes in plain layouts, summed by NarrowMac; result = sum * scale + bias in
// float32.
struct NarrowSpec {
  NarrowLayer layer;
  int64_t images = 1;
  std::vector<bool> batched;   // by input: one tensor an image, else one in all
  std::vector<float> weights;  // codes; empty for MatMul
  std::optional<OperandGrid> weights_grid, activations_grid;
  std::vector<float> scales;  // none, one, or one a channel
  std::vector<float> bias;    // none, or one a channel
  uint64_t seed = 1;          // SumKey; its counters go by the image's index in the split
  uint64_t stream = 0;
};
KernelPtr MakeNarrow(NarrowSpec spec);

}  // namespace bitscape::emulate
