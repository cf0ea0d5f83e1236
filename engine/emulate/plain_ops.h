// Plain loops over row-major tensors of one image: the reference evaluator's arithmetic, and what
// runs operations that oneDNN has no primitive for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/network/network.h"
#include "engine/quantize/position_scale.h"
#include "engine/quantize/tensor_layout.h"

namespace bitscape::emulate {

struct PlainTensor {
  const float* values = nullptr;
  const network::Shape* shape = nullptr;
};

// Runs any operation except Input and MAC layers. `result` has the elements of node.shape.
void RunPlain(const network::Node& node, std::span<const PlainTensor> inputs,
              std::span<float> result);

// Sums of products of a MAC layer, without bias. `weights` is the layer's own tensor or, for
// MatMul, the second operand, whose shape is `weights_shape`. Float32 products are exact in double
// and summed there: one rounding in effect, whatever the order.
void SumProducts(const network::Node& node, const network::Shape& src_shape,
                 std::span<const float> src, const network::Shape& weights_shape,
                 std::span<const float> weights, std::span<double> sums);
// Integer codes; exact below 2^63.
void SumProducts(const network::Node& node, const network::Shape& src_shape,
                 std::span<const int32_t> src, const network::Shape& weights_shape,
                 std::span<const int32_t> weights, std::span<int64_t> sums);

// Elements that share an output channel: result[i] belongs to channel (i / inner) % channels.
struct ChannelStride {
  int64_t channels = 1;
  int64_t inner = 1;
  size_t ChannelOf(size_t element) const {
    return static_cast<size_t>(static_cast<int64_t>(element) / inner % channels);
  }
};
ChannelStride OutputChannels(const network::Node& mac);

// Sums as values: times the scale of all or of their channel, plus their channel's bias. `scales`
// (one, or one a channel) and `bias` may be empty.
template <typename Sum>
void ScaleSums(ChannelStride channels, std::span<const Sum> sums, std::span<const float> scales,
               std::span<const float> bias, float* values) {
  for (size_t i = 0; i < sums.size(); ++i) {
    const size_t channel = channels.ChannelOf(i);
    float value = static_cast<float>(sums[i]);
    if (!scales.empty()) {
      value *= scales[scales.size() == 1 ? 0 : channel];
    }
    values[i] = bias.empty() ? value : value + bias[channel];
  }
}

// How the elements of an operand of one image lie for its quantizer.
quantize::TensorLayout OperandLayout(const network::Node& mac, size_t operand,
                                     const network::Shape& shape);
// Where XNOR-Net's scales of a convolution or Gemm come from; a Gemm's rows are images of one
// position.
quantize::PositionWindow PositionWindowOf(const network::Node& mac,
                                          const network::Shape& src_shape);

// The layer's weights and bias; null for MatMul.
const network::Tensor* WeightsOf(const network::Node& mac);
const network::Tensor* BiasOf(const network::Node& mac);
// Where the matrix of an operand of a MatMul begins that belongs to matrix number `index` of its
// result, by broadcasting. Shapes of one image.
int64_t MatrixOffset(const network::Shape& operand, const network::Shape& result, int64_t index);
// Products in each sum.
int64_t ReductionLength(const network::Node& mac, const network::Shape& src_shape);

}  // namespace bitscape::emulate
