#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/cost_models/operands.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;
using Kind = Operand::Kind;

TEST(Operands, TernaryFitsAnIntegerOfTwoBitsAndBinaryFitsTernarysPlace) {
  EXPECT_TRUE(Fits(Binary(), Int(2)));
  EXPECT_TRUE(Fits(Ternary(), Int(8)));
  EXPECT_FALSE(Fits(Int(2), Ternary()));
  EXPECT_FALSE(Fits(Ternary(), Float(8, 23)));
  Operand ttq = Ternary();
  ttq.two_values = true;
  EXPECT_FALSE(Fits(ttq, Int(8)));
}

TEST(Operands, ADatapathThatRoundsElsewhereDoesNotFit) {
  MacOperands one = Of(Float(4, 3), Float(4, 3), Float(5, 10));
  one.any_order = false;
  MacOperands sixteen = one;
  sixteen.chunk = 16;
  EXPECT_FALSE(Fits(one, sixteen));
  EXPECT_FALSE(SameArithmetic(one, sixteen));
  MacOperands any = one;
  any.any_order = true;
  EXPECT_TRUE(Fits(any, one));
  EXPECT_TRUE(Fits(any, sixteen));
  EXPECT_FALSE(Fits(one, any));
}

TEST(NativeMac, WiderIntegersCostMoreAtTheSameSum) {
  for (int bits = 2; bits < 16; ++bits) {
    for (const Operand& sum : {Int(32), Float(8, 23)}) {
      for (const int lanes : {1, 16}) {
        const MacCost narrow = Dot(Of(Int(bits), Int(8), sum), lanes);
        for (const MacOperands& wide :
             {Of(Int(bits + 1), Int(8), sum), Of(Int(bits), Int(9), sum)}) {
          EXPECT_LT(narrow.energy_pj, Dot(wide, lanes).energy_pj) << ToString(wide);
          EXPECT_LT(narrow.area_um2, Dot(wide, lanes).area_um2) << ToString(wide);
        }
      }
    }
  }
}

// multiplier + adder + registers, by hand from the fitted coefficients.
TEST(NativeMac, Int8CostIsTheSumOfItsParts) {
  const MacCost cost = Native(Of(Int(8), Int(8), Int(32)));
  EXPECT_NEAR(cost.energy_pj, 0.2 + (0.00282202 * 32 + 0.00692521) + 0.009 * (8 + 32), 1e-5);
  EXPECT_NEAR(cost.area_um2, 282 + (4.12454 * 32 + 2.68145) + 5.98 * (8 + 32), 0.1);
  EXPECT_DOUBLE_EQ(cost.weight_register.energy_pj, 0.009 * 8);
  EXPECT_DOUBLE_EQ(cost.weight_register.area_um2, 5.98 * 8);
}

TEST(NativeMac, Fp16WithFp32SumsIsAMultiplierAnAdderAndRegisters) {
  const MacCost cost = Native(Of(Float(5, 10), Float(5, 10), Float(8, 23)));
  const double parts = Node45().FloatMultiplier(5, 11, 11).energy_pj +
                       Node45().FloatAdder(8, 23).energy_pj + 0.009 * (16 + 32);
  EXPECT_NEAR(cost.energy_pj, parts, 1e-9);
}

TEST(NativeMac, SubnormalsAreNormalisedBeforeTheProduct) {
  Operand gradual = Float(5, 10);
  gradual.subnormals = true;
  const double with = Native(Of(gradual, Float(5, 10), Float(8, 23))).energy_pj;
  const double without = Native(Of(Float(5, 10), Float(5, 10), Float(8, 23))).energy_pj;
  EXPECT_NEAR(with - without,
              Node45().LeadingZeros(11).energy_pj + Node45().Shifter(11, 4).energy_pj, 1e-9);
}

TEST(NativeMac, IntegerProductsSummedInFloatPayForTheConversionAndTheFloatAdder) {
  const MacCost integer = Native(Of(Int(8), Int(8), Int(32)));
  const MacCost converted = Native(Of(Int(8), Int(8), Float(8, 23)));
  const double difference = Node45().LeadingZeros(16).energy_pj +
                            Node45().Shifter(16, 4).energy_pj +
                            Node45().FloatAdder(8, 23).energy_pj - Node45().Adder(32).energy_pj;
  EXPECT_NEAR(converted.energy_pj - integer.energy_pj, difference, 1e-9);
}

