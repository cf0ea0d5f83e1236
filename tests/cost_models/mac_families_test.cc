#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cost_models/mac/families.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

OperandWidth Int(int bits) { return {.bits = bits, .significand_bits = bits}; }
OperandWidth Float(int exponent_bits, int mantissa_bits) {
  return {.is_float = true,
          .bits = 1 + exponent_bits + mantissa_bits,
          .exponent_bits = exponent_bits,
          .significand_bits = mantissa_bits + 1};
}

const Technology& Node45() {
  static const Technology node = *Technology::Make({});
  return node;
}

class Families : public ::testing::TestWithParam<const MacFamily*> {
 protected:
  MacCost Cost(const MacOperands& operands) const {
    EXPECT_TRUE(GetParam()->supports(operands)) << ToString(operands);
    return GetParam()->estimate(operands, Node45());
  }
};

std::vector<OperandWidth> AllWidths() {
  std::vector<OperandWidth> widths;
  for (int bits = 1; bits <= 16; ++bits) widths.push_back(Int(bits));
  for (int exponent = 1; exponent <= 8; ++exponent) {
    for (int mantissa = 0; mantissa <= 23; ++mantissa) widths.push_back(Float(exponent, mantissa));
  }
  return widths;
}

TEST_P(Families, CostIsFiniteAndPositive) {
  EXPECT_FALSE(GetParam()->source.empty());
  int priced = 0;
  for (const OperandWidth& weight : AllWidths()) {
    for (const OperandWidth& activation : AllWidths()) {
      for (const OperandWidth& accumulator : {Int(32), Float(8, 23)}) {
        const MacOperands operands{weight, activation, accumulator};
        if (!GetParam()->supports(operands)) continue;
        const MacCost cost = GetParam()->estimate(operands, Node45());
        ASSERT_TRUE(std::isfinite(cost.energy_pj) && cost.energy_pj > 0) << ToString(operands);
        ASSERT_TRUE(std::isfinite(cost.area_um2) && cost.area_um2 > 0) << ToString(operands);
        ASSERT_GE(cost.cycles, 1) << ToString(operands);
        ++priced;
      }
    }
  }
  EXPECT_GT(priced, 0);
}

TEST_P(Families, CostGrowsWithEachWidth) {
  const auto expect_grows = [&](MacOperands narrow, MacOperands wide) {
    if (!GetParam()->supports(narrow) || !GetParam()->supports(wide)) return;
    EXPECT_LT(Cost(narrow).energy_pj, Cost(wide).energy_pj)
        << ToString(narrow) << ", " << ToString(wide);
    EXPECT_LT(Cost(narrow).area_um2, Cost(wide).area_um2)
        << ToString(narrow) << ", " << ToString(wide);
  };
  for (int bits = 1; bits < 16; ++bits) {
    for (const OperandWidth& sum : {Int(32), Float(8, 23)}) {
      expect_grows({Int(bits), Int(8), sum}, {Int(bits + 1), Int(8), sum});
      expect_grows({Int(8), Int(bits), sum}, {Int(8), Int(bits + 1), sum});
    }
    expect_grows({Int(8), Int(8), Int(15 + bits)}, {Int(8), Int(8), Int(16 + bits)});
    expect_grows({Float(5, bits), Float(5, 10), Float(8, 23)},
                 {Float(5, bits + 1), Float(5, 10), Float(8, 23)});
    expect_grows({Int(bits), Float(5, 10), Float(8, 23)},
                 {Int(bits + 1), Float(5, 10), Float(8, 23)});
  }
  for (int exponent = 2; exponent < 8; ++exponent) {
    expect_grows({Float(exponent, 3), Float(exponent, 3), Float(8, 23)},
                 {Float(exponent + 1, 3), Float(exponent + 1, 3), Float(8, 23)});
  }
}

INSTANTIATE_TEST_SUITE_P(AllFamilies, Families, ::testing::ValuesIn([] {
                           std::vector<const MacFamily*> families;
                           for (const MacFamily& family : AllMacFamilies())
                             families.push_back(&family);
                           return families;
                         }()),
                         [](const auto& tested) { return std::string(tested.param->name); });

// multiplier + adder + registers, by hand from the fitted coefficients.
TEST(NativeMac, Int8CostIsTheSumOfItsParts) {
  const MacFamily& native = **FindMacFamily("native");
  const MacCost cost = native.estimate({Int(8), Int(8), Int(32)}, Node45());
  EXPECT_NEAR(cost.energy_pj, 0.2 + (0.00282202 * 32 + 0.00692521) + 0.009 * (8 + 32), 1e-5);
  EXPECT_NEAR(cost.area_um2, 282 + (4.12454 * 32 + 2.68145) + 5.98 * (8 + 32), 0.1);
  EXPECT_DOUBLE_EQ(cost.weight_register.energy_pj, 0.009 * 8);
  EXPECT_DOUBLE_EQ(cost.weight_register.area_um2, 5.98 * 8);
}

