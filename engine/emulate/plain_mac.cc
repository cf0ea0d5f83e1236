#include <algorithm>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

using network::Node;
using network::Shape;

struct Plane {
  int64_t height = 1, width = 1;
};
Plane PlaneOf(const Shape& shape) {
  const size_t rank = shape.size();
  return {rank == 4 ? shape[2] : 1, shape[rank - 1]};
}

// Adds one kernel position of one channel to a whole output plane; the inner loop is over output
// columns.
template <typename T, typename Sum>
void AddTap(const network::Conv& conv, Plane in, Plane out, const T* src, int64_t r, int64_t s,
            Sum weight, Sum* sums) {
  for (int64_t p = 0; p < out.height; ++p) {
    const int64_t y = p * conv.stride[0] - conv.pad[0] + r * conv.dilation[0];
    if (y < 0 || y >= in.height) {
      continue;
    }
    const int64_t shift = s * conv.dilation[1] - conv.pad[1];
    for (int64_t q = 0; q < out.width; ++q) {
      const int64_t x = q * conv.stride[1] + shift;
      if (x >= 0 && x < in.width) {
        sums[p * out.width + q] += weight * static_cast<Sum>(src[y * in.width + x]);
      }
    }
  }
}

template <typename T, typename Sum>
void SumConv(const network::Conv& conv, const Node& node, const Shape& src_shape, const T* src,
             const T* weights, Sum* sums) {
  const Shape& kernel = conv.weights->shape;
  const int64_t oc = kernel[0];
  const int64_t ic = kernel[1];
  const Plane taps = PlaneOf(kernel);
  const Plane in = PlaneOf(src_shape);
  const Plane out = PlaneOf(node.shape);
  for (int64_t m = 0; m < oc; ++m) {
    const int64_t first_channel = m / (oc / conv.groups) * ic;
    Sum* plane = sums + m * out.height * out.width;
    for (int64_t c = 0; c < ic; ++c) {
      const T* channel = src + (first_channel + c) * in.height * in.width;
      for (int64_t r = 0; r < taps.height; ++r) {
        for (int64_t s = 0; s < taps.width; ++s) {
          const T weight = weights[((m * ic + c) * taps.height + r) * taps.width + s];
          if (weight != 0) {
            AddTap(conv, in, out, channel, r, s, static_cast<Sum>(weight), plane);
          }
        }
      }
    }
  }
}

// rows x k times k x n; `column_stride` and `row_stride` walk the right operand.
template <typename T, typename Sum>
void SumMatrix(int64_t rows, int64_t k, int64_t n, const T* left, const T* right, int64_t k_stride,
               int64_t n_stride, Sum* sums) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      Sum sum = 0;
      for (int64_t c = 0; c < k; ++c) {
        sum += static_cast<Sum>(left[i * k + c]) *
               static_cast<Sum>(right[c * k_stride + j * n_stride]);
      }
      sums[i * n + j] = sum;
    }
  }
}

template <typename T, typename Sum>
void SumMatMul(const Node& node, const Shape& left_shape, const T* left, const Shape& right_shape,
               const T* right, Sum* sums) {
  const int64_t rows = left_shape[left_shape.size() - 2];
  const int64_t k = left_shape.back();
  const int64_t n = right_shape.back();
  const int64_t matrices = network::ElementCount(node.shape) / (rows * n);
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    SumMatrix(rows, k, n, left + MatrixOffset(left_shape, node.shape, matrix),
              right + MatrixOffset(right_shape, node.shape, matrix), n, int64_t{1},
              sums + matrix * rows * n);
  }
}

template <typename T, typename Sum>
void SumAny(const Node& node, const Shape& src_shape, std::span<const T> src,
            const Shape& weights_shape, std::span<const T> weights, std::span<Sum> sums) {
  std::fill(sums.begin(), sums.end(), Sum{0});
  if (const auto* conv = std::get_if<network::Conv>(&node.op)) {
    SumConv(*conv, node, src_shape, src.data(), weights.data(), sums.data());
  } else if (std::holds_alternative<network::Gemm>(node.op)) {
    const int64_t oc = weights_shape[0];
    const int64_t ic = weights_shape[1];
    SumMatrix(static_cast<int64_t>(src.size()) / ic, ic, oc, src.data(), weights.data(), int64_t{1},
              ic, sums.data());
  } else {
    BITSCAPE_CHECK(std::holds_alternative<network::MatMul>(node.op), "not a MAC layer");
    SumMatMul(node, src_shape, src.data(), weights_shape, weights.data(), sums.data());
  }
}

}  // namespace

