// What holds of every family, and of operands, whatever their widths.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/cost_models/operands.h"

namespace bitscape::cost_models {
namespace {

using Kind = Operand::Kind;

rc::Gen<Operand> AnyOperand() {
  return rc::gen::exec([]() -> Operand {
    Operand operand;
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        operand = Int(*rc::gen::inRange(2, 17));
        operand.zero_point = *rc::gen::arbitrary<bool>();
        operand.significand_bits += operand.zero_point ? 1 : 0;
        break;
      case 1:
        operand = Float(*rc::gen::inRange(1, 9), *rc::gen::inRange(0, 24));
        operand.subnormals = *rc::gen::arbitrary<bool>();
        break;
      case 2: {
        const int exponent = *rc::gen::inRange(2, 8);
        operand = Log(exponent, *rc::gen::inRange(0, 2));
        break;
      }
      case 3:
        operand = Binary();
        break;
      default:
        operand = Ternary();
        operand.two_values = *rc::gen::arbitrary<bool>();
    }
    const bool has_number = operand.kind == Kind::kInteger || operand.kind == Kind::kFloat;
    if (has_number && *rc::gen::inRange(0, 4) == 0) {
      operand = Codebook(operand, *rc::gen::inRange(2, 257));
    }
    if (*rc::gen::inRange(0, 3) == 0) operand = Blocks(operand, 1 << *rc::gen::inRange(4, 8));
    return operand;
  });
}

Operand Wider(const Operand& operand) {
  Operand wide = operand;
  switch (operand.kind) {
    case Kind::kInteger:
      if (wide.table_entries > 0) {
        ++wide.entry_bits;
      } else {
        ++wide.bits;
      }
      ++wide.significand_bits;
      break;
    case Kind::kFloat: {
      const bool exponent = wide.exponent_bits < 8 && *rc::gen::arbitrary<bool>();
      ++(exponent ? wide.exponent_bits : wide.significand_bits);
      ++(wide.table_entries > 0 ? wide.entry_bits : wide.bits);
      break;
    }
    case Kind::kLog:
      ++wide.exponent_bits;
      ++wide.bits;
      break;
    case Kind::kBinary:
    case Kind::kTernary:
      break;  // no width
  }
  return wide;
}

rc::Gen<Operand> AnyAccumulator() {
  return rc::gen::exec([]() -> Operand {
    return *rc::gen::arbitrary<bool>() ? Int(*rc::gen::inRange(8, 33))
                                       : Float(*rc::gen::inRange(4, 9), *rc::gen::inRange(2, 24));
  });
}

rc::Gen<MacOperands> AnyOperands() {
  return rc::gen::exec([]() -> MacOperands {
    if (*rc::gen::inRange(0, 3) == 0) {  // what every family takes
      const int weight = *rc::gen::inRange(2, 17), activation = *rc::gen::inRange(2, 17);
      const int sum = *rc::gen::inRange(weight + activation, 41);
      return Of(Int(weight), Int(activation), Int(sum));
    }
    MacOperands operands = Of(*AnyOperand(), *AnyOperand(), *AnyAccumulator());
    if (*rc::gen::inRange(0, 3) == 0) {
      operands.any_order = false;
      operands.chunk = 1 << *rc::gen::inRange(0, 6);
      if (*rc::gen::arbitrary<bool>()) operands.align_bits = *rc::gen::inRange(8, 33);
    }
    operands.stochastic_sums = *rc::gen::inRange(0, 8) == 0;
    operands.output.has_scale = *rc::gen::arbitrary<bool>();
    operands.output.stored_bits = *rc::gen::inRange(1, 33);
    return operands;
  });
}

constexpr int kSamples = 30;  // of each of RapidCheck's hundred cases

class Families : public ::testing::TestWithParam<const MacFamily*> {};

MacDesign AnyDesign() {
  return {.dot_length = 1 << *rc::gen::inRange(0, 7), .pipeline_stages = *rc::gen::inRange(1, 4)};
}

TEST_P(Families, CostIsFiniteAndPositive) {
  const MacFamily& family = *GetParam();
  EXPECT_FALSE(family.source.empty());
  EXPECT_FALSE(family.description.empty());
  int priced = 0;
  const auto property = [&] {
    const MacOperands operands = *AnyOperands();
    const MacDesign design = AnyDesign();
    const absl::Status taken = family.check(operands, design);
    if (!taken.ok()) {
      RC_ASSERT(taken.code() == absl::StatusCode::kUnimplemented);
      RC_ASSERT(!taken.message().empty());
      return;
    }
    ++priced;
    const MacCost cost = Full(family, operands, design);
    for (const double value :
         {cost.energy_pj, cost.area_um2, cost.delay_ns, cost.macs_per_cycle, cost.output.energy_pj,
          cost.output.area_um2, cost.weight_register.energy_pj}) {
      RC_ASSERT(std::isfinite(value) && value > 0);
    }
  };
  const bool holds = rc::check(std::string(family.name) + " costs something", [&] {
    for (int sample = 0; sample < kSamples; ++sample) property();
  });
  EXPECT_TRUE(holds);
  EXPECT_GT(priced, 500);
}

// Families that cut their multiplier into halves are compared where it is cut alike.
bool IsCut(const MacFamily& family) {
  return !family.check(Of(Float(4, 3), Float(4, 3), Float(8, 23)), {}).ok();
}

TEST_P(Families, CostGrowsWithDoubledWidths) {
  const MacFamily& family = *GetParam();
  for (const int bits : {4, 8}) {
    for (const int other : {4, 8, 16}) {
      const int sum = bits + other + 8;
      const MacCost narrow = Full(family, Of(Int(bits), Int(other), Int(sum)));
      const MacCost wide = Full(family, Of(Int(2 * bits), Int(other), Int(sum + bits)));
      EXPECT_LT(narrow.energy_pj, wide.energy_pj) << bits << " x " << other;
      EXPECT_LT(narrow.area_um2, wide.area_um2) << bits << " x " << other;
      EXPECT_LE(narrow.delay_ns, wide.delay_ns) << bits << " x " << other;
      EXPECT_GE(narrow.macs_per_cycle, wide.macs_per_cycle) << bits << " x " << other;
    }
  }
}

TEST_P(Families, CostGrowsWithEachWidth) {
  const MacFamily& family = *GetParam();
  if (IsCut(family)) return;
  int compared = 0;
  const auto property = [&] {
    const MacOperands narrow = *AnyOperands();
    MacOperands wide = narrow;
    const int which = *rc::gen::inRange(0, 3);
    Operand& grown = which == 0 ? wide.weight : which == 1 ? wide.activation : wide.accumulator;
    grown = Wider(grown);
    const MacDesign design = AnyDesign();
    if (!family.check(narrow, design).ok() || !family.check(wide, design).ok()) return;
    ++compared;
    const MacCost less = Full(family, narrow, design);
    const MacCost more = Full(family, wide, design);
    const double rounding = 1 + 1e-12;
    RC_LOG() << ToString(narrow) << ", " << ToString(wide) << ", dot " << design.dot_length;
    RC_ASSERT(less.energy_pj <= more.energy_pj * rounding);
    RC_ASSERT(less.area_um2 <= more.area_um2 * rounding);
    RC_ASSERT(less.delay_ns <= more.delay_ns * rounding);
  };
  const bool holds = rc::check(std::string(family.name) + " is monotone", [&] {
    for (int sample = 0; sample < kSamples; ++sample) property();
  });
  EXPECT_TRUE(holds);
  EXPECT_GT(compared, 300);
}

TEST_P(Families, UsedBelowItsWidthsADatapathCostsNoMore) {
  const MacFamily& family = *GetParam();
  int compared = 0;
  const auto property = [&] {
    const MacOperands used = *AnyOperands();
    MacOperands built = used;
    built.weight = Wider(used.weight);
    built.activation = Wider(used.activation);
    built.accumulator = Wider(used.accumulator);
    const MacDesign design = AnyDesign();
    if (!family.check(used, design).ok() || !family.check(built, design).ok()) return;
    RC_ASSERT(Fits(used, built));
    ++compared;
    const MacCost part = family.estimate(built, used, design, Node45());
    const MacCost full = family.estimate(built, built, design, Node45());
    RC_ASSERT(part.energy_pj <= full.energy_pj * (1 + 1e-12));
    RC_ASSERT(part.area_um2 == full.area_um2);
    RC_ASSERT(part.macs_per_cycle >= full.macs_per_cycle);
  };
  const bool holds = rc::check(std::string(family.name) + " used below its widths", [&] {
    for (int sample = 0; sample < kSamples; ++sample) property();
  });
  EXPECT_TRUE(holds);
  EXPECT_GT(compared, 300);
}

INSTANTIATE_TEST_SUITE_P(AllFamilies, Families, ::testing::ValuesIn([] {
                           std::vector<const MacFamily*> families;
                           for (const MacFamily& family : AllMacFamilies())
                             families.push_back(&family);
                           return families;
                         }()),
                         [](const auto& tested) { return std::string(tested.param->name); });

RC_GTEST_PROP(Operands, WidestFitsBoth, ()) {
  const MacOperands a = *AnyOperands();
  const MacOperands b = *AnyOperands();
  if (!SameArithmetic(a, b)) return;
  // What is built has an order of summation.
  MacOperands built = Widest(a, b);
  built.any_order = false;
  RC_ASSERT(Fits(a, built));
  RC_ASSERT(Fits(b, built));
}

RC_GTEST_PROP(Operands, WidestOfNeighboursFitsBoth, ()) {
  const MacOperands a = *AnyOperands();
  MacOperands b = a;
  b.weight = Wider(a.weight);
  MacOperands c = a;
  c.activation = Wider(a.activation);
  RC_ASSERT(SameArithmetic(b, c));
  RC_ASSERT(Fits(b, Widest(b, c)) == Fits(b, b));
  RC_ASSERT(Fits(a, b));
  RC_ASSERT(Widest(a, b) == Widest(b, a));
}

RC_GTEST_PROP(Operands, FitsIsAPartialOrder, ()) {
  const Operand a = *AnyOperand();
  const Operand b = Wider(a);
  const Operand c = *rc::gen::arbitrary<bool>() ? Wider(b) : *AnyOperand();
  RC_ASSERT(Fits(a, a));
  RC_ASSERT(Fits(a, b));
  if (Fits(b, c)) RC_ASSERT(Fits(a, c));
  if (Fits(a, c) && Fits(c, a)) RC_ASSERT(a == c);
  RC_ASSERT(a == b || !Fits(b, a));
}

}  // namespace
}  // namespace bitscape::cost_models
