// What a datapath must do for one layer: the numbers that its precision puts into it.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

// How a number enters the multiplier, or how a partial sum is held.
struct Operand {
  enum class Kind {
    kInteger,  // also fixed, dfx, dorefa, and the elements of bfp, mxint8
    kFloat,    // also the elements of MX, NVFP4, AdaptivFloat, CFloat
    kLog,      // a sign and an exponent
    kBinary,   // -1, +1
    kTernary,  // -1, 0, +1
  };
  Kind kind = Kind::kInteger;
  int bits = 0;               // stored code; of a codebook the index
  int exponent_bits = 0;      // floats; logs: exponent code with its fraction
  int significand_bits = 0;   // floats: with the hidden bit; integers: bits, plus one after a zero
                              // point. Signed and unsigned alike: an array multiplier of one signed
                              // and one unsigned operand is no wider.
  bool zero_point = false;    // integers: subtracted before the product
  bool subnormals = false;    // floats: values below the normals need a leading-zero count
  int log_fraction_bits = 0;  // logs: 0 base 2 or 4, 1 base sqrt 2
  int log_step = 1;           // logs: exponent steps a code, 2 for base 4
  // Codebook: the code is an index of a table of `table_entries`; kind and widths above are those
  // of an entry, which is `entry_bits` wide. 0: no table.
  int table_entries = 0, entry_bits = 0;
  // Elements along the reduction that share a scale inside the sum, or a table; 0: scales leave the
  // sum. Shorter blocks at the end of a row are padded.
  int block = 0;
  enum class BlockScale { kNone, kPowerOfTwo, kFloat };
  BlockScale block_scale = BlockScale::kNone;
  int block_scale_bits = 0, block_scale_significand_bits = 0;
  // kTernary: the two nonzero codes have a value each (TTQ), which scales a partial sum of its own.
  bool two_values = false;
  bool operator==(const Operand&) const = default;
};
// "int8", "int8:asym", "e5m10", "log4:sqrt2", "binary", "codebook16:e5m10", "e2m1:block32"
std::string ToString(const Operand& operand);

// Scales and ranges that do not enter the sum, and rounding of what leaves it: paid once an output.
struct OutputStage {
  bool has_scale = true;               // of the operands, or of the format it is rounded to
  bool scale_is_power_of_two = false;  // a shift instead of a multiplication
  bool per_row_scale = false;          // token or position: a second multiplication
  bool scale_and_shift = false;        // batch norm that is not folded
  bool dynamic_range = false;          // the outputs' maximum is searched
  bool stochastic = false;             // rounding draws random bits
  int vector_significand_bits = 24, vector_exponent_bits = 8;  // what the stage computes in
  int stored_bits = 32;    // of an output as the next layer reads it
  int encoded_levels = 0;  // levels that are found by comparison: codebooks; 0: by rounding
  bool operator==(const OutputStage&) const = default;
};

struct MacOperands {
  Operand weight, activation, accumulator;
  int chunk = 1;       // products added before the accumulator rounds
  int align_bits = 0;  // width that a chunk's products are aligned to; 0 = exact
  OutputStage output;
  // The plan leaves the order of the sum to the hardware (int32, fp32, integers that wrap): chunk
  // and align_bits say nothing. A datapath that is built has an order, the one of its chunk.
  bool any_order = true;
  bool stochastic_sums = false;  // the accumulator draws random bits whenever it rounds
  bool operator==(const MacOperands&) const = default;
};
std::string ToString(const MacOperands& operands);  // "int8 x int8 + int24"

// The operands of `layer` in `precision`, for every plan that resolves and can be emulated. Where
// both operands are activations, the weight operand has the activations' format. An int32
// accumulator has the lecture's bound for an exact sum, min(32, n_w + n_a + ceil(log2(C R S))),
// which may be wider than ExactSumBits; others have the width of their format. Scales by tensor,
// output channel, token (of one-element kernels) and position leave the sum; blocks, tokens under
// larger kernels, and data-dependent scales under a fixed-point accumulator stay inside.
// Outputs are rounded as the layer's own activations are. Errors: kUnimplemented, naming the value,
// for what has no meaning in hardware.
absl::StatusOr<MacOperands> OperandsFor(const quantize::LayerPrecision& precision,
                                        const network::MacShape& layer,
                                        const formats::Quantizer& vector_format);

// Of layer `index` of a plan: its outputs are rounded as the next layer's activations in the list,
// the last layer's to the vector format; with fold=never each layer has a scale and shift.
absl::StatusOr<MacOperands> OperandsFor(const quantize::ResolvedPlan& plan, size_t index,
                                        const network::MacShape& layer);

// Bits of the narrowest signed register that every sum of the layer fits, whatever its weights
// (engine/quantize/sum_width.h). Both formats have integer codes.
int ExactSumBits(const quantize::LayerPrecision& precision, const network::MacShape& layer);

// Whether one datapath can be built that holds both, and what it is: equal kinds, and no two orders
// of summation; wide enough for both.
bool SameArithmetic(const MacOperands& a, const MacOperands& b);
MacOperands Widest(const MacOperands& a, const MacOperands& b);
// Whether a datapath built for `have` computes `need`: a partial order. Binary and ternary operands
// fit integers of 2 bits. The output stage is a vector unit's, and no part of it.
bool Fits(const Operand& need, const Operand& have);
bool Fits(const MacOperands& need, const MacOperands& have);

}  // namespace bitscape::cost_models
