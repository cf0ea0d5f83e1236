// A network is a graph of shapes; weights may be absent (then it can be priced but not evaluated).
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bitscape::network {

// Dimensions with the batch first, stated for a batch of one: images are [1, c, h, w].
using Shape = std::vector<int64_t>;
int64_t ElementCount(const Shape& shape);
std::string ToString(const Shape& shape);  // "1x16x28x28"

struct Tensor {
  Shape shape;
  std::vector<float> values;  // row-major; empty where only the shape is known
};
using TensorPtr =
    std::shared_ptr<const Tensor>;  // shared: graph passes and variants keep the same weights

struct Input {};
struct Constant {
  TensorPtr value;
};
// One or two spatial dimensions are stored as two (a 1-d kernel has kh = 1).
struct Conv {
  TensorPtr weights;  // [oc, ic / groups, kh, kw]
  TensorPtr bias;     // [oc] or null
  int64_t groups = 1;
  std::array<int64_t, 2> stride{1, 1}, dilation{1, 1};
  std::array<int64_t, 4> pad{0, 0, 0, 0};  // top, left, bottom, right
};
// src [1, ic] (or [1, ..., ic]) times weights transposed, plus bias.
struct Gemm {
  TensorPtr weights;  // [oc, ic]
  TensorPtr bias;     // [oc] or null
};
struct MatMul {};   // inputs [.., m, k] and [.., k, n]: both are activations
struct BatchNorm {  // y = scale * x + shift for each channel (axis 1); statistics already folded in
  std::vector<float> scale, shift;
};
struct Relu {};
struct Clip {
  float min, max;
};  // ReLU6 is Clip{0, 6}
struct LeakyRelu {
  float alpha;
};
struct Sigmoid {};
struct Tanh {};
struct Softmax {
  int64_t axis;
};
struct Pool {
  enum class Kind { kMax, kAverage } kind = Kind::kMax;
  std::array<int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int64_t, 4> pad{0, 0, 0, 0};  // top, left, bottom, right
  bool count_include_pad = false;
};
struct GlobalAveragePool {};
struct Add {};  // broadcasting as ONNX
struct Mul {};
struct Concat {
  int64_t axis;
};
struct Pad {
  std::vector<int64_t> before, after;
  float value = 0;
};                  // one entry each dimension
struct Reshape {};  // Flatten, Squeeze, Unsqueeze, Reshape: the node's shape says all
struct Transpose {
  std::vector<int64_t> permutation;
};

using Operator =
    std::variant<Input, Constant, Conv, Gemm, MatMul, BatchNorm, Relu, Clip, LeakyRelu, Sigmoid,
                 Tanh, Softmax, Pool, GlobalAveragePool, Add, Mul, Concat, Pad, Reshape, Transpose>;

// Each node makes one value, named by the node's index.
struct Node {
  std::string name;  // unique, from the file
  Operator op;
  std::vector<int> inputs;  // indices of earlier nodes
  Shape shape;              // of its value
};

// How pixels become the network's input: x = (pixel / 255 - mean[c]) / std[c].
struct InputScaling {
  std::vector<float> mean, std;  // one entry, or one a channel
};

struct Network {
  std::string name;
  std::vector<Node> nodes;  // topological order; nodes[0] is the only Input
  int output = -1;          // the logits
  InputScaling input_scaling;
  std::string source;  // file it was read from, or a citation

  bool HasWeights() const;
  std::string Digest() const;  // SHA-256 of graph, weights and scaling; the name does not count
};

// "conv", "gemm", "matmul", "relu", ...
std::string_view OperatorName(const Operator& op);
bool IsMacLayer(const Node& node);
std::vector<int> MacLayers(const Network& network);  // node indices in topological order

// Checks every invariant above: order, arity, attribute ranges, shapes agree, finite weights.
absl::Status Validate(const Network& network);
// The shape that `op` gives for its input shapes, or why it can't be. Reshape has no rule: its node
// says it.
absl::StatusOr<Shape> InferShape(const Operator& op, const std::vector<Shape>& inputs);

}  // namespace bitscape::network
