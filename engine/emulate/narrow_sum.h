// Narrow accumulators: what they compute, one sum at a time. This scalar code is the specification;
// the vectorised kernel (narrow_mac.h) equals it bit for bit.
//
// The products of a sum come in the order kernel row, kernel column, channel (within the group);
// of a matrix product along its inner dimension. Padding counts: its products are 0. Products are
// exact. `chunk` of them at a time (the last chunk may be shorter) are added
//   exactly, or
//   aligned (`alignW`): with e = floor(log2) of the chunk's largest |product|, each product is cut
//   towards zero to a multiple of 2^(e - W + 1), so that the largest keeps W bits; what is left is
//   added exactly. So do the adder trees of tensor cores (Fasi, Higham, Mikaitis and Pranesh,
//   "Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science, 2021), which also align
//   the partial sum; here it is not.
// The chunk's sum is added to the partial sum, which begins at 0, and the result is rounded once to
// the accumulator's format: floats to their grid, intN to integers, fixedN.F to multiples of 2^-F,
// by the format's rounding; beyond the range it saturates at the largest value, or (intN, fixedN.F
// with `wrap`) is taken modulo 2^N. A sum that is zero is +0.
//
// What is multiplied are codes, as hardware does: a scale that all products of a sum share and that
// is known before the image (of weights by tensor or channel, of calibrated activations: int, dfx,
// `scaled` floats, ternary) is applied to the finished sum. intN adds integer codes less their zero
// points. fixedN.F and floats add values at scale 1; the constant 2^-F of fixedN.F operands and
// scales that differ within a sum (blocks) are part of the values. Where the image decides a scale
// of the activations (dynamic, token, blocks), all scales of both operands are. The bias is added
// after the scale, in float32.
//
// Infinities and NaN among the operands follow IEEE 754 up to the accumulator, whose format says
// what becomes of them (formats::Encode): those without infinities saturate, those without NaN hold
// 0.
//
// Stochastic rounding looks at the first 53 bits of the sum (a sticky bit stands for the rest) and
// takes RandomBits(seed, stream, counter) of the step; see SumKey.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/emulate/narrow_exact_sum.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::emulate {

// Which random numbers stochastic rounding draws: step t (counted in chunks) of output o of image i
// takes counter (i * outputs + o) * steps + t.
struct SumKey {
  uint64_t seed = 1;
  uint64_t stream = 0;  // the layer
  uint64_t first = 0;   // counter of step 0
};

// Errors: kInvalidArgument for formats that can't be an accumulator: scales from data, level sets,
// logs, floats without an ordinary underflow.
absl::Status CheckNarrow(const quantize::Accumulator& accumulator);
// int32 and narrow intN: registers of integer codes.
bool AddsCodes(const quantize::Accumulator& accumulator);

// Roundings in a sum of `reduction_length` products.
int64_t NarrowSteps(const quantize::Accumulator& accumulator, int64_t reduction_length);

// The sum of weights[i] * activations[i]. `accumulator` is kNarrow and has passed CheckNarrow.
double NarrowSum(const quantize::Accumulator& accumulator, std::span<const float> weights,
                 std::span<const float> activations, SumKey key = {});

// A sum rounded to the accumulator's format.
double RoundToAccumulator(const formats::Quantizer& format, const ExactSum& sum, uint64_t random);

// A MAC layer with narrow sums. `node` and the operands of one call outlive their use.
struct NarrowLayer {
  const network::Node* node = nullptr;
  network::Shape src_shape;      // of one image
  network::Shape weights_shape;  // MatMul: of the right operand of one image
  quantize::Accumulator accumulator;
  float factor = 1;  // a power of two that weights (the right operand) are multiplied with first
};
// What constant scales of the operands' formats make of products of codes: NarrowLayer::factor.
// 1 for intN, which adds codes.
float ConstantFactor(const quantize::Accumulator& accumulator, const formats::Quantizer& weights,
                     const formats::Quantizer& activations);
// The sums of one image, without bias, in plain loops. Shape: `sums` as node->shape. Weights are
// the layer's own in their plain order, or MatMul's right operand. key.first belongs to output 0.
void NarrowSums(const NarrowLayer& layer, std::span<const float> src,
                std::span<const float> weights, SumKey key, std::span<double> sums);

}  // namespace bitscape::emulate
