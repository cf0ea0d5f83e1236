// Which arithmetic computes a MAC layer: an ordered list of rules, the first that accepts wins.
#pragma once

#include <cstdint>
#include <string>

#include "engine/emulate/code_facts.h"
#include "engine/emulate/evaluator.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::emulate {

// What the operands of a layer's products hold, and in which type.
enum class Arithmetic {
  kInt8Codes,      // integer codes as s8 (weights) and s8 or u8 (activations), sums in s32
  kBfloat16,       // codes as bf16, sums in fp32
  kFloat32Codes,   // integer codes as fp32, sums in fp32
  kInt64Codes,     // integer codes as s32, sums in s64, plain loops
  kFloat32Values,  // rounded values as fp32, sums in fp32
  kNarrowCodes,    // codes as fp32, partial sums rounded by the plan's accumulator (narrow_sum.h)
  kNarrowValues,   // the same of values: the image decides the scale of a sum
};

// What is known of a layer before its arithmetic is chosen.
struct LayerFacts {
  CodeFacts weights, activations;  // of MatMul: its right and left operand
  quantize::Accumulator accumulator;
  // Narrow accumulators: NarrowLayer::factor.
  float narrow_factor = 1;
  bool scales_by_image = false;  // of the activations: quantize::IsDynamic
  int64_t reduction_length = 1;
  // The largest sum over an output channel of |weight code| / unit, at most reduction_length *
  // largest / unit; infinite where there is no unit.
  double weight_units = 0;
  bool integer_scales_fit =
      true;  // every weight scale * activation scale, and bias over it, is a normal float32
  bool has_int8_kernel =
      false;  // this machine multiplies this layer in 8 bits, without saturating inside a sum
  bool has_bfloat16_kernel = false;  // this machine multiplies this layer in bf16
};

struct Decision {
  Arithmetic arithmetic = Arithmetic::kFloat32Values;
  Path path = Path::kFloat32;
  bool exact = false;
  std::string reason;
};

Decision ChoosePath(const LayerFacts& facts);

}  // namespace bitscape::emulate
