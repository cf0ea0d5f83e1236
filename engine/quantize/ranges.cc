#include "engine/quantize/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "engine/core/status.h"
#include "engine/quantize/range_methods.h"

namespace bitscape::quantize {

using formats::Quantizer;
using formats::RangeMethod;

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

Distribution::Distribution(const RangeStatistics& range) : range_(range), bins_(kBins, 0) {}

float Distribution::Center(size_t bin) const {
  const double width = (static_cast<double>(range_.max) - range_.min) / kBins;
  const double low = range_.min + static_cast<double>(bin) * width;
  const bool holds_zero = low <= 0 && 0 < low + width;
  return holds_zero ? 0.0F : static_cast<float>(low + width / 2);
}

void Distribution::Observe(std::span<const float> values) {
  BITSCAPE_CHECK(!bins_.empty(), "a distribution over a range");
  const double width = (static_cast<double>(range_.max) - range_.min) / kBins;
  const double per_bin = width > 0 ? 1 / width : 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double bin = (static_cast<double>(value) - range_.min) * per_bin;
    ++bins_[static_cast<size_t>(std::clamp(bin, 0.0, double{kBins - 1}))];
  }
}

void Distribution::Merge(const Distribution& other) {
  BITSCAPE_CHECK(bins_.size() == other.bins_.size() && range_.min == other.range_.min &&
                     range_.max == other.range_.max,
                 "distributions over one range");
  for (size_t bin = 0; bin < bins_.size(); ++bin) bins_[bin] += other.bins_[bin];
}

bool NeedsDistribution(const Quantizer& quantizer) {
  if (std::holds_alternative<formats::LevelSet>(quantizer.format.element)) return true;
  switch (quantizer.range) {
    case RangeMethod::kMinMax:
    case RangeMethod::kClip:
    case RangeMethod::kPact:
      return false;
    case RangeMethod::kPercentile:
    case RangeMethod::kMse:
    case RangeMethod::kKl:
    case RangeMethod::kAciq:
      return true;
  }
  BITSCAPE_CHECK(false, "every RangeMethod has a case");
}

RangeStatistics Shrunk(const RangeStatistics& range, double factor) {
  const double low = factor * range.min, high = factor * range.max;
  RangeStatistics result = range;
  result.min = static_cast<float>(range.min < 0 ? low : std::min(double{range.min}, high));
  result.max = static_cast<float>(range.max > 0 ? high : std::max(double{range.max}, low));
  return result;
}

namespace {

// 99.9 isn't a double: without the slack 99.9 % of 1000 would be 999.0000000000001 elements.
constexpr double kRankSlack = 1 - 1e-12;

// The bound of nearest rank where every value counts once; may be 0.
float RankedMagnitude(double percent, std::span<const float> values) {
  std::vector<float> magnitudes;
  magnitudes.reserve(values.size());
  for (const float value : values) magnitudes.push_back(std::fabs(value));
  const double rank =
      std::ceil(percent * static_cast<double>(magnitudes.size()) / 100 * kRankSlack);
  const auto nth = magnitudes.begin() + static_cast<int64_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(magnitudes.begin(), nth, magnitudes.end());
  return *nth;
}

// The same with weights: the smallest magnitude that has its share of the weight below or at it.
float WeightedMagnitude(double percent, const Sample& sample) {
  std::vector<std::pair<float, double>> magnitudes;
  double total = 0;
  for (size_t i = 0; i < sample.values.size(); ++i) {
    if (sample.weights[i] <= 0) continue;
    magnitudes.emplace_back(std::fabs(sample.values[i]), sample.weights[i]);
    total += sample.weights[i];
  }
  std::sort(magnitudes.begin(), magnitudes.end());
  const double rank = percent * total / 100 * kRankSlack;
  double below = 0;
  for (const auto& [magnitude, weight] : magnitudes) {
    below += weight;
    if (below >= rank) return magnitude;
  }
  return magnitudes.empty() ? 0 : magnitudes.back().first;
}

}  // namespace

RangeStatistics PercentileRange(double percent, const RangeStatistics& range,
                                const Sample& sample) {
  float bound = sample.weights.empty() ? RankedMagnitude(percent, sample.values)
                                       : WeightedMagnitude(percent, sample);
  if (bound == 0) {
    bound = std::numeric_limits<float>::infinity();
    for (size_t i = 0; i < sample.values.size(); ++i) {
      const bool counts = sample.weights.empty() || sample.weights[i] > 0;
      const float magnitude = std::fabs(sample.values[i]);
      if (counts && magnitude > 0) bound = std::min(bound, magnitude);
    }
  }
  RangeStatistics chosen = range;
  chosen.min = std::clamp(-bound, range.min, range.max);
  chosen.max = std::clamp(bound, range.min, range.max);
  return chosen;
}

absl::StatusOr<RangeStatistics> ChooseRange(const Quantizer& quantizer,
                                            const RangeStatistics& range, const Sample& sample) {
  if (sample.values.empty() && NeedsDistribution(quantizer)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a range is chosen from at least one value", quantizer.ToString()));
  }
  if (!sample.weights.empty() && sample.weights.size() != sample.values.size()) {
    return absl::InvalidArgumentError(fmt::format("{}: {} values with {} weights",
                                                  quantizer.ToString(), sample.values.size(),
                                                  sample.weights.size()));
  }
  const auto bound = static_cast<float>(quantizer.range_value);
  switch (quantizer.range) {
    case RangeMethod::kMinMax:
      return range;
    case RangeMethod::kPercentile:
      return PercentileRange(quantizer.range_value, range, sample);
    case RangeMethod::kClip:
      return RangeStatistics{.min = range.min < 0 ? -bound : 0, .max = bound, .count = range.count};
    case RangeMethod::kPact:
      if (bound > 0) return RangeStatistics{.min = 0, .max = bound, .count = range.count};
      return absl::UnimplementedError(fmt::format(
          "{}: training gives PACT's alpha; pact=A is one that is known", quantizer.ToString()));
    case RangeMethod::kMse:
      return LeastErrorRange(quantizer, range, sample);
    case RangeMethod::kKl:
      return LeastDivergenceRange(quantizer, range, sample);
    case RangeMethod::kAciq:
      return AciqRange(quantizer, range, sample);
  }
  BITSCAPE_CHECK(false, "every RangeMethod has a case");
}

}  // namespace bitscape::quantize