TEST(NativeMac, Fp16WithFp32SumsIsAMultiplierAnAdderAndRegisters) {
  const MacFamily& native = **FindMacFamily("native");
  const MacCost cost = native.estimate({Float(5, 10), Float(5, 10), Float(8, 23)}, Node45());
  const double parts = Node45().FloatMultiplier(5, 11, 11).energy_pj +
                       Node45().FloatAdder(8, 23).energy_pj + 0.009 * (16 + 32);
  EXPECT_NEAR(cost.energy_pj, parts, 1e-9);
}

TEST(NativeMac, IntegerProductsSummedInFloatPayForTheConversionAndTheFloatAdder) {
  const MacFamily& native = **FindMacFamily("native");
  const MacCost integer = native.estimate({Int(8), Int(8), Int(32)}, Node45());
  const MacCost converted = native.estimate({Int(8), Int(8), Float(8, 23)}, Node45());
  const double difference = Node45().Shifter(16, 4).energy_pj +
                            Node45().FloatAdder(8, 23).energy_pj - Node45().Adder(32).energy_pj;
  EXPECT_NEAR(converted.energy_pj - integer.energy_pj, difference, 1e-9);
}

TEST(NativeMac, AZeroPointCostsASubtractorAndOneMoreBit) {
  const MacFamily& native = **FindMacFamily("native");
  OperandWidth asymmetric = Int(8);
  asymmetric.zero_point = true;
  asymmetric.significand_bits = 9;
  const MacCost plain = native.estimate({Int(8), Int(8), Int(32)}, Node45());
  const MacCost shifted = native.estimate({Int(8), asymmetric, Int(32)}, Node45());
  const double difference = Node45().Adder(9).energy_pj + Node45().Multiplier(8, 9).energy_pj -
                            Node45().Multiplier(8, 8).energy_pj;
  EXPECT_NEAR(shifted.energy_pj - plain.energy_pj, difference, 1e-9);
}

TEST(NativeMac, RefusesFloatProductsInIntegerSums) {
  const MacFamily& native = **FindMacFamily("native");
  EXPECT_FALSE(native.supports({Float(4, 3), Float(4, 3), Int(32)}));
  EXPECT_FALSE(native.supports({Int(0), Int(8), Int(32)}));
}

TEST(MacFamily, UnknownNameIsSuggested) {
  const absl::StatusOr<const MacFamily*> found = FindMacFamily("nativ");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(found.status().message()),
              HasSubstr("MAC family \"nativ\" is unknown; known: native; did you mean 'native'?"));
}

MacOperands OperandsOf(std::string_view plan, const network::MacShape& layer) {
  const absl::StatusOr<MacOperands> operands = OperandsFor(PlanFor({layer}, plan).layers[0], layer);
  EXPECT_TRUE(operands.ok()) << operands.status();
  return operands.value_or(MacOperands{});
}

TEST(Operands, ExactIntegerSumsAreAsWideAsTheReductionNeeds) {
  // 3 x 3 x 16 = 144 products: 8 bits more.
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  EXPECT_EQ(OperandsOf("weights=int8,activations=int8,accumulator=int32", conv).accumulator.bits,
            8 + 8 + 8);
  EXPECT_EQ(OperandsOf("weights=int4,activations=int8,accumulator=int32", conv).accumulator.bits,
            4 + 8 + 8);
  EXPECT_EQ(OperandsOf("weights=int16,activations=int16,accumulator=int32", conv).accumulator.bits,
            32);
  // 144 to 128 products: exactly 7 bits.
  EXPECT_EQ(OperandsOf("weights=int8,activations=int8,accumulator=int32", GemmLayer("fc", 128, 4))
                .accumulator.bits,
            8 + 8 + 7);
}

