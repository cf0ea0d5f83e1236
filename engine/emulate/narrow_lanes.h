// Narrow sums of many outputs side by side: one lane for each output, all lanes take the same step.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/emulate/code_facts.h"
#include "engine/emulate/narrow_sum.h"

namespace bitscape::emulate {

// Outputs that are computed at once.
inline constexpr int64_t kLanes = 64;

// What all values of an operand are multiples of, and how large they get.
struct OperandGrid {
  double unit = 1, largest = 1;
};
std::optional<OperandGrid> GridOf(const CodeFacts& codes);  // none where no unit is known

// How lanes compute; each way gives what NarrowSum gives. The first whose condition holds runs.
// With S = chunk * largest product, R = the accumulator's largest value, u = the products' unit,
// g = the accumulator's smallest step:
enum class LaneWay {
  kFused,          // fp32, nearest even, a chunk of 1: fused multiply-adds in float32
  kWrapOnce,       // wrap-around without rounding: one exact sum in double, wrapped at its end
  kFloatClamp,     // integers that float32 adds exactly, no rounding: (S + R) / g <= 2^24
  kDoubleClamp,    // the same in double: (S + R) / g <= 2^53
  kDoubleExact,    // partial sum + chunk exact in double: (S + R) / min(u, g) <= 2^53
  kDoubleOdd,      // chunks exact in double (S / u <= 2^53, a single product, or alignment leaves
                   // chunk * 2^W <= 2^53); partial sum + chunk rounded to odd
  kDoubleChecked,  // chunks in two doubles; a lane whose chunk needs more is computed by NarrowSum
  kScalar,         // NarrowSum: wrap-around with sums that double doesn't hold
};
std::string_view ToString(LaneWay way);

// The constants of one layer's lanes.
struct LanePlan {
  LaneWay way = LaneWay::kScalar;
  quantize::Accumulator accumulator;
  formats::Rounding rounding = formats::Rounding::kNearestEven;
  int64_t reduction_length = 0, chunk = 1;
  int align_bits = 0;
  bool wraps = false;
  double smallest = 0, largest = 0;  // of the accumulator
  // The step at x is step * 2^floor(log2|x|), the power held between lowest_power and
  // highest_power.
  double step = 1, lowest_power = 1, highest_power = 1;
  double flush_below = 0;  // smaller results become 0
};

// `weights`, `activations`: none where no grid is known. The accumulator has passed CheckNarrow.
LanePlan PlanLanes(const quantize::Accumulator& accumulator, int64_t reduction_length,
                   const std::optional<OperandGrid>& weights,
                   const std::optional<OperandGrid>& activations);

// One sum for each lane. tile [reduction_length, kLanes]: each lane's activations; weights
// [reduction_length]: of all lanes. All operands are finite. `first[lane]` is SumKey::first. Writes
// sums[0 .. lanes). Shape: lanes <= kLanes; the lanes above hold finite numbers.
void SumLanes(const LanePlan& plan, std::span<const float> tile, std::span<const float> weights,
              int64_t lanes, SumKey key, std::span<const uint64_t> first, std::span<double> sums);

}  // namespace bitscape::emulate
