// What a datapath must do for one layer: the widths that its precision asks for.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

// How a number enters the multiplier, or how a partial sum is held.
struct OperandWidth {
  bool is_float = false;
  int bits = 0;           // stored
  int exponent_bits = 0;  // floats
  int significand_bits =
      0;  // floats: with the hidden bit; integers: bits, plus one after a zero point
  bool zero_point = false;  // integers: subtracted before the product
  bool operator==(const OperandWidth&) const = default;
};
std::string ToString(const OperandWidth& width);  // "int8", "int8:asym", "e5m10"

struct MacOperands {
  OperandWidth weight, activation, accumulator;
  bool operator==(const MacOperands&) const = default;
};
std::string ToString(const MacOperands& operands);  // "int8 x int8 + int24"

// The operands of `layer` in `precision`. Where both operands are activations, the weight operand
// has the activations' format. An int32 accumulator has the lecture's bound for an exact sum,
// min(32, n_w + n_a + ceil(log2(C R S))), which may be wider than ExactSumBits; others have the
// width of their format. Errors: kUnimplemented, naming the value, for what has no price yet:
// scales inside the reduction (activations by channel, blocks), by token or position, ranges found
// at run time, stochastic rounding, sums by chunks or alignment.
absl::StatusOr<MacOperands> OperandsFor(const quantize::LayerPrecision& precision,
                                        const network::MacShape& layer);

// Bits of the narrowest signed register that every sum of the layer fits, whatever its weights
// (engine/quantize/sum_width.h). Both formats have integer codes.
int ExactSumBits(const quantize::LayerPrecision& precision, const network::MacShape& layer);

// Wide enough for both. Kinds (integer or float) must agree.
OperandWidth Widest(const OperandWidth& a, const OperandWidth& b);

}  // namespace bitscape::cost_models
