#include "engine/emulate/plan_compiler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

using formats::Quantizer;
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

std::string KeyOf(const formats::Scaling& scaling) {
  return fmt::format("{:a}/{}", scaling.scale, scaling.zero_point);
}

}  // namespace

// Walks one plan over one graph.
class PlanCompiler::PlanVisit {
 public:
  PlanVisit(PlanCompiler& compiler, const NamedGraph& graph, const quantize::ResolvedPlan& plan)
      : shared_(compiler.shared_),
        builder_(compiler.builder_),
        images_(compiler.images_),
        name_(graph.name),
        graph_(graph.graph),
        plan_(plan) {}

  absl::StatusOr<CompiledPlan> Run() {
    result_.node_values.assign(graph_.network.nodes.size(), -1);
    for (const int mac : network::MacLayers(graph_.network)) {
      result_.layers.push_back(
          {NodeAt(mac).name, Path::kFloat32, true, "the output does not depend on it"});
    }
    for (const Operation& operation : graph_.operations) {
      const Node& node = NodeAt(operation.node);
      absl::StatusOr<int> value =
          operation.mac >= 0 ? Mac(operation) : Vector(operation.node, Inputs(operation));
      if (value.ok() && !formats::IsFloat32(plan_.vector_format.format) && !IsDataMovement(node)) {
        value = Round(*value, plan_.vector_format, FixedScaling(plan_.vector_format.format),
                      ElementKind::kFloat32, RoundTo::kValues, node.name);
      }
      if (!value.ok()) {
        return Annotate(value.status(), (operation.mac >= 0 ? "layer " : "node ") + node.name);
      }
      result_.node_values[static_cast<size_t>(operation.output)] = *value;
    }
    const size_t output = static_cast<size_t>(graph_.network.output);
    const int64_t logits = network::ElementCount(graph_.network.nodes[output].shape);
    BITSCAPE_ASSIGN_OR_RETURN(result_.logits,
                              builder_.Reshape(result_.node_values[output], {images_, logits}));
    return std::move(result_);
  }

 private:
  // A MAC layer's operands and rounding, gathered.
  struct Layer {
    const Operation* operation = nullptr;
    const Node* node = nullptr;
    Quantizer weights_quantizer, activations_quantizer;
    std::vector<int> inputs;
    std::vector<formats::Scaling> scalings;         // of each activation operand
    std::shared_ptr<const RoundedWeights> weights;  // null for MatMul
    Decision decision;
    std::vector<float> scales;  // weight scale * activation scale
    std::string key;
  };

