// The loop nest of a MAC layer: what cost models see of a network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

// For each of `groups`: out[n, m, p, q] += weight[m, c, r, s] * in[n, c, p*stride+r, q*stride+s].
// Names follow the lecture: M filters, C channels, R x S kernel, P x Q outputs (R, P vertical).
// A matrix product is M x C with P*Q = rows. Sizes are for one group and a batch of one.
struct MacShape {
  std::string name;
  std::string op;  // "conv", "gemm", "matmul"
  int64_t n = 1, groups = 1, m = 1, c = 1, p = 1, q = 1, r = 1, s = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t in_h = 1, in_w = 1;            // input size without padding
  bool weights_are_activations = false;  // a product of two activations

  int64_t Macs() const { return n * groups * m * c * p * q * r * s; }
  int64_t ReductionLength() const { return c * r * s; }
  int64_t WeightElements() const { return groups * m * c * r * s; }
  int64_t InputElements() const { return n * groups * c * in_h * in_w; }
  int64_t OutputElements() const { return n * groups * m * p * q; }
};

// One for each MAC layer, in topological order (the order of ResolvedPlan::layers).
std::vector<MacShape> MacShapes(const Network& network);

// Trained numbers: weights and biases of the MAC layers, two a channel for a batch norm.
int64_t ParameterCount(const Network& network);

}  // namespace bitscape::network
