#include "engine/emulate/plan_support.h"

#include <fmt/format.h>

#include <string>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/narrow_sum.h"

namespace bitscape::emulate {

using formats::Quantizer;

absl::Status CheckWeights(const Quantizer& quantizer) { return quantize::CheckWeights(quantizer); }

absl::Status CheckActivations(const Quantizer& quantizer) {
  return quantize::CheckActivations(quantizer);
}

absl::Status CheckAccumulator(const quantize::Accumulator& accumulator) {
  if (accumulator.kind == quantize::Accumulator::Kind::kNarrow) {
    return CheckNarrow(accumulator);
  }
  return absl::OkStatus();
}

namespace {

absl::Status CheckIntegers(const Quantizer& quantizer, const network::Node& node,
                           const quantize::Accumulator& accumulator) {
  if (!formats::IsIntegerLike(quantizer.format)) {
    return absl::InvalidArgumentError(fmt::format("accumulator={} needs integer operands, not {}",
                                                  accumulator.ToString(), quantizer.ToString()));
  }
  if (!SharesScale(quantizer, node)) {
    return absl::InvalidArgumentError(
        fmt::format("accumulator={} adds codes under one scale; under {} a sum has several",
                    accumulator.ToString(), quantizer.ToString()));
  }
  return absl::OkStatus();
}

absl::Status CheckLayer(const quantize::LayerPrecision& layer, const network::Node& node) {
  const bool two_activations = std::holds_alternative<network::MatMul>(node.op);
  BITSCAPE_RETURN_IF_ERROR(CheckActivations(layer.activations));
  BITSCAPE_RETURN_IF_ERROR(CheckAccumulator(layer.accumulator));
  if (!two_activations) {
    BITSCAPE_RETURN_IF_ERROR(CheckWeights(layer.weights));
  } else if (layer.activations.granularity == formats::Granularity::kPosition) {
    return absl::InvalidArgumentError(
        fmt::format("activations {}: 'position' scales the outputs of a layer with weights, and "
                    "this is a product of two activations",
                    layer.activations.ToString()));
  }
  if (AddsCodes(layer.accumulator)) {
    BITSCAPE_RETURN_IF_ERROR(CheckIntegers(layer.activations, node, layer.accumulator));
    if (!two_activations) {
      BITSCAPE_RETURN_IF_ERROR(CheckIntegers(layer.weights, node, layer.accumulator));
    }
    const bool narrow = layer.accumulator.kind == quantize::Accumulator::Kind::kNarrow;
    if (narrow && quantize::IsDynamic(layer.activations)) {
      return absl::UnimplementedError(
          fmt::format("accumulator={} of activations={}: narrow sums of codes whose scales the "
                      "image decides can't be emulated yet; static ranges can",
                      layer.accumulator.ToString(), layer.activations.ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPlan(const network::Network& network, const quantize::ResolvedPlan& plan) {
  const std::vector<int> layers = network::MacLayers(network);
  if (plan.layers.size() != layers.size()) {
    return absl::InvalidArgumentError(fmt::format("the plan has {} layers, network {} has {}",
                                                  plan.layers.size(), network.name, layers.size()));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const network::Node& node = network.nodes[static_cast<size_t>(layers[i])];
    BITSCAPE_RETURN_IF_ERROR(Annotate(CheckLayer(plan.layers[i], node), "layer " + node.name));
  }
  if (formats::HasScale(plan.vector_format.format) ||
      plan.vector_format.rounding == formats::Rounding::kStochastic) {
    return absl::UnimplementedError(
        fmt::format("vector={}: only formats without a scale of their own and without stochastic "
                    "rounding can be emulated between "
                    "layers",
                    plan.vector_format.ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<quantize::ActivationScaling> ScalingOf(const Quantizer& quantizer,
                                                      const OperandStatistics& statistics) {
  BITSCAPE_CHECK(statistics.binned || !NeedsHistogram(quantizer),
                 "histograms are filled before plans need them");
  return quantize::CalibrateActivations(quantizer, statistics.distribution);
}

bool SharesScale(const Quantizer& quantizer, const network::Node& node) {
  const auto* conv = std::get_if<network::Conv>(&node.op);
  switch (quantizer.granularity) {
    case formats::Granularity::kTensor:
    case formats::Granularity::kChannel:
    case formats::Granularity::kPosition:
      return true;
    case formats::Granularity::kToken:  // larger windows see several tokens
      return conv == nullptr || (conv->weights->shape[2] == 1 && conv->weights->shape.back() == 1);
    case formats::Granularity::kBlock:
      return false;
  }
  return false;
}

bool NeedsHistogram(const Quantizer& activations) {
  return !quantize::IsDynamic(activations) && quantize::NeedsDistribution(activations);
}

absl::Status CheckDataset(const network::Network& network, const data::Dataset& dataset) {
  if (!network.HasWeights()) {
    return absl::InvalidArgumentError(
        fmt::format("network {} has no weights: it can be priced but not evaluated", network.name));
  }
  const data::ImageSet& images = dataset.test;
  const network::Shape& input = network.nodes[0].shape;
  const network::Shape wanted{1, images.channels, images.height, images.width};
  if (input != wanted) {
    return absl::InvalidArgumentError(
        fmt::format("network {} takes {}, an image of dataset {} is {}", network.name,
                    network::ToString(input), dataset.name, network::ToString(wanted)));
  }
  const auto fits = [&](const std::vector<float>& values) {
    return values.size() == 1 || values.size() == static_cast<size_t>(images.channels);
  };
  if (!fits(network.input_scaling.mean) || !fits(network.input_scaling.std)) {
    return absl::InvalidArgumentError(fmt::format(
        "network {}: input scaling has {} means and {} deviations, it needs 1 or {}", network.name,
        network.input_scaling.mean.size(), network.input_scaling.std.size(), images.channels));
  }
  const int64_t logits =
      network::ElementCount(network.nodes[static_cast<size_t>(network.output)].shape);
  if (logits < images.classes) {
    return absl::InvalidArgumentError(
        fmt::format("network {} gives {} logits, dataset {} has {} classes", network.name, logits,
                    dataset.name, images.classes));
  }
  return absl::OkStatus();
}

absl::Status CheckRange(const data::ImageSet& images, data::Split split, data::ImageRange range) {
  if (range.begin < 0 || range.end > images.size() || range.begin >= range.end) {
    return absl::InvalidArgumentError(
        fmt::format("images [{}, {}): the {} split has [0, {})", range.begin, range.end,
                    std::string(data::ToString(split)), images.size()));
  }
  if (range.begin % kBatchSize != 0) {
    return absl::InvalidArgumentError(fmt::format(
        "images [{}, {}): the first must be a multiple of {}", range.begin, range.end, kBatchSize));
  }
  return absl::OkStatus();
}

PixelScaler::PixelScaler(const network::InputScaling& scaling, int64_t channels) {
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    const float mean = scaling.mean[scaling.mean.size() == 1 ? 0 : c];
    const float deviation = scaling.std[scaling.std.size() == 1 ? 0 : c];
    for (int pixel = 0; pixel < 256; ++pixel) {
      table_.push_back((static_cast<float>(pixel) / 255.0f - mean) / deviation);
    }
  }
}

void PixelScaler::Load(const data::ImageSet& images, int64_t index, float* input) const {
  const int64_t plane = images.height * images.width;
  const uint8_t* pixels = images.pixels.data() + index * images.image_elements();
  for (int64_t c = 0; c < images.channels; ++c) {
    const float* table = table_.data() + c * 256;
    for (int64_t i = 0; i < plane; ++i) {
      input[c * plane + i] = table[pixels[c * plane + i]];
    }
  }
}

}  // namespace bitscape::emulate