  const Node& NodeAt(int node) const { return graph_.network.nodes[static_cast<size_t>(node)]; }
  bool IsBatched(int node) const { return graph_.batched[static_cast<size_t>(node)]; }
  Shape BatchedShape(const Node& node) const {
    Shape shape = node.shape;
    shape[0] = images_;
    return shape;
  }
  std::vector<int> Inputs(const Operation& operation) const {
    std::vector<int> values;
    for (const int input : operation.inputs) {
      values.push_back(result_.node_values[static_cast<size_t>(input)]);
    }
    return values;
  }
  std::string NodeKey(const Node& node, const std::vector<int>& values) const {
    return fmt::format("{}|{}|{}", name_, node.name, fmt::join(values, ","));
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

  absl::StatusOr<int> Round(int value, const Quantizer& quantizer, const formats::Scaling& scaling,
                            ElementKind elements, RoundTo to, const std::string& where) {
    const std::string key =
        fmt::format("round|{}|{}|{}|{}|{}", value, quantizer.ToString(), KeyOf(scaling),
                    static_cast<int>(elements), static_cast<int>(to));
    if (const std::optional<int> known = builder_.Find(key)) {
      return *known;
    }
    return builder_.Emit(key,
                         MakeRound(quantizer, scaling, builder_.value(value).layout, elements, to),
                         {value}, where);
  }

  // MAC layers.

  absl::StatusOr<int> Mac(const Operation& operation) {
    BITSCAPE_ASSIGN_OR_RETURN(Layer layer, Gather(operation));
    LayerPath& path = result_.layers[static_cast<size_t>(operation.mac)];
    path.path = layer.decision.path;
    path.exact = layer.decision.exact;
    path.reason = layer.decision.reason;
    const bool is_matmul = layer.weights == nullptr;
    const bool all_batched =
        IsBatched(operation.inputs[0]) && (!is_matmul || IsBatched(operation.inputs[1]));
    if (layer.decision.arithmetic == Arithmetic::kInt64Codes || !all_batched) {
      return PlainMac(layer);
    }
    return is_matmul ? MatMul(layer) : Product(layer);
  }

  absl::StatusOr<Layer> Gather(const Operation& operation) {
    const size_t mac = static_cast<size_t>(operation.mac);
    const quantize::LayerPrecision& precision = plan_.layers[mac];
    Layer layer;
    layer.operation = &operation;
    layer.node = &NodeAt(operation.node);
    layer.inputs = Inputs(operation);
    layer.activations_quantizer = precision.activations;
    const network::Tensor* weights = WeightsOf(*layer.node);
    layer.weights_quantizer = weights == nullptr ? precision.activations : precision.weights;
    for (size_t operand = 0; operand < operation.inputs.size(); ++operand) {
      formats::Scaling scaling;
      if (!formats::IsFloat32(precision.activations.format)) {
        BITSCAPE_ASSIGN_OR_RETURN(scaling, ScalingOf(precision.activations, mac, operand));
      }
      layer.scalings.push_back(scaling);
    }
    if (weights != nullptr) {
      BITSCAPE_ASSIGN_OR_RETURN(
          layer.weights,
          shared_.weights.Get(name_ + '|' + layer.node->name, *weights, layer.weights_quantizer));
    }
    Decide(layer, precision.accumulator.kind);
    std::string scalings;
    for (const formats::Scaling& scaling : layer.scalings) {
      scalings += KeyOf(scaling) + ',';
    }
    std::vector<int> values = layer.inputs;
    if (operation.addend >= 0) {
      values.push_back(result_.node_values[static_cast<size_t>(operation.addend)]);
    }
    layer.key =
        fmt::format("{}|{}|{}|{}|{}", NodeKey(*layer.node, values),
                    layer.weights_quantizer.ToString(), layer.activations_quantizer.ToString(),
                    scalings, static_cast<int>(layer.decision.arithmetic));
    return layer;
  }

  absl::StatusOr<formats::Scaling> ScalingOf(const Quantizer& quantizer, size_t mac,
                                             size_t operand) {
    return quantize::ActivationScaling(quantizer, shared_.ranges[mac][operand]);
  }

  bool IsFast(const Layer& layer, ElementKind kind) {
    const auto key = std::make_pair(name_ + '|' + layer.node->name, kind);
    const auto known = shared_.fast_macs.find(key);
    if (known != shared_.fast_macs.end()) {
      return known->second;
    }
    const Shape& src_shape = NodeAt(layer.node->inputs[0]).shape;
    return shared_.fast_macs[key] =
               HasFastMac(*shared_.engine, *layer.node, src_shape, images_, kind);
  }

  // Unsigned 8-bit operands run fastest; a signed quantizer gives no negative code to a value that
  // has no sign.
  ElementKind IntegerKind(const Layer& layer) {
    const auto* integer =
        std::get_if<formats::Integer>(&layer.activations_quantizer.format.element);
    const bool nonnegative = graph_.nonnegative[static_cast<size_t>(layer.operation->inputs[0])];
    const bool is_unsigned = integer != nullptr && !integer->is_signed;
    const bool can_drop_sign = integer != nullptr && integer->bits > 1 && nonnegative;
    return is_unsigned || (can_drop_sign && IsFast(layer, ElementKind::kUint8))
               ? ElementKind::kUint8
               : ElementKind::kInt8;
  }

  void Decide(Layer& layer, quantize::Accumulator::Kind accumulator) {
    const Shape& src_shape = NodeAt(layer.node->inputs[0]).shape;
    LayerFacts facts;
    facts.weights = layer.weights_quantizer;
    facts.activations = layer.activations_quantizer;
    facts.accumulator = accumulator;
    facts.reduction_length = ReductionLength(*layer.node, src_shape);
    if (layer.weights != nullptr) {
      facts.weight_units = layer.weights->units;
      facts.smallest_weight = layer.weights->smallest;
      facts.largest_weight = layer.weights->largest;
      for (const float scale : layer.weights->scales) {
        layer.scales.push_back(scale * layer.scalings[0].scale);
      }
    } else {
      const formats::NumberFormat& format = facts.weights.format;
      const double largest =
          formats::LargestFinite(format.element) - formats::SmallestFinite(format.element);
      facts.weight_units =
          static_cast<double>(facts.reduction_length) * largest / UnitInLastPlace(format.element);
      layer.scales = {layer.scalings[0].scale * layer.scalings[1].scale};
    }
    facts.integer_scales_fit = ScalesFit(layer);
    const bool integers = formats::IsIntegerLike(facts.weights.format) &&
                          formats::IsIntegerLike(facts.activations.format);
    facts.has_int8_kernel =
        layer.weights != nullptr && integers && IsFast(layer, IntegerKind(layer));
    facts.has_bfloat16_kernel = layer.weights != nullptr && IsFast(layer, ElementKind::kBfloat16);
    layer.decision = ChoosePath(facts);
  }

  static bool ScalesFit(const Layer& layer) {
    const network::Tensor* bias = BiasOf(*layer.node);
    for (size_t i = 0; i < layer.scales.size(); ++i) {
      if (!std::isnormal(layer.scales[i])) {
        return false;
      }
    }
    for (size_t i = 0; bias != nullptr && i < bias->values.size(); ++i) {
      if (!std::isfinite(bias->values[i] / layer.scales[layer.scales.size() == 1 ? 0 : i])) {
        return false;
      }
    }
    return true;
  }

  // Rounds operand `operand` for the layer's arithmetic, in the layout that its kernel takes.
  absl::StatusOr<int> Operand(const Layer& layer, size_t operand, const LayoutPtr& layout) {
    const LayoutPtr as_float = WithElements(layout, ElementKind::kFloat32);
    BITSCAPE_ASSIGN_OR_RETURN(const int value, builder_.Convert(layer.inputs[operand], as_float));
    if (formats::IsFloat32(layer.activations_quantizer.format)) {
      return value;
    }
    const RoundTo to = layer.decision.arithmetic == Arithmetic::kFloat32Values ? RoundTo::kValues
                                                                               : RoundTo::kCodes;
    return Round(value, layer.activations_quantizer, layer.scalings[operand], ElementsOf(*layout),
                 to, layer.node->name);
  }

  // The scales to apply to sums of this arithmetic: none where operands are values, or where all
  // are 1.
  static std::vector<float> ScalesOfSums(const Layer& layer) {
    const bool all_one = std::all_of(layer.scales.begin(), layer.scales.end(),
                                     [](float scale) { return scale == 1; });
    return layer.decision.arithmetic == Arithmetic::kFloat32Values || all_one ? std::vector<float>()
                                                                              : layer.scales;
  }

  static std::span<const float> BiasSpan(const Node& node) {
    const network::Tensor* bias = BiasOf(node);
    return bias == nullptr ? std::span<const float>() : std::span<const float>(bias->values);
  }

  absl::StatusOr<int> Product(const Layer& layer) {
    if (const std::optional<int> known = builder_.Find(layer.key)) {
      return InNodeShape(layer, *known);
    }
    const Operation& operation = *layer.operation;
    const bool values = layer.decision.arithmetic == Arithmetic::kFloat32Values;
    MacSpec spec;
    spec.node = layer.node;
    spec.src_shape = NodeAt(layer.node->inputs[0]).shape;
    spec.images = images_;
    spec.operands = layer.decision.arithmetic == Arithmetic::kInt8Codes  ? IntegerKind(layer)
                    : layer.decision.arithmetic == Arithmetic::kBfloat16 ? ElementKind::kBfloat16
                                                                         : ElementKind::kFloat32;
    spec.weights = values ? layer.weights->values : layer.weights->codes;
    spec.scales = ScalesOfSums(layer);
    spec.bias = BiasSpan(*layer.node);
    spec.addend = operation.addend >= 0;
    if (operation.activation >= 0) {
      spec.activation = ActivationOf(NodeAt(operation.activation));
    }
    spec.pack_key = fmt::format("{}|{}|{}|{}|", name_, layer.node->name,
                                layer.weights_quantizer.ToString(), values);
    BITSCAPE_ASSIGN_OR_RETURN(KernelPtr kernel, MakeMac(*shared_.engine, spec, shared_.packs));
    BITSCAPE_ASSIGN_OR_RETURN(const int src, Operand(layer, 0, kernel->sources[0]));
    std::vector<int> sources{src};
    if (spec.addend) {
      const int addend = result_.node_values[static_cast<size_t>(operation.addend)];
      BITSCAPE_ASSIGN_OR_RETURN(const int converted, builder_.Convert(addend, kernel->sources[1]));
      sources.push_back(converted);
    }
    const int sum =
        builder_.Emit(layer.key, std::move(kernel), std::move(sources), layer.node->name);
    return InNodeShape(layer, sum);
  }

  absl::StatusOr<int> InNodeShape(const Layer& layer, int value) {
    const Shape shape = BatchedShape(NodeAt(layer.operation->output));
    return DimensionsOf(*builder_.value(value).layout) == shape ? value
                                                                : builder_.Reshape(value, shape);
  }

  absl::StatusOr<int> MatMul(const Layer& layer) {
    const std::vector<Shape> shapes = ShapesOf(*layer.node);
    if (shapes[0].size() < 3 || shapes[0].size() != shapes[1].size()) {
      return PlainMac(layer);
    }
    if (const std::optional<int> known = builder_.Find(layer.key)) {
      return *known;
    }
    const std::vector<float> scales = ScalesOfSums(layer);
    BITSCAPE_ASSIGN_OR_RETURN(
        KernelPtr kernel, MakeMatMul(*shared_.engine, *layer.node, shapes[0], shapes[1], images_,
                                     scales.empty() ? 1.0f : scales[0]));
    return EmitOperands(layer, std::move(kernel));
  }

  absl::StatusOr<int> EmitOperands(const Layer& layer, KernelPtr kernel) {
    std::vector<int> sources;
    for (size_t operand = 0; operand < layer.inputs.size(); ++operand) {
      BITSCAPE_ASSIGN_OR_RETURN(const int source,
                                Operand(layer, operand, kernel->sources[operand]));
      sources.push_back(source);
    }
    return builder_.Emit(layer.key, std::move(kernel), std::move(sources), layer.node->name);
  }

  // Plain loops; what was fused runs after them.
  absl::StatusOr<int> PlainMac(const Layer& layer) {
    absl::StatusOr<int> value = builder_.Find(layer.key).value_or(-1);
    if (*value < 0) {
      value = PlainSum(layer);
    }
    const Operation& operation = *layer.operation;
    if (value.ok() && operation.addend >= 0) {
      const int add =
          operation.activation >= 0 ? NodeAt(operation.activation).inputs[0] : operation.output;
      value = Vector(add, {*value, result_.node_values[static_cast<size_t>(operation.addend)]});
    }
    if (value.ok() && operation.activation >= 0) {
      value = Vector(operation.activation, {*value});
    }
    return value;
  }

  absl::StatusOr<int> PlainSum(const Layer& layer) {
    PlainMacSpec spec;
    spec.node = layer.node;
    spec.images = images_;
    spec.shapes = ShapesOf(*layer.node);
    spec.batched = BatchedInputs(*layer.node);
    const bool values = layer.decision.arithmetic == Arithmetic::kFloat32Values;
    spec.sums = values ? PlainSums::kDouble : PlainSums::kInt64;
    if (layer.weights != nullptr) {
      spec.weights = values ? layer.weights->values : layer.weights->codes;
    }
    spec.scales = ScalesOfSums(layer);
    const std::span<const float> bias = BiasSpan(*layer.node);
    spec.bias.assign(bias.begin(), bias.end());
    return EmitOperands(layer, MakePlainMac(std::move(spec)));
  }

  SharedState& shared_;
  ProgramBuilder& builder_;
  const int64_t images_;
  const std::string& name_;
  const Graph& graph_;
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
