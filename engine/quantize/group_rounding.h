// Rounding a tensor group by group, each with the scale of its own data.
#pragma once

#include <absl/status/status.h>

#include <span>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/quantize/tensor_layout.h"

namespace bitscape::quantize {

// Whether ScaleForMagnitude (engine/formats/scale.h) gives a group's scale: the sign of the
// extremes doesn't matter. Else ScalingForRange, or FitLevels, needs more than the largest
// magnitude.
bool ScaleFollowsMagnitude(const formats::NumberFormat& format);

// formats::ScaleForMagnitude of each magnitude, where ScaleFollowsMagnitude. Where the format's
// scale can't be NaN the magnitudes are finite. They are overwritten. Shape: magnitudes.size() ==
// scales.size().
void ScalesForMagnitudes(const formats::NumberFormat& format, float tensor_scale,
                         std::span<float> magnitudes, std::span<float> scales);

// Rounds each group of `layout` with FitScaling of its own finite values, element by element as
// formats::Round does; random numbers are keyed by the index in the tensor. In place is allowed.
// `scalings`: null, or one for each group is appended. Errors: those of FitScaling.
absl::Status RoundGroups(const formats::Quantizer& quantizer, const TensorLayout& layout,
                         float tensor_scale, std::span<const float> values,
                         std::span<float> rounded, formats::RandomKey key,
                         std::vector<float>& scratch, std::vector<formats::Scaling>* scalings);

// The scalings alone that RoundGroups would round with: one for each group is appended. Errors:
// those of FitScaling.
absl::Status FitGroups(const formats::Quantizer& quantizer, const TensorLayout& layout,
                       float tensor_scale, std::span<const float> values,
                       std::vector<float>& scratch, std::vector<formats::Scaling>& scalings);

}  // namespace bitscape::quantize
