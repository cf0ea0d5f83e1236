// Scalable multiply-accumulates at 45 nm, as their tests use them.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "cost_models/mac/families.h"

namespace bitscape::cost_models {

inline const Technology& Node45() {
  static const Technology kTechnology = *Technology::Make({});
  return kTechnology;
}

inline Operand Int(int bits) { return {.bits = bits, .significand_bits = bits}; }
inline MacOperands Of(int weight_bits, int activation_bits, int accumulator_bits) {
  MacOperands operands;
  operands.weight = Int(weight_bits);
  operands.activation = Int(activation_bits);
  operands.accumulator = Int(accumulator_bits);
  return operands;
}
inline bool IsSerial(std::string_view family) { return family.starts_with("serial"); }

inline MacCost Use(std::string_view family, const MacOperands& built, const MacOperands& used,
                   const MacDesign& design, const Technology& technology = Node45()) {
  const MacFamily& row = **FindMacFamily(family);
  const absl::Status taken = row.check(used, design);
  EXPECT_TRUE(taken.ok()) << family << ", " << ToString(used) << ": " << taken;
  return row.estimate(built, used, design, technology);
}

// Products of weights of `weight_bits` on a datapath of 8 x 8 bits with 4 bits of headroom.
inline MacCost On8(std::string_view family, int weight_bits, int activation_bits,
                   const MacDesign& design, const Technology& technology = Node45()) {
  return Use(family, Of(8, 8, 20),
             Of(weight_bits, activation_bits, weight_bits + activation_bits + 4), design,
             technology);
}

}  // namespace bitscape::cost_models
