// What a plan puts into a datapath.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cost_models/mac/operands.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;
using BlockScale = Operand::BlockScale;

MacOperands OperandsOf(std::string_view plan, const network::MacShape& layer) {
  const absl::StatusOr<MacOperands> operands = OperandsFor(PlanFor({layer}, plan), 0, layer);
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

TEST(Operands, NarrowAccumulatorsHaveTheWidthOfTheirFormat) {
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  quantize::LayerPrecision precision =
      PlanFor({conv}, "weights=int8,activations=int8,accumulator=int32").layers[0];
  precision.accumulator.kind = quantize::Accumulator::Kind::kNarrow;
  precision.accumulator.format = *formats::ParseQuantizer("int12");
  EXPECT_EQ(OperandsFor(precision, conv, formats::Float32())->accumulator.bits, 12);
}

TEST(Operands, EveryFamilyOfFormatsHasOperands) {
  const network::MacShape conv = ConvLayer("conv", 64, 16, 3, 8);
  const auto shown = [&](const std::string& format) {
    return ToString(OperandsOf("weights=" + format + ",activations=" + format, conv).weight);
  };
  EXPECT_EQ(shown("log4:sqrt2"), "log4:sqrt2");
  EXPECT_EQ(shown("log4:radix4"), "log4:radix4");
  EXPECT_EQ(shown("codebook16"), "codebook16:e5m10");
  EXPECT_EQ(shown("codebook16:entries=int8"), "codebook16:int8");
  EXPECT_EQ(shown("binary"), "binary");
  EXPECT_EQ(shown("ternary"), "ternary");
  EXPECT_EQ(shown("ternary:ttq"), "ternary:ttq");
  EXPECT_EQ(shown("dorefa4"), "int4");
  EXPECT_EQ(shown("bfp4"), "int4:block16");
  EXPECT_EQ(shown("mxfp4_e2m1"), "e2m1:block32");
  EXPECT_EQ(shown("mxint8"), "int8:block32");
  EXPECT_EQ(shown("nvfp4"), "e2m1:block16");
  EXPECT_EQ(shown("af8_3"), "e3m4");
  EXPECT_EQ(shown("cfloat8_1_4_3"), "e4m3");
}

TEST(Operands, ACodebookEntersTheMultiplierAsItsEntry) {
  const MacOperands operands = OperandsOf("weights=codebook10:entries=int8,activations=int8",
                                          ConvLayer("conv", 16, 16, 3, 8));
  EXPECT_EQ(operands.weight.bits, 4) << "the index";
  EXPECT_EQ(operands.weight.entry_bits, 8);
  EXPECT_EQ(operands.weight.significand_bits, 8);
  EXPECT_EQ(operands.weight.table_entries, 10);
}

TEST(Operands, DorefaIsAnOddIntegerOneBitWider) {
  const Operand weight =
      OperandsOf("weights=dorefa4,activations=fp32", GemmLayer("fc", 64, 10)).weight;
  EXPECT_EQ(weight.bits, 4);
  EXPECT_EQ(weight.significand_bits, 5);
  EXPECT_FALSE(weight.zero_point);
}

TEST(Operands, SubnormalsAreThoseOfTheFormat) {
  const network::MacShape fc = GemmLayer("fc", 64, 10);
  const auto subnormals = [&](const std::string& format) {
    return OperandsOf("weights=" + format, fc).weight.subnormals;
  };
  EXPECT_TRUE(subnormals("fp16"));
  EXPECT_TRUE(subnormals("fp8_e4m3"));
  EXPECT_TRUE(subnormals("mxfp4_e2m1"));
  EXPECT_FALSE(subnormals("fp16:ftz"));
  EXPECT_FALSE(subnormals("af8_3")) << "AdaptivFloat has none";
  EXPECT_FALSE(subnormals("e8m0"));
}

TEST(Operands, ScalesLeaveTheSumOrStayInside) {
  const network::MacShape fc = GemmLayer("fc", 64, 10);
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  const Operand channel = OperandsOf("weights=int4:channel", fc).weight;
  EXPECT_EQ(channel.block, 0);
  EXPECT_EQ(channel.block_scale, BlockScale::kNone);

  const Operand blocks = OperandsOf("weights=int4:block32", fc).weight;
  EXPECT_EQ(blocks.block, 32);
  EXPECT_EQ(blocks.block_scale, BlockScale::kFloat);
  EXPECT_EQ(blocks.block_scale_significand_bits, 24);

  const Operand mx = OperandsOf("weights=mxfp8_e4m3", fc).weight;
  EXPECT_EQ(mx.block_scale, BlockScale::kPowerOfTwo);
  EXPECT_EQ(mx.block_scale_bits, 8);

  const MacOperands nvfp4 = OperandsOf("weights=nvfp4,activations=nvfp4", fc);
  EXPECT_EQ(nvfp4.weight.block, 16);
  EXPECT_EQ(nvfp4.weight.block_scale, BlockScale::kFloat);
  EXPECT_EQ(nvfp4.weight.block_scale_significand_bits, 4) << "e4m3";
  EXPECT_TRUE(nvfp4.output.has_scale) << "the tensor's second scale";
  EXPECT_FALSE(nvfp4.output.scale_is_power_of_two);

  const MacOperands tokens = OperandsOf("weights=int8,activations=int8:token", fc);
  EXPECT_EQ(tokens.activation.block, 0);
  EXPECT_TRUE(tokens.output.per_row_scale);
  const MacOperands windows = OperandsOf("weights=int8,activations=int8:token", conv);
  EXPECT_EQ(windows.activation.block, 16) << "each position of the kernel sees another token";
  EXPECT_FALSE(windows.output.per_row_scale);
  EXPECT_TRUE(
      OperandsOf("weights=binary:channel,activations=binary:position", conv).output.per_row_scale);
}

TEST(Operands, AFixedPointSumTakesItsScalesPerProduct) {
  const network::MacShape fc = GemmLayer("fc", 64, 10);
  const Operand scaled =
      OperandsOf("weights=int8,activations=fixed8.4,accumulator=fixed16.8", fc).weight;
  EXPECT_EQ(scaled.block, 1);
  EXPECT_EQ(scaled.block_scale, BlockScale::kFloat);
  const MacOperands constant =
      OperandsOf("weights=fixed8.4,activations=fixed8.4,accumulator=fixed16.8", fc);
  EXPECT_EQ(constant.weight.block, 0) << "a constant of the format is wired";
  EXPECT_FALSE(constant.output.has_scale);
}

TEST(Operands, TheOutputStageRoundsForTheLayerThatFollows) {
  const std::vector<network::MacShape> layers = {GemmLayer("a", 64, 64), GemmLayer("b", 64, 10)};
  const auto stages = [&](std::string_view text) {
    const quantize::ResolvedPlan plan = PlanFor(layers, text);
    return std::vector<OutputStage>{OperandsFor(plan, 0, layers[0])->output,
                                    OperandsFor(plan, 1, layers[1])->output};
  };
  std::vector<OutputStage> found = stages("weights=fp16,activations=fp16");
  EXPECT_FALSE(found[0].has_scale);
  EXPECT_EQ(found[0].stored_bits, 16);
  EXPECT_EQ(found[1].stored_bits, 32) << "the vector format";

  found = stages("weights=dfx8,activations=dfx8:stochastic,accumulator=int32,vector=bf16");
  EXPECT_TRUE(found[0].has_scale && found[0].scale_is_power_of_two);
  EXPECT_TRUE(found[0].stochastic);
  EXPECT_FALSE(found[1].stochastic);
  EXPECT_EQ(found[0].vector_significand_bits, 8);
  EXPECT_EQ(found[1].stored_bits, 16);

  found = stages("weights=int8,activations=int8:dynamic,accumulator=int32,fold=never");
  EXPECT_TRUE(found[0].dynamic_range && !found[1].dynamic_range);
  EXPECT_TRUE(found[0].scale_and_shift);

  found = stages("weights=fp16,activations=codebook16");
  EXPECT_EQ(found[0].encoded_levels, 16);
}

TEST(Operands, OrderOfTheSumIsFreeUnlessThePlanRounds) {
  const network::MacShape fc = GemmLayer("fc", 64, 10);
  EXPECT_TRUE(OperandsOf("weights=int8,activations=int8,accumulator=int32", fc).any_order);
  EXPECT_TRUE(OperandsOf("weights=fp8_e4m3,activations=fp8_e4m3", fc).any_order);
  EXPECT_TRUE(
      OperandsOf("weights=int8:full,activations=int8:full,accumulator=int12:wrap:chunk4", fc)
          .any_order);
  const MacOperands narrow =
      OperandsOf("weights=fp8_e4m3,activations=fp8_e4m3,accumulator=fp16:chunk16:align14", fc);
  EXPECT_FALSE(narrow.any_order);
  EXPECT_EQ(narrow.chunk, 16);
  EXPECT_EQ(narrow.align_bits, 14);
  EXPECT_EQ(ToString(narrow), "e4m3 x e4m3 + e5m10:chunk16:align14");
  EXPECT_TRUE(OperandsOf("weights=fp16,accumulator=fp16:stochastic", fc).stochastic_sums);
}

TEST(Operands, TtqKeepsTwoSumsUnlessEachProductIsRounded) {
  const network::MacShape fc = GemmLayer("fc", 64, 10);
  EXPECT_TRUE(OperandsOf("weights=ttq,activations=int8", fc).weight.two_values);
  const Operand rounded = OperandsOf("weights=ttq,activations=fp16,accumulator=fp16", fc).weight;
  EXPECT_EQ(rounded.kind, Operand::Kind::kFloat);
  EXPECT_EQ(rounded.table_entries, 3);
}

TEST(Operands, WhatHasNoMeaningIsAnErrorNotZero) {
  const network::MacShape conv = ConvLayer("conv", 16, 16, 3, 8);
  const auto refusal = [&](const quantize::LayerPrecision& precision) {
    const absl::Status status = OperandsFor(precision, conv, formats::Float32()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    return std::string(status.message());
  };
  const quantize::LayerPrecision int8 =
      PlanFor({conv}, "weights=int8,activations=int8,accumulator=int32").layers[0];

  quantize::LayerPrecision blocks = int8;
  blocks.weights.granularity = formats::Granularity::kBlock;
  blocks.weights.block_size = 32;
  EXPECT_THAT(refusal(blocks), HasSubstr("accumulator int32 adds codes under one scale; under "
                                         "weights in int8:block32 a sum has several"));
  quantize::LayerPrecision channels = int8;
  channels.activations.granularity = formats::Granularity::kChannel;
  EXPECT_THAT(refusal(channels), HasSubstr("activations in int8:channel: no cost for this "
                                           "granularity"));
  quantize::LayerPrecision tokens = int8;
  tokens.weights.granularity = formats::Granularity::kToken;
  EXPECT_THAT(refusal(tokens), HasSubstr("weights in int8:token: no cost"));
  quantize::LayerPrecision floats = int8;
  floats.weights = formats::Float32();
  EXPECT_THAT(refusal(floats), HasSubstr("adds integer codes, and the weights are fp32"));
  quantize::LayerPrecision logs = int8;
  logs.accumulator.kind = quantize::Accumulator::Kind::kNarrow;
  logs.accumulator.format = *formats::ParseQuantizer("log4");
  EXPECT_THAT(refusal(logs), HasSubstr("no register holds it"));
}

}  // namespace
}  // namespace bitscape::cost_models
