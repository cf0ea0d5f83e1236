#include "engine/quantize/group_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "engine/core/status.h"
#include "engine/formats/scale.h"
#include "engine/quantize/group_loops.h"
#include "engine/quantize/group_strips.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;
using formats::NumberFormat;
using formats::Quantizer;
using formats::RangeMethod;
using formats::Scaling;

// Elements that a pass in several parts handles at a time, so that they stay in the first cache.
constexpr size_t kChunk = 2048;

bool IsLevelSet(const NumberFormat& format) {
  return std::holds_alternative<formats::LevelSet>(format.element);
}

class GroupRounder {
 public:
  GroupRounder(const Quantizer& quantizer, float tensor_scale, std::span<const float> values,
               std::span<float> rounded, formats::RandomKey key, std::vector<float>& scratch)
      : quantizer_(quantizer),
        tensor_scale_(tensor_scale),
        values_(values),
        rounded_(rounded),
        key_(key),
        scratch_(scratch),
        looks_at_values_(quantizer.range != RangeMethod::kMinMax || IsLevelSet(quantizer.format)),
        nan_scales_(formats::ScaleHasNan(quantizer.format)),
        by_magnitude_(!looks_at_values_ && ScaleFollowsMagnitude(quantizer.format)),
        by_columns_(
            !IsLevelSet(quantizer.format) &&
            !(quantizer.format.zero_point && quantizer.overflow == formats::Overflow::kWrap)) {}

  // `scalings`: null, or the strip's are appended.
  absl::Status FitStrip(const Strip& strip, std::vector<Scaling>* scalings) {
    together_ = strip.width > 1 && by_magnitude_ && FindScalesTogether(strip);
    if (!together_) BITSCAPE_RETURN_IF_ERROR(FindScalings(strip));
    if (scalings == nullptr) return absl::OkStatus();
    if (!together_) {
      scalings->insert(scalings->end(), scalings_.begin(), scalings_.end());
      return absl::OkStatus();
    }
    for (const float scale : scales_) {
      scalings->push_back({.scale = scale, .reciprocal = quantizer_.reciprocal});
    }
    return absl::OkStatus();
  }

  absl::Status RoundStrip(const Strip& strip, std::vector<Scaling>* scalings) {
    BITSCAPE_RETURN_IF_ERROR(FitStrip(strip, scalings));
    if (together_) {
      RoundColumnsTogether(strip);
    } else if (strip.width == 1) {
      Round(scalings_[0], strip.first, strip.length);
    } else if (by_columns_) {
      scales_.resize(strip.width);
      std::transform(scalings_.begin(), scalings_.end(), scales_.begin(),
                     [](const Scaling& scaling) { return scaling.scale; });
      RoundColumnsTogether(strip);
    } else {
      RoundColumnsApart(strip);
    }
    return absl::OkStatus();
  }

 private:
  std::span<const float> Values(const Strip& strip) const {
    return values_.subspan(strip.first, strip.length * strip.width);
  }

  // Scales of all columns by one call. False where a magnitude isn't finite and has no part in the
  // scale.
  bool FindScalesTogether(const Strip& strip) {
    magnitudes_.resize(strip.width);
    scales_.resize(strip.width);
    MagnitudesOfColumns(Values(strip), magnitudes_);
    if (!nan_scales_ && !std::isfinite(MagnitudeOf(magnitudes_))) return false;
    ScalesForMagnitudes(quantizer_.format, tensor_scale_, magnitudes_, scales_);
    return true;
  }

  absl::Status FindScalings(const Strip& strip) {
    scalings_.resize(strip.width);
    const std::span<const float> values = Values(strip);
    if (looks_at_values_) return FitColumns(strip);
    scratch_.resize(2 * strip.width);
    const std::span<float> low = std::span(scratch_).first(strip.width);
    const std::span<float> high = std::span(scratch_).last(strip.width);
    if (nan_scales_) {
      MagnitudesOfColumns(values, high);
      std::transform(high.begin(), high.end(), low.begin(), [](float value) { return -value; });
    } else if (strip.width == 1) {
      const float magnitude = by_magnitude_ ? MagnitudeOf(values) : 0;
      const bool enough = by_magnitude_ && std::isfinite(magnitude);
      const ValueRange range = enough ? ValueRange{-magnitude, magnitude} : RangeOf(values);
      low[0] = range.min;
      high[0] = range.max;
    } else {
      RangesOfColumns(values, low, high);
    }
    for (size_t column = 0; column < strip.width; ++column) {
      scalings_[column] = ScalingForRange(quantizer_, low[column], high[column], tensor_scale_);
    }
    return absl::OkStatus();
  }

