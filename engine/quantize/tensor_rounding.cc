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

// A run of elements that shares a scale.
struct Group {
  size_t begin, count;
};

absl::Status CheckRangeOfData(const Quantizer& quantizer) {
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

absl::StatusOr<RangeStatistics> RangeOf(const Quantizer& quantizer, std::span<const float> values) {
  RangeStatistics range;
  range.Observe(values);
  if (!formats::HasScale(quantizer.format) || range.count == 0) return range;
  switch (quantizer.range) {
    case RangeMethod::kMinMax:
      return range;
    case RangeMethod::kPercentile: {
      // Nearest rank: the smallest magnitude that `percent` of the magnitudes don't exceed.
      std::vector<float> magnitudes;
      magnitudes.reserve(values.size());
      for (const float value : values) {
        if (std::isfinite(value)) magnitudes.push_back(std::fabs(value));
      }
      // 99.9 isn't a double: without the slack 99.9 % of 1000 would be 999.0000000000001 elements.
      constexpr double kSlack = 1 - 1e-12;
      const double rank =
          std::ceil(quantizer.range_value * static_cast<double>(range.count) / 100 * kSlack);
      const auto nth = magnitudes.begin() + static_cast<int64_t>(std::max(rank, 1.0)) - 1;
      std::nth_element(magnitudes.begin(), nth, magnitudes.end());
      range.min = std::max(range.min, -*nth);
      range.max = std::min(range.max, *nth);
      return range;
    }
    case RangeMethod::kClip:
      range.max = static_cast<float>(quantizer.range_value);
      range.min = range.min < 0 ? -range.max : 0;
      return range;
    case RangeMethod::kMse:
    case RangeMethod::kKl:
    case RangeMethod::kAciq:
    case RangeMethod::kPact:
      break;
  }
  return CheckRangeOfData(quantizer);
}

// Rounds each group with a scale of its own.
absl::StatusOr<RoundedTensor> RoundGroups(const Quantizer& quantizer, std::span<const float> values,
                                          std::span<const Group> groups, formats::RandomKey key) {
  RoundedTensor result;
  result.values.resize(values.size());
  result.scalings.reserve(groups.size());
  for (const Group& group : groups) {
    const std::span<const float> source = values.subspan(group.begin, group.count);
    BITSCAPE_ASSIGN_OR_RETURN(const RangeStatistics range, RangeOf(quantizer, source));
    const Scaling scaling = ScalingForRange(quantizer.format, range.min, range.max);
    formats::RandomKey group_key = key;
    group_key.first += group.begin;
    formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow, scaling,
                   source, std::span(result.values).subspan(group.begin, group.count), group_key);
    result.scalings.push_back(scaling);
  }
  return result;
}

// `values` elements in rows of `row`, each cut into groups of `group`; a row's last group may be
// shorter.
std::vector<Group> RowGroups(size_t values, size_t row, size_t group) {
  std::vector<Group> groups;
  for (size_t begin = 0; begin < values; begin += row) {
    for (size_t offset = 0; offset < row; offset += group) {
      groups.push_back({begin + offset, std::min(group, row - offset)});
    }
  }
  return groups;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t size : shape) text += fmt::format("{}{}", text.empty() ? "" : "x", size);
  return text.empty() ? "scalar" : text;
}

}  // namespace

void RangeStatistics::Observe(std::span<const float> values) {
  RangeStatistics seen;
  seen.min = std::numeric_limits<float>::infinity();
  seen.max = -std::numeric_limits<float>::infinity();
  for (const float value : values) {
    const bool finite = std::fabs(value) <= std::numeric_limits<float>::max();
    seen.count += finite ? 1 : 0;
    seen.min = finite && value < seen.min ? value : seen.min;
    seen.max = finite && value > seen.max ? value : seen.max;
  }
  if (seen.count == 0) return;
  // One zero, so that the order of values can't show.
  seen.min += 0.0F;
  seen.max += 0.0F;
  Merge(seen);
}

void RangeStatistics::Merge(const RangeStatistics& other) {
  if (other.count == 0) return;
  min = count == 0 ? other.min : std::min(min, other.min);
  max = count == 0 ? other.max : std::max(max, other.max);
  count += other.count;
}

