#include "engine/formats/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/core/status.h"

namespace bitscape::formats {
namespace {

constexpr int kMostBits = 16;
constexpr int32_t kMagnitudeBits = 0x7fffffff;

// Integers that ascend as finite float32 do; -0 is just below +0.
int32_t OrderOf(float value) {
  const int32_t bits = std::bit_cast<int32_t>(value);
  return bits < 0 ? bits ^ kMagnitudeBits : bits;
}
float ValueOf(int32_t order) {
  return std::bit_cast<float>(order < 0 ? order ^ kMagnitudeBits : order);
}

// The smallest float32 that becomes `upper` or more; `lower` becomes less.
float Boundary(const ElementType& element, Rounding rounding, float lower, float upper) {
  int64_t below = OrderOf(lower), above = OrderOf(upper);
  while (above - below > 1) {
    const int64_t middle = below + (above - below) / 2;
    const float value = ValueOf(static_cast<int32_t>(middle));
    if (Decode(element, Encode(element, value, rounding)) >= upper) {
      above = middle;
    } else {
      below = middle;
    }
  }
  return ValueOf(static_cast<int32_t>(above));
}

}  // namespace

absl::StatusOr<std::vector<float>> LevelsOf(const ElementType& element) {
  if (std::holds_alternative<LevelSet>(element)) {
    return absl::InvalidArgumentError(
        "a level set has levels once it is fitted to data, not by itself");
  }
  const int bits = ElementBits(element);
  if (bits > kMostBits) {
    return absl::InvalidArgumentError(
        fmt::format("2^{} codes are too many to list; up to 2^{} can be", bits, kMostBits));
  }
  const double smallest = SmallestFinite(element);
  std::vector<float> levels;
  for (uint32_t code = 0; code < uint32_t{1} << bits; ++code) {
    const float value = Decode(element, code);
    // A symmetric integer leaves its most negative code out. Limits of logs aren't float32.
    if (!std::isfinite(value) || value < static_cast<float>(smallest)) continue;
    levels.push_back(value == 0 ? 0.0F : value);
  }
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

std::vector<float> DecisionBoundaries(const ElementType& element, Rounding rounding,
                                      std::span<const float> levels) {
  std::vector<float> boundaries;
  if (rounding == Rounding::kStochastic) return boundaries;
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    boundaries.push_back(Boundary(element, rounding, levels[i], levels[i + 1]));
  }
  return boundaries;
}

double UnitOfCodes(const NumberFormat& format) {
  if (!format.scale.has_value()) return 1;
  constexpr int kSmallestE8m0 = -127;
  const ScaleLevel& scale = *format.scale;
  if (scale.encoding == ScaleEncoding::kFixed) return std::ldexp(1.0, scale.min_exponent);
  const bool is_e8m0 = scale.encoding == ScaleEncoding::kPowerOfTwo && scale.has_nan;
  return is_e8m0 ? std::ldexp(1.0, scale.min_exponent - kSmallestE8m0) : 1;
}

std::vector<Field> FieldsOf(const NumberFormat& format) {
  struct Visitor {
    int fraction_bits;
    std::vector<Field> operator()(const Minifloat& type) const {
      return {{"sign", 1}, {"exponent", type.exponent_bits}, {"mantissa", type.mantissa_bits}};
    }
    std::vector<Field> operator()(const Integer& type) const {
      const int sign = type.is_signed ? 1 : 0;
      const int fraction = std::min(fraction_bits, type.bits - sign);
      return {{"sign", sign}, {"integer", type.bits - sign - fraction}, {"fraction", fraction}};
    }
    std::vector<Field> operator()(const Log& type) const {
      const int sign = type.is_signed ? 1 : 0;
      return {{"sign", sign}, {"exponent", type.bits - sign}};
    }
    std::vector<Field> operator()(const LevelSet& type) const {
      return {{"index", ElementBits(ElementType(type))}};
    }
  };
  const int fraction_bits = std::max(0, -std::ilogb(UnitOfCodes(format)));
  std::vector<Field> fields = std::visit(Visitor{fraction_bits}, format.element);
  std::erase_if(fields, [](const Field& field) { return field.bits == 0; });
  return fields;
}

double RoundingError::SqnrDb() const {
  if (noise_power == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal_power / noise_power);
}

void RoundingError::Merge(const RoundingError& other) {
  const auto mean = [](double a, int64_t weight_a, double b, int64_t weight_b) {
    const int64_t weight = weight_a + weight_b;
    if (weight == 0) return 0.0;
    return (a * static_cast<double>(weight_a) + b * static_cast<double>(weight_b)) /
           static_cast<double>(weight);
  };
  signal_power = mean(signal_power, count, other.signal_power, other.count);
  noise_power = mean(noise_power, count, other.noise_power, other.count);
  saturated = mean(saturated, count, other.saturated, other.count);
  negatives_cut = mean(negatives_cut, count, other.negatives_cut, other.count);
  underflowed = mean(underflowed, nonzero, other.underflowed, other.nonzero);
  max_error = std::max(max_error, other.max_error);
  count += other.count;
  nonzero += other.nonzero;
  not_finite += other.not_finite;
}

ValueLimits LimitsOf(const ElementType& element, const Scaling& scaling) {
  if (scaling.levels != nullptr) {
    const std::vector<float>& levels = scaling.levels->levels;
    return {levels.front() * scaling.scale, levels.back() * scaling.scale};
  }
  const auto value = [&](double code) {
    return static_cast<float>(code - scaling.zero_point) * scaling.scale;
  };
  return {value(SmallestFinite(element)), value(LargestFinite(element))};
}

RoundingError MeasureError(std::span<const float> values, std::span<const float> rounded,
                           std::span<const ValueLimits> limits, size_t stride) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  BITSCAPE_CHECK(
      limits.size() == 1 || (stride > 0 && limits.size() == (values.size() + stride - 1) / stride),
      "one pair of limits for all values, or for each run of them");
  RoundingError error;
  double signal = 0, noise = 0;
  int64_t saturated = 0, underflowed = 0, negatives_cut = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i], result = rounded[i];
    if (!std::isfinite(value) || !std::isfinite(result)) {
      ++error.not_finite;
      continue;
    }
    const ValueLimits& own = limits[limits.size() == 1 ? 0 : i / stride];
    ++error.count;
    signal += value * value;
    noise += (result - value) * (result - value);
    error.max_error = std::max(error.max_error, std::fabs(result - value));
    const double beyond = value > 0 ? value - own.largest : own.smallest - value;
    if (value != 0 && beyond > std::ldexp(std::fabs(value), -22)) ++saturated;
    if (value < 0 && own.smallest >= 0) ++negatives_cut;
    if (value != 0) ++error.nonzero;
    if (value != 0 && result == 0) ++underflowed;
  }
  if (error.count == 0) return error;
  const double count = static_cast<double>(error.count);
  error.signal_power = signal / count;
  error.noise_power = noise / count;
  error.saturated = static_cast<double>(saturated) / count;
  error.negatives_cut = static_cast<double>(negatives_cut) / count;
  if (error.nonzero > 0) {
    error.underflowed = static_cast<double>(underflowed) / static_cast<double>(error.nonzero);
  }
  return error;
}

}  // namespace bitscape::formats