  absl::Status FitColumns(const Strip& strip) {
    for (size_t column = 0; column < strip.width; ++column) {
      scratch_.clear();
      bool all_finite = true;
      for (size_t row = 0; row < strip.length; ++row) {
        const float value = values_[strip.first + row * strip.width + column];
        all_finite = all_finite && std::isfinite(value);
        if (std::isfinite(value)) scratch_.push_back(value);
      }
      if (nan_scales_ && !all_finite) {
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        scalings_[column] = ScalingForRange(quantizer_, -kInfinity, kInfinity, tensor_scale_);
        continue;
      }
      BITSCAPE_ASSIGN_OR_RETURN(
          scalings_[column],
          FitScaling(quantizer_, {.values = scratch_, .weights = {}}, tensor_scale_));
    }
    return absl::OkStatus();
  }

  // Rounds `count` elements that stand together.
  void Round(const Scaling& scaling, size_t first, size_t count) {
    formats::Round(quantizer_.format.element, quantizer_.rounding, quantizer_.overflow, scaling,
                   values_.subspan(first, count), rounded_.subspan(first, count), KeyAt(first));
  }

  formats::RandomKey KeyAt(size_t index) const {
    formats::RandomKey key = key_;
    key.first += index;
    return key;
  }

  // Takes the scales out, rounds all columns at scale 1, and puts the scales in: the operations of
  // formats::Round in its order, in loops that run along the rows.
  void RoundColumnsTogether(const Strip& strip) {
    const size_t width = strip.width;
    const bool power_of_two =
        quantizer_.format.scale->encoding == formats::ScaleEncoding::kPowerOfTwo;
    // By 2^k the same quotient, where float32 holds the inverse.
    const bool inverse =
        quantizer_.reciprocal ||
        (power_of_two && std::none_of(scales_.begin(), scales_.end(),
                                      [](float scale) { return scale < 0x1p-127F; }));
    const bool shifted = quantizer_.format.zero_point;
    scratch_.resize(3 * width);
    const std::span<float> divisor = std::span(scratch_).first(width);
    const std::span<float> low = std::span(scratch_).subspan(width, width);
    const std::span<float> high = std::span(scratch_).subspan(2 * width, width);
    std::transform(scales_.begin(), scales_.end(), divisor.begin(),
                   [inverse](float scale) { return inverse ? 1 / scale : scale; });
    const float smallest = static_cast<float>(formats::SmallestFinite(quantizer_.format.element));
    const float largest = static_cast<float>(formats::LargestFinite(quantizer_.format.element));
    for (size_t column = 0; shifted && column < width; ++column) {
      low[column] = smallest - static_cast<float>(scalings_[column].zero_point);
      high[column] = largest - static_cast<float>(scalings_[column].zero_point);
    }
    const size_t rows = std::max<size_t>(1, kChunk / width);
    for (size_t row = 0; row < strip.length; row += rows) {
      const size_t first = strip.first + row * width;
      const size_t count = std::min(rows, strip.length - row) * width;
      const std::span<float> chunk = rounded_.subspan(first, count);
      (inverse ? MultiplyColumns : DivideColumns)(values_.subspan(first, count), divisor, chunk);
      formats::Round(UnshiftedElement(), quantizer_.rounding, quantizer_.overflow, {}, chunk, chunk,
                     KeyAt(first));
      if (shifted) ClampColumns(chunk, low, high);
      MultiplyColumns(chunk, scales_, chunk);
    }
  }

  // With zero points, what codes less their zero point can be: one bit more, cut to the columns'
  // own limits afterwards.
  formats::ElementType UnshiftedElement() const {
    if (!quantizer_.format.zero_point) return quantizer_.format.element;
    const formats::Integer& integer = std::get<formats::Integer>(quantizer_.format.element);
    return formats::Integer{.bits = integer.bits + 1, .is_signed = true, .full_range = true};
  }

  // Each column by itself: where nothing smaller than formats::Round has its arithmetic.
  void RoundColumnsApart(const Strip& strip) {
    for (size_t column = 0; column < strip.width; ++column) {
      const size_t first = strip.first + column;
      if (quantizer_.rounding == formats::Rounding::kStochastic) {
        for (size_t row = 0; row < strip.length; ++row) {
          Round(scalings_[column], first + row * strip.width, 1);
        }
        continue;
      }
      scratch_.resize(strip.length);
      for (size_t row = 0; row < strip.length; ++row) {
        scratch_[row] = values_[first + row * strip.width];
      }
      formats::Round(quantizer_.format.element, quantizer_.rounding, quantizer_.overflow,
                     scalings_[column], scratch_, scratch_);
      for (size_t row = 0; row < strip.length; ++row) {
        rounded_[first + row * strip.width] = scratch_[row];
      }
    }
  }

  const Quantizer& quantizer_;
  const float tensor_scale_;
  const std::span<const float> values_;
  const std::span<float> rounded_;
  const formats::RandomKey key_;
  std::vector<float>& scratch_;
  const bool looks_at_values_, nan_scales_, by_magnitude_, by_columns_;
  bool together_ = false;                   // the strip has scales_ alone, not scalings_
  std::vector<Scaling> scalings_;           // of the strip's columns
  std::vector<float> magnitudes_, scales_;  // of the columns
};

