#include "engine/quantize/fit_levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <variant>

#include "engine/core/status.h"
#include "engine/quantize/lloyd_max.h"

namespace bitscape::quantize {
namespace {

using formats::LevelFit;
using formats::LevelSet;
using formats::LevelTable;
using formats::Scaling;

constexpr int kIterations = 10000;

double Weight(const Sample& sample, size_t i) {
  return sample.weights.empty() ? 1 : sample.weights[i];
}

// Mean of `term` over the values that it is defined for (not NaN); NaN where there are none.
template <typename Term>
double Mean(const Sample& sample, Term term) {
  double sum = 0, total = 0;
  for (size_t i = 0; i < sample.values.size(); ++i) {
    const double value = term(double{sample.values[i]});
    const double weight = Weight(sample, i);
    if (std::isnan(value) || weight <= 0) continue;
    sum += weight * value;
    total += weight;
  }
  return total > 0 ? sum / total : std::numeric_limits<double>::quiet_NaN();
}

double MeanMagnitude(const Sample& sample) {
  return Mean(sample, [](double value) { return std::fabs(value); });
}

double LargestMagnitude(const Sample& sample) {
  double largest = 0;
  for (size_t i = 0; i < sample.values.size(); ++i) {
    if (Weight(sample, i) > 0) largest = std::max(largest, std::fabs(double{sample.values[i]}));
  }
  return largest;
}

Scaling WithTable(LevelTable table, double scale) {
  return {.scale = static_cast<float>(std::clamp(scale, double{FLT_MIN}, double{FLT_MAX})),
          .levels = std::make_shared<const LevelTable>(std::move(table))};
}

// -1 and +1; sign(0) is +1.
Scaling Binary(double scale) {
  return WithTable({.levels = {-1, 1}, .boundaries = {0}, .ties_up = {1}}, scale);
}

// Three levels, the outer ones where |x| > delta.
Scaling Ternary(double delta, float negative, float positive, double scale) {
  float boundary = static_cast<float>(delta);
  if (boundary > delta) boundary = std::nextafter(boundary, 0.0F);
  return WithTable(
      {.levels = {negative, 0, positive}, .boundaries = {-boundary, boundary}, .ties_up = {1, 0}},
      scale);
}

// Values that a threshold leaves in the middle, all of them: the outer levels are 1.
Scaling Twn(const Sample& sample) {
  const double delta = 0.7 * MeanMagnitude(sample);
  const double alpha = Mean(sample, [delta](double value) {
    return std::fabs(value) > delta ? std::fabs(value) : std::numeric_limits<double>::quiet_NaN();
  });
  return Ternary(delta, -1, 1, std::isnan(alpha) ? 1 : alpha);
}

Scaling AbsMean(const Sample& sample) {
  // The released code's clamp; the paper adds an epsilon instead. Half a gamma rounds to even: 0.
  constexpr double kSmallestGamma = 1e-5;
  const double gamma = std::max(MeanMagnitude(sample), kSmallestGamma);
  return Ternary(gamma / 2, -1, 1, gamma);
}

Scaling Ttq(const Sample& sample) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const double delta = 0.05 * LargestMagnitude(sample);
  double positive = Mean(sample, [delta](double value) { return value > delta ? value : kNone; });
  double negative = Mean(sample, [delta](double value) { return value < -delta ? value : kNone; });
  // A side without values mirrors the other.
  if (std::isnan(positive)) positive = std::isnan(negative) ? 1 : -negative;
  if (std::isnan(negative)) negative = -positive;
  return Ternary(delta, static_cast<float>(negative), static_cast<float>(positive), 1);
}

// Finite floats in the order of their values, as integers.
float FromOrder(int64_t order) {
  const float magnitude = std::bit_cast<float>(static_cast<uint32_t>(std::abs(order)));
  return order < 0 ? -magnitude : magnitude;
}

// The smallest finite float for which the monotone `passes` holds; it holds for FLT_MAX.
template <typename Predicate>
float SmallestPassing(Predicate passes) {
  int64_t above = std::bit_cast<int32_t>(FLT_MAX);
  int64_t below = -above - 1;
  while (above - below > 1) {
    const int64_t middle = below + (above - below) / 2;
    (passes(FromOrder(middle)) ? above : below) = middle;
  }
  return FromOrder(above);
}

Scaling Dorefa(const Sample& sample, int levels) {
  if (levels == 2) return Binary(MeanMagnitude(sample));
  const double steps = levels - 1;
  double largest = std::tanh(LargestMagnitude(sample));
  if (largest == 0) largest = 1;
  LevelTable table;
  for (int i = 0; i < levels; ++i) {
    table.levels.push_back(static_cast<float>(2 * (i / steps) - 1));
    if (i == 0) continue;
    table.boundaries.push_back(SmallestPassing([&](float value) {
      const double unit = std::clamp(std::tanh(double{value}) / (2 * largest) + 0.5, 0.0, 1.0);
      return std::nearbyint(steps * unit) >= i;
    }));
    table.ties_up.push_back(1);
  }
  return WithTable(std::move(table), 1);
}

// Midpoints of the stored values; a tie goes to the upper level.
void PlaceBoundaries(LevelTable& table, float scale) {
  for (size_t i = 0; i + 1 < table.levels.size(); ++i) {
    const double middle =
        (double{table.levels[i] * scale} + double{table.levels[i + 1] * scale}) / 2;
    const float boundary = static_cast<float>(middle);
    table.boundaries.push_back(boundary);
    table.ties_up.push_back(boundary >= middle ? 1 : 0);
  }
}

// Levels as the table stores them: equal ones once, at least two.
Scaling StoreCodebook(const LevelSet& element, const std::vector<double>& levels) {
  double scale = 1;
  const bool integers = std::holds_alternative<formats::Integer>(element.entries);
  if (integers) {
    const auto [least, most] = std::minmax_element(levels.begin(), levels.end());
    const double top = formats::LargestFinite(std::get<formats::Integer>(element.entries));
    const double largest = std::max(-*least, *most);
    if (largest > 0) scale = largest / top;
  }
  const Scaling guarded = WithTable({}, scale);
  const formats::ElementType entry =
      std::visit([](const auto& type) -> formats::ElementType { return type; }, element.entries);
  LevelTable table;
  for (const double level : levels) {
    const auto value = static_cast<float>(level / double{guarded.scale});
    const float stored = formats::Decode(entry, formats::Encode(entry, value)) + 0.0F;
    if (table.levels.empty() || table.levels.back() != stored) table.levels.push_back(stored);
  }
  if (table.levels.size() == 1) {
    const float only = table.levels.front();
    // Beside the only value stands 0; beside 0 the unit.
    table.levels.push_back(only == 0 ? 1.0F : 0.0F);
    std::sort(table.levels.begin(), table.levels.end());
  }
  PlaceBoundaries(table, guarded.scale);
  return WithTable(std::move(table), guarded.scale);
}

Scaling Codebook(const LevelSet& element, const Sample& sample) {
  const CellSums sums(sample);
  if (sums.values().size() <= static_cast<size_t>(element.levels)) {
    return StoreCodebook(element, sums.values());
  }
  if (element.fit == LevelFit::kKmeans) {
    // To convergence: no value changes its cell, no level moves.
    return StoreCodebook(element,
                         LloydMax(sums, EvenLevels(sums, element.levels), 0, kIterations).levels);
  }
  constexpr double kTolerance = 1e-6;
  const LloydMaxResult even =
      LloydMax(sums, EvenLevels(sums, element.levels), kTolerance, kIterations);
  const LloydMaxResult quantiles =
      LloydMax(sums, QuantileLevels(sums, element.levels), kTolerance, kIterations);
  return StoreCodebook(element, quantiles.mean_squared_error < even.mean_squared_error
                                    ? quantiles.levels
                                    : even.levels);
}

}  // namespace

