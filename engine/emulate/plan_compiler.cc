#include "engine/emulate/plan_compiler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/operand_steps.h"
#include "engine/emulate/narrow_steps.h"
#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

using network::Node;

bool IsDataMovement(const Node& node) {
  return std::holds_alternative<network::Input>(node.op) ||
         std::holds_alternative<network::Constant>(node.op) ||
         std::holds_alternative<network::Reshape>(node.op) ||
         std::holds_alternative<network::Transpose>(node.op) ||
         std::holds_alternative<network::Concat>(node.op);
}

std::optional<Activation> ActivationOf(const Node& node) {
  if (const auto* clip = std::get_if<network::Clip>(&node.op)) {
    return Activation{clip->min, clip->max};
  }
  return Activation{0, INFINITY};
}

}  // namespace

// Walks one plan over one graph.
class PlanCompiler::PlanVisit {
 public:
  PlanVisit(PlanCompiler& compiler, const NamedGraph& graph, const quantize::ResolvedPlan& plan)
      : shared_(compiler.shared_),
        builder_(compiler.builder_),
        images_(compiler.images_),
        graph_(graph),
        nodes_(graph.graph),
        plan_(plan) {}

  absl::StatusOr<CompiledPlan> Run() {
    result_.node_values.assign(nodes_.network.nodes.size(), -1);
    for (const int mac : network::MacLayers(nodes_.network)) {
      result_.layers.push_back(
          {NodeAt(mac).name, Path::kFloat32, true, "the output does not depend on it"});
    }
    for (const Operation& operation : nodes_.operations) {
      const Node& node = NodeAt(operation.node);
      absl::StatusOr<int> value =
          operation.mac >= 0 ? Mac(operation) : Vector(operation.node, Inputs(operation));
      if (value.ok() && !formats::IsFloat32(plan_.vector_format.format) && !IsDataMovement(node)) {
        value = EmitRound(builder_, *value, plan_.vector_format,
                          {.scaling = quantize::ScalingForRange(plan_.vector_format, 0, 0)},
                          ElementKind::kFloat32, RoundTo::kValues, node.name);
      }
      if (!value.ok()) {
        return Annotate(value.status(), (operation.mac >= 0 ? "layer " : "node ") + node.name);
      }
      result_.node_values[static_cast<size_t>(operation.output)] = *value;
    }
    const size_t output = static_cast<size_t>(nodes_.network.output);
    const int64_t logits = network::ElementCount(nodes_.network.nodes[output].shape);
    BITSCAPE_ASSIGN_OR_RETURN(result_.logits,
                              builder_.Reshape(result_.node_values[output], {images_, logits}));
    return std::move(result_);
  }

 private:
  int ValueOf(int node) const { return result_.node_values[static_cast<size_t>(node)]; }
  const Node& NodeAt(int node) const { return nodes_.network.nodes[static_cast<size_t>(node)]; }
  bool IsBatched(int node) const { return nodes_.batched[static_cast<size_t>(node)]; }
  Shape BatchedShape(const Node& node) const {
    Shape shape = node.shape;
    shape[0] = images_;
    return shape;
  }
  std::vector<int> Inputs(const Operation& operation) const {
    std::vector<int> values;
    for (const int input : operation.inputs) {
      values.push_back(ValueOf(input));
    }
    return values;
  }
  std::string NodeKey(const Node& node, const std::vector<int>& values) const {
    return fmt::format("{}|{}|{}", graph_.name, node.name, fmt::join(values, ","));
  }

  // Operations between MAC layers.

