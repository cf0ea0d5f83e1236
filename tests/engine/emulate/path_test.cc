#include "engine/emulate/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace bitscape::emulate {
namespace {

using ::testing::HasSubstr;
using Kind = quantize::Accumulator::Kind;

CodeFacts FactsOf(const std::string& notation, float min = -0.3F, float max = 1) {
  const formats::Quantizer quantizer = formats::ParseQuantizer(notation).value();
  return FactsOfActivations(quantizer, {.scaling = quantize::ScalingForRange(quantizer, min, max)},
                            false);
}

// A layer of 144 products a sum whose weights are all as large as they can be.
LayerFacts Facts(const std::string& weights, const std::string& activations) {
  LayerFacts facts;
  facts.weights = FactsOf(weights);
  facts.activations = FactsOf(activations);
  facts.reduction_length = 144;
  facts.weight_units = 144 * facts.weights.largest() / facts.weights.unit;
  facts.has_int8_kernel = true;
  facts.has_bfloat16_kernel = true;
  return facts;
}

void ExpectPath(const LayerFacts& facts, Arithmetic arithmetic, bool exact,
                const std::string& reason) {
  const Decision decision = ChoosePath(facts);
  EXPECT_EQ(decision.arithmetic, arithmetic) << decision.reason;
  EXPECT_EQ(decision.exact, exact) << decision.reason;
  EXPECT_THAT(decision.reason, HasSubstr(reason));
}

TEST(ChoosePath, TakesInt8ForCodesOfUpTo8Bits) {
  for (const char* format : {"int8", "int2", "int8:full", "int8:pow2", "fixed8.4", "dfx5"}) {
    ExpectPath(Facts(format, format), Arithmetic::kInt8Codes, true, "< 2^31");
  }
  ExpectPath(Facts("int8", "uint8"), Arithmetic::kInt8Codes, true, "8-bit codes");
}

TEST(ChoosePath, LeavesInt8WhereACodeOrASumDoesNotFit) {
  EXPECT_NE(ChoosePath(Facts("int9", "int8")).arithmetic, Arithmetic::kInt8Codes);
  EXPECT_NE(ChoosePath(Facts("uint8", "int8")).arithmetic, Arithmetic::kInt8Codes);
  EXPECT_NE(ChoosePath(Facts("int8", "uint8:asym")).arithmetic, Arithmetic::kInt8Codes);
  LayerFacts facts = Facts("int8", "int8");
  facts.has_int8_kernel = false;
  EXPECT_NE(ChoosePath(facts).arithmetic, Arithmetic::kInt8Codes);
  facts = Facts("int8", "int8");
  facts.weight_units = std::ldexp(1.0, 31) / (127 + 128);
  EXPECT_NE(ChoosePath(facts).arithmetic, Arithmetic::kInt8Codes);
  facts.weight_units = std::nextafter(facts.weight_units, 0);
  EXPECT_EQ(ChoosePath(facts).arithmetic, Arithmetic::kInt8Codes);
}

TEST(ChoosePath, TakesInt8WhereCodesLessTheZeroPointFit) {
  LayerFacts facts = Facts("int8", "int8");
  facts.activations = FactsOf("uint8:asym", -1.01F, 1);
  EXPECT_EQ(facts.activations.min, -128);
  EXPECT_EQ(facts.activations.max, 127);
  ExpectPath(facts, Arithmetic::kInt8Codes, true, "8-bit codes");
  facts.activations = FactsOf("uint8:asym", -1.1F, 1);
  EXPECT_LT(facts.activations.min, -128);
  EXPECT_NE(ChoosePath(facts).arithmetic, Arithmetic::kInt8Codes);
  facts.activations = FactsOf("int8:floor");
  ExpectPath(facts, Arithmetic::kInt8Codes, true, "8-bit codes");
}

TEST(ChoosePath, TakesBfloat16WhereItHoldsOperandsAndProducts) {
  ExpectPath(Facts("fp8_e4m3", "fp8_e5m2"), Arithmetic::kBfloat16, false,
             "gamma_K * sum|w a|, K = 144");
  ExpectPath(Facts("fp4_e2m1", "fp4_e2m1"), Arithmetic::kBfloat16, true, "< 2^24");
  ExpectPath(Facts("e3m4:scaled", "int8"), Arithmetic::kBfloat16, false, "bf16 holds the operands");
  EXPECT_EQ(ChoosePath(Facts("fp16", "fp8_e4m3")).arithmetic, Arithmetic::kFloat32Values);
  // Its smallest products would be flushed to zero.
  EXPECT_EQ(ChoosePath(Facts("bf16", "bf16")).arithmetic, Arithmetic::kFloat32Values);
  LayerFacts facts = Facts("fp8_e4m3", "fp8_e4m3");
  facts.has_bfloat16_kernel = false;
  ExpectPath(facts, Arithmetic::kFloat32Values, false, "K = 144");
}

TEST(ChoosePath, Float32AddsIntegersExactlyBelow2To24) {
  LayerFacts facts = Facts("int8", "int8");
  facts.has_int8_kernel = false;
  facts.has_bfloat16_kernel = false;
  ExpectPath(facts, Arithmetic::kFloat32Codes, true,
             "integer codes in fp32, largest sum 2.32e+06 < 2^24");
  facts.weight_units = std::ldexp(1.0, 24) / 127;
  facts.accumulator.kind = Kind::kInt32;
  ExpectPath(facts, Arithmetic::kInt64Codes, true, ">= 2^24");
  facts.accumulator.kind = Kind::kFloat32;
  ExpectPath(facts, Arithmetic::kFloat32Values, false, "gamma_K");
}

TEST(ChoosePath, IntegerAccumulatorsNeverRound) {
  for (const char* format :
       {"int8", "int9", "int12", "int16", "fixed16.8", "uint8:asym", "uint16:asym"}) {
    for (const bool kernels : {false, true}) {
      LayerFacts facts = Facts(format, format);
      facts.accumulator.kind = Kind::kInt32;
      facts.has_int8_kernel = kernels;
      facts.has_bfloat16_kernel = kernels;
      const Decision decision = ChoosePath(facts);
      EXPECT_TRUE(decision.exact) << format << ": " << decision.reason;
      EXPECT_NE(decision.arithmetic, Arithmetic::kFloat32Values) << format;
    }
  }
}

TEST(ChoosePath, Float32ValuesAreExactOnAFixedGridOnly) {
  LayerFacts facts = Facts("fp4_e2m1", "fp6_e2m3");
  facts.has_bfloat16_kernel = false;
  ExpectPath(facts, Arithmetic::kFloat32Values, true, "units < 2^24");
  facts = Facts("e2m1:scaled", "fp6_e2m3");
  facts.has_bfloat16_kernel = false;
  ExpectPath(facts, Arithmetic::kFloat32Values, false, "gamma_K");
  ExpectPath(Facts("fp32", "int8"), Arithmetic::kFloat32Values, false, "gamma_K");
}

TEST(ChoosePath, AccumulatorsThatFlushHoldNoSumsBelowTheirNormalRange) {
  LayerFacts facts =
      Facts("fixed8.8", "fixed8.8");  // multiples of 2^-16, fp16 is normal from 2^-14
  facts.weight_units = 16;
  facts.narrow_factor = 0x1p-16F;
  facts.accumulator.kind = Kind::kNarrow;
  const auto arithmetic = [&](const std::string& format) {
    facts.accumulator.format = formats::ParseQuantizer(format).value();
    return ChoosePath(facts).arithmetic;
  };
  EXPECT_EQ(arithmetic("e5m10"), Arithmetic::kInt8Codes);
  EXPECT_EQ(arithmetic("e5m10:ftz"), Arithmetic::kNarrowCodes);
  facts.narrow_factor = 0x1p-14F;
  EXPECT_EQ(arithmetic("e5m10:ftz"), Arithmetic::kInt8Codes);
}

}  // namespace
}  // namespace bitscape::emulate
