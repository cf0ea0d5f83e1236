#include "engine/emulate/plain_ops.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <variant>

#include "engine/core/status.h"

namespace bitscape::emulate {
namespace {

using network::Node;
using network::Shape;

std::vector<int64_t> StridesOf(const Shape& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * shape[i];
  }
  return strides;
}

// Strides of `shape` as seen from `target`, aligned at the right; 0 where it is broadcast.
std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& target) {
  const std::vector<int64_t> own = StridesOf(shape);
  std::vector<int64_t> strides(target.size(), 0);
  for (size_t i = 0; i < shape.size(); ++i) {
    const size_t at = target.size() - shape.size() + i;
    strides[at] = shape[i] == 1 ? 0 : own[i];
  }
  return strides;
}

// Calls visit(position) for each multi-index of `shape` in row-major order.
void ForEachIndex(const Shape& shape, const std::function<void(const Shape&)>& visit) {
  if (network::ElementCount(shape) == 0) {
    return;
  }
  Shape at(shape.size(), 0);
  while (true) {
    visit(at);
    size_t axis = shape.size();
    while (axis > 0 && ++at[axis - 1] == shape[axis - 1]) {
      at[--axis] = 0;
    }
    if (axis == 0) {
      return;
    }
  }
}

int64_t Offset(const Shape& at, const std::vector<int64_t>& strides) {
  return std::inner_product(at.begin(), at.end(), strides.begin(), int64_t{0});
}

template <typename Function>
void Map(const PlainTensor& input, std::span<float> result, Function function) {
  std::transform(input.values, input.values + result.size(), result.begin(), function);
}

template <typename Function>
void Broadcast(const Node& node, std::span<const PlainTensor> inputs, std::span<float> result,
               Function function) {
  const std::vector<int64_t> left = BroadcastStrides(*inputs[0].shape, node.shape);
  const std::vector<int64_t> right = BroadcastStrides(*inputs[1].shape, node.shape);
  size_t next = 0;
  ForEachIndex(node.shape, [&](const Shape& at) {
    result[next++] =
        function(inputs[0].values[Offset(at, left)], inputs[1].values[Offset(at, right)]);
  });
}

void RunSoftmax(const network::Softmax& op, const Node& node, const PlainTensor& input,
                std::span<float> result) {
  const size_t axis = static_cast<size_t>(op.axis);
  const int64_t size = node.shape[axis];
  const int64_t stride = StridesOf(node.shape)[axis];
  const int64_t outer = network::ElementCount(node.shape) / (size * stride);
  for (int64_t row = 0; row < outer * stride; ++row) {
    const int64_t base = row / stride * size * stride + row % stride;
    float largest = -std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < size; ++i) {
      largest = std::max(largest, input.values[base + i * stride]);
    }
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) {
      sum += std::exp(static_cast<double>(input.values[base + i * stride]) -
                      static_cast<double>(largest));
    }
    for (int64_t i = 0; i < size; ++i) {
      const double power = std::exp(static_cast<double>(input.values[base + i * stride]) -
                                    static_cast<double>(largest));
      result[static_cast<size_t>(base + i * stride)] = static_cast<float>(power / sum);
    }
  }
}

float PoolWindow(const network::Pool& op, const float* plane, int64_t height, int64_t width,
                 int64_t top, int64_t left) {
  float largest = -std::numeric_limits<float>::infinity();
  double sum = 0;
  int64_t inside = 0;
  for (int64_t r = 0; r < op.kernel[0]; ++r) {
    for (int64_t s = 0; s < op.kernel[1]; ++s) {
      const int64_t y = top + r * op.dilation[0];
      const int64_t x = left + s * op.dilation[1];
      if (y < 0 || y >= height || x < 0 || x >= width) {
        continue;
      }
      const float value = plane[y * width + x];
      largest = std::max(largest, value);
      sum += static_cast<double>(value);
      ++inside;
    }
  }
  if (op.kind == network::Pool::Kind::kMax) {
    return largest;
  }
  const int64_t divisor =
      op.count_include_pad ? op.kernel[0] * op.kernel[1] : std::max<int64_t>(inside, 1);
  return static_cast<float>(sum / static_cast<double>(divisor));
}

void RunPool(const network::Pool& op, const Node& node, const PlainTensor& input,
             std::span<float> result) {
  const Shape& in = *input.shape;
  const size_t rank = in.size();
  const int64_t height = rank == 4 ? in[2] : 1;
  const int64_t width = in[rank - 1];
  const int64_t out_height = rank == 4 ? node.shape[2] : 1;
  const int64_t out_width = node.shape[rank - 1];
  size_t next = 0;
  for (int64_t channel = 0; channel < in[0] * in[1]; ++channel) {
    const float* plane = input.values + channel * height * width;
    for (int64_t p = 0; p < out_height; ++p) {
      for (int64_t q = 0; q < out_width; ++q) {
        result[next++] = PoolWindow(op, plane, height, width, p * op.stride[0] - op.pad[0],
                                    q * op.stride[1] - op.pad[1]);
      }
    }
  }
}

