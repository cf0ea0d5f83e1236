// Machines, layers and plans for the tests of cost_models.
#pragma once

#include <string_view>
#include <vector>

#include "cost_models/accelerators/accelerator.h"
#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

// A datapath of these formats, in their notation.
Datapath FixedDatapath(std::string_view weights, std::string_view activations,
                       std::string_view accumulator);

// As cost_models/accelerators/data/eyeriss_like.yaml and int8_array.yaml.
Accelerator EyerissLike();
Accelerator Int8Array();

// Of searched dataflows: elements with a memory for each tensor around a buffer, as in Eyeriss; and
// registers and off-chip memory alone.
Accelerator RowStationary();
Accelerator Bare(int rows, int columns);

// A convolution with "same" padding: c to m channels, kernel k, `size` x `size` inputs.
network::MacShape ConvLayer(std::string_view name, int64_t c, int64_t m, int64_t k, int64_t size,
                            int64_t stride = 1, int64_t groups = 1);
network::MacShape GemmLayer(std::string_view name, int64_t c, int64_t m);

// A small residual network on 28 x 28 images.
std::vector<network::MacShape> SmallNetwork();
// A network of depthwise and pointwise convolutions.
std::vector<network::MacShape> SeparableNetwork();

// The plan `text` for these layers; the test fails if it does not resolve.
quantize::ResolvedPlan PlanFor(const std::vector<network::MacShape>& layers, std::string_view text);

}  // namespace bitscape::cost_models
