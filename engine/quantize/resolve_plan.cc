// From a plan to one assignment for each layer.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/core/digest.h"
#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/quantize/precision_plan.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

constexpr std::string_view kOperatorPrefix = "op:";

bool Matches(std::string_view match, const std::vector<LayerIdentity>& layers, size_t layer) {
  if (match == "first") return layer == 0;
  if (match == "last") return layer + 1 == layers.size();
  if (match.starts_with(kOperatorPrefix)) {
    return match.substr(kOperatorPrefix.size()) == layers[layer].op;
  }
  return GlobMatch(match, layers[layer].name);
}

absl::Status NoMatch(std::string_view match, const std::vector<LayerIdentity>& layers) {
  std::vector<std::string> names;
  for (const LayerIdentity& layer : layers) {
    names.push_back(layer.name);
    const std::string op = std::string(kOperatorPrefix) + layer.op;
    if (std::find(names.begin(), names.end(), op) == names.end()) names.push_back(op);
  }
  names.insert(names.end(), {"first", "last"});
  return absl::InvalidArgumentError(fmt::format("the rule '[{}]' matches no layer{}; layers: {}",
                                                match, DidYouMean(match, names),
                                                fmt::join(names, ", ")));
}

void Apply(const LayerOverride& values, LayerPrecision& layer) {
  if (values.weights) layer.weights = *values.weights;
  if (values.activations) layer.activations = *values.activations;
  if (values.accumulator) layer.accumulator = *values.accumulator;
}

bool HoldsIntegers(const Accumulator& accumulator) {
  if (accumulator.kind == Accumulator::Kind::kInt32) return true;
  return accumulator.kind == Accumulator::Kind::kNarrow &&
         formats::IsIntegerLike(accumulator.format->format) &&
         !accumulator.format->format.scale.has_value();
}

absl::Status CheckLayer(const LayerPrecision& layer, std::string_view name) {
  const auto error = [&](std::string_view problem) {
    return absl::InvalidArgumentError(fmt::format("layer {}: {}", name, problem));
  };
  if (HoldsIntegers(layer.accumulator)) {
    for (const formats::Quantizer* operand : {&layer.weights, &layer.activations}) {
      if (formats::IsIntegerLike(operand->format)) continue;
      return error(
          fmt::format("the accumulator {} adds integer codes, but the {} are {}; allowed: int, "
                      "uint, fixed and dfx "
                      "on both sides",
                      layer.accumulator.ToString(),
                      operand == &layer.weights ? "weights" : "activations", operand->ToString()));
    }
  }
  // A plan may leave to training what can't be computed yet: that is refused where it is computed.
  for (const absl::Status& status :
       {CheckWeights(layer.weights), CheckActivations(layer.activations)}) {
    if (absl::IsInvalidArgument(status)) return error(std::string(status.message()));
  }
  return absl::OkStatus();
}

// Methods that train or fit two or three levels count on a batch norm after the layer.
bool IsBinaryOrTernary(const formats::NumberFormat& format) {
  const auto* levels = std::get_if<formats::LevelSet>(&format.element);
  return levels != nullptr && levels->levels <= 3 && levels->fit != formats::LevelFit::kKmeans &&
         levels->fit != formats::LevelFit::kLloydMax && levels->fit != formats::LevelFit::kDorefa;
}

BatchNormFold ResolveFold(const PrecisionPlan& plan, const std::vector<LayerPrecision>& layers) {
  if (plan.fold.has_value()) return *plan.fold;
  const bool kept = plan.repairs.batchnorm ||
                    std::any_of(layers.begin(), layers.end(), [](const LayerPrecision& layer) {
                      return IsBinaryOrTernary(layer.weights.format);
                    });
  return kept ? BatchNormFold::kNever : BatchNormFold::kAlways;
}

absl::Status CheckRepairs(const ResolvedPlan& plan, const std::vector<LayerIdentity>& layers) {
  if (plan.repairs.batchnorm && plan.fold == BatchNormFold::kAlways) {
    return absl::InvalidArgumentError(
        "repair=batchnorm: batch norm is re-estimated where it is kept; fold=always folds it into "
        "the layers (allowed: fold=never or fold=auto)");
  }
  if (plan.repairs.equalize && plan.fold == BatchNormFold::kNever) {
    return absl::InvalidArgumentError(
        "repair=equalize: scales move between layers whose batch norm is folded, and here it is "
        "kept (by fold=never, repair=batchnorm, or binary or ternary weights)");
  }
  if (!plan.repairs.adaround) return absl::OkStatus();
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const formats::Quantizer& weights = plan.layers[i].weights;
    const formats::Quantizer& activations = plan.layers[i].activations;
    if (activations.granularity == formats::Granularity::kPosition) {
      return absl::InvalidArgumentError(
          fmt::format("layer {}: repair=adaround weighs inputs, but activations {} are scaled "
                      "after the product",
                      layers[i].name, activations.ToString()));
    }
    if (weights.rounding == formats::Rounding::kNearestEven ||
        weights.rounding == formats::Rounding::kNearestAway) {
      continue;
    }
    return absl::InvalidArgumentError(fmt::format(
        "layer {}: repair=adaround chooses the rounding of weights itself, but they are {}",
        layers[i].name, weights.ToString()));
  }
  return absl::OkStatus();
}

}  // namespace

std::string LayerPrecision::ToString() const {
  return fmt::format("weights={},activations={},accumulator={}", weights.ToString(),
                     activations.ToString(), accumulator.ToString());
}

absl::StatusOr<ResolvedPlan> ResolvePlan(const PrecisionPlan& plan,
                                         const std::vector<LayerIdentity>& layers) {
  ResolvedPlan resolved;
  resolved.repairs = plan.repairs;
  resolved.vector_format = plan.vector_format;
  if (formats::HasScale(plan.vector_format.format)) {
    return absl::InvalidArgumentError(
        fmt::format("vector operations take a format without a scale from the data, not '{}'",
                    plan.vector_format.ToString()));
  }
  LayerPrecision defaults{formats::Float32(), formats::Float32(), {}};
  Apply(plan.defaults, defaults);
  resolved.layers.assign(layers.size(), defaults);
  for (const PlanRule& rule : plan.rules) {
    bool matched = false;
    for (size_t i = 0; i < layers.size(); ++i) {
      if (!Matches(rule.match, layers, i)) continue;
      Apply(rule.values, resolved.layers[i]);
      matched = true;
    }
    if (!matched) return NoMatch(rule.match, layers);
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(CheckLayer(resolved.layers[i], layers[i].name));
  }
  resolved.fold = ResolveFold(plan, resolved.layers);
  BITSCAPE_RETURN_IF_ERROR(CheckRepairs(resolved, layers));
  return resolved;
}

std::string ResolvedPlan::ToString() const {
  std::string text = fmt::format("vector={},fold={}{}\n", vector_format.ToString(),
                                 fold == BatchNormFold::kAlways ? "always" : "never",
                                 repairs.Any() ? ",repair=" + repairs.ToString() : "");
  for (const LayerPrecision& layer : layers) {
    text += layer.ToString();
    text += '\n';
  }
  return text;
}

std::string ResolvedPlan::Digest() const {
  bitscape::Digest digest;
  digest.Add(std::string_view(ToString()));
  return digest.Hex();
}

}  // namespace bitscape::quantize
