#include "cost_models/mac/operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using Kind = Operand::Kind;

int LogIntegerBits(const Operand& log) { return log.exponent_bits - log.log_fraction_bits; }

bool SameKind(const Operand& a, const Operand& b) {
  return a.kind == b.kind && (a.kind != Kind::kLog || a.log_step == b.log_step);
}

Operand Widest(const Operand& a, const Operand& b) {
  Operand widest = a;
  widest.bits = std::max(a.bits, b.bits);
  widest.exponent_bits = std::max(a.exponent_bits, b.exponent_bits);
  widest.log_fraction_bits = std::max(a.log_fraction_bits, b.log_fraction_bits);
  if (a.kind == Kind::kLog) {
    widest.exponent_bits =
        std::max(LogIntegerBits(a), LogIntegerBits(b)) + widest.log_fraction_bits;
    const int sign = std::max(a.bits - a.exponent_bits, b.bits - b.exponent_bits);
    widest.bits = widest.exponent_bits + sign;
  }
  widest.significand_bits = std::max(a.significand_bits, b.significand_bits);
  widest.zero_point = a.zero_point || b.zero_point;
  widest.subnormals = a.subnormals || b.subnormals;
  widest.table_entries = std::max(a.table_entries, b.table_entries);
  widest.entry_bits = std::max(a.entry_bits, b.entry_bits);
  widest.block = std::gcd(a.block, b.block);  // 0 and n: n
  widest.block_scale = std::max(a.block_scale, b.block_scale);
  widest.block_scale_bits = std::max(a.block_scale_bits, b.block_scale_bits);
  widest.block_scale_significand_bits =
      std::max(a.block_scale_significand_bits, b.block_scale_significand_bits);
  widest.two_values = a.two_values || b.two_values;
  return widest;
}

OutputStage Widest(const OutputStage& a, const OutputStage& b) {
  const auto shifts = [](const OutputStage& s) { return !s.has_scale || s.scale_is_power_of_two; };
  OutputStage widest;
  widest.has_scale = a.has_scale || b.has_scale;
  widest.scale_is_power_of_two = widest.has_scale && shifts(a) && shifts(b);
  widest.per_row_scale = a.per_row_scale || b.per_row_scale;
  widest.scale_and_shift = a.scale_and_shift || b.scale_and_shift;
  widest.dynamic_range = a.dynamic_range || b.dynamic_range;
  widest.stochastic = a.stochastic || b.stochastic;
  widest.vector_significand_bits = std::max(a.vector_significand_bits, b.vector_significand_bits);
  widest.vector_exponent_bits = std::max(a.vector_exponent_bits, b.vector_exponent_bits);
  widest.stored_bits = std::max(a.stored_bits, b.stored_bits);
  widest.encoded_levels = std::max(a.encoded_levels, b.encoded_levels);
  return widest;
}

bool SameOrder(const MacOperands& a, const MacOperands& b) {
  return a.chunk == b.chunk && a.align_bits == b.align_bits;
}

// -1, 0 and +1 as an integer's codes.
Operand AsInteger(const Operand& operand) {
  const bool embeds = operand.kind == Kind::kTernary || operand.kind == Kind::kBinary;
  if (!embeds || operand.two_values) return operand;
  Operand integer = operand;
  integer.kind = Kind::kInteger;
  integer.bits = integer.significand_bits = 2;
  return integer;
}

std::string ElementName(const Operand& operand) {
  switch (operand.kind) {
    case Kind::kInteger:
      return fmt::format("int{}", operand.table_entries > 0 ? operand.entry_bits : operand.bits);
    case Kind::kFloat:
      return fmt::format("e{}m{}", operand.exponent_bits, operand.significand_bits - 1);
    case Kind::kLog:
      return fmt::format("log{}{}", operand.bits,
                         operand.log_fraction_bits > 0 ? ":sqrt2"
                         : operand.log_step > 1        ? ":radix4"
                                                       : "");
    case Kind::kBinary:
      return "binary";
    case Kind::kTernary:
      return operand.two_values ? "ternary:ttq" : "ternary";
  }
  BITSCAPE_CHECK(false, "every Kind has a case");
}

}  // namespace

