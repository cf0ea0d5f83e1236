// A network made ready to run: which operations run, and what each takes along.
#pragma once

#include <absl/status/statusor.h>

#include <vector>

#include "engine/network/network.h"

namespace bitscape::emulate {

// One thing to run. All numbers are node indices of the network except `mac`.
struct Operation {
  int node = -1;            // says what runs
  int output = -1;          // the node whose value comes out; not `node` where others are fused in
  std::vector<int> inputs;  // the nodes whose values go in
  int addend = -1;          // value added to a MAC layer's result, or -1
  int activation = -1;      // Relu or Clip applied last, or -1
  int mac = -1;             // position among the MAC layers (that of ResolvedPlan::layers), or -1
};

struct Graph {
  network::Network network;
  std::vector<Operation> operations;  // topological order; only what the output needs
  std::vector<bool> batched;          // by node: the value depends on the image
  std::vector<bool> nonnegative;      // by node: no element is below zero
};

// With `fuse`, a MAC layer takes along the residual Add and the Relu or Clip after it, where the
// value between them feeds nothing else. Errors: kUnimplemented for a node whose value does not
// keep the batch as its first dimension.
absl::StatusOr<Graph> PrepareGraph(network::Network network, bool fuse);

}  // namespace bitscape::emulate