void SumProducts(const Node& node, const Shape& src_shape, std::span<const float> src,
                 const Shape& weights_shape, std::span<const float> weights,
                 std::span<double> sums) {
  SumAny(node, src_shape, src, weights_shape, weights, sums);
}

void SumProducts(const Node& node, const Shape& src_shape, std::span<const int32_t> src,
                 const Shape& weights_shape, std::span<const int32_t> weights,
                 std::span<int64_t> sums) {
  SumAny(node, src_shape, src, weights_shape, weights, sums);
}

ChannelStride OutputChannels(const Node& mac) {
  if (const auto* conv = std::get_if<network::Conv>(&mac.op)) {
    const Plane plane = PlaneOf(mac.shape);
    return {conv->weights->shape[0], plane.height * plane.width};
  }
  return {mac.shape.back(), 1};
}

quantize::TensorLayout OperandLayout(const Node& mac, size_t operand, const Shape& shape) {
  const int64_t elements = network::ElementCount(shape);
  if (const auto* conv = std::get_if<network::Conv>(&mac.op)) {
    const int64_t channels = shape[1];
    return {.outer = 1,
            .axis = channels,
            .inner = elements / channels,
            .segment = channels / conv->groups};
  }
  // The right operand of a product has its inner dimension last but one.
  const size_t axis = shape.size() - (operand == 0 ? 1 : 2);
  const int64_t inner = operand == 0 ? 1 : shape.back();
  return {.outer = elements / (shape[axis] * inner), .axis = shape[axis], .inner = inner};
}

quantize::PositionWindow PositionWindowOf(const Node& mac, const Shape& src_shape) {
  const auto* conv = std::get_if<network::Conv>(&mac.op);
  if (conv == nullptr) {
    return {.channels = src_shape.back()};
  }
  const Plane in = PlaneOf(src_shape);
  const Plane out = PlaneOf(mac.shape);
  const Plane taps = PlaneOf(conv->weights->shape);
  return {.channels = src_shape[1],
          .height = in.height,
          .width = in.width,
          .groups = conv->groups,
          .kernel_height = taps.height,
          .kernel_width = taps.width,
          .stride_y = conv->stride[0],
          .stride_x = conv->stride[1],
          .dilation_y = conv->dilation[0],
          .dilation_x = conv->dilation[1],
          .pad_top = conv->pad[0],
          .pad_left = conv->pad[1],
          .output_height = out.height,
          .output_width = out.width};
}

const network::Tensor* WeightsOf(const Node& mac) {
  if (const auto* conv = std::get_if<network::Conv>(&mac.op)) {
    return conv->weights.get();
  }
  const auto* gemm = std::get_if<network::Gemm>(&mac.op);
  return gemm == nullptr ? nullptr : gemm->weights.get();
}

const network::Tensor* BiasOf(const Node& mac) {
  if (const auto* conv = std::get_if<network::Conv>(&mac.op)) {
    return conv->bias.get();
  }
  const auto* gemm = std::get_if<network::Gemm>(&mac.op);
  return gemm == nullptr ? nullptr : gemm->bias.get();
}

int64_t MatrixOffset(const Shape& operand, const Shape& result, int64_t index) {
  int64_t offset = 0;
  int64_t stride = operand[operand.size() - 2] * operand.back();
  for (size_t from_end = 3; from_end <= result.size(); ++from_end) {
    const int64_t size = result[result.size() - from_end];
    const int64_t own = from_end <= operand.size() ? operand[operand.size() - from_end] : 1;
    offset += own == 1 ? 0 : index % size * stride;
    index /= size;
    stride *= own;
  }
  return offset;
}

int64_t ReductionLength(const Node& mac, const Shape& src_shape) {
  const network::Tensor* weights = WeightsOf(mac);
  return weights == nullptr ? src_shape.back()
                            : network::ElementCount(weights->shape) / weights->shape[0];
}

}  // namespace bitscape::emulate
