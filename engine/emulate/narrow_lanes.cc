#include "engine/emulate/narrow_lanes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/narrow_loops.h"
#include "engine/formats/minifloat.h"

namespace bitscape::emulate {
namespace {

using formats::Rounding;

constexpr double kFloatIntegers = 0x1p24, kDoubleIntegers = 0x1p53;

// The register of a plan as numbers.
struct FillRegister {
  LanePlan& plan;
  int unit;  // exponent of fixed-point steps

  void operator()(const formats::Minifloat& type) const {
    plan.largest = formats::LargestFinite(type);
    plan.smallest = -plan.largest;
    plan.step = std::ldexp(1.0, -type.mantissa_bits);
    plan.lowest_power = std::ldexp(1.0, formats::MinExponent(type));
    plan.highest_power = 0x1p1000;
    if (type.underflow == formats::Underflow::kFlush) plan.flush_below = plan.lowest_power;
  }
  void operator()(const formats::Integer& type) const {
    plan.largest = std::ldexp(formats::LargestFinite(type), unit);
    plan.smallest = std::ldexp(formats::SmallestFinite(type), unit);
    plan.step = 1;
    plan.lowest_power = std::ldexp(1.0, unit);
    plan.highest_power = plan.lowest_power;
  }
  void operator()(const formats::Log&) const { BITSCAPE_CHECK(false, "refused by CheckNarrow"); }
  void operator()(const formats::LevelSet&) const {
    BITSCAPE_CHECK(false, "refused by CheckNarrow");
  }
};

bool IsFused(const LanePlan& plan) {
  const auto* type = std::get_if<formats::Minifloat>(&plan.accumulator.format->format.element);
  return type != nullptr && type->exponent_bits == 8 && type->mantissa_bits == 23 &&
         type->bias == 127 && type->underflow == formats::Underflow::kGradual &&
         plan.rounding == Rounding::kNearestEven && plan.chunk == 1 && plan.align_bits == 0;
}

// Conditions of the ways, from what is known of the operands.
LaneWay ChooseWay(const LanePlan& plan, const std::optional<OperandGrid>& weights,
                  const std::optional<OperandGrid>& activations) {
  if (IsFused(plan)) return LaneWay::kFused;
  const LaneWay last = plan.wraps ? LaneWay::kScalar : LaneWay::kDoubleChecked;
  // Products of two float32 have 48 bits; aligned ones are integers below 2^W of their chunk's
  // quantum.
  const bool chunk_fits = plan.chunk == 1 || (plan.align_bits > 0 && plan.align_bits <= 52 &&
                                              std::ldexp(static_cast<double>(plan.chunk),
                                                         plan.align_bits) <= kDoubleIntegers);
  if (!weights.has_value() || !activations.has_value()) {
    return chunk_fits && !plan.wraps ? LaneWay::kDoubleOdd : last;
  }
  const double unit = weights->unit * activations->unit;
  const double product = weights->largest * activations->largest;
  const double largest_chunk =
      product * static_cast<double>(std::min(plan.chunk, plan.reduction_length));
  const double step = plan.step * plan.lowest_power;
  const double range = plan.largest - plan.smallest;  // at least R, room for wrapping
  const double largest_sum = largest_chunk + range;
  const bool fixed = plan.lowest_power == plan.highest_power;
  const bool rounds = !fixed || step > unit;
  if (plan.wraps && !rounds && plan.align_bits == 0 &&
      product * static_cast<double>(plan.reduction_length) / step <= kDoubleIntegers / 2) {
    return LaneWay::kWrapOnce;
  }
  // Float lanes need room for their own exponents, and have no alignment, wrap-around or random
  // bits.
  const bool float_range = std::min(unit, step) >= 0x1p-100 && largest_sum <= 0x1p100;
  const bool float_lanes =
      float_range && plan.align_bits == 0 && !plan.wraps && plan.rounding != Rounding::kStochastic;
  if (!rounds && !plan.wraps) {
    if (float_lanes && largest_sum / step <= kFloatIntegers) return LaneWay::kFloatClamp;
    if (largest_sum / step <= kDoubleIntegers) return LaneWay::kDoubleClamp;
  }
  if (largest_sum / std::min(unit, step) <= kDoubleIntegers) return LaneWay::kDoubleExact;
  if (plan.wraps) return LaneWay::kScalar;
  return chunk_fits || largest_chunk / unit <= kDoubleIntegers ? LaneWay::kDoubleOdd
                                                               : LaneWay::kDoubleChecked;
}

void SumScalar(const LanePlan& plan, std::span<const float> tile, std::span<const float> weights,
               int64_t lane, SumKey key, std::span<double> sums) {
  std::vector<float> activations(weights.size());
  for (size_t k = 0; k < weights.size(); ++k) {
    activations[k] = tile[k * kLanes + static_cast<size_t>(lane)];
  }
  sums[static_cast<size_t>(lane)] = NarrowSum(plan.accumulator, weights, activations, key);
}

}  // namespace

std::optional<OperandGrid> GridOf(const CodeFacts& codes) {
  if (codes.unit == 0) return std::nullopt;
  return OperandGrid{codes.unit, codes.largest()};
}

std::string_view ToString(LaneWay way) {
  switch (way) {
    case LaneWay::kFused:
      return "fused";
    case LaneWay::kWrapOnce:
      return "wrap-once";
    case LaneWay::kFloatClamp:
      return "float-clamp";
    case LaneWay::kDoubleClamp:
      return "double-clamp";
    case LaneWay::kDoubleExact:
      return "double-exact";
    case LaneWay::kDoubleOdd:
      return "double-odd";
    case LaneWay::kDoubleChecked:
      return "double-checked";
    case LaneWay::kScalar:
      return "scalar";
  }
  BITSCAPE_CHECK(false, "every LaneWay has a case");
}

LanePlan PlanLanes(const quantize::Accumulator& accumulator, int64_t reduction_length,
                   const std::optional<OperandGrid>& weights,
                   const std::optional<OperandGrid>& activations) {
  LanePlan plan;
  plan.accumulator = accumulator;
  plan.reduction_length = reduction_length;
  plan.chunk = accumulator.chunk;
  plan.align_bits = accumulator.align_bits;
  const formats::Quantizer& format = *accumulator.format;
  plan.rounding = format.rounding;
  plan.wraps = format.overflow == formats::Overflow::kWrap;
  const int unit = format.format.scale.has_value() ? format.format.scale->min_exponent : 0;
  std::visit(FillRegister{plan, unit}, format.format.element);
  plan.way = ChooseWay(plan, weights, activations);
  if (plan.way == LaneWay::kWrapOnce) plan.chunk = std::max<int64_t>(reduction_length, 1);
  return plan;
}

void SumLanes(const LanePlan& plan, std::span<const float> tile, std::span<const float> weights,
              int64_t lanes, SumKey key, std::span<const uint64_t> first, std::span<double> sums) {
  BITSCAPE_CHECK(lanes <= kLanes && sums.size() >= static_cast<size_t>(lanes) &&
                     tile.size() == weights.size() * kLanes,
                 "a tile holds kLanes operands for each weight");
  std::array<double, kLanes> all{};
  std::array<bool, kLanes> inexact{};
  if (plan.way == LaneWay::kScalar) {
    inexact.fill(true);
  } else {
    RunLanes({plan, tile.data(), weights.data(), lanes, key, first.data()}, all.data(),
             inexact.data());
  }
  for (int64_t lane = 0; lane < lanes; ++lane) {
    sums[static_cast<size_t>(lane)] = all[static_cast<size_t>(lane)] + 0.0;  // -0 becomes +0
    if (inexact[static_cast<size_t>(lane)]) {
      key.first = first[static_cast<size_t>(lane)];
      SumScalar(plan, tile, weights, lane, key, sums);
    }
  }
}

}  // namespace bitscape::emulate
