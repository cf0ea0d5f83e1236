#include "engine/network/onnx_import.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/core/files.h"
#include "engine/core/status.h"
#include "engine/network/element_count.h"
#include "engine/network/onnx_node.h"
#include "engine/network/onnx_operators.h"
#include "engine/network/onnx_wire.h"
#include "engine/network/rewrite.h"

namespace bitscape::network {
namespace {

constexpr int64_t kFirstOpset = 7;
constexpr int64_t kLastOpset = 17;
constexpr int64_t kParsedSlackBytes = int64_t{256} << 20;

bool IsDefaultDomain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

absl::StatusOr<int> ReadOpset(const onnx::ModelProto& model) {
  for (const onnx::OperatorSetIdProto& opset : model.opset_import()) {
    if (!IsDefaultDomain(opset.domain())) continue;
    if (opset.version() < kFirstOpset || opset.version() > kLastOpset) {
      return absl::UnimplementedError(fmt::format("opset {}; {} to {} are supported",
                                                  opset.version(), kFirstOpset, kLastOpset));
    }
    return static_cast<int>(opset.version());
  }
  return absl::InvalidArgumentError("no opset is stated; is this an ONNX model?");
}

// The graph input that is not an initializer (old files list those as well).
absl::StatusOr<const onnx::ValueInfoProto*> FindInput(const onnx::GraphProto& graph,
                                                      const OnnxGraph& builder) {
  const onnx::ValueInfoProto* found = nullptr;
  for (const onnx::ValueInfoProto& input : graph.input()) {
    if (builder.HasInitializer(input.name())) continue;
    if (found != nullptr) {
      return absl::UnimplementedError(
          fmt::format("two graph inputs, '{}' and '{}'; one is supported",
                      PrintableName(found->name()), PrintableName(input.name())));
    }
    found = &input;
  }
  if (found == nullptr) return absl::InvalidArgumentError("the graph has no input");
  return found;
}

struct InputShape {
  Shape shape;        // for a batch of one
  int64_t batch = 1;  // as the file says it, 1 where symbolic
};

absl::StatusOr<InputShape> ReadInputShape(const onnx::ValueInfoProto& input) {
  const onnx::TypeProto::Tensor& type = input.type().tensor_type();
  if (type.elem_type() != onnx::TensorProto::FLOAT) {
    return absl::UnimplementedError(
        fmt::format("element type number {}; float (1) is supported", type.elem_type()));
  }
  const onnx::TensorShapeProto& shape = type.shape();
  if (shape.dim_size() < 2 || shape.dim_size() > 4) {
    return absl::UnimplementedError(fmt::format(
        "{} dimensions; 2 to 4 (batch, channels, height, width) are supported", shape.dim_size()));
  }
  InputShape result;
  result.shape.push_back(1);
  const auto& batch = shape.dim(0);
  if (batch.has_dim_value()) {
    if (batch.dim_value() < 1) {
      return absl::InvalidArgumentError(fmt::format("dimension 0 is {}", batch.dim_value()));
    }
    result.batch = batch.dim_value();
  }
  for (int i = 1; i < shape.dim_size(); ++i) {
    if (!shape.dim(i).has_dim_value()) {
      return absl::UnimplementedError(
          fmt::format("dimension {} is symbolic ('{}'); only the batch (dimension 0) may be", i,
                      PrintableName(shape.dim(i).dim_param())));
    }
    if (shape.dim(i).dim_value() < 1) {
      return absl::InvalidArgumentError(
          fmt::format("dimension {} is {}", i, shape.dim(i).dim_value()));
    }
    result.shape.push_back(shape.dim(i).dim_value());
  }
  return result;
}

// Who makes each value.
using Producers = std::unordered_map<std::string_view, int>;

std::string Describe(const onnx::NodeProto& node, int index) {
  const std::string name =
      node.name().empty() ? fmt::format("number {}", index) : PrintableName(node.name());
  return fmt::format("node '{}' ({})", name, PrintableName(node.op_type()));
}

absl::StatusOr<Producers> FindProducers(const onnx::GraphProto& graph, const OnnxGraph& builder,
                                        std::string_view input) {
  Producers producers;
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& output : graph.node(i).output()) {
      if (output.empty()) continue;
      if (output == input || builder.HasInitializer(output) ||
          !producers.emplace(output, i).second) {
        return absl::InvalidArgumentError(fmt::format(
            "{}: the value '{}' is made twice", Describe(graph.node(i), i), PrintableName(output)));
      }
    }
  }
  return producers;
}