std::string ToString(const Operand& operand) {
  std::string text = ElementName(operand);
  if (operand.table_entries > 0) text = fmt::format("codebook{}:{}", operand.table_entries, text);
  if (operand.zero_point) text += ":asym";
  if (operand.block > 0) text += fmt::format(":block{}", operand.block);
  return text;
}

std::string ToString(const MacOperands& operands) {
  std::string text = fmt::format("{} x {} + {}", ToString(operands.weight),
                                 ToString(operands.activation), ToString(operands.accumulator));
  if (operands.any_order) return text;
  if (operands.chunk > 1) text += fmt::format(":chunk{}", operands.chunk);
  if (operands.align_bits > 0) text += fmt::format(":align{}", operands.align_bits);
  return text;
}

int ExactSumBits(const quantize::LayerPrecision& precision, const network::MacShape& layer) {
  const formats::Quantizer& weights =
      layer.weights_are_activations ? precision.activations : precision.weights;
  const auto weight_codes = quantize::CodesOf(weights.format);
  const auto activation_codes = quantize::CodesOf(precision.activations.format);
  BITSCAPE_CHECK(weight_codes.has_value() && activation_codes.has_value(),
                 "integer codes lie on a grid");
  return quantize::SignedBits(
      quantize::SumsOf(*weight_codes, *activation_codes, layer.ReductionLength()));
}

bool SameArithmetic(const MacOperands& a, const MacOperands& b) {
  return SameKind(a.weight, b.weight) && SameKind(a.activation, b.activation) &&
         SameKind(a.accumulator, b.accumulator) && (a.any_order || b.any_order || SameOrder(a, b));
}

MacOperands Widest(const MacOperands& a, const MacOperands& b) {
  BITSCAPE_CHECK(SameArithmetic(a, b), "one datapath holds one kind of number");
  MacOperands widest = a.any_order ? b : a;  // the order that one of them needs
  widest.weight = Widest(a.weight, b.weight);
  widest.activation = Widest(a.activation, b.activation);
  widest.accumulator = Widest(a.accumulator, b.accumulator);
  widest.output = Widest(a.output, b.output);
  widest.stochastic_sums = a.stochastic_sums || b.stochastic_sums;
  return widest;
}

bool Fits(const Operand& need_operand, const Operand& have) {
  const Operand need = have.kind == Kind::kInteger ? AsInteger(need_operand) : need_operand;
  const bool blocks_fit = have.block == 0 ? need.block == 0 : need.block % have.block == 0;
  return SameKind(need, have) && need.bits <= have.bits &&
         (need.kind == Kind::kLog ? LogIntegerBits(need) <= LogIntegerBits(have)
                                  : need.exponent_bits <= have.exponent_bits) &&
         need.significand_bits <= have.significand_bits && need.zero_point <= have.zero_point &&
         need.subnormals <= have.subnormals && need.log_fraction_bits <= have.log_fraction_bits &&
         need.table_entries <= have.table_entries && need.entry_bits <= have.entry_bits &&
         blocks_fit && need.block_scale <= have.block_scale &&
         need.block_scale_bits <= have.block_scale_bits &&
         need.block_scale_significand_bits <= have.block_scale_significand_bits &&
         need.two_values <= have.two_values;
}

bool Fits(const MacOperands& need, const MacOperands& have) {
  return Fits(need.weight, have.weight) && Fits(need.activation, have.activation) &&
         Fits(need.accumulator, have.accumulator) &&
         (need.any_order || (!have.any_order && SameOrder(need, have))) &&
         need.stochastic_sums <= have.stochastic_sums;
}

}  // namespace bitscape::cost_models
