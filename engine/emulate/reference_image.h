// The slow obvious version of one image's way through a quantized network.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/emulate/rounded_weights.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {

// A plan with its rounded weights and scales.
struct PreparedPlan {
  const quantize::ResolvedPlan* plan = nullptr;
  network::Network network;    // folded or not
  std::vector<bool> constant;  // by node: no image changes it
  struct Layer {
    RoundedWeights weights;                             // empty for MatMul
    std::vector<quantize::ActivationScaling> scalings;  // of each activation operand
  };
  std::vector<Layer> layers;
};

std::vector<bool> ConstantNodes(const network::Network& network);

// Every node's values, row-major. `image`: its index in the split, which random numbers are drawn
// by. `input`: the network's, as PixelScaler gives it.
std::vector<std::vector<float>> RunImage(const PreparedPlan& prepared, uint64_t seed, int64_t image,
                                         std::vector<float> input);

}  // namespace bitscape::emulate