// The nodes that the output needs, in an order where producers come first; the file's order as far
// as it is one.
absl::StatusOr<std::vector<int>> SortNodes(const onnx::GraphProto& graph,
                                           const Producers& producers, std::string_view output) {
  const auto count = static_cast<size_t>(graph.node_size());
  std::vector<bool> live(count, false);
  std::vector<int> pending;
  const auto need = [&](std::string_view value) {
    const auto producer = producers.find(value);
    if (producer == producers.end() || live[static_cast<size_t>(producer->second)]) return;
    live[static_cast<size_t>(producer->second)] = true;
    pending.push_back(producer->second);
  };
  need(output);
  while (!pending.empty()) {
    const int node = pending.back();
    pending.pop_back();
    for (const std::string& input : graph.node(node).input()) need(input);
  }

  std::vector<int> missing(count, 0);  // inputs whose producer isn't placed yet
  std::vector<std::vector<int>> readers(count);
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    if (!live[i]) continue;
    for (const std::string& input : graph.node(static_cast<int>(i)).input()) {
      const auto producer = producers.find(input);
      if (producer == producers.end()) continue;
      ++missing[i];
      readers[static_cast<size_t>(producer->second)].push_back(static_cast<int>(i));
    }
    if (missing[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int node = ready.top();
    ready.pop();
    order.push_back(node);
    live[static_cast<size_t>(node)] = false;
    for (const int reader : readers[static_cast<size_t>(node)]) {
      if (--missing[static_cast<size_t>(reader)] == 0) ready.push(reader);
    }
  }
  const auto stuck = std::ranges::find(live, true);
  if (stuck != live.end()) {
    const auto index = static_cast<int>(stuck - live.begin());
    return absl::InvalidArgumentError(
        fmt::format("{} is part of a cycle, or fed by one", Describe(graph.node(index), index)));
  }
  return order;
}

absl::Status ConvertNode(const onnx::NodeProto& proto, int index, OnnxGraph& builder,
                         const std::unordered_set<std::string_view>& read_values) {
  if (proto.output_size() < 1 || proto.output(0).empty()) {
    return absl::UnimplementedError("its first output has no name");
  }
  for (int i = 1; i < proto.output_size(); ++i) {
    if (read_values.contains(proto.output(i))) {
      return absl::UnimplementedError(
          fmt::format("output {} ('{}') is used; only output 0 is supported", i,
                      PrintableName(proto.output(i))));
    }
  }
  const auto operators = OnnxOperators();
  const auto row =
      std::ranges::find_if(operators, [&](const auto& op) { return op.type == proto.op_type(); });
  if (row == operators.end() || !IsDefaultDomain(proto.domain())) {
    return absl::UnimplementedError(
        fmt::format("the operator {}{} is not supported",
                    IsDefaultDomain(proto.domain()) ? "" : PrintableName(proto.domain()) + ".",
                    PrintableName(proto.op_type())));
  }
  std::string name = ReadableNodeName(proto.name(), proto.op_type());
  if (name.empty()) name = fmt::format("{}_{}", proto.op_type(), index);
  BITSCAPE_ASSIGN_OR_RETURN(OnnxNode node, OnnxNode::Create(proto, std::move(name), builder));
  BITSCAPE_RETURN_IF_ERROR(row->convert(node));
  return node.attributes().AllRead();
}

bool IsBiasOf(const Tensor& tensor, int64_t channels) {
  return !tensor.shape.empty() && tensor.shape.back() == channels &&
         ElementCount(tensor.shape) == channels;
}

// Exporters write a product with bias as MatMul and Add. Where nothing else reads the product and
// the constant has one value a channel, the constant becomes the product's bias.
void FuseBias(Network& network) {
  const std::vector<int> readers = ReaderCounts(network);
  std::vector<int> replacement(network.nodes.size());
  std::iota(replacement.begin(), replacement.end(), 0);
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    const Node& add = network.nodes[i];
    if (!std::holds_alternative<Add>(add.op)) continue;
    for (const size_t side : {size_t{0}, size_t{1}}) {
      const int product = add.inputs[side];
      const Node& other = network.nodes[static_cast<size_t>(add.inputs[1 - side])];
      Node& layer = network.nodes[static_cast<size_t>(product)];
      auto* gemm = std::get_if<Gemm>(&layer.op);
      const auto* constant = std::get_if<Constant>(&other.op);
      if (gemm == nullptr || gemm->bias != nullptr || constant == nullptr ||
          readers[static_cast<size_t>(product)] != 1 || layer.shape != add.shape ||
          !IsBiasOf(*constant->value, gemm->weights->shape[0])) {
        continue;
      }
      gemm->bias =
          std::make_shared<Tensor>(Tensor{{gemm->weights->shape[0]}, constant->value->values});
      replacement[i] = product;
      break;
    }
  }
  ReplaceNodes(network, replacement);
}

