#include "engine/quantize/tensor_rounding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/status.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;
using formats::NumberFormat;
using formats::Quantizer;
using formats::RangeMethod;
using formats::Scaling;

absl::Status CheckRange(const Quantizer& quantizer) {
  switch (quantizer.range) {
    case RangeMethod::kMinMax:
    case RangeMethod::kPercentile:
    case RangeMethod::kClip:
      return absl::OkStatus();
    case RangeMethod::kMse:
    case RangeMethod::kKl:
    case RangeMethod::kAciq:
    case RangeMethod::kPact:
      break;
  }
  return absl::UnimplementedError(
      fmt::format("{}: this range method can't be computed here; minmax, pN and clip=V can",
                  quantizer.ToString()));
}

// Rounds each group with a scale of its own.
absl::StatusOr<RoundedTensor> RoundGroups(const Quantizer& quantizer, const TensorLayout& layout,
                                          std::span<const float> values, formats::RandomKey key) {
  RoundedTensor result;
  result.values.resize(values.size());
  const size_t groups = static_cast<size_t>(GroupCount(quantizer, layout));
  std::vector<std::vector<float>> members(groups);
  const auto for_each = [&](const auto& visit) {
    size_t index = 0;
    for (int64_t o = 0; o < layout.outer; ++o) {
      for (int64_t a = 0; a < layout.axis; ++a) {
        for (int64_t i = 0; i < layout.inner; ++i, ++index) {
          visit(index, static_cast<size_t>(GroupOf(quantizer, layout, o, a, i)));
        }
      }
    }
  };
  for_each([&](size_t index, size_t group) {
    if (std::isfinite(values[index])) members[group].push_back(values[index]);
  });
  for (const std::vector<float>& member : members) {
    BITSCAPE_ASSIGN_OR_RETURN(Scaling scaling,
                              FitScaling(quantizer, {.values = member, .weights = {}}));
    result.scalings.push_back(std::move(scaling));
  }
  for_each([&](size_t index, size_t group) {
    formats::RandomKey own = key;
    own.first += index;
    formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                   result.scalings[group], values.subspan(index, 1),
                   std::span(result.values).subspan(index, 1), own);
  });
  return result;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t size : shape) text += fmt::format("{}{}", text.empty() ? "" : "x", size);
  return text.empty() ? "scalar" : text;
}

}  // namespace

absl::StatusOr<Scaling> FitScaling(const Quantizer& quantizer, const Sample& sample,
                                   float tensor_scale) {
  RangeStatistics range;
  range.Observe(sample.values);
  if (formats::HasScale(quantizer.format) && range.count > 0) {
    BITSCAPE_ASSIGN_OR_RETURN(range, ChooseRange(quantizer, range, sample));
  }
  return ScalingForRange(quantizer, range.min, range.max, tensor_scale);
}

absl::StatusOr<RoundedTensor> RoundWeights(const Quantizer& quantizer, const TensorLayout& layout,
                                           std::span<const float> weights, formats::RandomKey key) {
  if (weights.empty() || static_cast<int64_t>(weights.size()) != layout.elements()) {
    return absl::InvalidArgumentError(fmt::format("{} weights in a layout of {} x {} x {}",
                                                  weights.size(), layout.outer, layout.axis,
                                                  layout.inner));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i])) {
      return absl::InvalidArgumentError(
          fmt::format("weight {} is {}; weights must be finite", i, weights[i]));
    }
  }
  BITSCAPE_RETURN_IF_ERROR(CheckWeights(quantizer));
  return RoundGroups(quantizer, layout, weights, key);
}

absl::Status CheckWeights(const Quantizer& quantizer) {
  switch (quantizer.granularity) {
    case Granularity::kTensor:
    case Granularity::kChannel:
    case Granularity::kBlock:
      break;
    case Granularity::kToken:
    case Granularity::kPosition:
      return absl::InvalidArgumentError(fmt::format(
          "weights {}: weights share scales by tensor, channel or block", quantizer.ToString()));
  }
  if (!formats::HasScale(quantizer.format)) return absl::OkStatus();
  return Annotate(CheckRange(quantizer), "weights");
}

bool IsDynamic(const Quantizer& quantizer) {
  if (!formats::HasScale(quantizer.format)) return false;
  return quantizer.dynamic_range || quantizer.granularity == Granularity::kToken ||
         quantizer.granularity == Granularity::kBlock;
}

absl::Status CheckActivations(const Quantizer& quantizer) {
  if (!formats::HasScale(quantizer.format)) return absl::OkStatus();
  const auto unimplemented = [&](std::string_view what) {
    return absl::UnimplementedError(fmt::format("activations {}: {}", quantizer.ToString(), what));
  };
  if (IsDynamic(quantizer)) {
    return unimplemented("a dynamic range can't be computed from calibration; static ones can");
  }
  if (quantizer.granularity == Granularity::kChannel) {
    return absl::InvalidArgumentError(
        fmt::format("activations {}: 'channel' is for weights", quantizer.ToString()));
  }
  if (quantizer.granularity != Granularity::kTensor) {
    return unimplemented("this granularity can't be computed from calibration; tensor can");
  }
  if (quantizer.range != RangeMethod::kMinMax && quantizer.range != RangeMethod::kClip) {
    return unimplemented(
        "this range method needs more than the calibrated range; minmax and clip=V can be "
        "computed");
  }
  return absl::OkStatus();
}

absl::StatusOr<ActivationScaling> CalibrateActivations(const Quantizer& quantizer,
                                                       const Distribution& distribution) {
  if (!formats::HasScale(quantizer.format)) {
    return ActivationScaling{ScalingForRange(quantizer, 0, 0), 1};
  }
  BITSCAPE_RETURN_IF_ERROR(CheckActivations(quantizer));
  RangeStatistics range = distribution.range();
  if (range.count == 0) {
    return absl::InvalidArgumentError(
        fmt::format("activations {}: calibration saw no finite value to take a range from",
                    quantizer.ToString()));
  }
  BITSCAPE_ASSIGN_OR_RETURN(range, ChooseRange(quantizer, range, {}));
  return ActivationScaling{ScalingForRange(quantizer, range.min, range.max), 1};
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
  return RoundGroups(quantizer, layout, values, key);
}

}  // namespace bitscape::quantize
