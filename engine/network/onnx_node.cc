#include "engine/network/onnx_node.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <utility>

#include "engine/core/status.h"
#include "engine/network/element_count.h"

namespace bitscape::network {
namespace {

const Tensor* WeightsOf(const Operator& op) {
  if (const auto* conv = std::get_if<Conv>(&op)) return conv->weights.get();
  if (const auto* gemm = std::get_if<Gemm>(&op)) return gemm->weights.get();
  if (const auto* constant = std::get_if<Constant>(&op)) return constant->value.get();
  return nullptr;
}

}  // namespace

absl::Status OnnxGraph::AddInitializer(const onnx::TensorProto& proto) {
  if (!initializers_.emplace(proto.name(), &proto).second) {
    return absl::InvalidArgumentError(
        fmt::format("two initializers are named '{}'", PrintableName(proto.name())));
  }
  return absl::OkStatus();
}

bool OnnxGraph::HasInitializer(std::string_view name) const {
  return initializers_.contains(std::string(name));
}

void OnnxGraph::Define(std::string_view name, OnnxValue value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

absl::StatusOr<OnnxValue> OnnxGraph::Find(std::string_view name) {
  const std::string key(name);
  if (const auto found = values_.find(key); found != values_.end()) return found->second;
  const auto initializer = initializers_.find(key);
  if (initializer == initializers_.end()) {
    return absl::InvalidArgumentError(fmt::format(
        "input '{}' is made by no node, initializer or graph input", PrintableName(name)));
  }
  absl::StatusOr<OnnxConstantPtr> constant = ReadOnnxTensor(*initializer->second, limits_);
  if (!constant.ok()) {
    return Annotate(constant.status(), fmt::format("initializer '{}'", PrintableName(name)));
  }
  return values_.emplace(key, OnnxValue{-1, *std::move(constant)}).first->second;
}

std::string OnnxGraph::UniqueName(std::string_view wish) {
  const std::string base(wish);
  std::string name = base;
  int& uses = name_uses_[base];
  while (++uses > 1) {
    name = fmt::format("{}_{}", base, uses);
    if (!name_uses_.contains(name)) break;
  }
  if (name != base) name_uses_[name] = 1;
  return name;
}

absl::Status OnnxGraph::Charge(int64_t elements) {
  constant_elements_ += elements;
  if (constant_elements_ <= limits_.max_total_elements) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "the weights and constants up to here have {} elements, the limit for one network is {}",
      constant_elements_, limits_.max_total_elements));
}

absl::Status OnnxGraph::ChargeShape(int64_t elements) {
  shape_elements_ += elements;
  if (shape_elements_ <= limits_.max_shape_elements) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("the weights without data up to here have {} elements, the limit for one network "
                  "is {}",
                  shape_elements_, limits_.max_shape_elements));
}

absl::StatusOr<int> OnnxGraph::AddNode(std::string_view name, Operator op, std::vector<int> inputs,
                                       Shape shape) {
  if (static_cast<int>(network.nodes.size()) >= limits_.max_nodes) {
    return absl::ResourceExhaustedError(
        fmt::format("more than {} nodes, the limit", limits_.max_nodes));
  }
  for (const int64_t dimension : shape) {
    if (dimension < 1) {
      return absl::InvalidArgumentError(
          fmt::format("its value would have the shape {}", ToString(shape)));
    }
  }
  const bool constant = std::holds_alternative<Constant>(op);
  const int64_t limit = constant ? limits_.max_elements : limits_.max_activation_elements;
  if (!BoundedElementCount(shape, limit)) {
    return absl::ResourceExhaustedError(
        fmt::format("its value of shape {} has more than {} elements, the limit for one {}",
                    ToString(shape), limit, constant ? "tensor" : "activation"));
  }
  if (const Tensor* weights = WeightsOf(op); weights != nullptr) {
    const int64_t elements = ElementCount(weights->shape);
    BITSCAPE_RETURN_IF_ERROR(weights->values.empty() ? ChargeShape(elements) : Charge(elements));
  }
  if (const auto* norm = std::get_if<BatchNorm>(&op)) {
    BITSCAPE_RETURN_IF_ERROR(Charge(static_cast<int64_t>(norm->scale.size() + norm->shift.size())));
  }
  network.nodes.push_back(
      Node{UniqueName(name), std::move(op), std::move(inputs), std::move(shape)});
  return static_cast<int>(network.nodes.size()) - 1;
}

OnnxNode::OnnxNode(const onnx::NodeProto& proto, std::string name, OnnxGraph& graph,
                   OnnxAttributes attributes)
    : proto_(&proto), name_(std::move(name)), graph_(&graph), attributes_(std::move(attributes)) {}

absl::StatusOr<OnnxNode> OnnxNode::Create(const onnx::NodeProto& proto, std::string name,
                                          OnnxGraph& graph) {
  BITSCAPE_ASSIGN_OR_RETURN(OnnxAttributes attributes, OnnxAttributes::Create(proto));
  OnnxNode node(proto, std::move(name), graph, std::move(attributes));
  for (const std::string& input : proto.input()) {
    OnnxValue value;
    if (!input.empty()) {
      BITSCAPE_ASSIGN_OR_RETURN(value, graph.Find(input));
    }
    node.inputs_.push_back(std::move(value));
  }
  return node;
}