absl::StatusOr<Network> ImportGraph(const onnx::ModelProto& model, const ImportLimits& limits) {
  BITSCAPE_ASSIGN_OR_RETURN(const int opset, ReadOpset(model));
  const onnx::GraphProto& graph = model.graph();
  if (graph.node_size() > limits.max_nodes) {
    return absl::ResourceExhaustedError(
        fmt::format("{} nodes, the limit is {}", graph.node_size(), limits.max_nodes));
  }
  if (graph.sparse_initializer_size() > 0) {
    return absl::UnimplementedError("sparse initializers are not supported");
  }
  if (graph.output_size() == 0) return absl::InvalidArgumentError("the graph has no output");

  OnnxGraph builder(limits, opset);
  for (const onnx::TensorProto& initializer : graph.initializer()) {
    BITSCAPE_RETURN_IF_ERROR(builder.AddInitializer(initializer));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const onnx::ValueInfoProto* input, FindInput(graph, builder));
  absl::StatusOr<InputShape> input_shape = ReadInputShape(*input);
  const std::string where = fmt::format("graph input '{}'", PrintableName(input->name()));
  if (!input_shape.ok()) return Annotate(input_shape.status(), where);
  builder.set_declared_batch(input_shape->batch);
  const std::string input_name = PrintableName(input->name());
  absl::StatusOr<int> input_node = builder.AddNode(input_name.empty() ? "input" : input_name,
                                                   Input{}, {}, std::move(input_shape->shape));
  if (!input_node.ok()) return Annotate(input_node.status(), where);
  builder.Define(input->name(), OnnxValue{*input_node, nullptr});

  const std::string& output = graph.output(0).name();
  BITSCAPE_ASSIGN_OR_RETURN(const Producers producers,
                            FindProducers(graph, builder, input->name()));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<int> order, SortNodes(graph, producers, output));
  std::unordered_set<std::string_view> read_values{output};
  for (const int index : order) {
    for (const std::string& value : graph.node(index).input()) read_values.insert(value);
  }
  for (const int index : order) {
    const absl::Status status = ConvertNode(graph.node(index), index, builder, read_values);
    if (!status.ok()) return Annotate(status, Describe(graph.node(index), index));
  }
  absl::StatusOr<OnnxValue> result = builder.Find(output);
  if (!result.ok() || result->node < 1) {
    return absl::InvalidArgumentError(
        fmt::format("the graph output '{}' is not computed from the input", PrintableName(output)));
  }
  builder.network.output = result->node;
  FuseBias(builder.network);
  return std::move(builder.network);
}

}  // namespace

absl::StatusOr<Network> ImportOnnx(std::string_view bytes, std::string_view file,
                                   std::string_view name, const InputScaling& scaling,
                                   const ImportLimits& limits) {
  const std::string where(file);
  constexpr int64_t kProtobufLimit = std::numeric_limits<int>::max();
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > std::min(limits.max_file_bytes, kProtobufLimit)) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} bytes, the limit is {}", where, size,
                    std::min(limits.max_file_bytes, kProtobufLimit)));
  }
  // Honest files grow little: weights keep their size.
  if (absl::Status status = CheckParsedSize(bytes, kParsedSlackBytes + 2 * size); !status.ok()) {
    return Annotate(status, where);
  }
  onnx::ModelProto model;
  if (size == 0 || !model.ParseFromArray(bytes.data(), static_cast<int>(size))) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not an ONNX model, or cut short ({} bytes)", where, size));
  }
  absl::StatusOr<Network> network = ImportGraph(model, limits);
  if (!network.ok()) return Annotate(network.status(), where);
  network->name = name;
  network->source = where;
  network->input_scaling = scaling;
  if (absl::Status status = Validate(*network); !status.ok()) return Annotate(status, where);
  return network;
}

absl::StatusOr<Network> ImportOnnxFile(const std::filesystem::path& path, std::string_view name,
                                       const InputScaling& scaling, const ImportLimits& limits) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.max_file_bytes));
  return ImportOnnx(bytes, path.string(), name, scaling, limits);
}

}  // namespace bitscape::network
