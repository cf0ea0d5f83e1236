// Range choice: from what is known of a tensor to the interval that a scale covers.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <vector>

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

// A histogram of the finite values of a tensor that is too large to keep (calibrated activations):
// counts in equal bins over a range that an earlier pass found. Integer counts, so merging is exact
// and order-free.
class Distribution {
 public:
  static constexpr int kBins = 4096;
  Distribution() = default;
  explicit Distribution(const RangeStatistics& range);  // bins over [range.min, range.max]
  void Observe(std::span<const float> values);  // values beyond the range count in the end bins
  void Merge(const Distribution& other);        // of the same range
  const RangeStatistics& range() const { return range_; }
  const std::vector<int64_t>& bins() const { return bins_; }  // empty where only the range is known
  // The value that stands for a bin: its middle, and 0 for the bin that holds it, since zeros are
  // often most of the values.
  float Center(size_t bin) const;

 private:
  RangeStatistics range_;
  std::vector<int64_t> bins_;
};

// Weighted values: what range methods and level fits work on. Weights that are empty are all one.
struct Sample {
  std::span<const float> values;  // finite
  std::span<const double> weights;
};

// Whether the choice needs more than minimum and maximum: pN, mse, kl, aciq, and every level set
// that looks at the data.
bool NeedsDistribution(const formats::Quantizer& quantizer);

// The interval [min, max] that the group's scale shall cover; `range` is the data's own. README.md
// has the formulas. minmax: the data's; pN: nearest rank of |x|; clip=V, pact=A: the bound; mse:
// the least squared error of this very format over a grid of clips; kl: the least Kullback-Leibler
// divergence (TensorRT's calibration); aciq: the closed form for Laplace or Gauss, whichever fits
// (Banner et al. 2019). Errors: kInvalidArgument for an empty sample; kUnimplemented for `pact`
// whose alpha is yet to be trained.
absl::StatusOr<RangeStatistics> ChooseRange(const formats::Quantizer& quantizer,
                                            const RangeStatistics& range, const Sample& sample);

}  // namespace bitscape::quantize
