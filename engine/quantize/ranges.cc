#include "engine/quantize/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/status.h"

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
  return static_cast<float>(range_.min + (static_cast<double>(bin) + 0.5) * width);
}

void Distribution::Observe(std::span<const float> values) {
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

absl::StatusOr<RangeStatistics> ChooseRange(const Quantizer& quantizer,
                                            const RangeStatistics& range, const Sample& sample) {
  RangeStatistics chosen = range;
  switch (quantizer.range) {
    case RangeMethod::kMinMax:
      return chosen;
    case RangeMethod::kPercentile: {
      // Nearest rank: the smallest magnitude that `percent` of the magnitudes don't exceed.
      std::vector<float> magnitudes;
      magnitudes.reserve(sample.values.size());
      for (const float value : sample.values) magnitudes.push_back(std::fabs(value));
      // 99.9 isn't a double: without the slack 99.9 % of 1000 would be 999.0000000000001 elements.
      constexpr double kSlack = 1 - 1e-12;
      const double rank =
          std::ceil(quantizer.range_value * static_cast<double>(magnitudes.size()) / 100 * kSlack);
      const auto nth = magnitudes.begin() + static_cast<int64_t>(std::max(rank, 1.0)) - 1;
      std::nth_element(magnitudes.begin(), nth, magnitudes.end());
      chosen.min = std::max(chosen.min, -*nth);
      chosen.max = std::min(chosen.max, *nth);
      return chosen;
    }
    case RangeMethod::kClip:
      chosen.max = static_cast<float>(quantizer.range_value);
      chosen.min = chosen.min < 0 ? -chosen.max : 0;
      return chosen;
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

}  // namespace bitscape::quantize
