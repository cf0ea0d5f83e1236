#include "engine/quantize/tensor_rounding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/core/status.h"
#include "engine/formats/scale.h"
#include "engine/quantize/group_loops.h"
#include "engine/quantize/group_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;
using formats::Quantizer;

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t size : shape) text += fmt::format("{}{}", text.empty() ? "" : "x", size);
  return text.empty() ? "scalar" : text;
}

}  // namespace

absl::StatusOr<RoundedTensor> RoundByGroups(const Quantizer& quantizer, const TensorLayout& layout,
                                            std::span<const float> values, formats::RandomKey key) {
  RoundedTensor result;
  result.layout = layout;
  if (quantizer.format.tensor_scale.has_value()) {
    const ValueRange range = RangeOf(values);
    result.tensor_scale =
        formats::TensorScaleForMagnitude(quantizer.format, std::max(range.max, -range.min));
  }
  result.values.resize(values.size());
  std::vector<float> scratch;
  BITSCAPE_RETURN_IF_ERROR(RoundGroups(quantizer, layout, result.tensor_scale, values,
                                       result.values, key, scratch, &result.scalings));
  return result;
}

absl::StatusOr<RoundedTensor> RoundWeights(const Quantizer& quantizer, const TensorLayout& layout,
                                           std::span<const float> weights, formats::RandomKey key) {
  if (weights.empty() || static_cast<int64_t>(weights.size()) != layout.elements()) {
    return absl::InvalidArgumentError(fmt::format("{} weights in a layout of {} x {} x {}",
                                                  weights.size(), layout.outer, layout.axis,
                                                  layout.inner));
  }
  if (layout.axis % layout.Segment() != 0) {
    return absl::InvalidArgumentError(
        fmt::format("segments of {} don't divide an axis of {}", layout.Segment(), layout.axis));
  }
  if (!std::isfinite(MagnitudeOf(weights))) {
    const auto bad = std::find_if(weights.begin(), weights.end(),
                                  [](float weight) { return !std::isfinite(weight); });
    return absl::InvalidArgumentError(
        fmt::format("weight {} is {}; weights must be finite", bad - weights.begin(), *bad));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckWeights(quantizer));
  return RoundByGroups(quantizer, layout, weights, key);
}

absl::StatusOr<RoundedTensor> RoundTensor(const Quantizer& quantizer,
                                          std::span<const int64_t> shape,
                                          std::span<const float> values, formats::RandomKey key) {
  uint64_t elements = 1;
  for (const int64_t size : shape) {
    if (size <= 0 || __builtin_mul_overflow(elements, static_cast<uint64_t>(size), &elements)) {
      return absl::InvalidArgumentError(fmt::format(
          "shape {}: every size is positive, and their product fits 64 bits", ShapeText(shape)));
    }
  }
  if (elements != values.size()) {
    return absl::InvalidArgumentError(fmt::format("shape {} has {} elements, the data {}",
                                                  ShapeText(shape), elements, values.size()));
  }
  if (quantizer.granularity == Granularity::kPosition) {
    return absl::UnimplementedError(
        fmt::format("{}: 'position' scales the outputs of a convolution; a tensor alone has none",
                    quantizer.ToString()));
  }
  TensorLayout layout;
  const int64_t count = static_cast<int64_t>(values.size());
  const bool by_channel = quantizer.granularity == Granularity::kChannel;
  const int64_t row = shape.empty() ? 1 : by_channel ? count / shape.front() : shape.back();
  layout.axis = row;
  layout.outer = count / row;
  return RoundByGroups(quantizer, layout, values, key);
}

}  // namespace bitscape::quantize
