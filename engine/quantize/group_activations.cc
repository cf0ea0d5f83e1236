// Activations: calibrated once, or scaled as they come.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/core/status.h"
#include "engine/formats/scale.h"
#include "engine/quantize/group_loops.h"
#include "engine/quantize/group_rounding.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;
using formats::Quantizer;
using formats::Scaling;

// Signs, 0 counted as positive: the scales of `position` come after the product
// (position_scale.h).
Scaling Signs() {
  static const std::shared_ptr<const formats::LevelTable> table =
      std::make_shared<const formats::LevelTable>(
          formats::LevelTable{.levels = {-1, 1}, .boundaries = {0}, .ties_up = {1}});
  return {.levels = table};
}

// The bins that hold something, as weighted values.
struct BinnedSample {
  std::vector<float> values;
  std::vector<double> weights;
};

BinnedSample SampleOf(const Distribution& distribution) {
  BinnedSample sample;
  const RangeStatistics& range = distribution.range();
  for (size_t bin = 0; bin < distribution.bins().size(); ++bin) {
    if (distribution.bins()[bin] == 0) continue;
    // Rectified values are often exactly 0, and Center has 0 for the bin that holds it.
    sample.values.push_back(std::clamp(distribution.Center(bin), range.min, range.max));
    sample.weights.push_back(static_cast<double>(distribution.bins()[bin]));
  }
  return sample;
}

}  // namespace

absl::StatusOr<ActivationScaling> CalibrateActivations(const Quantizer& quantizer,
                                                       const Distribution& distribution) {
  BITSCAPE_RETURN_IF_ERROR(CheckActivations(quantizer));
  if (!formats::HasScale(quantizer.format)) {
    return ActivationScaling{ScalingForRange(quantizer, 0, 0), 1};
  }
  if (quantizer.granularity == Granularity::kPosition) return ActivationScaling{Signs(), 1};
  const bool needs_tensor_scale =
      quantizer.format.tensor_scale.has_value() && !quantizer.dynamic_range;
  if (IsDynamic(quantizer) && !needs_tensor_scale) return ActivationScaling{};
  const RangeStatistics& range = distribution.range();
  if (range.count == 0) {
    return absl::InvalidArgumentError(
        fmt::format("activations {}: calibration saw no finite value to take a range from",
                    quantizer.ToString()));
  }
  ActivationScaling calibrated;
  if (needs_tensor_scale) {
    calibrated.tensor_scale =
        formats::TensorScaleForMagnitude(quantizer.format, std::max(range.max, -range.min));
  }
  if (IsDynamic(quantizer)) return calibrated;
  BinnedSample sample{.values = {range.min, range.max}, .weights = {1, 1}};
  if (NeedsDistribution(quantizer)) {
    sample = SampleOf(distribution);
    if (sample.values.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("activations {}: calibration kept the range only, and this quantizer is "
                      "fitted to the distribution",
                      quantizer.ToString()));
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(
      calibrated.scaling,
      FitScaling(quantizer, range, {.values = sample.values, .weights = sample.weights},
                 calibrated.tensor_scale));
  return calibrated;
}

void RoundActivations(const Quantizer& quantizer, const ActivationScaling& calibrated,
                      const TensorLayout& layout, std::span<const float> values,
                      std::span<float> rounded, formats::RandomKey key,
                      std::vector<float>& scratch) {
  BITSCAPE_CHECK(
      values.size() == rounded.size() && static_cast<int64_t>(values.size()) == layout.elements(),
      "the layout has one element for each value");
  if (!IsDynamic(quantizer)) {
    formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                   calibrated.scaling, values, rounded, key);
    return;
  }
  float tensor_scale = calibrated.tensor_scale;
  if (quantizer.format.tensor_scale.has_value() && quantizer.dynamic_range) {
    const ValueRange range = RangeOf(values);
    tensor_scale =
        formats::TensorScaleForMagnitude(quantizer.format, std::max(range.max, -range.min));
  }
  const absl::Status status =
      RoundGroups(quantizer, layout, tensor_scale, values, rounded, key, scratch, nullptr);
  BITSCAPE_CHECK(status.ok(), "CheckActivations refuses what can't be computed");
}

}  // namespace bitscape::quantize