void RunGlobalAverage(const PlainTensor& input, std::span<float> result) {
  const int64_t inner = network::ElementCount(*input.shape) / static_cast<int64_t>(result.size());
  for (size_t channel = 0; channel < result.size(); ++channel) {
    const float* plane = input.values + static_cast<int64_t>(channel) * inner;
    const double sum = std::accumulate(plane, plane + inner, 0.0);
    result[channel] = static_cast<float>(sum / static_cast<double>(inner));
  }
}

void RunConcat(const network::Concat& op, const Node& node, std::span<const PlainTensor> inputs,
               std::span<float> result) {
  const size_t axis = static_cast<size_t>(op.axis);
  const int64_t inner = StridesOf(node.shape)[axis];
  const int64_t outer = network::ElementCount(node.shape) / (inner * node.shape[axis]);
  float* out = result.data();
  for (int64_t row = 0; row < outer; ++row) {
    for (const PlainTensor& input : inputs) {
      const int64_t run = (*input.shape)[axis] * inner;
      out = std::copy_n(input.values + row * run, run, out);
    }
  }
}

void RunPad(const network::Pad& op, const PlainTensor& input, const Node& node,
            std::span<float> result) {
  std::fill(result.begin(), result.end(), op.value);
  const std::vector<int64_t> out_strides = StridesOf(node.shape);
  const Shape& in = *input.shape;
  int64_t next = 0;
  // Negative pads crop: positions that fall outside are skipped.
  ForEachIndex(in, [&](const Shape& at) {
    int64_t offset = 0;
    bool inside = true;
    for (size_t axis = 0; axis < at.size(); ++axis) {
      const int64_t position = at[axis] + op.before[axis];
      inside = inside && position >= 0 && position < node.shape[axis];
      offset += position * out_strides[axis];
    }
    const float value = input.values[next++];
    if (inside) {
      result[static_cast<size_t>(offset)] = value;
    }
  });
}

void RunTranspose(const network::Transpose& op, const PlainTensor& input, const Node& node,
                  std::span<float> result) {
  const std::vector<int64_t> in_strides = StridesOf(*input.shape);
  std::vector<int64_t> strides(in_strides.size());
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    strides[axis] = in_strides[static_cast<size_t>(op.permutation[axis])];
  }
  size_t next = 0;
  ForEachIndex(node.shape,
               [&](const Shape& at) { result[next++] = input.values[Offset(at, strides)]; });
}

void RunBatchNorm(const network::BatchNorm& op, const PlainTensor& input, std::span<float> result) {
  const Shape& shape = *input.shape;
  const int64_t channels = shape[1];
  const int64_t inner = network::ElementCount(shape) / (shape[0] * channels);
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t channel = static_cast<size_t>(static_cast<int64_t>(i) / inner % channels);
    result[i] = op.scale[channel] * input.values[i] + op.shift[channel];
  }
}

struct PlainVisitor {
  const Node& node;
  std::span<const PlainTensor> inputs;
  std::span<float> result;

  void operator()(const network::Input&) const { Refuse(); }
  void operator()(const network::Conv&) const { Refuse(); }
  void operator()(const network::Gemm&) const { Refuse(); }
  void operator()(const network::MatMul&) const { Refuse(); }
  void operator()(const network::Constant& op) const {
    std::copy(op.value->values.begin(), op.value->values.end(), result.begin());
  }
  void operator()(const network::BatchNorm& op) const { RunBatchNorm(op, inputs[0], result); }
  void operator()(const network::Relu&) const {
    Map(inputs[0], result, [](float x) { return x < 0 ? 0.0f : x; });
  }
  void operator()(const network::Clip& op) const {
    Map(inputs[0], result, [&op](float x) { return std::min(std::max(x, op.min), op.max); });
  }
  void operator()(const network::LeakyRelu& op) const {
    Map(inputs[0], result, [&op](float x) { return x < 0 ? op.alpha * x : x; });
  }
  void operator()(const network::Sigmoid&) const {
    Map(inputs[0], result,
        [](float x) { return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x)))); });
  }
  void operator()(const network::Tanh&) const {
    Map(inputs[0], result, [](float x) { return std::tanh(x); });
  }
  void operator()(const network::Softmax& op) const { RunSoftmax(op, node, inputs[0], result); }
  void operator()(const network::Pool& op) const { RunPool(op, node, inputs[0], result); }
  void operator()(const network::GlobalAveragePool&) const { RunGlobalAverage(inputs[0], result); }
  void operator()(const network::Add&) const {
    Broadcast(node, inputs, result, std::plus<float>());
  }
  void operator()(const network::Mul&) const {
    Broadcast(node, inputs, result, std::multiplies<float>());
  }
  void operator()(const network::Concat& op) const { RunConcat(op, node, inputs, result); }
  void operator()(const network::Pad& op) const { RunPad(op, inputs[0], node, result); }
  void operator()(const network::Reshape&) const {
    std::copy_n(inputs[0].values, result.size(), result.begin());
  }
  void operator()(const network::Transpose& op) const { RunTranspose(op, inputs[0], node, result); }

  static void Refuse() { BITSCAPE_CHECK(false, "inputs and MAC layers have their own routines"); }
};

}  // namespace

void RunPlain(const Node& node, std::span<const PlainTensor> inputs, std::span<float> result) {
  std::visit(PlainVisitor{node, inputs, result}, node.op);
}

}  // namespace bitscape::emulate
