#include "cost_models/mac/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using Kind = Operand::Kind;

constexpr int kMostStages = 64;

bool IsSign(const Operand& operand) {
  return operand.kind == Kind::kBinary || operand.kind == Kind::kTernary;
}

bool HasExponent(const Operand& operand) {
  return operand.kind == Kind::kFloat || operand.kind == Kind::kLog;
}

// Bit positions between the smallest and the largest exponent: 2^e codes, and one position less
// than codes. Where the lowest code shares its exponent with the next (subnormals) one is to spare.
int Span(const Operand& operand) {
  if (!HasExponent(operand)) return 0;
  const int steps = (1 << operand.exponent_bits) - 1;
  return std::max(1, (steps * operand.log_step) >> operand.log_fraction_bits);
}

// Constant multiplier: canonical signed digits leave a third of an array's rows.
BlockCost ConstantMultiplier(int bits, int constant_bits, const Technology& technology) {
  return Copies(1.0 / 3, technology.Multiplier(bits, constant_bits));
}

// The fraction of a log exponent as a factor in [1, 2): a table of constants, whose bits are
// functions of the fraction; of sqrt 2 and 1 the fraction itself.
BlockCost FractionTable(int fraction_bits, int precision_bits, const Technology& technology) {
  return technology.Gates(precision_bits * ((1 << fraction_bits) - 2) / 2.0);
}

Product MultiplySigns(const Operand& weight, const Operand& activation,
                      const Technology& technology) {
  const bool both = IsSign(weight) && IsSign(activation);
  const Operand& other = IsSign(weight) ? activation : weight;
  const Operand& sign = IsSign(weight) ? weight : activation;
  Product product;
  product.significand_bits = other.significand_bits;
  product.exponent_bits = HasExponent(other) ? other.exponent_bits : 0;
  product.span = Span(other);
  product.normalised = other.kind == Kind::kFloat || other.kind == Kind::kLog;
  // An integer is negated by exclusive ors and a carry into the adder; the others have a sign bit.
  const bool negates = other.kind == Kind::kInteger;
  double gates = kGateOfXor * (negates ? other.significand_bits : 1);
  if (both) {
    const int zeros =
        (weight.kind == Kind::kTernary ? 1 : 0) + (activation.kind == Kind::kTernary ? 1 : 0);
    product.significand_bits = zeros > 0 ? 2 : 1;  // -1, 0, +1 are added, signs are counted
    gates += kGateOfAnd * zeros;
  } else if (sign.kind == Kind::kTernary) {
    gates += kGateOfAnd * (other.significand_bits + product.exponent_bits);
  }
  product.cost = technology.Gates(gates);
  return product;
}

Product MultiplyLogs(const Operand& weight, const Operand& activation, int precision_bits,
                     const Technology& technology) {
  Product product;
  product.exponent_bits = std::max(weight.exponent_bits, activation.exponent_bits) + 1;
  product.span = Span(weight) + Span(activation);
  product.cost = technology.Adder(product.exponent_bits);
  const int fraction = std::max(weight.log_fraction_bits, activation.log_fraction_bits);
  product.significand_bits = fraction > 0 ? precision_bits : 1;
  product.normalised = true;
  if (fraction > 0) product.cost += FractionTable(fraction, precision_bits, technology);
  return product;
}

// A log and a number with a significand.
Product Shift(const Operand& log, const Operand& number, int precision_bits,
              const Technology& technology) {
  Product product;
  product.significand_bits = number.significand_bits;
  product.span = Span(log) + Span(number);
  product.exponent_bits = log.exponent_bits;
  product.normalised = number.kind == Kind::kFloat;
  if (number.kind == Kind::kFloat) {
    product.exponent_bits = std::max(log.exponent_bits, number.exponent_bits) + 1;
    product.cost = technology.Adder(product.exponent_bits);
  }
  if (log.log_fraction_bits > 0) {
    const BlockCost fraction =
        ConstantMultiplier(number.significand_bits, precision_bits, technology) +
        technology.Multiplexer(number.significand_bits + precision_bits,
                               1 << log.log_fraction_bits);
    product.cost = Beside(product.cost, fraction);
    product.significand_bits += precision_bits;
    product.normalised = false;
  }
  return product;
}

