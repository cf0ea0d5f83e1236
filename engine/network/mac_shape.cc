#include "engine/network/mac_shape.h"

namespace bitscape::network {
namespace {

// The size of axis `axis_from_end` counted from the last, or 1 beyond the first.
int64_t FromEnd(const Shape& shape, size_t axis_from_end) {
  return axis_from_end < shape.size() ? shape[shape.size() - 1 - axis_from_end] : 1;
}

MacShape ConvShape(const Conv& conv, const Shape& src, const Shape& dst) {
  const Shape& weights = conv.weights->shape;
  const bool two_dimensional = src.size() == 4;
  MacShape shape;
  shape.groups = conv.groups;
  shape.m = weights[0] / conv.groups;
  shape.c = weights[1];
  shape.r = weights[2];
  shape.s = weights[3];
  shape.p = two_dimensional ? dst[2] : 1;
  shape.q = dst.back();
  shape.in_h = two_dimensional ? src[2] : 1;
  shape.in_w = src.back();
  shape.stride_h = conv.stride[0];
  shape.stride_w = conv.stride[1];
  shape.dilation_h = conv.dilation[0];
  shape.dilation_w = conv.dilation[1];
  return shape;
}

MacShape GemmShape(const Gemm& gemm, const Shape& dst) {
  MacShape shape;
  shape.m = gemm.weights->shape[0];
  shape.c = gemm.weights->shape[1];
  shape.p = ElementCount(dst) / shape.m;
  shape.in_h = shape.p;
  return shape;
}

// Each of the leading dimensions' products (attention heads) is a group of its own.
MacShape MatMulShape(const Shape& left, const Shape& dst) {
  MacShape shape;
  shape.m = FromEnd(dst, 0);
  shape.p = FromEnd(dst, 1);
  shape.c = FromEnd(left, 0);
  shape.groups = ElementCount(dst) / (shape.m * shape.p);
  shape.in_h = shape.p;
  shape.weights_are_activations = true;
  return shape;
}

int64_t Elements(const TensorPtr& tensor) {
  return tensor == nullptr ? 0 : ElementCount(tensor->shape);
}

}  // namespace

std::vector<MacShape> MacShapes(const Network& network) {
  std::vector<MacShape> shapes;
  for (const int layer : MacLayers(network)) {
    const Node& node = network.nodes[static_cast<size_t>(layer)];
    const Shape& src = network.nodes[static_cast<size_t>(node.inputs[0])].shape;
    MacShape shape;
    if (const auto* conv = std::get_if<Conv>(&node.op)) {
      shape = ConvShape(*conv, src, node.shape);
    } else if (const auto* gemm = std::get_if<Gemm>(&node.op)) {
      shape = GemmShape(*gemm, node.shape);
    } else {
      shape = MatMulShape(src, node.shape);
    }
    shape.name = node.name;
    shape.op = OperatorName(node.op);
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

int64_t ParameterCount(const Network& network) {
  int64_t count = 0;
  for (const Node& node : network.nodes) {
    if (const auto* conv = std::get_if<Conv>(&node.op)) {
      count += Elements(conv->weights) + Elements(conv->bias);
    } else if (const auto* gemm = std::get_if<Gemm>(&node.op)) {
      count += Elements(gemm->weights) + Elements(gemm->bias);
    } else if (std::holds_alternative<BatchNorm>(node.op)) {
      count += 2 * node.shape[1];
    }
  }
  return count;
}

}  // namespace bitscape::network
