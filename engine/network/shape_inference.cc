#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/core/status.h"
#include "engine/network/network.h"
#include "engine/network/window.h"

namespace bitscape::network {
namespace {

using Shapes = std::vector<Shape>;

absl::Status Invalid(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

absl::Status NeedsSpatialRank(const Shape& src) {
  if (src.size() == 3 || src.size() == 4) return absl::OkStatus();
  return Invalid(
      fmt::format("input {} has {} dimensions, 3 (n, c, w) or 4 (n, c, h, w) are allowed",
                  ToString(src), src.size()));
}

// The output shape of windows over the spatial axes of `src`, with `channels` channels.
absl::StatusOr<Shape> Slide(const Shape& src, int64_t channels,
                            const std::array<Window, 2>& windows, bool needs_input) {
  Shape dst{src[0], channels};
  const bool two_dimensional = src.size() == 4;
  for (size_t axis = two_dimensional ? 0 : 1; axis < 2; ++axis) {
    const int64_t size = two_dimensional ? src[axis + 2] : src[2];
    BITSCAPE_ASSIGN_OR_RETURN(const int64_t positions, WindowPositions(size, windows[axis]));
    if (needs_input && !EveryPositionSeesInput(size, windows[axis], positions)) {
      return Invalid(fmt::format(
          "a pooling window of {} with padding {},{} on {} elements covers "
          "padding only",
          windows[axis].kernel, windows[axis].pad_before, windows[axis].pad_after, size));
    }
    dst.push_back(positions);
  }
  if (!two_dimensional) {
    const Window& height = windows[0];
    if (height.kernel != 1 || height.stride != 1 || height.dilation != 1 ||
        height.pad_before != 0 || height.pad_after != 0) {
      return Invalid(fmt::format("a 2-d window on the 1-d input {}", ToString(src)));
    }
  }
  return dst;
}

absl::Status CheckBias(const TensorPtr& bias, int64_t channels) {
  if (bias == nullptr || bias->shape == Shape{channels}) return absl::OkStatus();
  return Invalid(
      fmt::format("bias {} should be {} (output channels)", ToString(bias->shape), channels));
}

absl::StatusOr<Shape> Broadcast(const Shape& left, const Shape& right) {
  const size_t rank = std::max(left.size(), right.size());
  Shape dst(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t a = i < left.size() ? left[left.size() - 1 - i] : 1;
    const int64_t b = i < right.size() ? right[right.size() - 1 - i] : 1;
    if (a != b && a != 1 && b != 1) {
      return Invalid(
          fmt::format("shapes {} and {} don't broadcast", ToString(left), ToString(right)));
    }
    dst[rank - 1 - i] = std::max(a, b);
  }
  return dst;
}

// Whether 0 < axis < rank: axis 0 is the batch, and no operator may mix images.
absl::Status CheckAxis(int64_t axis, const Shape& src) {
  if (axis > 0 && axis < static_cast<int64_t>(src.size())) return absl::OkStatus();
  return Invalid(fmt::format("axis {} of {} is not in 1..{} (axis 0 is the batch)", axis,
                             ToString(src), static_cast<int64_t>(src.size()) - 1));
}

struct ShapeRule {
  const Shapes& inputs;

  absl::StatusOr<Shape> operator()(const Input&) const {
    return Invalid("the input's shape is given, not inferred");
  }
  absl::StatusOr<Shape> operator()(const Reshape&) const {
    return Invalid("the shape of a reshape is given, not inferred");
  }
  absl::StatusOr<Shape> operator()(const Constant& constant) const {
    if (constant.value == nullptr) return Invalid("a constant without a tensor");
    return constant.value->shape;
  }

  absl::StatusOr<Shape> operator()(const Conv& conv) const {
    const Shape& src = inputs[0];
    BITSCAPE_RETURN_IF_ERROR(NeedsSpatialRank(src));
    if (conv.weights == nullptr || conv.weights->shape.size() != 4) {
      return Invalid("convolution weights should have 4 dimensions (oc, ic / groups, kh, kw)");
    }
    const Shape& weights = conv.weights->shape;
    if (conv.groups < 1 || src[1] % conv.groups != 0 || weights[0] % conv.groups != 0) {
      return Invalid(fmt::format("{} groups don't divide {} input and {} output channels",
                                 conv.groups, src[1], weights[0]));
    }
    if (weights[1] != src[1] / conv.groups) {
      return Invalid(fmt::format("weights {} take {} channels a group, the input {} gives {}",
                                 ToString(weights), weights[1], ToString(src),
                                 src[1] / conv.groups));
    }
    BITSCAPE_RETURN_IF_ERROR(CheckBias(conv.bias, weights[0]));
    return Slide(src, weights[0],
                 Windows({weights[2], weights[3]}, conv.stride, conv.dilation, conv.pad), false);
  }

  absl::StatusOr<Shape> operator()(const Gemm& gemm) const {
    const Shape& src = inputs[0];
    if (gemm.weights == nullptr || gemm.weights->shape.size() != 2) {
      return Invalid("product weights should have 2 dimensions (oc, ic)");
    }
    const Shape& weights = gemm.weights->shape;
    if (src.size() < 2 || src.back() != weights[1]) {
      return Invalid(fmt::format("input {} doesn't end in the {} columns of weights {}",
                                 ToString(src), weights[1], ToString(weights)));
    }
    BITSCAPE_RETURN_IF_ERROR(CheckBias(gemm.bias, weights[0]));
    Shape dst = src;
    dst.back() = weights[0];
    return dst;
  }

  absl::StatusOr<Shape> operator()(const MatMul&) const {
    const Shape& left = inputs[0];
    const Shape& right = inputs[1];
    if (left.size() < 3 || right.size() != left.size()) {
      return Invalid(
          fmt::format("a product of activations {} and {}: equal ranks of 3 or more are "
                      "allowed (batch, ..., rows, columns)",
                      ToString(left), ToString(right)));
    }
    if (left.back() != right[right.size() - 2]) {
      return Invalid(
          fmt::format("inner dimensions of {} and {} differ", ToString(left), ToString(right)));
    }
    BITSCAPE_ASSIGN_OR_RETURN(Shape dst, Broadcast(Shape(left.begin(), left.end() - 2),
                                                   Shape(right.begin(), right.end() - 2)));
    dst.push_back(left[left.size() - 2]);
    dst.push_back(right.back());
    return dst;
  }

  absl::StatusOr<Shape> operator()(const BatchNorm& norm) const {
    const Shape& src = inputs[0];
    if (src.size() < 2) return Invalid(fmt::format("input {} has no channel axis", ToString(src)));
    const auto channels = static_cast<int64_t>(norm.scale.size());
    if (norm.shift.size() != norm.scale.size() || (channels != 0 && channels != src[1])) {
      return Invalid(fmt::format("{} scales and {} shifts for the {} channels of {}", channels,
                                 norm.shift.size(), src[1], ToString(src)));
    }
    return src;
  }

  absl::StatusOr<Shape> operator()(const Pool& pool) const {
    BITSCAPE_RETURN_IF_ERROR(NeedsSpatialRank(inputs[0]));
    return Slide(inputs[0], inputs[0][1],
                 Windows(pool.kernel, pool.stride, pool.dilation, pool.pad), true);
  }

  absl::StatusOr<Shape> operator()(const GlobalAveragePool&) const {
    BITSCAPE_RETURN_IF_ERROR(NeedsSpatialRank(inputs[0]));
    Shape dst(inputs[0].size(), 1);
    dst[0] = inputs[0][0];
    dst[1] = inputs[0][1];
    return dst;
  }

  absl::StatusOr<Shape> operator()(const Add&) const { return Broadcast(inputs[0], inputs[1]); }
  absl::StatusOr<Shape> operator()(const Mul&) const { return Broadcast(inputs[0], inputs[1]); }

  absl::StatusOr<Shape> operator()(const Concat& concat) const {
    Shape dst = inputs[0];
    BITSCAPE_RETURN_IF_ERROR(CheckAxis(concat.axis, dst));
    const auto axis = static_cast<size_t>(concat.axis);
    for (size_t i = 1; i < inputs.size(); ++i) {
      Shape expected = inputs[i];
      if (expected.size() == dst.size()) expected[axis] = dst[axis];
      if (expected != dst) {
        return Invalid(fmt::format("shapes {} and {} don't concatenate along axis {}",
                                   ToString(inputs[0]), ToString(inputs[i]), axis));
      }
      dst[axis] += inputs[i][axis];
    }
    return dst;
  }

  absl::StatusOr<Shape> operator()(const Pad& pad) const {
    Shape dst = inputs[0];
    if (pad.before.size() != dst.size() || pad.after.size() != dst.size()) {
      return Invalid(fmt::format("{} and {} pads for the {} dimensions of {}", pad.before.size(),
                                 pad.after.size(), dst.size(), ToString(dst)));
    }
    for (size_t i = 0; i < dst.size(); ++i) {
      for (const int64_t amount : {pad.before[i], pad.after[i]}) {
        if (amount < 0 || amount > kMaxWindowValue) {
          return Invalid(fmt::format("padding {} is not in 0..{}", amount, kMaxWindowValue));
        }
      }
      dst[i] += pad.before[i] + pad.after[i];
    }
    return dst;
  }

  absl::StatusOr<Shape> operator()(const Transpose& transpose) const {
    const Shape& src = inputs[0];
    std::vector<int64_t> sorted = transpose.permutation;
    std::ranges::sort(sorted);
    bool valid = sorted.size() == src.size();
    for (size_t i = 0; valid && i < sorted.size(); ++i) {
      valid = sorted[i] == static_cast<int64_t>(i);
    }
    if (!valid) {
      return Invalid(fmt::format("({}) is not a permutation of the axes of {}",
                                 fmt::join(transpose.permutation, ", "), ToString(src)));
    }
    if (!src.empty() && transpose.permutation[0] != 0) {
      return Invalid(fmt::format("the permutation ({}) moves axis 0, the batch",
                                 fmt::join(transpose.permutation, ", ")));
    }
    Shape dst;
    for (const int64_t axis : transpose.permutation) dst.push_back(src[static_cast<size_t>(axis)]);
    return dst;
  }

  absl::StatusOr<Shape> operator()(const Softmax& softmax) const {
    BITSCAPE_RETURN_IF_ERROR(CheckAxis(softmax.axis, inputs[0]));
    return inputs[0];
  }
  absl::StatusOr<Shape> operator()(const Relu&) const { return inputs[0]; }
  absl::StatusOr<Shape> operator()(const Clip&) const { return inputs[0]; }
  absl::StatusOr<Shape> operator()(const LeakyRelu&) const { return inputs[0]; }
  absl::StatusOr<Shape> operator()(const Sigmoid&) const { return inputs[0]; }
  absl::StatusOr<Shape> operator()(const Tanh&) const { return inputs[0]; }
};

// How many inputs an operator takes: {fewest, most}.
std::pair<size_t, size_t> Arity(const Operator& op) {
  if (std::holds_alternative<Input>(op) || std::holds_alternative<Constant>(op)) return {0, 0};
  if (std::holds_alternative<Concat>(op)) return {1, SIZE_MAX};
  if (std::holds_alternative<Add>(op) || std::holds_alternative<Mul>(op) ||
      std::holds_alternative<MatMul>(op)) {
    return {2, 2};
  }
  return {1, 1};
}

}  // namespace

absl::StatusOr<Shape> InferShape(const Operator& op, const std::vector<Shape>& inputs) {
  const auto [fewest, most] = Arity(op);
  if (inputs.size() < fewest || inputs.size() > most) {
    return Invalid(
        fmt::format("{} takes {} input(s), {} given", OperatorName(op), fewest, inputs.size()));
  }
  return std::visit(ShapeRule{inputs}, op);
}

}  // namespace bitscape::network