TEST(NativeMac, AZeroPointCostsASubtractorAndOneMoreBit) {
  Operand asymmetric = Int(8);
  asymmetric.zero_point = true;
  asymmetric.significand_bits = 9;
  const MacCost plain = Native(Of(Int(8), Int(8), Int(32)));
  const MacCost shifted = Native(Of(Int(8), asymmetric, Int(32)));
  const double difference = Node45().Adder(9).energy_pj + Node45().Multiplier(8, 9).energy_pj -
                            Node45().Multiplier(8, 8).energy_pj;
  EXPECT_NEAR(shifted.energy_pj - plain.energy_pj, difference, 1e-9);
}

TEST(NativeMac, ACodebookIsATableReadAndTheMacOfItsEntries) {
  const MacCost plain = Native(Of(Int(8), Int(8), Int(24)));
  const MacCost coded = Native(Of(Codebook(Int(8), 16), Int(8), Int(24)));
  EXPECT_NEAR(coded.energy_pj - plain.energy_pj, Node45().Table(16, 8).energy_pj, 1e-9);
  EXPECT_NEAR(coded.area_um2 - plain.area_um2, Node45().Table(16, 8).area_um2, 1e-6);
  EXPECT_DOUBLE_EQ(coded.weight_register.energy_pj, Node45().Register(4).energy_pj) << "the index";
}

TEST(NativeMac, LogsAddExponentsAndShiftIntoAFixedPoint) {
  const MacCost cost = Native(Of(Log(3, 0), Log(3, 0), Int(24)));
  // One bit, moved by up to 14 places in four stages, reaches 2, 4, 8 and 16 of them; its sign
  // inverts 15.
  const double parts = Node45().Adder(4).energy_pj + Node45().Shifter(2 + 4 + 8 + 16, 1).energy_pj +
                       Node45().Gates(2.5 * 15).energy_pj + Node45().Adder(24).energy_pj +
                       Node45().Register(4 + 24).energy_pj;
  EXPECT_NEAR(cost.energy_pj, parts, 1e-9);
  EXPECT_GT(Native(Of(Log(4, 1), Log(4, 1), Int(24))).energy_pj, cost.energy_pj)
      << "sqrt 2 reads a table";
  // A log weight shifts an integer instead of multiplying it.
  EXPECT_LT(Native(Of(Log(3, 0), Int(8), Int(24))).energy_pj,
            Native(Of(Int(8), Int(8), Int(24))).energy_pj + Node45().Shifter(24, 4).energy_pj);
}

TEST(NativeMac, ASharedExponentIsAddedOnceABlock) {
  const auto energy = [](int block) {
    return Native(Of(Blocks(Int(4), block), Blocks(Int(4), block), Float(8, 23))).energy_pj;
  };
  EXPECT_LT(energy(32), energy(16));
  EXPECT_LT(energy(16), Native(Of(Int(4), Int(4), Float(8, 23))).energy_pj)
      << "one float addition for each 16 products";
}

TEST(NativeMac, HeldZerosSaveTheAdder) {
  const MacFamily& native = **FindMacFamily("native");
  const MacOperands ternary = Of(Ternary(), Int(8), Int(20));
  const double all = Full(native, ternary).energy_pj;
  const double half = Full(native, ternary, {.zero_share = 0.5}).energy_pj;
  EXPECT_NEAR(half, all - 0.5 * (all - Node45().Register(8).energy_pj), 1e-9);
  const MacOperands binary = Of(Binary(), Int(8), Int(20));
  EXPECT_DOUBLE_EQ(Full(native, binary, {.zero_share = 0.5}).energy_pj,
                   Full(native, binary).energy_pj);
}

TEST(NativeMac, ALongerPipelineIsFasterUpToTheLoopOfItsAccumulator) {
  const MacFamily& native = **FindMacFamily("native");
  const MacOperands operands = Of(Int(8), Int(8), Int(32));
  const MacCost one = Full(native, operands);
  const MacCost two = Full(native, operands, {.pipeline_stages = 2});
  const MacCost many = Full(native, operands, {.pipeline_stages = 50});
  EXPECT_LT(two.delay_ns, one.delay_ns);
  EXPECT_GT(two.energy_pj, one.energy_pj);
  EXPECT_NEAR(many.delay_ns, Node45().Adder(32).delay_ns + Node45().Register(32).delay_ns, 1e-12);
}

