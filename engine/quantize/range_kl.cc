// TensorRT's calibration (Migacz, "8-bit inference with TensorRT", GTC 2017): the threshold of |x|
// after which the clipped distribution P and what a format's levels leave of it, Q, differ least.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <variant>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/quantize/range_methods.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Quantizer;

constexpr size_t kBins = 2048;
// Of a value: the published calibration leaves a zero of Q open, under which a range could never
// end where no value lies; MXNet's smooths by this much.
constexpr double kSmoothing = 1e-4;

// A number that more than this share of the values equals is no part of a shape: the background of
// images, what padding or a clamp leaves. Calibration tools leave zero out for that; here any such
// number is, and every threshold keeps it.
constexpr double kPeakShare = 0.25;

// The numbers that hold more than kPeakShare of the weight, zeros aside.
class Peaks {
 public:
  explicit Peaks(const Sample& sample) {
    if (sample.weights.empty()) {
      FindByRank(sample.values);
    } else {
      FindByWeight(sample);
    }
  }

  bool Holds(float value) const {
    return std::find(values_.begin(), values_.end(), value) != values_.end();
  }
  double LargestMagnitude(bool negatives) const {
    double largest = 0;
    for (const float value : values_) {
      if (value > 0 || negatives) largest = std::max(largest, std::fabs(double{value}));
    }
    return largest;
  }

 private:
  // A run of more than a quarter of sorted values holds one of the quartiles.
  void FindByRank(std::span<const float> values) {
    std::vector<float> sorted;
    std::copy_if(values.begin(), values.end(), std::back_inserter(sorted),
                 [](float value) { return value != 0; });
    if (sorted.empty()) return;
    for (size_t quarter = 0; quarter < 4; ++quarter) {
      const auto nth = sorted.begin() + static_cast<int64_t>(quarter * sorted.size() / 4);
      std::nth_element(sorted.begin(), nth, sorted.end());
      const float value = *nth;
      const auto equal = std::count(sorted.begin(), sorted.end(), value);
      // Of a handful of values each has a large share, which says nothing.
      if (equal > 1) Add(value, static_cast<double>(equal), static_cast<double>(sorted.size()));
    }
  }

  void FindByWeight(const Sample& sample) {
    double total = 0;
    for (size_t i = 0; i < sample.values.size(); ++i) {
      if (sample.values[i] != 0) total += sample.weights[i];
    }
    for (size_t i = 0; i < sample.values.size(); ++i) {
      if (sample.values[i] != 0) Add(sample.values[i], sample.weights[i], total);
    }
  }

  void Add(float value, double weight, double total) {
    if (weight > kPeakShare * total && !Holds(value)) values_.push_back(value);
  }

  std::vector<float> values_;
};

double LogOf(double weight) { return weight > 0 ? std::log(weight) : 0; }

// Weights of |x| in equal bins over [0, amax], with what sums over bins need.
class Magnitudes {
 public:
  Magnitudes(const Sample& sample, const Peaks& peaks, double amax, bool negatives)
      : bins_(kBins, 0) {
    const bool weighted = !sample.weights.empty();
    for (size_t i = 0; i < sample.values.size(); ++i) {
      const double value = sample.values[i];
      // Every threshold keeps zeros and peaks.
      if (value == 0 || (value < 0 && !negatives) || peaks.Holds(sample.values[i])) continue;
      const double place = std::min(std::fabs(value) / amax, 1.0) * kBins;
      if (weighted) {
        // Values stand for bins of another width: shared by the two nearest here, so that no comb
        // appears.
        const double center = std::clamp(place - 0.5, 0.0, kBins - 1.0);
        const auto bin = std::min(static_cast<size_t>(center), kBins - 2);
        const double part = center - static_cast<double>(bin);
        bins_[bin] += sample.weights[i] * (1 - part);
        bins_[bin + 1] += sample.weights[i] * part;
      } else {
        bins_[std::min(static_cast<size_t>(place), kBins - 1)] += 1;
      }
    }
    below_.assign(1, 0);
    nonzero_.assign(1, 0);
    entropy_.assign(1, 0);
    for (const double weight : bins_) {
      below_.push_back(below_.back() + weight);
      nonzero_.push_back(nonzero_.back() + (weight > 0 ? 1 : 0));
      entropy_.push_back(entropy_.back() + weight * LogOf(weight));
    }
  }

  double total() const { return below_.back(); }

