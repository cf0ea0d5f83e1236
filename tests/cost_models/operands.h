// Operands and datapaths that tests of the families are written in.
#pragma once

#include <gtest/gtest.h>

#include <bit>

#include "cost_models/mac/families.h"

namespace bitscape::cost_models {

inline Operand Int(int bits) { return {.bits = bits, .significand_bits = bits}; }
inline Operand Float(int exponent_bits, int mantissa_bits) {
  return {.kind = Operand::Kind::kFloat,
          .bits = 1 + exponent_bits + mantissa_bits,
          .exponent_bits = exponent_bits,
          .significand_bits = mantissa_bits + 1};
}
inline Operand Log(int exponent_bits, int fraction_bits) {
  return {.kind = Operand::Kind::kLog,
          .bits = exponent_bits + 1,
          .exponent_bits = exponent_bits,
          .significand_bits = 1,
          .log_fraction_bits = fraction_bits};
}
inline Operand Binary() {
  return {.kind = Operand::Kind::kBinary, .bits = 1, .significand_bits = 1};
}
inline Operand Ternary() {
  return {.kind = Operand::Kind::kTernary, .bits = 2, .significand_bits = 2};
}
inline Operand Blocks(Operand operand, int block) {
  operand.block = block;
  operand.block_scale = Operand::BlockScale::kPowerOfTwo;
  operand.block_scale_bits = 8;
  operand.block_scale_significand_bits = 1;
  return operand;
}
inline Operand Codebook(Operand entry, int entries) {
  entry.entry_bits = entry.bits;
  entry.table_entries = entries;
  entry.bits = static_cast<int>(std::bit_width(static_cast<unsigned>(entries - 1)));
  return entry;
}
inline MacOperands Of(const Operand& weight, const Operand& activation,
                      const Operand& accumulator) {
  MacOperands operands;
  operands.weight = weight;
  operands.activation = activation;
  operands.accumulator = accumulator;
  return operands;
}

inline const Technology& Node45() {
  static const Technology kTechnology = *Technology::Make({});
  return kTechnology;
}

inline MacCost Full(const MacFamily& family, const MacOperands& operands,
                    const MacDesign& design = {}) {
  const absl::Status taken = family.check(operands, design);
  EXPECT_TRUE(taken.ok()) << family.name << ", " << ToString(operands) << ": " << taken;
  return family.estimate(operands, operands, design, Node45());
}
inline MacCost Native(const MacOperands& operands) {
  return Full(**FindMacFamily("native"), operands);
}
inline MacCost Dot(const MacOperands& operands, int length) {
  return Full(**FindMacFamily("dot_product"), operands, {.dot_length = length});
}

}  // namespace bitscape::cost_models
