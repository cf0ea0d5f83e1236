// Networks of the same function whose channels are easier to quantize.
#pragma once

#include <map>
#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

// What each channel of a node's value holds at most, as observed: along ChannelAxisOf
// (channel_groups.h).
using ChannelMaxima = std::map<int, std::vector<float>>;  // by node

// Cross-layer equalization: for layers W1, W2 with nothing but positively homogeneous operations
// between them (ReLU, pooling, residual sums; depthwise convolutions are layers of their own),
// channel i of W1 is divided by s = sqrt(r1 / r2) and that of W2 multiplied with it, r1 and r2
// being the channel's weight ranges, until no s moves by more than 0.1%. Several layers on a side:
// the largest range. `clip_inputs`: the largest values that reach Clip{0, max} nodes. A channel
// whose clip binds keeps its scale, others take none that would make it bind. Without an entry for
// a Clip its group stays as it is. Values change only where observed inputs are exceeded, beyond
// float32's rounding. `network` has weights and is folded: layers whose batch norm stands apart
// stay. Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
// Correction", ICCV 2019, section 4.1 (which replaces ReLU6 by ReLU instead).
Network Equalize(const Network& network, const ChannelMaxima& clip_inputs = {});

// SmoothQuant: each input channel j of a layer is divided by s = max|x_j|^alpha /
// max|w_j|^(1 - alpha), the weights multiplied with it: large activations become larger weights.
// 1 / s goes into the layers or batch norms before it where nothing else is in the way, else into
// an explicit Mul. `magnitudes`: largest |x| of every value that a Conv or Gemm reads. Layers that
// read one channel stay as they are. Source: Xiao et al., "SmoothQuant", ICML 2023, equation 4.
Network Smooth(const Network& network, const ChannelMaxima& magnitudes, double alpha);

}  // namespace bitscape::network
