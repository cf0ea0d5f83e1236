// Rounding whole tensors: ranges, scales, and the layout of groups that share a scale.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/formats/quantizer.h"
#include "engine/quantize/ranges.h"
#include "engine/quantize/tensor_layout.h"

namespace bitscape::quantize {

// Scale and zero point that cover [min, max] (README.md has the formulas and edge cases: an
// all-zero range has scale 1; a scale never underflows to 0). Level sets need FitLevels.
formats::Scaling ScalingForRange(const formats::Quantizer& quantizer, float min, float max,
                                 float tensor_scale = 1);

// The scaling of one group from its data: range choice, then scale, or fitted levels.
absl::StatusOr<formats::Scaling> FitScaling(const formats::Quantizer& quantizer,
                                            const Sample& sample, float tensor_scale = 1);
// The same where the range is known better than the sample shows it (bins of a Distribution).
absl::StatusOr<formats::Scaling> FitScaling(const formats::Quantizer& quantizer,
                                            const RangeStatistics& range, const Sample& sample,
                                            float tensor_scale = 1);

struct RoundedTensor {
  std::vector<float> values;               // same shape as the input
  std::vector<formats::Scaling> scalings;  // by group (GroupOf); `scale` includes tensor_scale
  float tensor_scale = 1;                  // NVFP4
  TensorLayout layout;                     // that GroupOf numbers the scalings by
};

// Rounds a tensor whose groups have scales from their own finite values, two levels of them where
// the format has two. Errors: those of FitScaling. Shape: values.size() == layout.elements().
absl::StatusOr<RoundedTensor> RoundByGroups(const formats::Quantizer& quantizer,
                                            const TensorLayout& layout,
                                            std::span<const float> values,
                                            formats::RandomKey key = {});

// Rounds a weight tensor. Groups have scales from their own data. Errors: kInvalidArgument for NaN
// or infinite weights (element index named), sizes that don't fit, and uses that weights don't
// have.
absl::StatusOr<RoundedTensor> RoundWeights(const formats::Quantizer& quantizer,
                                           const TensorLayout& layout,
                                           std::span<const float> weights,
                                           formats::RandomKey key = {});
// The errors of RoundWeights that the quantizer alone causes.
absl::Status CheckWeights(const formats::Quantizer& quantizer);

// Whether the scales of activations are found when they are there: `dynamic`, `token`, and blocks,
// whose scales always are. Else they are calibrated once.
bool IsDynamic(const formats::Quantizer& quantizer);

// What calibration gives for activations: with static ranges the scaling, else the tensor's scale
// where the format has one (NVFP4 without `dynamic`). Errors: kInvalidArgument where a range is
// needed and nothing was observed.
struct ActivationScaling {
  formats::Scaling scaling;
  float tensor_scale = 1;
};
absl::StatusOr<ActivationScaling> CalibrateActivations(const formats::Quantizer& quantizer,
                                                       const Distribution& distribution);
// The errors of CalibrateActivations that the quantizer alone causes.
absl::Status CheckActivations(const formats::Quantizer& quantizer);

// Rounds the activations of one image (or sequence); in place is allowed. Ranges of dynamic groups
// come from their finite values; the others follow the format's rules. `scratch` is working memory
// that the caller keeps between calls. Never fails: what can't be computed CheckActivations
// refuses.
void RoundActivations(const formats::Quantizer& quantizer, const ActivationScaling& calibrated,
                      const TensorLayout& layout, std::span<const float> values,
                      std::span<float> rounded, formats::RandomKey key,
                      std::vector<float>& scratch);

// `format round`: any tensor, scales found from the data, channels along the first axis, blocks
// along the last. Shape: product(shape) == values.size(). token: one scale for each row of the last
// axis. Scales come from finite values; the others follow the format's rules. Errors:
// kInvalidArgument for a shape that doesn't fit and for `position`, which a tensor alone doesn't
// have.
absl::StatusOr<RoundedTensor> RoundTensor(const formats::Quantizer& quantizer,
                                          std::span<const int64_t> shape,
                                          std::span<const float> values,
                                          formats::RandomKey key = {});

}  // namespace bitscape::quantize