TEST(NativeMac, DesignsOutOfRangeAreRefused) {
  const MacOperands operands = Of(Int(8), Int(8), Int(32));
  for (const std::string_view name : {"native", "dot_product"}) {
    const MacFamily& family = **FindMacFamily(name);
    EXPECT_EQ(std::string(family.check(operands, {.pipeline_stages = 0}).message()),
              "pipeline_stages: 0, allowed: 1 to 64");
    EXPECT_EQ(std::string(family.check(operands, {.zero_share = 1.5}).message()),
              "zero_share: 1.5, allowed: 0 to 1");
    EXPECT_EQ(family.check(operands, {.zero_share = std::nan("")}).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(family.check(operands, {.clock_ghz = std::nan("")}).message()),
                HasSubstr("clock_ghz: nan"));
  }
}

// A parameter that would be ignored is no figure of the machine that was asked for.
TEST(NativeMac, DesignsThatItHasNotAreRefused) {
  const MacOperands operands = Of(Int(8), Int(8), Int(32));
  for (const std::string_view name : {"native", "dot_product"}) {
    const MacFamily& family = **FindMacFamily(name);
    EXPECT_EQ(std::string(family.check(operands, {.scales_voltage = true}).message()),
              "scales_voltage on a family without narrow modes");
    EXPECT_EQ(std::string(family.check(operands, {.activation_widths = {4, 8}}).message()),
              "weight_widths, activation_widths on a family without narrow modes");
  }
  EXPECT_EQ(std::string((*FindMacFamily("native"))->check(operands, {.dot_length = 8}).message()),
            "dot_length 8 on a family of one multiplier an accumulator");
}

// What each property of an output adds, over a plain one that is stored as it is.
TEST(OutputStage, IsTheSumOfWhatAnOutputNeeds) {
  const auto energy = [](const OutputStage& stage, const Operand& accumulator = Float(8, 23)) {
    MacOperands operands = Of(Int(8), Int(8), accumulator);
    operands.output = stage;
    return Native(operands).output.energy_pj;
  };
  const OutputStage plain = {.has_scale = false};
  const double stored = Node45().Register(32).energy_pj;
  EXPECT_NEAR(energy(plain), stored, 1e-12);
  const double multiply = Node45().FloatMultiplier(8, 24, 24).energy_pj;
  const double add = Node45().FloatAdder(8, 23).energy_pj;
  EXPECT_NEAR(energy({}), stored + multiply, 1e-9);
  EXPECT_NEAR(energy({.scale_is_power_of_two = true}), stored + Node45().Adder(8).energy_pj, 1e-9);
  EXPECT_NEAR(energy({.per_row_scale = true}), stored + 2 * multiply, 1e-9);
  EXPECT_NEAR(energy({.has_scale = false, .scale_and_shift = true}), stored + multiply + add, 1e-9);
  EXPECT_NEAR(energy({.dynamic_range = true}) - energy({}),
              multiply + Node45().Adder(32).energy_pj + stored, 1e-9)
      << "compared, kept, and scaled once the range is known";
  EXPECT_GT(energy({.stochastic = true}), energy({}));
  EXPECT_NEAR(energy({.has_scale = false, .stored_bits = 4, .encoded_levels = 16}),
              4 * Node45().Adder(32).energy_pj + Node45().Register(4).energy_pj, 1e-9)
      << "a binary search of 16 levels";
  EXPECT_GT(energy(plain, Int(32)), energy(plain)) << "an integer becomes a float";
  // A narrower vector format costs less.
  EXPECT_LT(energy({.vector_significand_bits = 8, .stored_bits = 16}), energy({.stored_bits = 16}));
}

TEST(DotProduct, OneLaneIsANativeMac) {
  for (const MacOperands& operands :
       {Of(Int(8), Int(8), Int(24)), Of(Float(4, 3), Float(4, 3), Float(8, 23)),
        Of(Blocks(Float(2, 1), 32), Blocks(Float(2, 1), 32), Float(8, 23))}) {
    EXPECT_DOUBLE_EQ(Dot(operands, 1).energy_pj, Native(operands).energy_pj);
    EXPECT_DOUBLE_EQ(Dot(operands, 1).area_um2, Native(operands).area_um2);
  }
}

