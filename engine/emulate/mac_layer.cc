#include "engine/emulate/mac_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/narrow_sum.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/round_codes.h"

namespace bitscape::emulate {
namespace {

using formats::Quantizer;
using network::Node;

// Gathers one layer's facts.
class Planner {
 public:
  Planner(SharedState& shared, const NamedGraph& graph, int64_t images, const Operation& operation,
          const Quantizer& vector_format)
      : shared_(shared),
        graph_(graph),
        images_(images),
        operation_(operation),
        node_(At(operation.node)),
        wraps_(vector_format.overflow == formats::Overflow::kWrap) {}

  absl::StatusOr<MacLayer> Plan(const quantize::LayerPrecision& precision) {
    const network::Tensor* weights = WeightsOf(node_);
    layer_.operation = &operation_;
    layer_.node = &node_;
    layer_.seed = shared_.seed;
    layer_.activations_quantizer = precision.activations;
    layer_.accumulator = precision.accumulator;
    layer_.weights_quantizer = weights == nullptr ? precision.activations : precision.weights;
    const size_t mac = static_cast<size_t>(operation_.mac);
    for (size_t operand = 0; operand < operation_.inputs.size(); ++operand) {
      quantize::ActivationScaling scaling;
      if (!formats::IsFloat32(precision.activations.format)) {
        const CalibrationStatistics& statistics = shared_.calibrations.at(graph_.variant);
        BITSCAPE_ASSIGN_OR_RETURN(scaling,
                                  ScalingOf(precision.activations, statistics[mac][operand]));
      }
      layer_.scalings.push_back(std::move(scaling));
    }
    if (weights != nullptr) {
      BITSCAPE_ASSIGN_OR_RETURN(
          layer_.weights,
          shared_.weights.Get(Name(), *weights, layer_.weights_quantizer,
                              {.seed = shared_.seed, .stream = StreamOf(node_.name, "weights")}));
    }
    FindScales();
    layer_.decision = ChoosePath(Facts());
    layer_.operands = Operands();
    const bool all_one = std::all_of(layer_.scales.begin(), layer_.scales.end(),
                                     [](float scale) { return scale == 1; });
    if (layer_.UsesValues() || all_one) {
      layer_.scales.clear();
    }
    return std::move(layer_);
  }

 private:
  const Node& At(int node) const { return graph_.graph.network.nodes[static_cast<size_t>(node)]; }
  std::string Name() const { return LayerName(graph_, node_); }
  const Shape& SrcShape() const { return At(node_.inputs[0]).shape; }

  void FindScales() {
    if (layer_.weights == nullptr) {
      layer_.scales = {layer_.scalings[0].scaling.scale * layer_.scalings[1].scaling.scale};
      return;
    }
    for (const float scale : layer_.weights->scales) {
      layer_.scales.push_back(scale * layer_.scalings[0].scaling.scale);
    }
  }

  bool ScalesFit() const {
    const std::span<const float> bias = layer_.bias();
    for (size_t i = 0; i < bias.size(); ++i) {
      if (!std::isfinite(bias[i] / layer_.scales[layer_.scales.size() == 1 ? 0 : i])) {
        return false;
      }
    }
    return std::all_of(layer_.scales.begin(), layer_.scales.end(),
                       [](float scale) { return std::isnormal(scale); });
  }

  bool IsFast(ElementKind kind) {
    const auto key = std::make_pair(Name(), kind);
    const auto known = shared_.fast_macs.find(key);
    if (known != shared_.fast_macs.end()) {
      return known->second;
    }
    return shared_.fast_macs[key] = HasFastMac(*shared_.engine, node_, SrcShape(), images_, kind);
  }

  // Unsigned 8-bit operands run fastest; a signed quantizer gives no negative code to a value
  // without sign. Where values between layers wrap around, a large sum of such values has one.
  ElementKind IntegerKind() {
    const Quantizer& quantizer = layer_.activations_quantizer;
    if (ActivationFacts(0).min >= 0) {
      return ElementKind::kUint8;
    }
    const bool drops_sign = std::holds_alternative<formats::Integer>(quantizer.format.element) &&
                            !quantizer.format.zero_point &&
                            quantizer.overflow == formats::Overflow::kSaturate && !wraps_ &&
                            graph_.graph.nonnegative[static_cast<size_t>(operation_.inputs[0])];
    return drops_sign && IsFast(ElementKind::kUint8) ? ElementKind::kUint8 : ElementKind::kInt8;
  }

