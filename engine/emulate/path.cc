#include "engine/emulate/path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <variant>

#include "engine/core/status.h"

namespace bitscape::emulate {
namespace {

using formats::ElementType;
using formats::NumberFormat;
using formats::Quantizer;
using AccumulatorKind = quantize::Accumulator::Kind;

constexpr double kFloat32Integers = 1 << 24;              // fp32 adds integers below this exactly
constexpr double kInt32Integers = 2147483648.0;           // 2^31
constexpr double kInt64Integers = 9223372036854775808.0;  // 2^63

bool AreIntegers(const LayerFacts& facts) {
  return formats::IsIntegerLike(facts.weights.format) &&
         formats::IsIntegerLike(facts.activations.format);
}

// The largest |code - zero point|.
double LargestCode(const NumberFormat& format) {
  const double largest = formats::LargestFinite(format.element);
  const double smallest = formats::SmallestFinite(format.element);
  return format.zero_point ? largest - smallest : std::max(largest, -smallest);
}

// A bound of every partial sum, in units of one weight unit times one activation unit.
double LargestSum(const LayerFacts& facts) {
  return facts.weight_units * LargestCode(facts.activations.format) /
         UnitInLastPlace(facts.activations.format.element);
}

// Codes fit 8 bits and are what EncodeInt8 and EncodeUint8 give.
bool FitsInt8(const Quantizer& quantizer) {
  return !quantizer.format.zero_point && formats::ElementBits(quantizer.format) <= 8 &&
         quantizer.rounding == formats::Rounding::kNearestEven &&
         quantizer.overflow == formats::Overflow::kSaturate;
}

std::optional<Decision> Int8Codes(const LayerFacts& facts) {
  if (!AreIntegers(facts) || !FitsInt8(facts.weights) || !FitsInt8(facts.activations) ||
      !formats::IsSigned(facts.weights.format.element) || !facts.has_int8_kernel ||
      !facts.integer_scales_fit) {
    return std::nullopt;
  }
  // Signed activations may be computed as unsigned ones, 128 higher, less 128 times the weights.
  const double shifted = facts.weight_units * (LargestCode(facts.activations.format) + 128);
  if (shifted >= kInt32Integers) {
    return std::nullopt;
  }
  return Decision{Arithmetic::kInt8Codes, Path::kInt8, true,
                  fmt::format("8-bit codes, largest sum {:.3g} < 2^31", LargestSum(facts))};
}

// bf16 holds every value: 8 significant bits, and products stay where these units do not flush to
// zero.
bool FitsBfloat16(const ElementType& element) {
  struct Visitor {
    bool operator()(const formats::Minifloat& type) const { return type.mantissa_bits <= 7; }
    bool operator()(const formats::Integer& type) const {
      return std::max(formats::LargestFinite(type), -formats::SmallestFinite(type)) <= 256;
    }
    bool operator()(const formats::Log&) const { return false; }
    bool operator()(const formats::LevelSet&) const { return false; }
  };
  return std::visit(Visitor{}, element);
}

std::optional<Decision> Bfloat16(const LayerFacts& facts) {
  const NumberFormat& weights = facts.weights.format;
  const NumberFormat& activations = facts.activations.format;
  if (!facts.has_bfloat16_kernel || !facts.integer_scales_fit ||
      facts.accumulator.kind == AccumulatorKind::kInt32 || weights.zero_point ||
      activations.zero_point || !FitsBfloat16(weights.element) ||
      !FitsBfloat16(activations.element)) {
    return std::nullopt;
  }
  const double smallest_activation = UnitInLastPlace(activations.element);
  const double largest_activation = LargestCode(activations);
  const double smallest_normal = std::ldexp(1.0, -126);
  const double limit = std::ldexp(1.0, 127);
  const bool in_range =
      facts.smallest_weight >= smallest_normal && smallest_activation >= smallest_normal &&
      facts.smallest_weight * smallest_activation >= smallest_normal &&
      facts.largest_weight < limit && largest_activation < limit &&
      static_cast<double>(facts.reduction_length) * facts.largest_weight * largest_activation <
          limit;
  if (!in_range) {
    return std::nullopt;
  }
  const double largest_sum = LargestSum(facts);
  const bool exact = largest_sum < kFloat32Integers;
  return Decision{
      Arithmetic::kBfloat16, Path::kBfloat16, exact,
      exact ? fmt::format("bf16 holds the operands, largest sum {:.3g} units < 2^24", largest_sum)
            : fmt::format("bf16 holds the operands; sums within gamma_K * sum|w a|, K = {}",
                          facts.reduction_length)};
}

std::optional<Decision> Float32Codes(const LayerFacts& facts) {
  if (!AreIntegers(facts) || !facts.integer_scales_fit || LargestSum(facts) >= kFloat32Integers) {
    return std::nullopt;
  }
  return Decision{
      Arithmetic::kFloat32Codes, Path::kFloat32, true,
      fmt::format("integer codes in fp32, largest sum {:.3g} < 2^24", LargestSum(facts))};
}

std::optional<Decision> Int64Codes(const LayerFacts& facts) {
  if (facts.accumulator.kind != AccumulatorKind::kInt32 || !AreIntegers(facts) ||
      LargestSum(facts) >= kInt64Integers) {
    return std::nullopt;
  }
  return Decision{
      Arithmetic::kInt64Codes, Path::kReference, true,
      fmt::format("integer codes in 64-bit loops, largest sum {:.3g} >= 2^24", LargestSum(facts))};
}

std::optional<Decision> Float32Values(const LayerFacts& facts) {
  const auto has_fixed_grid = [](const Quantizer& quantizer) {
    return !formats::IsFloat32(quantizer.format) &&
           (!formats::HasScale(quantizer.format) ||
            quantizer.format.scale->encoding == formats::ScaleEncoding::kPowerOfTwo);
  };
  const bool exact = has_fixed_grid(facts.weights) && has_fixed_grid(facts.activations) &&
                     LargestSum(facts) < kFloat32Integers;
  return Decision{
      Arithmetic::kFloat32Values, Path::kFloat32, exact,
      exact ? fmt::format("largest sum {:.3g} units < 2^24", LargestSum(facts))
            : fmt::format("sums within gamma_K * sum|w a|, K = {}", facts.reduction_length)};
}

}  // namespace

double UnitInLastPlace(const ElementType& element) {
  struct Visitor {
    double operator()(const formats::Minifloat& type) const {
      return std::ldexp(1.0, 1 - type.bias - type.mantissa_bits);
    }
    double operator()(const formats::Integer&) const { return 1; }
    double operator()(const formats::Log& type) const { return formats::SmallestPositive(type); }
    double operator()(const formats::LevelSet&) const { return 1; }
  };
  return std::visit(Visitor{}, element);
}

Decision ChoosePath(const LayerFacts& facts) {
  BITSCAPE_CHECK(facts.accumulator.kind != AccumulatorKind::kNarrow,
                 "no rule rounds partial sums: CheckPlan refuses narrow accumulators");
  using Rule = std::optional<Decision> (*)(const LayerFacts&);
  // Fastest first; the last accepts everything.
  constexpr Rule kRules[] = {Int8Codes, Bfloat16, Float32Codes, Int64Codes, Float32Values};
  for (const Rule rule : kRules) {
    if (std::optional<Decision> decision = rule(facts)) {
      return *std::move(decision);
    }
  }
  return *Float32Values(facts);
}

}  // namespace bitscape::emulate
