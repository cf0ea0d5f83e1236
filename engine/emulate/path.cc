#include "engine/emulate/path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "engine/core/status.h"
#include "engine/emulate/narrow_lanes.h"

namespace bitscape::emulate {
namespace {

using AccumulatorKind = quantize::Accumulator::Kind;

constexpr double kFloat32Integers = 1 << 24;              // fp32 adds integers below this exactly
constexpr double kInt32Integers = 2147483648.0;           // 2^31
constexpr double kInt64Integers = 9223372036854775808.0;  // 2^63
const double kSmallestNormal = std::ldexp(1.0, -126);

bool AreIntegers(const LayerFacts& facts) {
  return facts.weights.integers && facts.activations.integers;
}

// A bound of every partial sum, in units of one weight unit times one activation unit.
double LargestSum(const LayerFacts& facts) {
  if (facts.weights.unit == 0 || facts.activations.unit == 0) {
    return std::numeric_limits<double>::infinity();
  }
  return facts.weight_units * facts.activations.largest() / facts.activations.unit;
}

bool FitsInt8(const CodeFacts& codes) { return codes.min >= -128 && codes.max <= 127; }
bool FitsUint8(const CodeFacts& codes) { return codes.min >= 0 && codes.max <= 255; }

std::optional<Decision> Int8Codes(const LayerFacts& facts) {
  if (!AreIntegers(facts) || !FitsInt8(facts.weights) ||
      !(FitsInt8(facts.activations) || FitsUint8(facts.activations)) || !facts.has_int8_kernel ||
      !facts.integer_scales_fit) {
    return std::nullopt;
  }
  // Signed activations may be computed as unsigned ones, 128 higher, less 128 times the weights.
  const double shifted = facts.weight_units * (facts.activations.largest() + 128);
  if (shifted >= kInt32Integers) {
    return std::nullopt;
  }
  return Decision{Arithmetic::kInt8Codes, Path::kInt8, true,
                  fmt::format("8-bit codes, largest sum {:.3g} < 2^31", LargestSum(facts))};
}

// These units flush operands and products below the normal range to zero.
std::optional<Decision> Bfloat16(const LayerFacts& facts) {
  const CodeFacts& weights = facts.weights;
  const CodeFacts& activations = facts.activations;
  if (!facts.has_bfloat16_kernel || !facts.integer_scales_fit ||
      facts.accumulator.kind == AccumulatorKind::kInt32 || !weights.fits_bfloat16 ||
      !activations.fits_bfloat16) {
    return std::nullopt;
  }
  const double limit = std::ldexp(1.0, 127);
  const bool in_range =
      weights.smallest >= kSmallestNormal && activations.smallest >= kSmallestNormal &&
      weights.smallest * activations.smallest >= kSmallestNormal && weights.largest() < limit &&
      activations.largest() < limit &&
      static_cast<double>(facts.reduction_length) * weights.largest() * activations.largest() <
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
  const bool exact = LargestSum(facts) < kFloat32Integers &&
                     facts.weights.grid * facts.activations.grid >= kSmallestNormal;
  return Decision{
      Arithmetic::kFloat32Values, Path::kFloat32, exact,
      exact ? fmt::format("largest sum {:.3g} units < 2^24", LargestSum(facts))
            : fmt::format("sums within gamma_K * sum|w a|, K = {}", facts.reduction_length)};
}

// No partial sum is ever rounded or cut: any exact arithmetic gives the accumulator's sums.
bool HoldsEverySum(const LayerFacts& facts) {
  const LanePlan lanes =
      PlanLanes(facts.accumulator, facts.reduction_length, std::nullopt, std::nullopt);
  const double unit =
      facts.weights.unit * facts.activations.unit * static_cast<double>(facts.narrow_factor);
  const bool fixed = lanes.lowest_power == lanes.highest_power;
  // Flushed results are lost, however small their grid.
  return facts.accumulator.align_bits == 0 &&
         unit >= std::max(lanes.step * lanes.lowest_power, lanes.flush_below) &&
         LargestSum(facts) * unit <= lanes.largest &&
         (fixed || LargestSum(facts) * lanes.step <= 2);
}

std::optional<Decision> WideSums(const LayerFacts& facts) {
  if (!HoldsEverySum(facts)) {
    return std::nullopt;
  }
  LayerFacts wide = facts;
  wide.accumulator = {};
  wide.accumulator.kind = AreIntegers(facts) ? AccumulatorKind::kInt32 : AccumulatorKind::kFloat32;
  for (const auto rule : {Int8Codes, Bfloat16, Float32Codes, Int64Codes}) {
    std::optional<Decision> decision = rule(wide);
    if (decision.has_value() && decision->exact) {
      decision->reason =
          fmt::format("{} holds every sum; {}", facts.accumulator.ToString(), decision->reason);
      return decision;
    }
  }
  return std::nullopt;
}

Decision NarrowSums(const LayerFacts& facts) {
  std::optional<OperandGrid> weights = GridOf(facts.weights);
  if (weights.has_value()) {
    weights->unit *= static_cast<double>(facts.narrow_factor);
    weights->largest *= static_cast<double>(facts.narrow_factor);
  }
  const LanePlan lanes =
      PlanLanes(facts.accumulator, facts.reduction_length, weights, GridOf(facts.activations));
  return Decision{facts.scales_by_image ? Arithmetic::kNarrowValues : Arithmetic::kNarrowCodes,
                  Path::kNarrow, true,
                  fmt::format("partial sums in {}, {} lanes", facts.accumulator.ToString(),
                              ToString(lanes.way))};
}

}  // namespace

Decision ChoosePath(const LayerFacts& facts) {
  if (facts.accumulator.kind == AccumulatorKind::kNarrow) {
    std::optional<Decision> wide = WideSums(facts);
    return wide.has_value() ? *std::move(wide) : NarrowSums(facts);
  }
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
