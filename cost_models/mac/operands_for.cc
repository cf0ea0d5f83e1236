// From a layer's precision to what enters its datapath.
#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "cost_models/mac/operands.h"
#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::cost_models {
namespace {

using formats::Granularity;
using formats::LevelFit;
using formats::LevelSet;
using formats::NumberFormat;
using formats::Quantizer;
using BlockScale = Operand::BlockScale;
using Kind = Operand::Kind;

constexpr int kFloat32Bits = 32, kFloat32Exponent = 8, kFloat32Significand = 24;

bool IsCodebook(const LevelSet& levels) {
  return levels.fit == LevelFit::kKmeans || levels.fit == LevelFit::kLloydMax;
}

struct ElementOperand {
  Operand operator()(const formats::Minifloat& type) const {
    return {
        .kind = Kind::kFloat,
        .bits = 1 + type.exponent_bits + type.mantissa_bits,
        .exponent_bits = type.exponent_bits,
        .significand_bits = type.mantissa_bits + 1,
        .subnormals = type.mantissa_bits > 0 && (type.underflow == formats::Underflow::kGradual ||
                                                 type.underflow == formats::Underflow::kHalved)};
  }
  Operand operator()(const formats::Integer& type) const {
    return {.bits = type.bits, .significand_bits = type.bits};
  }
  Operand operator()(const formats::Log& type) const {
    return {.kind = Kind::kLog,
            .bits = type.bits,
            .exponent_bits = type.bits - (type.is_signed ? 1 : 0),
            .significand_bits = 1,
            .log_fraction_bits = type.base == formats::LogBase::kSqrtTwo ? 1 : 0,
            .log_step = type.base == formats::LogBase::kFour ? 2 : 1};
  }
  Operand operator()(const LevelSet& type) const {
    if (IsCodebook(type)) {
      Operand operand = std::visit(*this, type.entries);
      operand.table_entries = type.levels;
      operand.entry_bits = operand.bits;
      operand.bits = quantize::CeilLog2(type.levels);
      return operand;
    }
    const int bits = quantize::CeilLog2(type.levels);
    if (type.fit == LevelFit::kDorefa) {
      // Levels (2 c - (2^k - 1)) / (2^k - 1) of the code c: odd integers, wired and not subtracted.
      return {.bits = bits, .significand_bits = bits + 1};
    }
    if (type.levels == 2) return {.kind = Kind::kBinary, .bits = 1, .significand_bits = 1};
    return {.kind = Kind::kTernary,
            .bits = bits,
            .significand_bits = bits,
            .two_values = type.fit == LevelFit::kTtq};
  }
};

Operand OperandOf(const NumberFormat& format) {
  Operand operand = std::visit(ElementOperand{}, format.element);
  if (format.zero_point) {
    operand.zero_point = true;
    operand.significand_bits += 1;  // code - zero point
  }
  return operand;
}

struct Scale {
  BlockScale kind = BlockScale::kNone;
  int bits = 0, significand_bits = 0;
};

// The scale that a group of codes shares; none where it is a constant of the format, or stands in
// the entries of a table.
Scale ScaleOf(const NumberFormat& format) {
  constexpr Scale kFloat32 = {BlockScale::kFloat, kFloat32Bits, kFloat32Significand};
  if (const auto* levels = std::get_if<LevelSet>(&format.element)) {
    if (IsCodebook(*levels)) {
      return std::holds_alternative<formats::Integer>(levels->entries) ? kFloat32 : Scale{};
    }
    return levels->fit == LevelFit::kUnit || levels->fit == LevelFit::kDorefa ? Scale{} : kFloat32;
  }
  if (!format.scale.has_value()) return {};
  switch (format.scale->encoding) {
    case formats::ScaleEncoding::kFloat32:
      return kFloat32;
    case formats::ScaleEncoding::kPowerOfTwo:
      return {BlockScale::kPowerOfTwo, format.scale->bits, 1};
    case formats::ScaleEncoding::kE4m3:
      return {BlockScale::kFloat, 8, 4};
    case formats::ScaleEncoding::kFixed:
      return {};
  }
  BITSCAPE_CHECK(false, "every ScaleEncoding has a case");
}

// Elements along the reduction that share a scale; 0: all of a sum.
int SharedElements(const Quantizer& quantizer, const network::MacShape& layer) {
  if (quantizer.granularity == Granularity::kBlock) return quantizer.block_size;
  // A kernel of several positions sees as many tokens.
  if (quantizer.granularity == Granularity::kToken && layer.r * layer.s > 1) {
    return static_cast<int>(layer.c);
  }
  return 0;
}

void PutScaleInside(const Scale& scale, int block, Operand* operand) {
  operand->block = block;
  operand->block_scale = scale.kind;
  operand->block_scale_bits = scale.bits;
  operand->block_scale_significand_bits = scale.significand_bits;
}

absl::StatusOr<Operand> InputOperand(const Quantizer& quantizer, std::string_view tensor,
                                     bool is_weights, const network::MacShape& layer) {
  const bool refused = is_weights ? quantizer.granularity == Granularity::kToken ||
                                        quantizer.granularity == Granularity::kPosition
                                  : quantizer.granularity == Granularity::kChannel;
  if (refused) {
    return absl::UnimplementedError(fmt::format(
        "{} in {}: no cost for this granularity; priced: scales by tensor, {} or block", tensor,
        quantizer.ToString(), is_weights ? "output channel" : "token, position"));
  }
  Operand operand = OperandOf(quantizer.format);
  if (const int block = SharedElements(quantizer, layer); block > 0) {
    const Scale scale = ScaleOf(quantizer.format);
    if (scale.kind != BlockScale::kNone || operand.table_entries > 0) {
      PutScaleInside(scale, block, &operand);
    }
  }
  return operand;
}

bool AddsCodes(const quantize::Accumulator& accumulator) {
  if (accumulator.kind == quantize::Accumulator::Kind::kInt32) return true;
  if (accumulator.kind == quantize::Accumulator::Kind::kFloat32) return false;
  const NumberFormat& format = accumulator.format->format;
  return std::holds_alternative<formats::Integer>(format.element) && !format.scale.has_value();
}

absl::Status CheckSumOfCodes(const quantize::Accumulator& accumulator, const Quantizer& quantizer,
                             const Operand& operand, std::string_view tensor) {
  if (!formats::IsIntegerLike(quantizer.format)) {
    return absl::UnimplementedError(
        fmt::format("accumulator {} adds integer codes, and the {} are {}", accumulator.ToString(),
                    tensor, quantizer.ToString()));
  }
  if (operand.block_scale != BlockScale::kNone) {
    return absl::UnimplementedError(
        fmt::format("accumulator {} adds codes under one scale; under {} in {} a sum has several",
                    accumulator.ToString(), tensor, quantizer.ToString()));
  }
  return absl::OkStatus();
}

// A register with a fixed point holds values: what scales the products stays inside, one constant
// of the layer that is put down as the weights'.
void ScaleProducts(const Quantizer& weights, const Quantizer& activations, MacOperands* operands) {
  Scale product;
  const auto take = [&product](const Quantizer& quantizer, const Operand& operand) {
    const bool in_table = operand.table_entries > 0 && operand.kind == Kind::kFloat;
    if (operand.block > 0 || in_table) return;
    const Scale scale = ScaleOf(quantizer.format);
    product.kind = std::max(product.kind, scale.kind);
    product.bits = std::max(product.bits, scale.bits);
    product.significand_bits = std::max(product.significand_bits, scale.significand_bits);
  };
  take(weights, operands->weight);
  take(activations, operands->activation);
  if (product.kind == BlockScale::kNone) return;
  Operand* holder = operands->weight.block == 0 ? &operands->weight : &operands->activation;
  if (holder->block == 0) PutScaleInside(product, 1, holder);
}

// Rounding after each chunk leaves no room for two sums: the values stand in a table, as float32.
void TakeValuesIntoSum(Operand* operand) {
  if (!operand->two_values) return;
  operand->kind = Kind::kFloat;
  operand->exponent_bits = kFloat32Exponent;
  operand->significand_bits = kFloat32Significand;
  operand->table_entries = 3;
  operand->entry_bits = kFloat32Bits;
  operand->two_values = false;
  operand->block_scale = BlockScale::kNone;  // the values are the scales
  operand->block_scale_bits = operand->block_scale_significand_bits = 0;
}

absl::Status AddNarrowSums(const quantize::Accumulator& accumulator, MacOperands* operands) {
  const Quantizer& format = *accumulator.format;
  const bool integer = std::holds_alternative<formats::Integer>(format.format.element);
  if (!integer && !std::holds_alternative<formats::Minifloat>(format.format.element)) {
    return absl::UnimplementedError(fmt::format(
        "accumulator {}: no register holds it; priced: intN, fixedN.F, eXmY", format.ToString()));
  }
  operands->accumulator = OperandOf(format.format);
  operands->accumulator.subnormals = false;  // the adder shifts them as any other number
  operands->stochastic_sums = format.rounding == formats::Rounding::kStochastic;
  // Sums modulo 2^n, and exact: any order gives the same.
  operands->any_order = integer && format.overflow == formats::Overflow::kWrap &&
                        AddsCodes(accumulator) && accumulator.align_bits == 0;
  if (!operands->any_order) {
    operands->chunk = accumulator.chunk;
    operands->align_bits = accumulator.align_bits;
  }
  return absl::OkStatus();
}

absl::Status AddAccumulator(const quantize::LayerPrecision& precision,
                            const network::MacShape& layer, MacOperands* operands) {
  using AccumulatorKind = quantize::Accumulator::Kind;
  const quantize::Accumulator& accumulator = precision.accumulator;
  const Quantizer& weights =
      layer.weights_are_activations ? precision.activations : precision.weights;
  if (AddsCodes(accumulator)) {
    BITSCAPE_RETURN_IF_ERROR(CheckSumOfCodes(accumulator, weights, operands->weight, "weights"));
    BITSCAPE_RETURN_IF_ERROR(
        CheckSumOfCodes(accumulator, precision.activations, operands->activation, "activations"));
  }
  switch (accumulator.kind) {
    case AccumulatorKind::kFloat32:
      operands->accumulator = {.kind = Kind::kFloat,
                               .bits = kFloat32Bits,
                               .exponent_bits = kFloat32Exponent,
                               .significand_bits = kFloat32Significand};
      return absl::OkStatus();
    case AccumulatorKind::kInt32: {
      const int exact = operands->weight.significand_bits + operands->activation.significand_bits +
                        quantize::CeilLog2(layer.ReductionLength());
      const int bits = std::min(32, exact);
      operands->accumulator = {.bits = bits, .significand_bits = bits};
      return absl::OkStatus();
    }
    case AccumulatorKind::kNarrow:
      break;
  }
  BITSCAPE_RETURN_IF_ERROR(AddNarrowSums(accumulator, operands));
  if (!operands->any_order) {
    TakeValuesIntoSum(&operands->weight);
    TakeValuesIntoSum(&operands->activation);
  }
  if (operands->accumulator.kind == Kind::kInteger && !AddsCodes(accumulator)) {
    ScaleProducts(weights, precision.activations, operands);
  }
  return absl::OkStatus();
}

// What the output stage multiplies with: the scales that did not enter the sum.
Scale ScaleOutside(const NumberFormat& format, bool inside) {
  if (format.tensor_scale.has_value()) {
    return {BlockScale::kFloat, format.tensor_scale->bits, kFloat32Significand};
  }
  return inside ? Scale{} : ScaleOf(format);
}

struct Consumer {
  const Quantizer* quantizer = nullptr;  // what the outputs are rounded to
  bool scale_and_shift = false;
};

OutputStage OutputStageFor(const MacOperands& operands, const quantize::LayerPrecision& precision,
                           const network::MacShape& layer, const Quantizer& vector_format,
                           const Consumer& consumer) {
  const Quantizer& weights =
      layer.weights_are_activations ? precision.activations : precision.weights;
  OutputStage stage;
  const BlockScale kind =
      std::max({ScaleOutside(weights.format, operands.weight.block_scale != BlockScale::kNone).kind,
                ScaleOutside(precision.activations.format,
                             operands.activation.block_scale != BlockScale::kNone)
                    .kind,
                ScaleOf(consumer.quantizer->format).kind});
  stage.has_scale = kind != BlockScale::kNone;
  stage.scale_is_power_of_two = kind == BlockScale::kPowerOfTwo;
  const Granularity rows = precision.activations.granularity;
  stage.per_row_scale = operands.activation.block == 0 &&
                        (rows == Granularity::kToken || rows == Granularity::kPosition);
  stage.scale_and_shift = consumer.scale_and_shift && !layer.weights_are_activations;
  stage.dynamic_range = quantize::IsDynamic(*consumer.quantizer) ||
                        consumer.quantizer->granularity == Granularity::kPosition;
  stage.stochastic = consumer.quantizer->rounding == formats::Rounding::kStochastic;
  const Operand vector = OperandOf(vector_format.format);
  stage.vector_significand_bits = vector.significand_bits;
  stage.vector_exponent_bits = vector.exponent_bits;
  const Operand stored = OperandOf(consumer.quantizer->format);
  stage.stored_bits = stored.bits;
  stage.encoded_levels = stored.table_entries;
  return stage;
}

absl::StatusOr<MacOperands> MakeOperands(const quantize::LayerPrecision& precision,
                                         const network::MacShape& layer,
                                         const Quantizer& vector_format, const Consumer& consumer) {
  MacOperands operands;
  BITSCAPE_ASSIGN_OR_RETURN(operands.activation,
                            InputOperand(precision.activations, "activations", false, layer));
  if (layer.weights_are_activations) {
    operands.weight = operands.activation;
  } else {
    BITSCAPE_ASSIGN_OR_RETURN(operands.weight,
                              InputOperand(precision.weights, "weights", true, layer));
  }
  BITSCAPE_RETURN_IF_ERROR(AddAccumulator(precision, layer, &operands));
  operands.output = OutputStageFor(operands, precision, layer, vector_format, consumer);
  return operands;
}

}  // namespace

absl::StatusOr<MacOperands> OperandsFor(const quantize::LayerPrecision& precision,
                                        const network::MacShape& layer,
                                        const formats::Quantizer& vector_format) {
  return MakeOperands(precision, layer, vector_format, {.quantizer = &precision.activations});
}

absl::StatusOr<MacOperands> OperandsFor(const quantize::ResolvedPlan& plan, size_t index,
                                        const network::MacShape& layer) {
  const bool last = index + 1 == plan.layers.size();
  return MakeOperands(
      plan.layers[index], layer, plan.vector_format,
      {.quantizer = last ? &plan.vector_format : &plan.layers[index + 1].activations,
       .scale_and_shift = plan.fold == quantize::BatchNormFold::kNever});
}

}  // namespace bitscape::cost_models