TEST(Operands, ExactSumBitsComeFromTheRangesOfCodes) {
  const auto bits = [](std::string_view formats, const network::MacShape& layer) {
    const std::string plan = std::string(formats) + ",accumulator=int32";
    return ExactSumBits(PlanFor({layer}, plan).layers[0], layer);
  };
  const network::MacShape one = GemmLayer("fc", 1, 1);
  EXPECT_EQ(bits("weights=int2,activations=int2", one), 2);             // +-1
  EXPECT_EQ(bits("weights=int8,activations=int8", one), 15);            // 127^2 = 16129
  EXPECT_EQ(bits("weights=int8:full,activations=int8:full", one), 16);  // 128^2 = 2^14
  EXPECT_EQ(bits("weights=int8,activations=uint8", one), 16);           // 127 * 255 = 32385
  EXPECT_EQ(bits("weights=int8,activations=uint8:asym", one), 16);      // code - zero point
  EXPECT_EQ(bits("weights=int4,activations=int8", ConvLayer("conv", 1, 1, 5, 8)), 16);
  network::MacShape product = GemmLayer("scores", 2, 4);
  product.weights_are_activations = true;
  EXPECT_EQ(bits("weights=int2,activations=int8", product), 16);  // 2 * 127^2 = 32258
}

TEST(Operands, WidthsComeFromTheFormats) {
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  const MacOperands operands =
      OperandsOf("weights=fp8_e4m3,activations=bf16,accumulator=fp32", conv);
  EXPECT_EQ(ToString(operands), "e4m3 x e8m7 + e8m23");
  EXPECT_EQ(ToString(OperandsOf("weights=fixed8.4,activations=dfx6,accumulator=int32", conv)),
            "int8 x int6 + int22");
  EXPECT_EQ(ToString(OperandsOf("weights=int8,activations=uint8:asym,accumulator=fp32", conv)),
            "int8 x int8:asym + e8m23");
}

TEST(Operands, ProductsOfTwoActivationsUseTheirFormatTwice) {
  network::MacShape product = GemmLayer("scores", 64, 64);
  product.op = "matmul";
  product.weights_are_activations = true;
  EXPECT_EQ(ToString(OperandsOf("weights=fp32,activations=int8,accumulator=fp32", product)),
            "int8 x int8 + e8m23");
}

TEST(Operands, WhatHasNoPriceIsAnErrorNotZero) {
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  const auto refusal = [&](const quantize::LayerPrecision& precision) {
    const absl::Status status = OperandsFor(precision, conv).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    return std::string(status.message());
  };
  const quantize::LayerPrecision int8 =
      PlanFor({conv}, "weights=int8,activations=int8,accumulator=int32").layers[0];

  quantize::LayerPrecision blocks = int8;
  blocks.weights.granularity = formats::Granularity::kBlock;
  blocks.weights.block_size = 32;
  EXPECT_THAT(refusal(blocks), HasSubstr("weights in int8:block32: no cost for this granularity"));

  quantize::LayerPrecision channels = int8;
  channels.activations.granularity = formats::Granularity::kChannel;
  EXPECT_THAT(refusal(channels), HasSubstr("activations in int8:channel: no cost"));

  quantize::LayerPrecision tokens = int8;
  tokens.activations.granularity = formats::Granularity::kToken;
  EXPECT_THAT(refusal(tokens), HasSubstr("activations in int8:token: no cost"));

  quantize::LayerPrecision dynamic = int8;
  dynamic.activations.dynamic_range = true;
  EXPECT_THAT(refusal(dynamic), HasSubstr("no cost for a range found at run time"));

  quantize::LayerPrecision stochastic = int8;
  stochastic.activations.rounding = formats::Rounding::kStochastic;
  EXPECT_THAT(refusal(stochastic), HasSubstr("activations in " + stochastic.activations.ToString() +
                                             ": no cost for stochastic rounding"));

  quantize::LayerPrecision random_sums = int8;
  random_sums.accumulator.kind = quantize::Accumulator::Kind::kNarrow;
  random_sums.accumulator.format = *formats::ParseQuantizer("fp16");
  random_sums.accumulator.format->rounding = formats::Rounding::kStochastic;
  EXPECT_THAT(refusal(random_sums), HasSubstr("no cost for stochastic rounding"));

  quantize::LayerPrecision chunks = int8;
  chunks.accumulator.kind = quantize::Accumulator::Kind::kNarrow;
  chunks.accumulator.format = int8.weights;
  chunks.accumulator.chunk = 16;
  EXPECT_THAT(refusal(chunks), HasSubstr("no cost for sums by chunks"));
}

TEST(Operands, NarrowAccumulatorsHaveTheWidthOfTheirFormat) {
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  quantize::LayerPrecision precision =
      PlanFor({conv}, "weights=int8,activations=int8,accumulator=int32").layers[0];
  precision.accumulator.kind = quantize::Accumulator::Kind::kNarrow;
  precision.accumulator.format = *formats::ParseQuantizer("int12");
  EXPECT_EQ(OperandsFor(precision, conv)->accumulator.bits, 12);
}

}  // namespace
}  // namespace bitscape::cost_models
