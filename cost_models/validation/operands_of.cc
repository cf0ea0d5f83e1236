#include "cost_models/validation/operands_of.h"

#include "engine/core/status.h"

namespace bitscape::cost_models {

Operand IntegerOperand(int bits) { return {.bits = bits, .significand_bits = bits}; }

Operand FloatOperand(int exponent_bits, int mantissa_bits, bool subnormals) {
  return {.kind = Operand::Kind::kFloat,
          .bits = 1 + exponent_bits + mantissa_bits,
          .exponent_bits = exponent_bits,
          .significand_bits = mantissa_bits + 1,
          .subnormals = subnormals};
}

MacOperands OperandsOf(const Operand& weight, const Operand& activation,
                       const Operand& accumulator) {
  MacOperands operands;
  operands.weight = weight;
  operands.activation = activation;
  operands.accumulator = accumulator;
  return operands;
}

absl::StatusOr<MacOperands> OperandsOfFormats(std::string_view weights,
                                              std::string_view activations,
                                              std::string_view accumulator) {
  network::MacShape layer;
  layer.name = "sum";
  layer.op = "gemm";
  layer.c = 1024;
  layer.m = 64;
  quantize::LayerPrecision precision;
  BITSCAPE_ASSIGN_OR_RETURN(precision.weights, formats::ParseQuantizer(weights));
  BITSCAPE_ASSIGN_OR_RETURN(precision.activations, formats::ParseQuantizer(activations));
  BITSCAPE_ASSIGN_OR_RETURN(precision.accumulator, quantize::ParseAccumulator(accumulator));
  return OperandsFor(precision, layer, formats::Float32());
}

absl::StatusOr<MacCost> PriceMac(std::string_view family, const MacOperands& built,
                                 const MacOperands& used, const MacDesign& design,
                                 const Technology& technology) {
  BITSCAPE_ASSIGN_OR_RETURN(const MacFamily* const row, FindMacFamily(family));
  BITSCAPE_RETURN_IF_ERROR(row->check(used, design));
  return row->estimate(built, used, design, technology);
}

}  // namespace bitscape::cost_models
