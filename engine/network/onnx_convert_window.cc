// Conv and the pooling operators.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "engine/core/status.h"
#include "engine/network/onnx_operators.h"
#include "engine/network/window.h"

namespace bitscape::network {
namespace {

// Attributes that convolution and pooling share. One spatial axis is stored as the horizontal one.
struct WindowAttributes {
  std::array<int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int64_t, 4> pad{0, 0, 0, 0};  // top, left, bottom, right
};

// An attribute with one entry for each of the `spatial` axes.
absl::StatusOr<std::array<int64_t, 2>> ReadAxes(OnnxNode& node, std::string_view name,
                                                size_t spatial) {
  std::array<int64_t, 2> axes{1, 1};
  BITSCAPE_ASSIGN_OR_RETURN(const auto values, node.attributes().Ints(name));
  if (!values.has_value()) return axes;
  if (values->size() != spatial) {
    return absl::InvalidArgumentError(
        fmt::format("attribute '{}' has {} entries for {} spatial dimension(s)", name,
                    values->size(), spatial));
  }
  for (const int64_t value : *values) {
    if (value < 1 || value > kMaxWindowValue) {
      return absl::InvalidArgumentError(
          fmt::format("attribute '{}': {} is not in 1..{}", name, value, kMaxWindowValue));
    }
  }
  std::copy(values->begin(), values->end(), axes.end() - static_cast<std::ptrdiff_t>(spatial));
  return axes;
}

// pads: begins of all axes, then ends.
absl::StatusOr<std::array<int64_t, 4>> ReadPads(OnnxNode& node, size_t spatial) {
  std::array<int64_t, 4> pad{0, 0, 0, 0};
  BITSCAPE_ASSIGN_OR_RETURN(const auto values, node.attributes().Ints("pads"));
  if (!values.has_value()) return pad;
  if (values->size() != 2 * spatial) {
    return absl::InvalidArgumentError(fmt::format(
        "attribute 'pads' has {} entries for {} spatial dimension(s)", values->size(), spatial));
  }
  for (const int64_t value : *values) {
    if (value < 0 || value > kMaxWindowValue) {
      return absl::InvalidArgumentError(
          fmt::format("attribute 'pads': {} is not in 0..{}", value, kMaxWindowValue));
    }
  }
  const size_t first = 2 - spatial;
  for (size_t axis = first; axis < 2; ++axis) {
    pad[axis] = (*values)[axis - first];
    pad[axis + 2] = (*values)[axis - first + spatial];
  }
  return pad;
}

// Sets `attributes.pad` as auto_pad asks: outputs of ceil(size / stride), the odd element at the
// end (SAME_UPPER) or at the beginning (SAME_LOWER).
absl::Status ApplyAutoPad(OnnxNode& node, const Shape& src, WindowAttributes& attributes) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string mode, node.attributes().String("auto_pad", "NOTSET"));
  if (mode == "NOTSET") return absl::OkStatus();
  if (mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER") {
    return absl::InvalidArgumentError(
        fmt::format("attribute 'auto_pad' is '{}'; NOTSET, VALID, SAME_UPPER, SAME_LOWER are "
                    "allowed",
                    PrintableName(mode)));
  }
  if (attributes.pad != std::array<int64_t, 4>{0, 0, 0, 0}) {
    return absl::InvalidArgumentError(fmt::format("both 'pads' and auto_pad {} are given", mode));
  }
  if (mode == "VALID") return absl::OkStatus();
  const size_t spatial = src.size() - 2;
  for (size_t axis = 2 - spatial; axis < 2; ++axis) {
    const int64_t size = src[axis + spatial];
    const int64_t stride = attributes.stride[axis];
    const int64_t extent = (attributes.kernel[axis] - 1) * attributes.dilation[axis] + 1;
    const int64_t positions = (size - 1) / stride + 1;
    const int64_t total = std::max<int64_t>(0, (positions - 1) * stride + extent - size);
    const int64_t smaller = total / 2;
    attributes.pad[axis] = mode == "SAME_UPPER" ? smaller : total - smaller;
    attributes.pad[axis + 2] = total - attributes.pad[axis];
  }
  return absl::OkStatus();
}

absl::StatusOr<WindowAttributes> ReadWindow(OnnxNode& node, const Shape& src,
                                            const std::array<int64_t, 2>& kernel) {
  WindowAttributes attributes{.kernel = kernel};
  const size_t spatial = src.size() - 2;
  BITSCAPE_ASSIGN_OR_RETURN(attributes.stride, ReadAxes(node, "strides", spatial));
  BITSCAPE_ASSIGN_OR_RETURN(attributes.dilation, ReadAxes(node, "dilations", spatial));
  BITSCAPE_ASSIGN_OR_RETURN(attributes.pad, ReadPads(node, spatial));
  BITSCAPE_RETURN_IF_ERROR(ApplyAutoPad(node, src, attributes));
  return attributes;
}

absl::Status CheckSpatialInput(const Shape& src) {
  if (src.size() == 3 || src.size() == 4) return absl::OkStatus();
  return absl::UnimplementedError(
      fmt::format("input {} has {} dimensions; 3 (one spatial) and 4 (two spatial) are supported",
                  ToString(src), src.size()));
}

