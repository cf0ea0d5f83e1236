// Builds a graph of shapes, node by node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

// Every operator's shape is inferred; one that doesn't fit is a programmer error and ends the
// process. Values are named by their node's index, as in Network.
class ShapeGraph {
 public:
  explicit ShapeGraph(Shape input);  // value 0

  int Add(std::string name, Operator op, std::vector<int> inputs);
  int Reshape(std::string name, int input, Shape shape);
  int Constant(std::string name, Shape shape);

  struct Window {
    int64_t kernel = 1, stride = 1, pad = 0, groups = 1;
  };
  // `out_channels` filters over all groups. With `bias`, or else to be followed by a batch norm.
  int Conv(std::string name, int input, int64_t out_channels, Window window, bool bias);
  int Gemm(std::string name, int input, int64_t out_features, bool bias);
  // `pad_end` pads below and at the right only: what rounding up gives.
  int MaxPool(std::string name, int input, int64_t kernel, int64_t stride, int64_t pad,
              int64_t pad_end);
  int Flatten(std::string name, int input);

  const Shape& ShapeOf(int value) const;
  // The graph so far, with `output` as its result.
  Network Finish(std::string_view name, std::string_view source, int output) &&;

 private:
  Network network_;
};

}  // namespace bitscape::network