  absl::StatusOr<int> Vector(int index, const std::vector<int>& values) {
    const Node& node = NodeAt(index);
    if (std::holds_alternative<network::Input>(node.op)) {
      return Program::kInput;
    }
    if (!IsBatched(index)) {
      return Constant(node, values);
    }
    if (std::holds_alternative<network::Reshape>(node.op)) {
      return builder_.Reshape(values[0], BatchedShape(node));
    }
    const std::string key = NodeKey(node, values);
    if (const std::optional<int> known = builder_.Find(key)) {
      return *known;
    }
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<int> operands, VectorOperands(node, values));
    if (!operands.empty()) {
      std::vector<LayoutPtr> layouts;
      for (const int value : operands) {
        layouts.push_back(builder_.value(value).layout);
      }
      absl::StatusOr<KernelPtr> kernel = MakeVector(*shared_.engine, node, images_, layouts);
      if (kernel.ok()) {
        return EmitConverted(key, *std::move(kernel), operands, node.name);
      }
      if (kernel.status().code() != absl::StatusCode::kUnimplemented) {
        return kernel.status();
      }
    }
    return EmitConverted(key, MakePlain(node, images_, ShapesOf(node), BatchedInputs(node)), values,
                         node.name);
  }

  // Operands as oneDNN's primitives take them: sums and products have the operand that is broadcast
  // last, and constants of their rank. Empty where only plain loops will do.
  absl::StatusOr<std::vector<int>> VectorOperands(const Node& node, std::vector<int> values) {
    const bool binary = std::holds_alternative<network::Add>(node.op) ||
                        std::holds_alternative<network::Mul>(node.op);
    std::vector<bool> batched = BatchedInputs(node);
    if (binary && (!batched[0] || NodeAt(node.inputs[0]).shape != node.shape)) {
      std::swap(values[0], values[1]);
      std::vector<bool>::swap(batched[0], batched[1]);
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (batched[i]) {
        continue;
      }
      Shape shape = DimensionsOf(*builder_.value(values[i]).layout);
      if (!binary || i == 0 || shape.size() > node.shape.size()) {
        return std::vector<int>();
      }
      shape.insert(shape.begin(), node.shape.size() - shape.size(), 1);
      BITSCAPE_ASSIGN_OR_RETURN(values[i], builder_.Reshape(values[i], shape));
    }
    return values;
  }

  std::vector<Shape> ShapesOf(const Node& node) const {
    std::vector<Shape> shapes;
    for (const int input : node.inputs) {
      shapes.push_back(NodeAt(input).shape);
    }
    return shapes;
  }
  std::vector<bool> BatchedInputs(const Node& node) const {
    std::vector<bool> batched;
    for (const int input : node.inputs) {
      batched.push_back(IsBatched(input));
    }
    return batched;
  }

  // What does not depend on the image is computed here and now.
  int Constant(const Node& node, const std::vector<int>& values) {
    std::vector<PlainTensor> inputs;
    for (size_t i = 0; i < values.size(); ++i) {
      inputs.push_back({builder_.value(values[i]).constant->data(), &NodeAt(node.inputs[i]).shape});
    }
    std::vector<float> result(static_cast<size_t>(network::ElementCount(node.shape)));
    RunPlain(node, inputs, result);
    return builder_.Constant(NodeKey(node, values), std::move(result), node.shape);
  }

  absl::StatusOr<int> EmitConverted(const std::string& key, KernelPtr kernel,
                                    const std::vector<int>& values, const std::string& where) {
    std::vector<int> sources;
    for (size_t i = 0; i < values.size(); ++i) {
      BITSCAPE_ASSIGN_OR_RETURN(const int source, builder_.Convert(values[i], kernel->sources[i]));
      sources.push_back(source);
    }
    return builder_.Emit(key, std::move(kernel), std::move(sources), where);
  }

  // MAC layers.

  absl::StatusOr<int> Mac(const Operation& operation) {
    const size_t mac = static_cast<size_t>(operation.mac);
    BITSCAPE_ASSIGN_OR_RETURN(
        const MacLayer layer,
        PlanMacLayer(shared_, graph_, images_, operation, plan_.layers[mac], plan_.vector_format));
    LayerPath& path = result_.layers[mac];
    path.path = layer.decision.path;
    path.exact = layer.decision.exact;
    path.reason = layer.decision.reason;
    const std::vector<bool> batched = BatchedInputs(*layer.node);
    const bool all_batched = std::find(batched.begin(), batched.end(), false) == batched.end();
    if (layer.decision.arithmetic == Arithmetic::kInt64Codes || layer.HasNarrowSums() ||
        !all_batched) {
      return PlainMac(layer);
    }
    return layer.weights == nullptr ? MatMul(layer) : Product(layer);
  }

  std::string KeyOf(const MacLayer& layer) const {
    std::vector<int> values = Inputs(*layer.operation);
    if (layer.operation->addend >= 0) {
      values.push_back(ValueOf(layer.operation->addend));
    }
    return NodeKey(*layer.node, values) + '|' + layer.Key();
  }

  OperandValue OperandOf(const MacLayer& layer, size_t index) const {
    const int node = layer.operation->inputs[index];
    return {.index = index,
            .value = ValueOf(node),
            .shape = NodeAt(node).shape,
            .images = images_,
            .batched = IsBatched(node)};
  }

  std::vector<OperandValue> Operands(const MacLayer& layer) const {
    std::vector<OperandValue> operands;
    for (size_t index = 0; index < layer.operation->inputs.size(); ++index) {
      operands.push_back(OperandOf(layer, index));
    }
    return operands;
  }

  absl::StatusOr<int> Operand(const MacLayer& layer, size_t index, const LayoutPtr& layout) {
    return EmitOperand(builder_, layer, OperandOf(layer, index), layout);
  }

  // A convolution or Gemm by its primitive.
  absl::StatusOr<int> Product(const MacLayer& layer) {
    const std::string key = KeyOf(layer);
    const std::string key_apart = key + "|apart";
    if (const std::optional<int> known = builder_.Find(key)) {
      return InNodeShape(layer, *known);
    }
    if (const std::optional<int> known = builder_.Find(key_apart)) {
      return AddAndActivate(layer, *known);
    }
    MacSpec spec = SpecOf(layer);
    absl::StatusOr<KernelPtr> kernel = MakeMac(*shared_.engine, spec, shared_.packs);
    bool apart = layer.ScalesSums();
    if (spec.addend && absl::IsUnimplemented(kernel.status())) {
      apart = true;
      spec.addend = false;
      spec.activation.reset();
      kernel = MakeMac(*shared_.engine, spec, shared_.packs);
    }
    if (!kernel.ok()) {
      return kernel.status();
    }
    BITSCAPE_ASSIGN_OR_RETURN(const int src, Operand(layer, 0, (*kernel)->sources[0]));
    std::vector<int> sources{src};
    if (spec.addend) {
      BITSCAPE_ASSIGN_OR_RETURN(const int addend, builder_.Convert(ValueOf(layer.operation->addend),
                                                                   (*kernel)->sources[1]));
      sources.push_back(addend);
    }
    const int sum = builder_.Emit(apart ? key_apart : key, *std::move(kernel), std::move(sources),
                                  layer.node->name);
    return apart ? AddAndActivate(layer, sum) : InNodeShape(layer, sum);
  }

  absl::StatusOr<int> InNodeShape(const MacLayer& layer, int value) {
    const Shape shape = BatchedShape(NodeAt(layer.operation->output));
    return DimensionsOf(*builder_.value(value).layout) == shape ? value
                                                                : builder_.Reshape(value, shape);
  }

  // What follows the sums, or was fused into the layer, as steps of its own.
  absl::StatusOr<int> AddAndActivate(const MacLayer& layer, int sum) {
    const Operation& operation = *layer.operation;
    absl::StatusOr<int> value = InNodeShape(layer, sum);
    if (value.ok() && layer.ScalesSums()) {
      value = EmitSumScales(builder_, layer, Operands(layer), *value);
    }
    if (value.ok() && operation.addend >= 0) {
      const int add =
          operation.activation >= 0 ? NodeAt(operation.activation).inputs[0] : operation.output;
      value = Vector(add, {*value, ValueOf(operation.addend)});
    }
    if (value.ok() && operation.activation >= 0) {
      value = Vector(operation.activation, {*value});
    }
    return value;
  }

  MacSpec SpecOf(const MacLayer& layer) const {
    MacSpec spec;
    spec.node = layer.node;
    spec.src_shape = NodeAt(layer.node->inputs[0]).shape;
    spec.images = images_;
    spec.operands = layer.operands;
    spec.weights = layer.operand_weights();
    spec.scales = layer.scales;
    spec.pack_key = fmt::format("{}|{}|{}|{}|", graph_.name, layer.node->name,
                                layer.weights_quantizer.ToString(), layer.UsesValues());
    if (layer.ScalesSums()) {
      return spec;  // the sums alone
    }
    spec.bias = layer.bias();
    spec.addend = layer.operation->addend >= 0;
    if (layer.operation->activation >= 0) {
      spec.activation = ActivationOf(NodeAt(layer.operation->activation));
    }

    return spec;
  }

  absl::StatusOr<int> MatMul(const MacLayer& layer) {
    const std::vector<Shape> shapes = ShapesOf(*layer.node);
    if (shapes[0].size() < 3 || shapes[0].size() != shapes[1].size()) {
      return PlainMac(layer);
    }
    const std::string key = KeyOf(layer);
    if (const std::optional<int> known = builder_.Find(key)) {
      return AddAndActivate(layer, *known);
    }
    BITSCAPE_ASSIGN_OR_RETURN(
        KernelPtr kernel, MakeMatMul(*shared_.engine, *layer.node, shapes[0], shapes[1], images_,
                                     layer.scales.empty() ? 1.0f : layer.scales[0]));
    BITSCAPE_ASSIGN_OR_RETURN(const int sums, EmitOperands(layer, key, std::move(kernel)));
    return AddAndActivate(layer, sums);
  }

  absl::StatusOr<int> EmitOperands(const MacLayer& layer, const std::string& key,
                                   KernelPtr kernel) {
    std::vector<int> sources;
    for (size_t operand = 0; operand < layer.operation->inputs.size(); ++operand) {
      BITSCAPE_ASSIGN_OR_RETURN(const int source,
                                Operand(layer, operand, kernel->sources[operand]));
      sources.push_back(source);
    }
    return builder_.Emit(key, std::move(kernel), std::move(sources), layer.node->name);
  }

  absl::StatusOr<int> PlainMac(const MacLayer& layer) {
    BITSCAPE_ASSIGN_OR_RETURN(const int sum, PlainSum(layer));
    return AddAndActivate(layer, sum);
  }

  absl::StatusOr<int> PlainSum(const MacLayer& layer) {
    const std::string key = KeyOf(layer);
    if (const std::optional<int> known = builder_.Find(key)) {
      return *known;
    }
    if (layer.HasNarrowSums()) {
      return EmitOperands(layer, key,
                          MakeNarrow(NarrowSpecOf(layer, images_, ShapesOf(*layer.node),
                                                  BatchedInputs(*layer.node))));
    }
    PlainMacSpec spec;
    spec.node = layer.node;
    spec.images = images_;
    spec.shapes = ShapesOf(*layer.node);
    spec.batched = BatchedInputs(*layer.node);
    const bool floats = layer.UsesValues() || layer.decision.arithmetic == Arithmetic::kBfloat16;
    spec.sums = floats ? PlainSums::kDouble : PlainSums::kInt64;
    if (layer.weights != nullptr) {
      spec.weights = layer.operand_weights();
    }
    spec.scales = layer.scales;
    if (!layer.ScalesSums()) {
      spec.bias.assign(layer.bias().begin(), layer.bias().end());
    }
    return EmitOperands(layer, key, MakePlainMac(std::move(spec)));
  }

  SharedState& shared_;
  ProgramBuilder& builder_;
  const int64_t images_;
  const NamedGraph& graph_;
  const Graph& nodes_;
  const quantize::ResolvedPlan& plan_;
  CompiledPlan result_;
};

PlanCompiler::PlanCompiler(SharedState& shared, const Shape& images)
    : shared_(shared), images_(images[0]), builder_(*shared.engine, images) {}

absl::StatusOr<PlanCompiler::CompiledPlan> PlanCompiler::Add(const NamedGraph& graph,
                                                             const quantize::ResolvedPlan& plan) {
  return PlanVisit(*this, graph, plan).Run();
}

}  // namespace bitscape::emulate