// Weights [oc, ic / groups, kw] become [oc, ic / groups, 1, kw].
absl::StatusOr<TensorPtr> ReadConvWeights(const OnnxNode& node, const Shape& src) {
  BITSCAPE_ASSIGN_OR_RETURN(TensorPtr weights, node.FloatConstant(1, "weights"));
  if (weights->shape.size() != src.size()) {
    return absl::InvalidArgumentError(fmt::format("weights {} for the input {}: ranks differ",
                                                  ToString(weights->shape), ToString(src)));
  }
  if (src.size() == 4) return weights;
  const Shape& shape = weights->shape;
  return std::make_shared<Tensor>(Tensor{{shape[0], shape[1], 1, shape[2]}, weights->values});
}

// Rounding up adds a last window where the plain rule would leave elements over; a window that
// would start in the padding is dropped (ONNX 1.16's clarification, and PyTorch's rule). The node
// has no ceil mode of its own: padding at the end says the same.
absl::Status ApplyCeilMode(const Shape& src, Pool& pool) {
  const size_t spatial = src.size() - 2;
  for (size_t axis = 2 - spatial; axis < 2; ++axis) {
    const int64_t size = src[axis + spatial];
    const int64_t stride = pool.stride[axis];
    const int64_t extent = (pool.kernel[axis] - 1) * pool.dilation[axis] + 1;
    const int64_t padded = size + pool.pad[axis] + pool.pad[axis + 2];
    if (padded < extent) continue;  // shape inference has the message
    int64_t positions = (padded - extent + stride - 1) / stride + 1;
    if ((positions - 1) * stride >= size + pool.pad[axis]) --positions;
    const int64_t needed = (positions - 1) * stride + extent - size - pool.pad[axis];
    if (needed > pool.pad[axis + 2] && pool.count_include_pad &&
        pool.kind == Pool::Kind::kAverage) {
      return absl::UnimplementedError(
          "ceil_mode with count_include_pad, where a window leaves the padded input");
    }
    pool.pad[axis + 2] = std::max<int64_t>(0, needed);
  }
  return absl::OkStatus();
}

absl::Status ConvertPool(OnnxNode& node, Pool pool) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  const Shape shape = node.ShapeOf(src);
  BITSCAPE_RETURN_IF_ERROR(CheckSpatialInput(shape));
  if (!node.attributes().Has("kernel_shape")) {
    return absl::InvalidArgumentError("attribute 'kernel_shape' is missing");
  }
  BITSCAPE_ASSIGN_OR_RETURN(pool.kernel, ReadAxes(node, "kernel_shape", shape.size() - 2));
  BITSCAPE_ASSIGN_OR_RETURN(const WindowAttributes window, ReadWindow(node, shape, pool.kernel));
  pool.stride = window.stride;
  pool.dilation = window.dilation;
  pool.pad = window.pad;
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t ceil_mode, node.attributes().Int("ceil_mode", 0));
  if (ceil_mode != 0) BITSCAPE_RETURN_IF_ERROR(ApplyCeilMode(shape, pool));
  return node.Emit(pool, {src});
}

}  // namespace

absl::Status ConvertConv(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 3));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  const Shape shape = node.ShapeOf(src);
  BITSCAPE_RETURN_IF_ERROR(CheckSpatialInput(shape));
  Conv conv;
  BITSCAPE_ASSIGN_OR_RETURN(conv.weights, ReadConvWeights(node, shape));
  const std::array<int64_t, 2> kernel{conv.weights->shape[2], conv.weights->shape[3]};
  if (node.attributes().Has("kernel_shape")) {
    BITSCAPE_ASSIGN_OR_RETURN(const auto stated, ReadAxes(node, "kernel_shape", shape.size() - 2));
    if (stated != kernel) {
      return absl::InvalidArgumentError(
          fmt::format("kernel_shape {}x{} disagrees with the weights {}", stated[0], stated[1],
                      ToString(conv.weights->shape)));
    }
  }
  if (node.Has(2)) {
    BITSCAPE_ASSIGN_OR_RETURN(conv.bias, node.FloatConstant(2, "bias"));
  }
  BITSCAPE_ASSIGN_OR_RETURN(conv.groups, node.attributes().Int("group", 1));
  BITSCAPE_ASSIGN_OR_RETURN(const WindowAttributes window, ReadWindow(node, shape, kernel));
  conv.stride = window.stride;
  conv.dilation = window.dilation;
  conv.pad = window.pad;
  return node.Emit(std::move(conv), {src});
}

absl::Status ConvertMaxPool(OnnxNode& node) {
  node.attributes().Ignore("storage_order");  // of the indices, which nothing reads
  return ConvertPool(node, Pool{.kind = Pool::Kind::kMax});
}

absl::Status ConvertAveragePool(OnnxNode& node) {
  Pool pool{.kind = Pool::Kind::kAverage};
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t include, node.attributes().Int("count_include_pad", 0));
  pool.count_include_pad = include != 0;
  return ConvertPool(node, pool);
}

absl::Status ConvertGlobalAveragePool(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  return node.Emit(GlobalAveragePool{}, {src});
}

}  // namespace bitscape::network
