// Operands that figures name: by width, or as formats.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "cost_models/mac/families.h"

namespace bitscape::cost_models {

Operand IntegerOperand(int bits);
// Without subnormals unless asked for.
Operand FloatOperand(int exponent_bits, int mantissa_bits, bool subnormals = false);
// Sums in any order.
MacOperands OperandsOf(const Operand& weight, const Operand& activation,
                       const Operand& accumulator);

// Formats and accumulator in the plans' notation ("int8", "mxfp4_e2m1", "fp32"), as a layer of
// 1024 products a sum asks for them.
absl::StatusOr<MacOperands> OperandsOfFormats(std::string_view weights,
                                              std::string_view activations,
                                              std::string_view accumulator);

// At full widths, or `used` on what was built for `built`. Errors: those of the family's check.
absl::StatusOr<MacCost> PriceMac(std::string_view family, const MacOperands& built,
                                 const MacOperands& used, const MacDesign& design,
                                 const Technology& technology);
inline absl::StatusOr<MacCost> PriceMac(std::string_view family, const MacOperands& operands,
                                        const MacDesign& design, const Technology& technology) {
  return PriceMac(family, operands, operands, design, technology);
}

}  // namespace bitscape::cost_models
