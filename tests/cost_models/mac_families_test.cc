#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "cost_models/mac/families.h"
#include "engine/formats/catalog.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;
using Kind = Operand::Kind;

Operand Int(int bits) { return {.bits = bits, .significand_bits = bits}; }
Operand Float(int exponent_bits, int mantissa_bits) {
  return {.kind = Kind::kFloat,
          .bits = 1 + exponent_bits + mantissa_bits,
          .exponent_bits = exponent_bits,
          .significand_bits = mantissa_bits + 1};
}
Operand Log(int exponent_bits, int fraction_bits) {
  return {.kind = Kind::kLog,
          .bits = exponent_bits + 1,
          .exponent_bits = exponent_bits,
          .significand_bits = 1,
          .log_fraction_bits = fraction_bits};
}
Operand Binary() { return {.kind = Kind::kBinary, .bits = 1, .significand_bits = 1}; }
Operand Ternary() { return {.kind = Kind::kTernary, .bits = 2, .significand_bits = 2}; }
Operand Blocks(Operand operand, int block) {
  operand.block = block;
  operand.block_scale = Operand::BlockScale::kPowerOfTwo;
  operand.block_scale_bits = 8;
  operand.block_scale_significand_bits = 1;
  return operand;
}
Operand Codebook(Operand entry, int entries) {
  entry.entry_bits = entry.bits;
  entry.table_entries = entries;
  entry.bits = static_cast<int>(std::ceil(std::log2(entries)));
  return entry;
}
MacOperands Of(const Operand& weight, const Operand& activation, const Operand& accumulator) {
  MacOperands operands;
  operands.weight = weight;
  operands.activation = activation;
  operands.accumulator = accumulator;
  return operands;
}

const Technology& Node45() {
  static const Technology kTechnology = *Technology::Make({});
  return kTechnology;
}

MacCost Full(const MacFamily& family, const MacOperands& operands, const MacDesign& design = {}) {
  const absl::Status taken = family.check(operands, design);
  EXPECT_TRUE(taken.ok()) << family.name << ", " << ToString(operands) << ": " << taken;
  return family.estimate(operands, operands, design, Node45());
}
MacCost Native(const MacOperands& operands) { return Full(**FindMacFamily("native"), operands); }
MacCost Dot(const MacOperands& operands, int length) {
  return Full(**FindMacFamily("dot_product"), operands, {.dot_length = length});
}

// A random operand, and one that is wider in one respect.
struct Pair {
  Operand narrow, wide;
};

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
  EXPECT_GT(priced, 1000);
}

TEST_P(Families, CostGrowsWithEachWidth) {
  const MacFamily& family = *GetParam();
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
  EXPECT_GT(compared, 500);
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
  EXPECT_GT(compared, 500);
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

// What a plan of these formats costs on a native datapath; 0: refused, with an error that names
// something of the plan; nothing: it does not resolve.
std::optional<double> PriceOf(const std::string& text, const network::MacShape& layer) {
  const absl::StatusOr<quantize::PrecisionPlan> plan = quantize::ParsePlan(text);
  if (!plan.ok()) return std::nullopt;
  const auto resolved = quantize::ResolvePlan(*plan, {{layer.name, layer.op}});
  if (!resolved.ok()) return std::nullopt;
  const MacFamily& native = **FindMacFamily("native");
  const absl::StatusOr<MacOperands> operands = OperandsFor(*resolved, 0, layer);
  const absl::Status taken = operands.ok() ? native.check(*operands, {}) : operands.status();
  if (!taken.ok()) {
    EXPECT_EQ(taken.code(), absl::StatusCode::kUnimplemented) << text;
    EXPECT_THAT(std::string(taken.message()),
                ::testing::AnyOf(HasSubstr("accumulator int32 adds codes under one scale"),
                                 HasSubstr("accumulator int16:wrap adds codes under one scale"),
                                 HasSubstr("products across scales for each")))
        << text;
    return 0;
  }
  const MacCost cost = native.estimate(*operands, *operands, {}, Node45());
  EXPECT_TRUE(std::isfinite(cost.energy_pj) && cost.energy_pj > 0) << text;
  EXPECT_TRUE(std::isfinite(cost.output.energy_pj) && cost.output.energy_pj > 0) << text;
  EXPECT_FALSE(ToString(*operands).empty());
  return cost.energy_pj;
}

TEST(MacFamily, EveryPairOfCatalogueFormatsHasAPrice) {
  const network::MacShape conv = ConvLayer("conv", 64, 16, 3, 8);
  int priced = 0;
  for (const formats::CatalogRow& weights : formats::Catalog()) {
    for (const formats::CatalogRow& activations : formats::Catalog()) {
      const std::string text =
          "weights=" + std::string(weights.name) + ",activations=" + std::string(activations.name);
      const std::optional<double> price = PriceOf(text, conv);
      if (!price.has_value()) continue;  // token and position of weights, channel of activations
      EXPECT_GT(*price, 0) << text;
      ++priced;
    }
  }
  EXPECT_GT(priced, 3000);
}

TEST(MacFamily, EveryAccumulatorAndGranularityHasAPriceOrANamedRefusal) {
  network::MacShape product = GemmLayer("scores", 64, 64);
  product.op = "matmul";
  product.weights_are_activations = true;
  const std::vector<network::MacShape> layers = {ConvLayer("conv", 64, 16, 3, 8),
                                                 GemmLayer("fc", 64, 10), product};
  std::vector<std::string> weights;
  for (const formats::CatalogRow& row : formats::Catalog()) {
    weights.emplace_back(row.name);
    for (const char* modifier : {":channel", ":block16", ":stochastic"}) {
      weights.push_back(weights.back().substr(0, row.name.size()) + modifier);
    }
  }
  int priced = 0, refused = 0;
  for (const std::string& format : weights) {
    for (const char* activations : {"int8", "uint8:asym:dynamic", "fp8_e4m3", "mxfp8_e4m3",
                                    "int8:token", "log4:sqrt2:block16", "int8:stochastic"}) {
      for (const char* accumulator :
           {"fp32", "int32", "fp16", "fp16:chunk16", "fp32:chunk8:align25", "fixed24.12",
            "int16:wrap", "bf16:stochastic", "fp16:chunk64"}) {
        for (const network::MacShape& layer : layers) {
          const std::optional<double> price =
              PriceOf("weights=" + format + ",activations=" + activations +
                          ",accumulator=" + accumulator + ",vector=bf16",
                      layer);
          if (price.has_value()) ++(*price > 0 ? priced : refused);
        }
      }
    }
  }
  std::printf("%d plans priced, %d refused\n", priced, refused);
  EXPECT_GT(priced, 10'000);
  EXPECT_GT(refused, 100);
  EXPECT_LT(refused, priced / 10);
}

}  // namespace
}  // namespace bitscape::cost_models
