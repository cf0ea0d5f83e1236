// The network under construction, and one ONNX node as its converter sees it.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/network/network.h"
#include "engine/network/onnx_attributes.h"
#include "engine/network/onnx_import.h"
#include "engine/network/onnx_tensor.h"

namespace bitscape::network {

// What an ONNX value became: a node of the network, or a constant that no node holds yet.
struct OnnxValue {
  int node = -1;
  OnnxConstantPtr constant;
};

// Collects nodes and named values.
class OnnxGraph {
 public:
  OnnxGraph(const ImportLimits& limits, int opset) : limits_(limits), opset_(opset) {}

  int opset() const { return opset_; }
  // The first input dimension where the file gives a number, else 1.
  int64_t declared_batch() const { return declared_batch_; }
  void set_declared_batch(int64_t batch) { declared_batch_ = batch; }
  const ImportLimits& limits() const { return limits_; }
  const Node& node(int index) const { return network.nodes[static_cast<size_t>(index)]; }

  // Initializers are read when a node first asks for them. `proto` must outlive the graph.
  absl::Status AddInitializer(const onnx::TensorProto& proto);
  bool HasInitializer(std::string_view name) const;
  void Define(std::string_view name, OnnxValue value);
  // Errors: kInvalidArgument where nothing defines the name, or what reading the initializer gives.
  absl::StatusOr<OnnxValue> Find(std::string_view name);

  // Counts weights and constants, copies and shared ones alike, so that a small file can't grow
  // without end. Errors: kResourceExhausted beyond limits.max_total_elements.
  absl::Status Charge(int64_t elements);
  // The same for weights without values. Errors: beyond limits.max_shape_elements.
  absl::Status ChargeShape(int64_t elements);
  // Appends a node whose shape is within the limits and keeps the batch. `name` is a wish.
  absl::StatusOr<int> AddNode(std::string_view name, Operator op, std::vector<int> inputs,
                              Shape shape);

  Network network;

 private:
  std::string UniqueName(std::string_view wish);

  ImportLimits limits_;
  int opset_;
  int64_t declared_batch_ = 1;
  int64_t constant_elements_ = 0, shape_elements_ = 0;
  std::unordered_map<std::string, const onnx::TensorProto*> initializers_;
  std::unordered_map<std::string, OnnxValue> values_;
  std::unordered_map<std::string, int> name_uses_;
};

// One ONNX node: inputs by position, attributes, and ways to say what it becomes.
class OnnxNode {
 public:
  // `proto` and `graph` must outlive the object.
  static absl::StatusOr<OnnxNode> Create(const onnx::NodeProto& proto, std::string name,
                                         OnnxGraph& graph);

  int opset() const { return graph_->opset(); }
  int64_t declared_batch() const { return graph_->declared_batch(); }
  OnnxAttributes& attributes() { return attributes_; }
  const onnx::NodeProto& proto() const { return *proto_; }
  const ImportLimits& limits() const { return graph_->limits(); }

  // Errors: kInvalidArgument naming the numbers.
  absl::Status CheckInputCount(int fewest, int most) const;
  int input_count() const { return static_cast<int>(inputs_.size()); }
  // Optional inputs are left out by position or by an empty name.
  bool Has(int i) const;
  bool IsConstant(int i) const;

  // The node that makes input i. Errors: kUnimplemented for a constant, kInvalidArgument where
  // absent.
  absl::StatusOr<int> Activation(int i) const;
  // The same, but a float constant becomes a Constant node.
  absl::StatusOr<int> Operand(int i);
  const Shape& ShapeOf(int node) const { return graph_->node(node).shape; }
  const Node& NodeOf(int node) const { return graph_->node(node); }
  // A constant input of either kind; `what` names it. Errors: kUnimplemented where it is computed.
  absl::StatusOr<OnnxConstantPtr> Constant(int i, std::string_view what) const;
  absl::StatusOr<TensorPtr> FloatConstant(int i, std::string_view what) const;
  absl::StatusOr<float> ScalarConstant(int i, std::string_view what) const;
  absl::StatusOr<std::vector<int64_t>> IntegerConstant(int i, std::string_view what) const;

  // What the node becomes; each converter calls one of these once.
  absl::Status Emit(Operator op, std::vector<int> inputs);
  absl::Status EmitReshape(int input, Shape shape);
  absl::Status EmitConstant(OnnxConstantPtr constant);
  absl::Status EmitAlias(int i);  // the value of input i

 private:
  OnnxNode(const onnx::NodeProto& proto, std::string name, OnnxGraph& graph,
           OnnxAttributes attributes);

  const onnx::NodeProto* proto_;
  std::string name_;
  OnnxGraph* graph_;
  OnnxAttributes attributes_;
  std::vector<OnnxValue> inputs_;  // neither node nor constant where left out
};

// "block1.conv1" for PyTorch's "/block1/conv1/Conv"; see the README of this folder. Bytes that are
// not printable UTF-8 become '?', and names are cut after 200 bytes.
std::string ReadableNodeName(std::string_view onnx_name, std::string_view op_type);
// The name as messages and node names may hold it.
std::string PrintableName(std::string_view name);

}  // namespace bitscape::network