absl::StatusOr<Scaling> FitLevels(const formats::Quantizer& quantizer, const Sample& sample) {
  const auto* element = std::get_if<LevelSet>(&quantizer.format.element);
  if (element == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a format of fixed levels has none to fit", quantizer.format.name));
  }
  if (!sample.weights.empty() && sample.weights.size() != sample.values.size()) {
    return absl::InvalidArgumentError(fmt::format("{}: {} values with {} weights",
                                                  quantizer.format.name, sample.values.size(),
                                                  sample.weights.size()));
  }
  if (std::isnan(MeanMagnitude(sample))) {
    return absl::InvalidArgumentError(
        fmt::format("{}: levels are fitted to at least one value", quantizer.format.name));
  }
  switch (element->fit) {
    case LevelFit::kKmeans:
    case LevelFit::kLloydMax:
      return Codebook(*element, sample);
    case LevelFit::kUnit:
      return element->levels == 2 ? Binary(1) : Ternary(0.5, -1, 1, 1);
    case LevelFit::kMeanAbs:
      return Binary(MeanMagnitude(sample));
    case LevelFit::kTwn:
      return Twn(sample);
    case LevelFit::kAbsMean:
      return AbsMean(sample);
    case LevelFit::kTtq:
      return Ttq(sample);
    case LevelFit::kDorefa:
      return Dorefa(sample, element->levels);
  }
  BITSCAPE_CHECK(false, "every LevelFit has a case");
}

}  // namespace bitscape::quantize