  ElementKind Operands() {
    switch (layer_.decision.arithmetic) {
      case Arithmetic::kInt8Codes:
        return IntegerKind();
      case Arithmetic::kBfloat16:
        return ElementKind::kBfloat16;
      case Arithmetic::kFloat32Codes:
      case Arithmetic::kInt64Codes:
      case Arithmetic::kFloat32Values:
      case Arithmetic::kNarrowCodes:
      case Arithmetic::kNarrowValues:
        break;
    }
    return ElementKind::kFloat32;
  }

  CodeFacts ActivationFacts(size_t operand) const {
    const bool shares_scale = layer_.accumulator.kind != quantize::Accumulator::Kind::kNarrow &&
                              SharesScale(layer_.activations_quantizer, node_);
    return FactsOfActivations(layer_.activations_quantizer, layer_.scalings[operand], shares_scale);
  }

  LayerFacts Facts() {
    LayerFacts facts;
    facts.activations = ActivationFacts(0);
    facts.accumulator = layer_.accumulator;
    if (facts.accumulator.kind == quantize::Accumulator::Kind::kNarrow) {
      facts.narrow_factor = ConstantFactor(facts.accumulator, layer_.weights_quantizer,
                                           layer_.activations_quantizer);
      facts.scales_by_image = quantize::IsDynamic(layer_.activations_quantizer);
    }
    facts.reduction_length = ReductionLength(node_, SrcShape());
    facts.integer_scales_fit = ScalesFit();
    if (layer_.weights == nullptr) {
      facts.weights = ActivationFacts(1);
      facts.weight_units = static_cast<double>(facts.reduction_length) * facts.weights.largest() /
                           facts.weights.unit;
      return facts;
    }
    facts.weights = layer_.weights->facts;
    facts.weight_units = layer_.weights->units;
    facts.has_int8_kernel =
        facts.weights.integers && facts.activations.integers && IsFast(IntegerKind());
    facts.has_bfloat16_kernel = IsFast(ElementKind::kBfloat16);
    return facts;
  }

  SharedState& shared_;
  const NamedGraph& graph_;
  const int64_t images_;
  const Operation& operation_;
  const Node& node_;
  const bool wraps_;
  MacLayer layer_;
};

}  // namespace

std::string LayerName(const NamedGraph& graph, const Node& node) {
  return graph.name + '|' + node.name;
}

std::string ScalingKey(const quantize::ActivationScaling& calibrated) {
  const formats::Scaling& scaling = calibrated.scaling;
  std::string key =
      fmt::format("{:a}/{}/{:a}", scaling.scale, scaling.zero_point, calibrated.tensor_scale);
  if (scaling.levels != nullptr) {
    for (const std::vector<float>* values :
         {&scaling.levels->levels, &scaling.levels->boundaries}) {
      for (const float value : *values) {
        key += fmt::format("/{:a}", value);
      }
    }
  }
  return key;
}

std::string MacLayer::Key() const {
  const bool rounds_sums = accumulator.kind == quantize::Accumulator::Kind::kNarrow;
  std::string key =
      fmt::format("{}|{}|{}|{}|", weights_quantizer.ToString(), activations_quantizer.ToString(),
                  rounds_sums ? accumulator.ToString() : "", static_cast<int>(decision.arithmetic));
  for (const quantize::ActivationScaling& scaling : scalings) {
    key += ScalingKey(scaling) + ',';
  }
  return key;
}

std::span<const float> MacLayer::bias() const {
  const network::Tensor* tensor = BiasOf(*node);
  return tensor == nullptr ? std::span<const float>() : std::span<const float>(tensor->values);
}

absl::StatusOr<MacLayer> PlanMacLayer(SharedState& shared, const NamedGraph& graph, int64_t images,
                                      const Operation& operation,
                                      const quantize::LayerPrecision& precision,
                                      const Quantizer& vector_format) {
  return Planner(shared, graph, images, operation, vector_format).Plan(precision);
}

}  // namespace bitscape::emulate