absl::StatusOr<RoundedTensor> RoundWeights(const Quantizer& quantizer,
                                           std::span<const float> weights, int64_t channels,
                                           formats::RandomKey key) {
  if (channels <= 0 || weights.empty() || weights.size() % static_cast<size_t>(channels) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} weights don't divide into {} channels", weights.size(), channels));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i])) {
      return absl::InvalidArgumentError(
          fmt::format("weight {} is {}; weights must be finite", i, weights[i]));
    }
  }
  BITSCAPE_RETURN_IF_ERROR(CheckWeights(quantizer));
  const size_t group = quantizer.granularity == Granularity::kChannel
                           ? weights.size() / static_cast<size_t>(channels)
                           : weights.size();
  return RoundGroups(quantizer, weights, RowGroups(weights.size(), weights.size(), group), key);
}

absl::Status CheckWeights(const Quantizer& quantizer) {
  switch (quantizer.granularity) {
    case Granularity::kTensor:
    case Granularity::kChannel:
      break;
    case Granularity::kBlock:
      return absl::UnimplementedError(
          fmt::format("weights {}: blocks run along the input channels of one kernel position, "
                      "which this build "
                      "doesn't lay out; tensor and channel can be computed",
                      quantizer.ToString()));
    case Granularity::kToken:
    case Granularity::kPosition:
      return absl::InvalidArgumentError(fmt::format(
          "weights {}: weights share scales by tensor, channel or block", quantizer.ToString()));
  }
  if (!formats::HasScale(quantizer.format)) return absl::OkStatus();
  return Annotate(CheckRangeOfData(quantizer), "weights");
}

absl::Status CheckActivations(const Quantizer& quantizer) {
  if (!formats::HasScale(quantizer.format)) return absl::OkStatus();
  const auto unimplemented = [&](std::string_view what) {
    return absl::UnimplementedError(fmt::format("activations {}: {}", quantizer.ToString(), what));
  };
  if (quantizer.dynamic_range) {
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

absl::StatusOr<Scaling> ActivationScaling(const Quantizer& quantizer,
                                          const RangeStatistics& statistics) {
  if (!formats::HasScale(quantizer.format)) return ScalingForRange(quantizer.format, 0, 0);
  BITSCAPE_RETURN_IF_ERROR(CheckActivations(quantizer));
  if (statistics.count == 0) {
    return absl::InvalidArgumentError(
        fmt::format("activations {}: calibration saw no finite value to take a range from",
                    quantizer.ToString()));
  }
  if (quantizer.range == RangeMethod::kClip) {
    const float bound = static_cast<float>(quantizer.range_value);
    return ScalingForRange(quantizer.format, statistics.min < 0 ? -bound : 0, bound);
  }
  return ScalingForRange(quantizer.format, statistics.min, statistics.max);
}

absl::StatusOr<std::vector<float>> RoundTensor(const Quantizer& quantizer,
                                               std::span<const int64_t> shape,
                                               std::span<const float> values,
                                               formats::RandomKey key) {
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
  const size_t count = values.size();
  const size_t last = shape.empty() ? 1 : static_cast<size_t>(shape.back());
  const size_t first = shape.empty() ? 1 : static_cast<size_t>(shape.front());
  std::vector<Group> groups;
  switch (quantizer.granularity) {
    case Granularity::kTensor:
      groups = RowGroups(count, count, count);
      break;
    case Granularity::kChannel:
      groups = RowGroups(count, count, count / first);
      break;
    case Granularity::kToken:
      groups = RowGroups(count, last, last);
      break;
    case Granularity::kBlock:
      groups = RowGroups(count, last, static_cast<size_t>(quantizer.block_size));
      break;
    case Granularity::kPosition:
      return absl::UnimplementedError(
          fmt::format("{}: 'position' scales the outputs of a convolution; a tensor alone has none",
                      quantizer.ToString()));
  }
  BITSCAPE_ASSIGN_OR_RETURN(RoundedTensor rounded, RoundGroups(quantizer, values, groups, key));
  return std::move(rounded.values);
}

int64_t StorageBits(const Quantizer& quantizer, int64_t channels, int64_t elements_per_channel) {
  int64_t groups = 0;
  switch (quantizer.granularity) {
    case Granularity::kTensor:
      groups = 1;
      break;
    case Granularity::kChannel:
    case Granularity::kToken:
    case Granularity::kPosition:
      groups = channels;
      break;
    case Granularity::kBlock:
      groups =
          channels * ((elements_per_channel + quantizer.block_size - 1) / quantizer.block_size);
      break;
  }
  return channels * elements_per_channel * formats::ElementBits(quantizer.format) +
         groups * formats::ScaleBits(quantizer.format);
}

}  // namespace bitscape::quantize
