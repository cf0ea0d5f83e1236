#include "cost_models/mac/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "engine/core/suggest.h"

namespace bitscape::cost_models {
namespace {

// Stages of a shifter that moves by up to bits - 1.
int ShiftStages(int bits) {
  return std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(bits - 1))));
}

// Integer to float: find the leading one and shift it to the top.
BlockCost Normaliser(int bits, const Technology& technology) {
  return technology.Shifter(bits, ShiftStages(bits));
}

BlockCost ZeroPoint(const OperandWidth& width, const Technology& technology) {
  return width.zero_point ? technology.Adder(width.significand_bits) : BlockCost{};
}

bool IsFloatProduct(const MacOperands& operands) {
  return operands.weight.is_float || operands.activation.is_float;
}

// Significands up to float64's, so that widths stay in the range where the fits have a meaning.
bool WidthIsPriced(const OperandWidth& width) {
  return width.significand_bits >= 1 && width.significand_bits <= 64 && width.bits >= 1 &&
         (!width.is_float || (width.exponent_bits >= 1 && width.exponent_bits <= 11));
}

bool NativeSupports(const MacOperands& operands) {
  // A float product has no place in an integer sum without a scale of its own.
  const bool sum_fits = operands.accumulator.is_float || !IsFloatProduct(operands);
  return sum_fits && WidthIsPriced(operands.weight) && WidthIsPriced(operands.activation) &&
         WidthIsPriced(operands.accumulator) && !operands.accumulator.zero_point;
}

// A multiplier as wide as its operands, then an adder and a register as wide as the accumulator.
// The weight stays while inputs pass, so its register is not clocked by a multiply-accumulate.
// Integer products that are summed in floating point are converted first; an integer operand of a
// float product is, too.
MacCost NativeEstimate(const MacOperands& operands, const Technology& technology) {
  const OperandWidth& weight = operands.weight;
  const OperandWidth& activation = operands.activation;
  const OperandWidth& accumulator = operands.accumulator;

  BlockCost cost = ZeroPoint(weight, technology) + ZeroPoint(activation, technology);
  if (IsFloatProduct(operands)) {
    for (const OperandWidth& operand : {weight, activation}) {
      if (!operand.is_float) cost += Normaliser(operand.significand_bits, technology);
    }
    cost += technology.FloatMultiplier(std::max(weight.exponent_bits, activation.exponent_bits),
                                       weight.significand_bits, activation.significand_bits);
  } else {
    cost += technology.Multiplier(weight.significand_bits, activation.significand_bits);
    if (accumulator.is_float) {
      cost += Normaliser(weight.significand_bits + activation.significand_bits, technology);
    }
  }
  cost += accumulator.is_float
              ? technology.FloatAdder(accumulator.exponent_bits, accumulator.significand_bits - 1)
              : technology.Adder(accumulator.bits);
  cost += technology.Register(activation.bits + accumulator.bits);
  return {.energy_pj = cost.energy_pj,
          .area_um2 = cost.area_um2,
          .weight_register = technology.Register(weight.bits),
          .cycles = 1};
}

constexpr MacFamily kFamilies[] = {
    {"native", "composed of the blocks of cost_models/technology (Horowitz, ISSCC 2014; Aladdin)",
     NativeSupports, NativeEstimate},
};

}  // namespace

std::span<const MacFamily> AllMacFamilies() { return kFamilies; }

std::vector<std::string> MacFamilyNames() {
  std::vector<std::string> names;
  for (const MacFamily& family : kFamilies) names.emplace_back(family.name);
  return names;
}

absl::StatusOr<const MacFamily*> FindMacFamily(std::string_view name) {
  for (const MacFamily& family : kFamilies) {
    if (family.name == name) return &family;
  }
  const std::vector<std::string> names = MacFamilyNames();
  return absl::NotFoundError(fmt::format("MAC family \"{}\" is unknown; known: {}{}", name,
                                         fmt::join(names, ", "), DidYouMean(name, names)));
}

}  // namespace bitscape::cost_models