absl::Status CheckWidth(const Operand& operand, std::string_view role) {
  const bool significand =
      operand.significand_bits >= 1 && operand.significand_bits <= kWidestSignificand;
  const bool exponent = !HasExponent(operand) ||
                        (operand.exponent_bits >= 1 && operand.exponent_bits <= kWidestExponent);
  if (operand.bits >= 1 && significand && exponent) return absl::OkStatus();
  return absl::UnimplementedError(fmt::format(
      "{} {}: no cost for {} significand and {} exponent bits; priced: 1 to {} and 1 to {}", role,
      ToString(operand), operand.significand_bits, operand.exponent_bits, kWidestSignificand,
      kWidestExponent));
}

}  // namespace

absl::Status CheckWidths(const MacOperands& operands) {
  BITSCAPE_RETURN_IF_ERROR(CheckWidth(operands.weight, "weights"));
  BITSCAPE_RETURN_IF_ERROR(CheckWidth(operands.activation, "activations"));
  BITSCAPE_RETURN_IF_ERROR(CheckWidth(operands.accumulator, "accumulator"));
  const Operand& accumulator = operands.accumulator;
  if ((accumulator.kind == Kind::kInteger || accumulator.kind == Kind::kFloat) &&
      !accumulator.zero_point && accumulator.table_entries == 0 && accumulator.block == 0) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      fmt::format("accumulator {}: no adder for it; priced: integers and floats without zero "
                  "point, table or blocks",
                  ToString(accumulator)));
}

absl::Status CheckDesign(const MacDesign& design) {
  if (design.pipeline_stages < 1 || design.pipeline_stages > kMostStages) {
    return absl::InvalidArgumentError(
        fmt::format("pipeline_stages: {}, allowed: 1 to {}", design.pipeline_stages, kMostStages));
  }
  if (!(design.zero_share >= 0 && design.zero_share <= 1)) {
    return absl::InvalidArgumentError(
        fmt::format("zero_share: {}, allowed: 0 to 1", design.zero_share));
  }
  if (!(design.clock_ghz >= 0 && std::isfinite(design.clock_ghz))) {
    return absl::InvalidArgumentError(
        fmt::format("clock_ghz: {}, allowed: above 0, or 0 for what the datapath's delay allows",
                    design.clock_ghz));
  }
  return absl::OkStatus();
}

absl::Status CheckOneMultiplier(const MacDesign& design) {
  if (design.dot_length == 1) return absl::OkStatus();
  return absl::UnimplementedError(
      fmt::format("dot_length {} on a family of one multiplier an accumulator", design.dot_length));
}

absl::Status CheckOneWidth(const MacDesign& design) {
  if (!design.scales_voltage && design.weight_widths.empty() && design.activation_widths.empty()) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      fmt::format("{} on a family without narrow modes",
                  design.scales_voltage ? "scales_voltage" : "weight_widths, activation_widths"));
}

int ShiftStages(int span) {
  return std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(span))));
}

BlockCost ToFixedPoint(int from_bits, int to_bits, int span, const Technology& technology) {
  BlockCost cost;
  const int places = std::min(span, to_bits);
  for (int stage = 0; stage < ShiftStages(places); ++stage) {
    const int reach = from_bits + (2 << stage) - 1;
    cost += technology.Shifter(std::min(reach, to_bits), 1);
  }
  return cost + technology.Gates(kGateOfXor * std::min(from_bits + places, to_bits));
}

BlockCost Normaliser(int bits, const Technology& technology) {
  return technology.LeadingZeros(bits) + technology.Shifter(bits, ShiftStages(bits - 1));
}

