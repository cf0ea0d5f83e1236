// Analytical clipping (Banner et al. 2019, arXiv 1810.05723).
#include <algorithm>
#include <cmath>
#include <numbers>
#include <variant>
#include <vector>

#include "engine/quantize/range_methods.h"

namespace bitscape::quantize {
namespace {

using formats::Quantizer;

// Where the increasing `function` crosses zero in (low, high), to the last bit.
template <typename Function>
double Root(Function function, double low, double high) {
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    (function(middle) < 0 ? low : high) = middle;
  }
}

double GaussDensity(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }

// The density that fits: of all values, or the positive half of one that is symmetric about 0.
struct Density {
  bool half = false;
  bool laplace = false;
  double mean = 0;
  double width = 0;  // b or sigma; 0: no spread
  double Unscaled(double x) const {
    const double u = (x - mean) / width;
    return laplace ? std::exp(-std::fabs(u)) : std::exp(-u * u / 2);
  }
};

Density Fit(const Sample& sample, bool half) {
  Density density{.half = half};
  double total = 0, sum = 0;
  const auto each = [&](auto visit) {
    for (size_t i = 0; i < sample.values.size(); ++i) {
      const double weight = sample.weights.empty() ? 1 : sample.weights[i];
      // A half has no zeros: they are what the ReLU made of the other half.
      if (weight > 0 && (!half || sample.values[i] > 0)) visit(double{sample.values[i]}, weight);
    }
  };
  each([&](double value, double weight) {
    total += weight;
    sum += weight * value;
  });
  if (total == 0) return density;
  density.mean = half ? 0 : sum / total;
  double absolute = 0, square = 0;
  each([&](double value, double weight) {
    absolute += weight * std::fabs(value - density.mean);
    square += weight * (value - density.mean) * (value - density.mean);
  });
  const double b = absolute / total;
  const double sigma = std::sqrt(square / total);
  // Mean log-likelihoods at the fitted widths: -ln(2 b) - 1 and -ln(2 pi e sigma^2) / 2.
  density.laplace =
      std::log(2 * b) + 1 < std::log(2 * std::numbers::pi * std::numbers::e * sigma * sigma) / 2;
  density.width = density.laplace ? b : sigma;
  return density;
}

RangeStatistics Cut(const RangeStatistics& range, double low, double high) {
  RangeStatistics chosen = range;
  chosen.max = static_cast<float>(std::clamp(high, double{range.min}, double{range.max}));
  chosen.min = static_cast<float>(std::clamp(low, double{range.min}, double{chosen.max}));
  return chosen;
}

// Levels that aren't uniform: the density takes the place of the sample.
RangeStatistics LeastExpectedError(const Quantizer& quantizer, const RangeStatistics& range,
                                   const Density& density) {
  constexpr int kPoints = 8192;
  const double low = density.half ? std::max(double{range.min}, 0.0) : range.min;
  const double width = range.max - low;
  std::vector<float> values;
  std::vector<double> weights;
  for (int i = 0; i < kPoints; ++i) {
    const double x = low + (i + 0.5) / kPoints * width;
    values.push_back(static_cast<float>(x));
    weights.push_back(density.Unscaled(x));
  }
  return LeastErrorRange(quantizer, range, {.values = values, .weights = weights});
}

}  // namespace

double LaplaceClip(double bits) {
  const double right = std::log(3) + bits * std::log(4);
  return Root([right](double clip) { return clip + std::log(clip) - right; }, 1e-12, 1e3);
}

double GaussClip(double bits) {
  const double noise = std::exp2(-2 * bits) / 3;
  return Root(
      [noise](double clip) {
        const double beyond = std::erfc(clip / std::numbers::sqrt2) / 2;
        return clip * noise - 2 * (GaussDensity(clip) - clip * beyond);
      },
      0, 40);
}

RangeStatistics AciqRange(const Quantizer& quantizer, const RangeStatistics& range,
                          const Sample& sample) {
  const formats::NumberFormat& format = quantizer.format;
  const bool one_sided = !formats::IsSigned(format.element) && !format.zero_point;
  const Density density = Fit(sample, one_sided || range.min >= 0);
  if (!(density.width > 0)) return range;
  if (!std::holds_alternative<formats::Integer>(format.element)) {
    return LeastExpectedError(quantizer, range, density);
  }
  // All codes on half of a density: steps half as wide, one bit more over both halves.
  const bool all_codes_above = density.half && (one_sided || format.zero_point);
  const double bits = formats::ElementBits(format) + (all_codes_above ? 1 : 0);
  const double clip = density.width * (density.laplace ? LaplaceClip(bits) : GaussClip(bits));
  if (density.half) return Cut(range, range.min, clip);
  return Cut(range, density.mean - clip, density.mean + clip);
}

}  // namespace bitscape::quantize
