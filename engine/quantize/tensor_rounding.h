// Rounding whole tensors: ranges, scales, and the layout of groups that share a scale.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/formats/quantizer.h"

namespace bitscape::quantize {

// Smallest and largest finite value seen, and how many. Merging is exact and
// order-free.
struct RangeStatistics {
  float min = 0;
  float max = 0;
  int64_t count = 0;  // 0: nothing seen
  void Observe(std::span<const float> values);
  void Merge(const RangeStatistics& other);
};

// Scale and zero point that cover [min, max] (README.md has the formulas and edge cases: an
// all-zero range has scale 1; a scale never underflows to 0).
formats::Scaling ScalingForRange(const formats::NumberFormat& format, float min, float max);

// Rounds a weight tensor. Shape: [channels, elements_per_channel], row-major; channels are the
// output channels. tensor granularity: one scale; channel: one for each row. Errors:
// kInvalidArgument for NaN or infinite weights (element index named) and granularities that weights
// don't have; kUnimplemented for range methods that this build can't compute.
struct RoundedTensor {
  std::vector<float> values;               // same shape as the input
  std::vector<formats::Scaling> scalings;  // one, or one a channel
};
absl::StatusOr<RoundedTensor> RoundWeights(const formats::Quantizer& quantizer,
                                           std::span<const float> weights, int64_t channels,
                                           formats::RandomKey key = {});
// The errors of RoundWeights that the quantizer alone causes.
absl::Status CheckWeights(const formats::Quantizer& quantizer);

// Scale for a statically ranged activation tensor from calibration statistics.
// Errors: kInvalidArgument where a range is needed and nothing was observed; kUnimplemented for
// dynamic ranges, for granularities other than tensor, and for range methods other than minmax and
// clip.
absl::StatusOr<formats::Scaling> ActivationScaling(const formats::Quantizer& quantizer,
                                                   const RangeStatistics& statistics);
// The errors of ActivationScaling that the quantizer alone causes.
absl::Status CheckActivations(const formats::Quantizer& quantizer);

// `format round`: any tensor, scales found from the data, channels along the first axis, blocks
// along the last. Shape: product(shape) == values.size(). token: one scale for each row of the last
// axis. Scales come from finite values; the others follow the format's rules. Errors:
// kInvalidArgument for a shape that doesn't fit; kUnimplemented for a granularity or range method
// that this build can't compute.
absl::StatusOr<std::vector<float>> RoundTensor(const formats::Quantizer& quantizer,
                                               std::span<const int64_t> shape,
                                               std::span<const float> values,
                                               formats::RandomKey key = {});

// Bits of storage of a tensor [channels, elements_per_channel] rounded by `quantizer`: codes
// packed, scales and zero points counted. channel, token, position: one group a row; blocks: each
// row begins a new one.
int64_t StorageBits(const formats::Quantizer& quantizer, int64_t channels,
                    int64_t elements_per_channel);

}  // namespace bitscape::quantize
