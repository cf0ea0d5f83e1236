#include "cost_models/mac/operands.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

struct ElementWidth {
  absl::StatusOr<OperandWidth> operator()(const formats::Minifloat& element) const {
    return OperandWidth{.is_float = true,
                        .bits = 1 + element.exponent_bits + element.mantissa_bits,
                        .exponent_bits = element.exponent_bits,
                        .significand_bits = element.mantissa_bits + 1};
  }
  absl::StatusOr<OperandWidth> operator()(const formats::Integer& element) const {
    return OperandWidth{.bits = element.bits, .significand_bits = element.bits};
  }
  absl::StatusOr<OperandWidth> operator()(const formats::Log&) const {
    return absl::UnimplementedError("no cost for log-domain products yet");
  }
  absl::StatusOr<OperandWidth> operator()(const formats::LevelSet&) const {
    return absl::UnimplementedError("no cost for codebooks, binary and ternary values yet");
  }
};

absl::StatusOr<OperandWidth> WidthOf(const formats::NumberFormat& format) {
  absl::StatusOr<OperandWidth> found = std::visit(ElementWidth{}, format.element);
  if (!found.ok()) return Annotate(found.status(), format.name);
  OperandWidth width = *found;
  if (format.zero_point) {
    width.zero_point = true;
    width.significand_bits += 1;  // code - zero point
  }
  return width;
}

absl::Status CheckPriced(const formats::Quantizer& quantizer, std::string_view tensor,
                         bool scales_leave_the_sum) {
  const bool priced =
      quantizer.granularity == formats::Granularity::kTensor ||
      (quantizer.granularity == formats::Granularity::kChannel && scales_leave_the_sum);
  if (!priced) {
    return absl::UnimplementedError(
        fmt::format("{} in {}: no cost for this granularity; priced: one scale a tensor{}", tensor,
                    quantizer.ToString(), scales_leave_the_sum ? " or an output channel" : ""));
  }
  if (quantizer.rounding == formats::Rounding::kStochastic) {
    return absl::UnimplementedError(fmt::format(
        "{} in {}: no cost for stochastic rounding; priced: roundings without random numbers",
        tensor, quantizer.ToString()));
  }
  if (quantizer.dynamic_range) {
    return absl::UnimplementedError(
        fmt::format("{} in {}: no cost for a range found at run time; priced: static ranges",
                    tensor, quantizer.ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<OperandWidth> AccumulatorFor(const quantize::Accumulator& accumulator,
                                            const OperandWidth& weight,
                                            const OperandWidth& activation,
                                            int64_t reduction_length) {
  using Kind = quantize::Accumulator::Kind;
  switch (accumulator.kind) {
    case Kind::kFloat32:
      return OperandWidth{.is_float = true, .bits = 32, .exponent_bits = 8, .significand_bits = 24};
    case Kind::kInt32: {
      const int exact = weight.significand_bits + activation.significand_bits +
                        quantize::CeilLog2(reduction_length);
      const int bits = std::min(32, exact);
      return OperandWidth{.bits = bits, .significand_bits = bits};
    }
    case Kind::kNarrow:
      break;
  }
  if (accumulator.chunk != 1 || accumulator.align_bits != 0 || !accumulator.format.has_value()) {
    return absl::UnimplementedError(
        fmt::format("accumulator {}: no cost for sums by chunks or aligned to a width; priced: "
                    "chunk1 without alignment",
                    accumulator.ToString()));
  }
  if (accumulator.format->rounding == formats::Rounding::kStochastic) {
    return absl::UnimplementedError(
        fmt::format("accumulator {}: no cost for stochastic rounding; priced: roundings without "
                    "random numbers",
                    accumulator.ToString()));
  }
  return WidthOf(accumulator.format->format);
}

}  // namespace

std::string ToString(const OperandWidth& width) {
  if (width.is_float) return fmt::format("e{}m{}", width.exponent_bits, width.significand_bits - 1);
  return fmt::format("int{}{}", width.bits, width.zero_point ? ":asym" : "");
}

std::string ToString(const MacOperands& operands) {
  return fmt::format("{} x {} + {}", ToString(operands.weight), ToString(operands.activation),
                     ToString(operands.accumulator));
}

absl::StatusOr<MacOperands> OperandsFor(const quantize::LayerPrecision& precision,
                                        const network::MacShape& layer) {
  MacOperands operands;
  BITSCAPE_RETURN_IF_ERROR(CheckPriced(precision.activations, "activations", false));
  BITSCAPE_ASSIGN_OR_RETURN(operands.activation, WidthOf(precision.activations.format));
  if (layer.weights_are_activations) {
    operands.weight = operands.activation;
  } else {
    BITSCAPE_RETURN_IF_ERROR(CheckPriced(precision.weights, "weights", true));
    BITSCAPE_ASSIGN_OR_RETURN(operands.weight, WidthOf(precision.weights.format));
  }
  BITSCAPE_ASSIGN_OR_RETURN(operands.accumulator,
                            AccumulatorFor(precision.accumulator, operands.weight,
                                           operands.activation, layer.ReductionLength()));
  return operands;
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

OperandWidth Widest(const OperandWidth& a, const OperandWidth& b) {
  BITSCAPE_CHECK(a.is_float == b.is_float, "one datapath holds one kind of number");
  return {.is_float = a.is_float,
          .bits = std::max(a.bits, b.bits),
          .exponent_bits = std::max(a.exponent_bits, b.exponent_bits),
          .significand_bits = std::max(a.significand_bits, b.significand_bits),
          .zero_point = a.zero_point || b.zero_point};
}

}  // namespace bitscape::cost_models
