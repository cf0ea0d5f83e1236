// Activation functions, Add, Mul, Concat.
#include <fmt/format.h>

#include <limits>
#include <vector>

#include "engine/core/status.h"
#include "engine/network/onnx_axes.h"
#include "engine/network/onnx_operators.h"

namespace bitscape::network {
namespace {

absl::Status ConvertUnary(OnnxNode& node, Operator op) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  return node.Emit(std::move(op), {src});
}

absl::Status ConvertBinary(OnnxNode& node, Operator op) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 2));
  // Two constants: the message of Activation says what to do.
  if (node.IsConstant(0) && node.IsConstant(1)) return node.Activation(0).status();
  BITSCAPE_ASSIGN_OR_RETURN(const int left, node.Operand(0));
  BITSCAPE_ASSIGN_OR_RETURN(const int right, node.Operand(1));
  return node.Emit(std::move(op), {left, right});
}

}  // namespace

absl::Status ConvertRelu(OnnxNode& node) { return ConvertUnary(node, Relu{}); }
absl::Status ConvertSigmoid(OnnxNode& node) { return ConvertUnary(node, Sigmoid{}); }
absl::Status ConvertTanh(OnnxNode& node) { return ConvertUnary(node, Tanh{}); }
absl::Status ConvertAdd(OnnxNode& node) { return ConvertBinary(node, Add{}); }
absl::Status ConvertMul(OnnxNode& node) { return ConvertBinary(node, Mul{}); }

absl::Status ConvertLeakyRelu(OnnxNode& node) {
  BITSCAPE_ASSIGN_OR_RETURN(const float alpha, node.attributes().Float("alpha", 0.01F));
  return ConvertUnary(node, LeakyRelu{alpha});
}

// Bounds are attributes up to opset 10, inputs from opset 11.
absl::Status ConvertClip(OnnxNode& node) {
  Clip clip{std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()};
  if (node.opset() < 11) {
    BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
    BITSCAPE_ASSIGN_OR_RETURN(clip.min, node.attributes().Float("min", clip.min));
    BITSCAPE_ASSIGN_OR_RETURN(clip.max, node.attributes().Float("max", clip.max));
  } else {
    BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 3));
    if (node.Has(1)) {
      BITSCAPE_ASSIGN_OR_RETURN(clip.min, node.ScalarConstant(1, "min"));
    }
    if (node.Has(2)) {
      BITSCAPE_ASSIGN_OR_RETURN(clip.max, node.ScalarConstant(2, "max"));
    }
  }
  if (!(clip.min <= clip.max)) {
    return absl::InvalidArgumentError(
        fmt::format("min {} is greater than max {}", clip.min, clip.max));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  return node.Emit(clip, {src});
}

// Up to opset 12 softmax runs over all axes from `axis` on, taken as one. That is a softmax over
// one axis where only one of them is longer than 1.
absl::Status ConvertSoftmax(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  const Shape& shape = node.ShapeOf(src);
  const bool coerces = node.opset() < 13;
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t given, node.attributes().Int("axis", coerces ? 1 : -1));
  BITSCAPE_ASSIGN_OR_RETURN(int64_t axis, NormalizeAxis(given, shape.size()));
  if (coerces) {
    int64_t longer = -1;
    for (size_t i = static_cast<size_t>(axis); i < shape.size(); ++i) {
      if (shape[i] == 1) continue;
      if (longer >= 0) {
        return absl::UnimplementedError(
            fmt::format("before opset 13 a softmax with axis {} runs over several axes of {}",
                        given, ToString(shape)));
      }
      longer = static_cast<int64_t>(i);
    }
    if (longer >= 0) axis = longer;
  }
  return node.Emit(Softmax{axis}, {src});
}

absl::Status ConvertConcat(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, std::numeric_limits<int>::max()));
  if (!node.attributes().Has("axis")) {
    return absl::InvalidArgumentError("attribute 'axis' is missing");
  }
  std::vector<int> inputs;
  bool all_constant = true;
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.Has(i)) return absl::InvalidArgumentError(fmt::format("input {} has no name", i));
    all_constant = all_constant && node.IsConstant(i);
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t given, node.attributes().Int("axis", 1));
  if (all_constant) return ConcatIntegers(node);
  for (int i = 0; i < node.input_count(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(const int input, node.Operand(i));
    inputs.push_back(input);
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t axis,
                            NormalizeAxis(given, node.ShapeOf(inputs[0]).size()));
  return node.Emit(Concat{axis}, std::move(inputs));
}

}  // namespace bitscape::network
