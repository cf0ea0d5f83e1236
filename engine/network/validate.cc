#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <unordered_set>

#include "engine/core/status.h"
#include "engine/network/element_count.h"
#include "engine/network/network.h"

namespace bitscape::network {
namespace {

absl::Status Invalid(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

absl::Status CheckFinite(std::span<const float> values, std::string_view what) {
  const auto bad = std::ranges::find_if_not(values, [](float v) { return std::isfinite(v); });
  if (bad == values.end()) return absl::OkStatus();
  return Invalid(fmt::format("{} {} is {}, not a finite number", what, bad - values.begin(), *bad));
}

absl::Status CheckShape(const Shape& shape, std::string_view what) {
  if (BoundedElementCount(shape, std::numeric_limits<int64_t>::max())) return absl::OkStatus();
  return Invalid(
      fmt::format("{} has the shape {}: dimensions should be positive, and their "
                  "product below 2^63",
                  what, ToString(shape)));
}

absl::Status CheckTensor(const TensorPtr& tensor, std::string_view what) {
  if (tensor == nullptr) return absl::OkStatus();
  BITSCAPE_RETURN_IF_ERROR(CheckShape(tensor->shape, what));
  if (!tensor->values.empty() &&
      static_cast<int64_t>(tensor->values.size()) != ElementCount(tensor->shape)) {
    return Invalid(fmt::format("{} has {} values for the shape {}", what, tensor->values.size(),
                               ToString(tensor->shape)));
  }
  return CheckFinite(tensor->values, what);
}

absl::Status CheckValues(const Operator& op) {
  if (const auto* conv = std::get_if<Conv>(&op)) {
    BITSCAPE_RETURN_IF_ERROR(CheckTensor(conv->weights, "weight"));
    return CheckTensor(conv->bias, "bias");
  }
  if (const auto* gemm = std::get_if<Gemm>(&op)) {
    BITSCAPE_RETURN_IF_ERROR(CheckTensor(gemm->weights, "weight"));
    return CheckTensor(gemm->bias, "bias");
  }
  if (const auto* constant = std::get_if<Constant>(&op)) {
    return CheckTensor(constant->value, "constant");
  }
  if (const auto* norm = std::get_if<BatchNorm>(&op)) {
    BITSCAPE_RETURN_IF_ERROR(CheckFinite(norm->scale, "batch norm scale"));
    return CheckFinite(norm->shift, "batch norm shift");
  }
  if (const auto* clip = std::get_if<Clip>(&op)) {
    if (!(clip->min <= clip->max)) {
      return Invalid(fmt::format("clip from {} to {} is empty", clip->min, clip->max));
    }
  }
  if (const auto* relu = std::get_if<LeakyRelu>(&op)) {
    return CheckFinite({&relu->alpha, 1}, "alpha");
  }
  if (const auto* pad = std::get_if<Pad>(&op)) return CheckFinite({&pad->value, 1}, "pad value");
  return absl::OkStatus();
}

absl::Status CheckNode(const Network& network, size_t index) {
  const Node& node = network.nodes[index];
  if (std::holds_alternative<Input>(node.op) != (index == 0)) {
    return Invalid("the first node, and no other, is the input");
  }
  std::vector<Shape> inputs;
  for (const int input : node.inputs) {
    if (input < 0 || static_cast<size_t>(input) >= index) {
      return Invalid(fmt::format("input {} is not an earlier node", input));
    }
    inputs.push_back(network.nodes[static_cast<size_t>(input)].shape);
  }
  const bool constant = std::holds_alternative<Constant>(node.op);
  BITSCAPE_RETURN_IF_ERROR(CheckShape(node.shape, "value"));
  if (!constant && (node.shape.empty() || node.shape[0] != 1)) {
    return Invalid(fmt::format("shape {} doesn't keep the batch (of one) as its first dimension",
                               ToString(node.shape)));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckValues(node.op));
  if (index == 0) return absl::OkStatus();
  if (std::holds_alternative<Reshape>(node.op)) {
    if (inputs.size() != 1 || ElementCount(inputs[0]) != ElementCount(node.shape)) {
      return Invalid(
          fmt::format("a reshape to {} needs one input of as many elements", ToString(node.shape)));
    }
    return absl::OkStatus();
  }
  if (std::holds_alternative<Add>(node.op) || std::holds_alternative<Mul>(node.op)) {
    for (const int input : node.inputs) {
      const Node& operand = network.nodes[static_cast<size_t>(input)];
      if (!std::holds_alternative<Constant>(operand.op) &&
          operand.shape.size() != node.shape.size()) {
        return Invalid(
            fmt::format("the activation {} is broadcast to {}, which would move its "
                        "batch dimension",
                        ToString(operand.shape), ToString(node.shape)));
      }
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(const Shape shape, InferShape(node.op, inputs));
  if (shape != node.shape) {
    return Invalid(
        fmt::format("its shape is {}, stated as {}", ToString(shape), ToString(node.shape)));
  }
  return absl::OkStatus();
}

absl::Status CheckScaling(const Network& network) {
  const InputScaling& scaling = network.input_scaling;
  const Shape& input = network.nodes[0].shape;
  const int64_t channels = input.size() < 2 ? 1 : input[1];
  for (const auto& [values, what] :
       {std::pair(&scaling.mean, "mean"), std::pair(&scaling.std, "std")}) {
    const auto count = static_cast<int64_t>(values->size());
    if (count != 1 && count != channels) {
      return Invalid(fmt::format("input scaling: {} has {} values, 1 or {} (channels) are allowed",
                                 what, count, channels));
    }
    BITSCAPE_RETURN_IF_ERROR(CheckFinite(*values, fmt::format("input scaling: {}", what)));
  }
  for (const float value : scaling.std) {
    if (!(value > 0)) {
      return Invalid(fmt::format("input scaling: std {} should be positive", value));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const Network& network) {
  if (network.nodes.empty()) return Invalid("the network has no nodes");
  if (network.output < 0 || static_cast<size_t>(network.output) >= network.nodes.size()) {
    return Invalid(
        fmt::format("output {} is not one of the {} nodes", network.output, network.nodes.size()));
  }
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    const Node& node = network.nodes[i];
    if (node.name.empty() || !names.insert(node.name).second) {
      return Invalid(fmt::format("node {}: the name '{}' is empty or not unique", i, node.name));
    }
    if (absl::Status status = CheckNode(network, i); !status.ok()) {
      return Annotate(status, fmt::format("node '{}' ({})", node.name, OperatorName(node.op)));
    }
  }
  return CheckScaling(network);
}

}  // namespace bitscape::network