// 16 products of 8 bits: adders of 16, 17, 18, 19 bits, and one accumulator.
TEST(DotProduct, IntegersShareTreeAndAccumulator) {
  double tree = 0;
  for (int level = 0, pairs = 8; pairs > 0; ++level, pairs /= 2) {
    tree += pairs * Node45().Adder(16 + level).energy_pj;
  }
  const double expected =
      Node45().Multiplier(8, 8).energy_pj + Node45().Register(8).energy_pj +
      (tree + Node45().Adder(32).energy_pj + Node45().Register(32).energy_pj) / 16;
  EXPECT_NEAR(Dot(Of(Int(8), Int(8), Int(32)), 16).energy_pj, expected, 1e-9);
}

TEST(DotProduct, SignsAreCounted) {
  const MacCost cost = Dot(Of(Binary(), Binary(), Int(16)), 64);
  const double expected = Node45().Gates(2.5).energy_pj + Node45().Register(1).energy_pj +
                          (Node45().PopulationCount(64).energy_pj + Node45().Adder(16).energy_pj +
                           Node45().Register(16).energy_pj) /
                              64;
  EXPECT_NEAR(cost.energy_pj, expected, 1e-9);
}

// -1, 0 and +1 take two bits: adders of 2, 3, 4 and 5 bits for 16 products.
TEST(DotProduct, ProductsThatMayBeZeroAreAdded) {
  double tree = 0;
  for (int level = 0, pairs = 8; pairs > 0; ++level, pairs /= 2) {
    tree += pairs * Node45().Adder(2 + level).energy_pj;
  }
  const double sums = (tree + Node45().Adder(16).energy_pj + Node45().Register(16).energy_pj) / 16;
  EXPECT_NEAR(Dot(Of(Ternary(), Binary(), Int(16)), 16).energy_pj,
              Node45().Gates(2.5 + 1.5).energy_pj + Node45().Register(1).energy_pj + sums, 1e-9);
  EXPECT_NEAR(Dot(Of(Ternary(), Ternary(), Int(16)), 16).energy_pj,
              Node45().Gates(2.5 + 2 * 1.5).energy_pj + Node45().Register(2).energy_pj + sums,
              1e-9);
}

TEST(DotProduct, NarrowAlignmentCostsLess) {
  MacOperands exact = Of(Float(5, 2), Float(5, 2), Float(8, 23));
  exact.any_order = false;
  exact.chunk = 16;
  MacOperands aligned = exact;
  aligned.align_bits = 14;
  EXPECT_LT(Dot(aligned, 16).energy_pj, Dot(exact, 16).energy_pj);
  EXPECT_LT(Dot(aligned, 16).area_um2, Dot(exact, 16).area_um2);
}

TEST(DotProduct, AnAccumulatorRoundsWhereThePlanSaysSo) {
  const MacFamily& dot = **FindMacFamily("dot_product");
  MacOperands operands = Of(Float(4, 3), Float(4, 3), Float(5, 10));
  operands.any_order = false;
  operands.chunk = 4;
  EXPECT_TRUE(dot.check(operands, {.dot_length = 4}).ok());
  EXPECT_TRUE(dot.check(operands, {.dot_length = 2}).ok());
  EXPECT_EQ(std::string(dot.check(operands, {.dot_length = 16}).message()),
            "e4m3 x e4m3 + e5m10:chunk4: the plan rounds after each 4 products, a tree adds 16 "
            "before");
  EXPECT_THAT(std::string(dot.check(operands, {.dot_length = 0}).message()),
              HasSubstr("0 products in one adder tree; priced: 1 to 4096"));
  const MacOperands blocks = Of(Blocks(Int(8), 24), Int(8), Float(8, 23));
  EXPECT_THAT(std::string(dot.check(blocks, {.dot_length = 16}).message()),
              HasSubstr("scales for each 24 products in a tree of 16"));
}

TEST(MacFamily, UnpricedWidthsAreRefusedByName) {
  const MacFamily& native = **FindMacFamily("native");
  EXPECT_EQ(std::string(native.check(Of(Int(0), Int(8), Int(32)), {}).message()),
            "weights int0: no cost for 0 significand and 0 exponent bits; priced: 1 to 64 and 1 "
            "to 11");
  EXPECT_THAT(std::string(native.check(Of(Int(8), Int(8), Log(3, 0)), {}).message()),
              HasSubstr("accumulator log4: no adder for it"));
}

TEST(MacFamily, UnknownNameIsSuggested) {
  const absl::StatusOr<const MacFamily*> found = FindMacFamily("nativ");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(found.status().message()),
              HasSubstr("MAC family \"nativ\" is unknown; known: native, dot_product"));
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("did you mean 'native'?"));
}

}  // namespace
}  // namespace bitscape::cost_models
