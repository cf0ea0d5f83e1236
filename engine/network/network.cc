#include "engine/network/network.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitscape::network {

int64_t ElementCount(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  return count;
}

std::string ToString(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

namespace {

struct NameVisitor {
  std::string_view operator()(const Input&) const { return "input"; }
  std::string_view operator()(const Constant&) const { return "constant"; }
  std::string_view operator()(const Conv&) const { return "conv"; }
  std::string_view operator()(const Gemm&) const { return "gemm"; }
  std::string_view operator()(const MatMul&) const { return "matmul"; }
  std::string_view operator()(const BatchNorm&) const { return "batchnorm"; }
  std::string_view operator()(const Relu&) const { return "relu"; }
  std::string_view operator()(const Clip&) const { return "clip"; }
  std::string_view operator()(const LeakyRelu&) const { return "leakyrelu"; }
  std::string_view operator()(const Sigmoid&) const { return "sigmoid"; }
  std::string_view operator()(const Tanh&) const { return "tanh"; }
  std::string_view operator()(const Softmax&) const { return "softmax"; }
  std::string_view operator()(const Pool& pool) const {
    return pool.kind == Pool::Kind::kMax ? "maxpool" : "averagepool";
  }
  std::string_view operator()(const GlobalAveragePool&) const { return "globalaveragepool"; }
  std::string_view operator()(const Add&) const { return "add"; }
  std::string_view operator()(const Mul&) const { return "mul"; }
  std::string_view operator()(const Concat&) const { return "concat"; }
  std::string_view operator()(const Pad&) const { return "pad"; }
  std::string_view operator()(const Reshape&) const { return "reshape"; }
  std::string_view operator()(const Transpose&) const { return "transpose"; }
};

bool HasValues(const TensorPtr& tensor) { return tensor != nullptr && !tensor->values.empty(); }

bool HasWeights(const Node& node) {
  if (const auto* conv = std::get_if<Conv>(&node.op)) {
    return HasValues(conv->weights) && (conv->bias == nullptr || HasValues(conv->bias));
  }
  if (const auto* gemm = std::get_if<Gemm>(&node.op)) {
    return HasValues(gemm->weights) && (gemm->bias == nullptr || HasValues(gemm->bias));
  }
  if (const auto* norm = std::get_if<BatchNorm>(&node.op)) return !norm->scale.empty();
  if (const auto* constant = std::get_if<Constant>(&node.op)) return HasValues(constant->value);
  return true;
}

}  // namespace

std::string_view OperatorName(const Operator& op) { return std::visit(NameVisitor{}, op); }

bool IsMacLayer(const Node& node) {
  return std::holds_alternative<Conv>(node.op) || std::holds_alternative<Gemm>(node.op) ||
         std::holds_alternative<MatMul>(node.op);
}

std::vector<int> MacLayers(const Network& network) {
  std::vector<int> layers;
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    if (IsMacLayer(network.nodes[i])) layers.push_back(static_cast<int>(i));
  }
  return layers;
}

bool Network::HasWeights() const {
  return std::ranges::all_of(nodes, [](const Node& node) { return network::HasWeights(node); });
}

}  // namespace bitscape::network