  // KL(P || Q) of the first `count` bins. P: their weights, the last also has what lies beyond. Q:
  // each of `cells` (their ends, ascending to count) spreads its weight over its bins that aren't
  // empty. Where the last bin is empty but for what lies beyond, Q has kSmoothing there. Infinite
  // without any weight.
  double Divergence(size_t count, const std::vector<size_t>& ends) const {
    if (below_[count] <= 0) return std::numeric_limits<double>::infinity();
    const double beyond = total() - below_[count];
    const double last = bins_[count - 1];
    double sum = entropy_[count - 1] + (last + beyond) * LogOf(last + beyond);
    sum -= beyond * (last > 0 ? 0 : std::log(kSmoothing));
    for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i], ++i) {
      const double weight = below_[ends[i]] - below_[begin];
      const double bins = nonzero_[ends[i]] - nonzero_[begin];
      if (bins == 0) continue;
      const bool holds_beyond = ends[i] == count && last > 0;
      sum -= (weight + (holds_beyond ? beyond : 0)) * std::log(weight / bins);
    }
    return sum / total() - std::log(total()) + std::log(below_[count]);
  }

 private:
  std::vector<double> bins_, below_, nonzero_, entropy_;
};

// Cells of `levels` equal parts of the first `count` bins.
void EvenCells(size_t count, size_t levels, std::vector<size_t>& ends) {
  ends.clear();
  for (size_t i = 1; i <= levels; ++i) ends.push_back(i * count / levels);
}

// Cells of the bins whose centers the format rounds to one value.
void OwnCells(const Quantizer& quantizer, const RangeStatistics& range, size_t count,
              std::span<const float> centers, std::vector<float>& rounded,
              std::vector<size_t>& ends) {
  const formats::Scaling scaling = ScalingForRange(quantizer, range.min, range.max);
  rounded.resize(count);
  formats::Round(quantizer.format.element, formats::Rounding::kNearestEven,
                 formats::Overflow::kSaturate, scaling, centers.first(count), rounded);
  ends.clear();
  for (size_t i = 1; i < count; ++i) {
    if (rounded[i] != rounded[i - 1]) ends.push_back(i);
  }
  ends.push_back(count);
}

// Levels for magnitudes up to the threshold.
double MagnitudeLevels(const Quantizer& quantizer, const RangeStatistics& range, double amax) {
  const formats::NumberFormat& format = quantizer.format;
  const double codes = std::exp2(formats::ElementBits(format));
  if (!format.zero_point) return formats::IsSigned(format.element) ? codes / 2 : codes;
  const double width = std::max(range.max, 0.0F) - double{std::min(range.min, 0.0F)};
  return std::round(codes * amax / width);
}

}  // namespace

RangeStatistics LeastDivergenceRange(const Quantizer& quantizer, const RangeStatistics& range,
                                     const Sample& sample) {
  const bool negatives = formats::IsSigned(quantizer.format.element) || quantizer.format.zero_point;
  const double amax = std::max(double{range.max}, negatives ? -double{range.min} : 0.0);
  if (amax <= 0) return range;
  const Peaks peaks(sample);
  const Magnitudes magnitudes(sample, peaks, amax, negatives);
  if (magnitudes.total() <= 0) return range;
  const bool uniform = std::holds_alternative<formats::Integer>(quantizer.format.element);
  const double levels = std::max(MagnitudeLevels(quantizer, range, amax), 1.0);
  const double keeps_peaks = std::ceil(peaks.LargestMagnitude(negatives) / amax * kBins);
  const double narrowest = std::max(levels, keeps_peaks);
  std::vector<float> centers;
  for (size_t i = 0; i < kBins; ++i) {
    centers.push_back(static_cast<float>((static_cast<double>(i) + 0.5) / kBins * amax));
  }
  std::vector<float> rounded;
  std::vector<size_t> ends;
  double least = std::numeric_limits<double>::infinity();
  RangeStatistics best = range;
  // From the widest, which ties keep.
  for (size_t count = kBins; static_cast<double>(count) >= narrowest; --count) {
    const RangeStatistics candidate =
        count == kBins ? range : Shrunk(range, static_cast<double>(count) / kBins);
    if (uniform) {
      EvenCells(count, static_cast<size_t>(levels), ends);
    } else {
      OwnCells(quantizer, candidate, count, centers, rounded, ends);
    }
    const double divergence = magnitudes.Divergence(count, ends);
    if (divergence < least) {
      least = divergence;
      best = candidate;
    }
  }
  return best;
}

}  // namespace bitscape::quantize
