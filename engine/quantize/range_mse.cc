// The range of least squared error: a grid of clips, then a finer one around the best.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/quantize/range_methods.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

constexpr size_t kLargestSample = 1 << 16;
constexpr int kStepsPerOctave = 16;
constexpr int kOctaves = 8;
constexpr int kRefinement = 16;  // finer steps in one of the grid

class ErrorOfRanges {
 public:
  ErrorOfRanges(const formats::Quantizer& quantizer, const Sample& sample)
      : quantizer_(quantizer), sample_(sample), rounded_(sample.values.size()) {
    // Judged as nearest: a choice of range draws no random numbers.
    if (quantizer_.rounding == formats::Rounding::kStochastic) {
      quantizer_.rounding = formats::Rounding::kNearestEven;
    }
  }

  double Of(const RangeStatistics& range) {
    const formats::Scaling scaling = ScalingForRange(quantizer_, range.min, range.max);
    if (known_ && scaling == last_) return error_;
    known_ = true;
    last_ = scaling;
    formats::Round(quantizer_.format.element, quantizer_.rounding, quantizer_.overflow, scaling,
                   sample_.values, rounded_);
    double sum = 0, total = 0;
    for (size_t i = 0; i < rounded_.size(); ++i) {
      const double weight = sample_.weights.empty() ? 1 : sample_.weights[i];
      const double error = double{rounded_[i]} - sample_.values[i];
      sum += weight * error * error;
      total += weight;
    }
    error_ = sum / total;
    return error_;
  }

 private:
  formats::Quantizer quantizer_;
  const Sample& sample_;
  std::vector<float> rounded_;
  bool known_ = false;
  formats::Scaling last_;
  double error_ = 0;
};

// The means of equal bins: what stands for a sample that is too large to round 160 times.
struct Means {
  Means(const RangeStatistics& range, const Sample& sample) {
    std::vector<double> weight(Distribution::kBins, 0), sum(Distribution::kBins, 0);
    const double per_bin = Distribution::kBins / (double{range.max} - range.min);
    for (size_t i = 0; i < sample.values.size(); ++i) {
      const double place = (double{sample.values[i]} - range.min) * per_bin;
      const auto bin = static_cast<size_t>(std::clamp(place, 0.0, Distribution::kBins - 1.0));
      const double one = sample.weights.empty() ? 1 : sample.weights[i];
      weight[bin] += one;
      sum[bin] += one * sample.values[i];
    }
    for (size_t bin = 0; bin < weight.size(); ++bin) {
      if (weight[bin] <= 0) continue;
      values.push_back(static_cast<float>(sum[bin] / weight[bin]));
      weights.push_back(weight[bin]);
    }
  }
  Sample sample() const { return {.values = values, .weights = weights}; }
  std::vector<float> values;
  std::vector<double> weights;
};

// The best of 2^(-i / steps) around 2^-center: i / steps within `reach` of center and in [0,
// kOctaves]. Of equal errors the widest range wins.
double BestExponent(ErrorOfRanges& errors, const RangeStatistics& range, double center,
                    double reach, double steps) {
  double best = 0;
  double least = errors.Of(range);
  const double first = std::max(0.0, std::round((center - reach) * steps));
  const double last = std::min(kOctaves * steps, std::round((center + reach) * steps));
  for (double i = first; i <= last; ++i) {
    const double error = errors.Of(Shrunk(range, std::exp2(-i / steps)));
    if (error < least) {
      least = error;
      best = i / steps;
    }
  }
  return best;
}

}  // namespace

double RangeError(const formats::Quantizer& quantizer, const RangeStatistics& range,
                  const Sample& sample) {
  return ErrorOfRanges(quantizer, sample).Of(range);
}

RangeStatistics LeastErrorRange(const formats::Quantizer& quantizer, const RangeStatistics& range,
                                const Sample& sample) {
  if (range.min == 0 && range.max == 0) return range;
  if (sample.values.size() > kLargestSample && range.max > range.min) {
    const Means means(range, sample);
    const RangeStatistics chosen = LeastErrorRange(quantizer, range, means.sample());
    // Bins hide errors below their width: the choice has to hold on the sample.
    const bool better =
        RangeError(quantizer, chosen, sample) < RangeError(quantizer, range, sample);
    return better ? chosen : range;
  }
  ErrorOfRanges errors(quantizer, sample);
  const double coarse =
      BestExponent(errors, range, kOctaves / 2.0, kOctaves / 2.0, kStepsPerOctave);
  const double fine = BestExponent(errors, range, coarse, 1.0 / kStepsPerOctave,
                                   double{kStepsPerOctave} * kRefinement);
  return fine == 0 ? range : Shrunk(range, std::exp2(-fine));
}

}  // namespace bitscape::quantize