BlockCost Decode(const Operand& operand, int lanes, const Technology& technology) {
  BlockCost cost;
  if (operand.table_entries > 0) {
    const int table_bits = operand.table_entries * operand.entry_bits;
    const double shared = 1 - 1.0 / lanes;
    cost = technology.Table(operand.table_entries, operand.entry_bits);
    cost.area_um2 -= shared * technology.Register(table_bits).area_um2;
    // A table a block: written as often.
    if (operand.block > 0)
      cost.energy_pj += technology.Register(table_bits).energy_pj / operand.block;
  }
  if (operand.zero_point) cost += technology.Adder(operand.significand_bits);
  return cost;
}

Product Multiply(const Operand& weight, const Operand& activation, int precision_bits,
                 const Technology& technology) {
  if (IsSign(weight) || IsSign(activation)) return MultiplySigns(weight, activation, technology);
  const bool log_weight = weight.kind == Kind::kLog;
  const bool log_activation = activation.kind == Kind::kLog;
  if (log_weight && log_activation) {
    return MultiplyLogs(weight, activation, precision_bits, technology);
  }
  if (log_weight) return Shift(weight, activation, precision_bits, technology);
  if (log_activation) return Shift(activation, weight, precision_bits, technology);
  Product product;
  product.cost = technology.Multiplier(weight.significand_bits, activation.significand_bits);
  product.significand_bits = weight.significand_bits + activation.significand_bits;
  product.span = Span(weight) + Span(activation);
  if (product.span == 0) return product;
  product.exponent_bits = std::max(weight.exponent_bits, activation.exponent_bits) + 1;
  product.cost = Beside(product.cost, technology.Adder(product.exponent_bits));
  return product;
}

Product MultiplyAndRound(const Operand& weight, const Operand& activation, int precision_bits,
                         const Technology& technology) {
  const auto multiplied = [](const Operand& operand) {
    return operand.kind == Kind::kInteger || operand.kind == Kind::kFloat;
  };
  const bool is_float = weight.kind == Kind::kFloat || activation.kind == Kind::kFloat;
  if (!multiplied(weight) || !multiplied(activation) || !is_float) {
    return Multiply(weight, activation, precision_bits, technology);
  }
  const auto normaliser = [&](const Operand& operand) {
    return operand.kind == Kind::kInteger || operand.subnormals
               ? Normaliser(operand.significand_bits, technology)
               : BlockCost{};
  };
  Product product;
  const int exponent_bits = std::max(weight.exponent_bits, activation.exponent_bits);
  product.cost = Beside(normaliser(weight), normaliser(activation)) +
                 technology.FloatMultiplier(exponent_bits, weight.significand_bits,
                                            activation.significand_bits);
  product.significand_bits = std::max(weight.significand_bits, activation.significand_bits);
  product.exponent_bits = exponent_bits + 1;
  product.span = Span(weight) + Span(activation);
  product.normalised = true;
  return product;
}

int UsefulBits(const Operand& accumulator) {
  return accumulator.kind == Kind::kFloat ? accumulator.significand_bits + 1 : accumulator.bits;
}

BlockCost Accumulate(const Product& product, const Operand& accumulator, bool stochastic,
                     const Technology& technology) {
  BlockCost cost;
  if (accumulator.kind == Kind::kInteger) {
    if (product.span > 0) {
      cost += ToFixedPoint(product.significand_bits, accumulator.bits, product.span, technology);
    }
    cost += technology.Adder(accumulator.bits);
  } else {
    if (!product.normalised && product.significand_bits > 1) {
      cost += Normaliser(product.significand_bits, technology);
      if (product.exponent_bits > 0) cost += technology.Adder(accumulator.exponent_bits);
    }
    cost += technology.FloatAdder(accumulator.exponent_bits, accumulator.significand_bits - 1);
  }
  if (stochastic) {
    // A feedback shift register gives as many random bits as rounding cuts; they are added below
    // the last place.
    const int random_bits = accumulator.significand_bits;
    BlockCost draw = technology.Register(random_bits) + technology.Gates(3 * kGateOfXor);
    draw.delay_ns = 0;  // drawn while the sum is made
    cost += draw + technology.Adder(random_bits);
  }
  return cost + technology.Register(accumulator.bits);
}

}  // namespace bitscape::cost_models