// The length of groups where all of them stand one after another and RoundBlocks computes them; 0
// elsewhere.
size_t UniformBlock(const Quantizer& quantizer, const TensorLayout& layout) {
  if (layout.inner != 1 || quantizer.range != RangeMethod::kMinMax ||
      !ScaleFollowsMagnitude(quantizer.format)) {
    return 0;
  }
  if (quantizer.granularity == Granularity::kToken) return static_cast<size_t>(layout.axis);
  if (quantizer.granularity != Granularity::kBlock) return 0;
  const int64_t segment = layout.Segment();
  if (quantizer.block_size >= segment) return static_cast<size_t>(segment);
  const bool one_run = segment == layout.elements();
  if (segment % quantizer.block_size != 0 && !one_run) return 0;
  return static_cast<size_t>(quantizer.block_size);
}

}  // namespace

bool ScaleFollowsMagnitude(const NumberFormat& format) {
  if (!format.scale.has_value() || format.zero_point || !formats::IsSigned(format.element) ||
      IsLevelSet(format)) {
    return false;
  }
  const bool symmetric =
      formats::SmallestFinite(format.element) == -formats::LargestFinite(format.element);
  const bool covers = format.scale->encoding == formats::ScaleEncoding::kPowerOfTwo &&
                      format.scale->rule == formats::ScaleRule::kCover;
  return symmetric || !covers;
}

void ScalesForMagnitudes(const NumberFormat& format, float tensor_scale,
                         std::span<float> magnitudes, std::span<float> scales) {
  const formats::ScaleLevel& level = *format.scale;
  const double largest = formats::LargestFinite(format.element);
  const double farthest = std::max(largest, -formats::SmallestFinite(format.element));
  if (level.encoding == formats::ScaleEncoding::kFloat32) {
    const float limit = formats::StoredFloat32Scale(std::numeric_limits<float>::max(), farthest);
    return QuotientScales(magnitudes, static_cast<float>(largest), limit, scales);
  }
  const int top = std::ilogb(largest);
  if (level.encoding == formats::ScaleEncoding::kPowerOfTwo &&
      level.rule == formats::ScaleRule::kFloor &&
      level.min_exponent >= std::max(-149, -127 - top)) {
    int highest = level.max_exponent;
    while (std::ldexp(farthest, highest) > std::numeric_limits<float>::max()) --highest;
    return FloorScales(magnitudes, top, level.min_exponent, highest, scales);
  }
  formats::RoundBlocks(format, {.block = 1, .tensor_scale = tensor_scale}, magnitudes, magnitudes,
                       scales);
}

absl::Status RoundGroups(const Quantizer& quantizer, const TensorLayout& layout, float tensor_scale,
                         std::span<const float> values, std::span<float> rounded,
                         formats::RandomKey key, std::vector<float>& scratch,
                         std::vector<Scaling>* scalings) {
  const size_t groups =
      scalings == nullptr ? 0 : static_cast<size_t>(GroupCount(quantizer, layout));
  if (!formats::HasScale(quantizer.format)) {
    const Scaling constant = ScalingForRange(quantizer, 0, 0);
    formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow, constant,
                   values, rounded, key);
    if (scalings != nullptr) scalings->insert(scalings->end(), groups, constant);
    return absl::OkStatus();
  }
  if (const size_t block = UniformBlock(quantizer, layout); block > 0) {
    scratch.resize(groups);
    formats::RoundBlocks(quantizer.format,
                         {.rounding = quantizer.rounding,
                          .overflow = quantizer.overflow,
                          .reciprocal = quantizer.reciprocal,
                          .block = static_cast<int>(block),
                          .tensor_scale = tensor_scale},
                         values, rounded, scratch, key);
    for (size_t group = 0; group < groups; ++group) {
      scalings->push_back({.scale = scratch[group], .reciprocal = quantizer.reciprocal});
    }
    return absl::OkStatus();
  }
  GroupRounder rounder(quantizer, tensor_scale, values, rounded, key, scratch);
  absl::Status status;
  ForEachStrip(quantizer, layout, [&](const Strip& strip) {
    if (!status.ok()) return;
    status = rounder.RoundStrip(strip, scalings);
  });
  return status;
}

absl::Status FitGroups(const Quantizer& quantizer, const TensorLayout& layout, float tensor_scale,
                       std::span<const float> values, std::vector<float>& scratch,
                       std::vector<Scaling>& scalings) {
  if (!formats::HasScale(quantizer.format)) {
    scalings.insert(scalings.end(), static_cast<size_t>(GroupCount(quantizer, layout)),
                    ScalingForRange(quantizer, 0, 0));
    return absl::OkStatus();
  }
  GroupRounder rounder(quantizer, tensor_scale, values, {}, {}, scratch);
  absl::Status status;
  ForEachStrip(quantizer, layout, [&](const Strip& strip) {
    if (!status.ok()) return;
    status = rounder.FitStrip(strip, &scalings);
  });
  return status;
}

}  // namespace bitscape::quantize