absl::Status OnnxNode::CheckInputCount(int fewest, int most) const {
  bool complete = input_count() >= fewest && input_count() <= most;
  for (int i = 0; complete && i < fewest; ++i) complete = Has(i);
  if (complete) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fewest == most
          ? fmt::format("{} input(s) given, {} expected", input_count(), fewest)
          : fmt::format("{} input(s) given, {} to {} expected", input_count(), fewest, most));
}

bool OnnxNode::Has(int i) const {
  if (i >= input_count()) return false;
  const OnnxValue& value = inputs_[static_cast<size_t>(i)];
  return value.node >= 0 || value.constant != nullptr;
}

bool OnnxNode::IsConstant(int i) const {
  return i < input_count() && inputs_[static_cast<size_t>(i)].constant != nullptr;
}

absl::StatusOr<int> OnnxNode::Activation(int i) const {
  if (IsConstant(i)) {
    return absl::UnimplementedError(
        fmt::format("input {} is a constant; export the model with constants folded", i));
  }
  if (!Has(i)) return absl::InvalidArgumentError(fmt::format("input {} is missing", i));
  return inputs_[static_cast<size_t>(i)].node;
}

absl::StatusOr<int> OnnxNode::Operand(int i) {
  if (!IsConstant(i)) return Activation(i);
  BITSCAPE_ASSIGN_OR_RETURN(TensorPtr tensor, FloatConstant(i, "operand"));
  Shape shape = tensor->shape;
  return graph_->AddNode(PrintableName(proto_->input(i)), network::Constant{std::move(tensor)}, {},
                         std::move(shape));
}

absl::StatusOr<OnnxConstantPtr> OnnxNode::Constant(int i, std::string_view what) const {
  if (!IsConstant(i)) {
    return absl::UnimplementedError(
        fmt::format("{} (input {}) is computed, only a constant is supported", what, i));
  }
  return inputs_[static_cast<size_t>(i)].constant;
}

absl::StatusOr<TensorPtr> OnnxNode::FloatConstant(int i, std::string_view what) const {
  BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, Constant(i, what));
  if (constant->is_integer) {
    return absl::InvalidArgumentError(
        fmt::format("{} (input {}) holds integers, floats are expected", what, i));
  }
  if (ElementCount(constant->shape()) == 0) {
    return absl::InvalidArgumentError(fmt::format("{} (input {}) is empty", what, i));
  }
  return constant->tensor;
}

absl::StatusOr<float> OnnxNode::ScalarConstant(int i, std::string_view what) const {
  BITSCAPE_ASSIGN_OR_RETURN(const TensorPtr tensor, FloatConstant(i, what));
  if (tensor->values.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{} (input {}) should be one number, its data is not in the file", what, i));
  }
  if (tensor->values.size() != 1) {
    return absl::InvalidArgumentError(fmt::format("{} (input {}) has {} elements, 1 is expected",
                                                  what, i, tensor->values.size()));
  }
  return tensor->values[0];
}

absl::StatusOr<std::vector<int64_t>> OnnxNode::IntegerConstant(int i, std::string_view what) const {
  BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, Constant(i, what));
  if (!constant->is_integer) {
    return absl::InvalidArgumentError(
        fmt::format("{} (input {}) holds floats, integers are expected", what, i));
  }
  return constant->integers;
}

absl::Status OnnxNode::Emit(Operator op, std::vector<int> inputs) {
  std::vector<Shape> shapes;
  for (const int input : inputs) shapes.push_back(ShapeOf(input));
  BITSCAPE_ASSIGN_OR_RETURN(Shape shape, InferShape(op, shapes));
  BITSCAPE_ASSIGN_OR_RETURN(
      const int node, graph_->AddNode(name_, std::move(op), std::move(inputs), std::move(shape)));
  graph_->Define(proto_->output(0), OnnxValue{node, nullptr});
  return absl::OkStatus();
}

absl::Status OnnxNode::EmitReshape(int input, Shape shape) {
  BITSCAPE_ASSIGN_OR_RETURN(const int node,
                            graph_->AddNode(name_, Reshape{}, {input}, std::move(shape)));
  graph_->Define(proto_->output(0), OnnxValue{node, nullptr});
  return absl::OkStatus();
}

absl::Status OnnxNode::EmitConstant(OnnxConstantPtr constant) {
  BITSCAPE_RETURN_IF_ERROR(graph_->Charge(constant->size()));
  graph_->Define(proto_->output(0), OnnxValue{-1, std::move(constant)});
  return absl::OkStatus();
}

absl::Status OnnxNode::EmitAlias(int i) {
  graph_->Define(proto_->output(0), inputs_[static_cast<size_t>(i)]);
  return absl::OkStatus();
}

}  // namespace bitscape::network
