// What the notation's names stand for: elements, scales, storage.
#include <gtest/gtest.h>

#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

TEST(StorageBits, CountsCodesScalesAndZeroPoints) {
  const auto bits = [](const char* name) { return StorageBits(MustParse(name), 4, 10); };
  EXPECT_EQ(bits("int8"), 4 * 10 * 8 + 32);
  EXPECT_EQ(bits("int8:channel"), 4 * 10 * 8 + 4 * 32);
  EXPECT_EQ(bits("uint4:asym:channel"), 4 * 10 * 4 + 4 * (32 + 4));
  EXPECT_EQ(bits("dfx8:channel"), 4 * 10 * 8 + 4 * 8);
  EXPECT_EQ(bits("int4:block4"), 4 * 10 * 4 + 4 * 3 * 32);
  EXPECT_EQ(bits("fixed8.4"), 320);
  EXPECT_EQ(bits("fp16"), 640);
  EXPECT_EQ(bits("tf32"), 760);
}

TEST(FormatProperties, BitsAndScales) {
  EXPECT_EQ(ElementBits(MustParse("tf32").format), 19);
  EXPECT_EQ(ElementBits(MustParse("fp4_e2m1").format), 4);
  EXPECT_EQ(ScaleBits(MustParse("int8").format), 32);
  EXPECT_EQ(ScaleBits(MustParse("dfx8").format), 8);
  EXPECT_EQ(ScaleBits(MustParse("fixed8.4").format), 0);
  EXPECT_EQ(ScaleBits(MustParse("uint4:asym").format), 36);
  EXPECT_EQ(ScaleBits(MustParse("fp16").format), 0);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int8:channel"), 1, 64) / 64, 8.5);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("fp8_e4m3"), 1, 64) / 64, 8);
  // One scale for each block, whatever the group.
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int4:block32"), 1, 1024) / 1024, 5);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("fp8_e4m3:scaled:block16"), 1, 1024) / 1024, 10);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("dfx8:block32"), 1, 64) / 64, 8.25);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("uint4:asym:block64"), 1, 128) / 128, 4 + 36.0 / 64);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int4:block32"), 1, 40) / 40,
                   4 + 2 * 32.0 / 40);  // 32 and 8
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int4:block32"), 1, 16) / 16, 6);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int8:token"), 1, 64) / 64, 8.5);
}

TEST(FormatProperties, ScalesOfEveryFamily) {
  const auto scale = [](std::string_view name) { return MustParse(name).format.scale.value(); };
  const auto power = [](int bits, int min, int max, ScaleRule rule, bool has_nan = false) {
    return ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo,
                      .bits = bits,
                      .min_exponent = min,
                      .max_exponent = max,
                      .rule = rule,
                      .has_nan = has_nan};
  };
  EXPECT_EQ(scale("mxfp8_e4m3"), power(8, -127, 127, ScaleRule::kFloor, true));
  EXPECT_EQ(scale("mxfp4_e2m1:rceil"), power(8, -127, 127, ScaleRule::kRceil, true));
  // The scale of its integer codes: six bits below E8M0.
  EXPECT_EQ(scale("mxint8:even"), power(8, -133, 121, ScaleRule::kEven, true));
  EXPECT_EQ(scale("nvfp4").encoding, ScaleEncoding::kE4m3);
  EXPECT_TRUE(scale("nvfp4").has_nan);
  EXPECT_EQ(MustParse("nvfp4").format.tensor_scale, ScaleLevel{});
  // The exponent of the largest magnitude: -127..127 and, in five bits, -15..16.
  EXPECT_EQ(scale("bfp8"), power(8, -127 - 6, 127 - 6, ScaleRule::kFloor));
  EXPECT_EQ(scale("bfp16:exp5:ceil"), power(5, -15 - 14, 16 - 14, ScaleRule::kCeil));
  EXPECT_EQ(scale("bfp2:exp2"), power(2, -1, 2, ScaleRule::kFloor));
  EXPECT_EQ(scale("af8_3"), power(8, -126, 127, ScaleRule::kFloor));
  // 2^-bias, bias 0..63.
  EXPECT_EQ(scale("cfloat8_1_4_3"), power(6, -63, 0, ScaleRule::kCover));
  EXPECT_FALSE(MustParse("cfloat8_1_4_3:bias=7").format.scale.has_value());
  EXPECT_EQ(scale("log4"), power(8, -126, 127, ScaleRule::kCover));
  EXPECT_EQ(scale("log4:fsr=3").encoding, ScaleEncoding::kFixed);
  EXPECT_EQ(scale("log4:fsr=3").min_exponent, 3);
  EXPECT_FALSE(HasScale(MustParse("log4:fsr=3").format));
  EXPECT_FALSE(MustParse("codebook16").format.scale.has_value());
}

TEST(FormatProperties, ElementsOfEveryFamily) {
  const auto element = [](std::string_view name) { return MustParse(name).format.element; };
  EXPECT_EQ(element("mxfp8_e4m3"), element("fp8_e4m3"));
  EXPECT_EQ(element("mxfp8_e5m2"), element("fp8_e5m2"));
  EXPECT_EQ(element("mxfp6_e3m2"), element("fp6_e3m2"));
  EXPECT_EQ(element("mxfp6_e2m3"), element("fp6_e2m3"));
  EXPECT_EQ(element("mxfp4_e2m1"), element("fp4_e2m1"));
  EXPECT_EQ(element("nvfp4"), element("fp4_e2m1"));
  EXPECT_EQ(element("mxint8"), element("int8"));
  EXPECT_EQ(element("mxint8:full"), element("int8:full"));
  EXPECT_EQ(element("bfp8"), element("int8"));
  // AdaptivFloat: values up to (2 - 2^-m) times the scale 2^floor(log2 amax).
  EXPECT_EQ(LargestFinite(element("af8_3")), 2 - 0x1p-4);
  EXPECT_EQ(SmallestPositive(element("af8_3")), 0x1p-7 * (1 + 0x1p-4));
  EXPECT_EQ(SmallestPositive(element("af3_2")), 0x1p-2);
  // CFloat's white paper: 2^(1-bias) to 1.875 * 2^(15-bias).
  EXPECT_EQ(LargestFinite(element("cfloat8_1_4_3")), 1.875 * 0x1p15);
  EXPECT_EQ(LargestFinite(element("cfloat8_1_4_3:bias=63")), 1.875 * 0x1p-48);
  EXPECT_EQ(SmallestPositive(element("cfloat8_1_4_3")), 0.25);
  EXPECT_EQ(SmallestPositive(element("cfloat8_1_4_3:literal")), 0.125);
  EXPECT_EQ(element("cfloat8_1_5_2:literal:bias=9"), element("e5m2:literal:bias=9"));
  // HFP8's forward format: largest 30 with the bias shifted by four.
  EXPECT_EQ(LargestFinite(element("hfp8_1_4_3")), 30);
  EXPECT_EQ(LargestFinite(element("ms_fp9")), 1.875 * 0x1p16);
  // FP4 of radix 4: 4^-6 to 1, which is 4^-3 to 4^3 at scale 4^3.
  EXPECT_EQ(SmallestPositive(element("fp4_radix4")), 0x1p-12);
  EXPECT_EQ(LargestFinite(element("log4:fsr")), 0.5);
  EXPECT_EQ(LargestFinite(element("log4:sqrt2:fsr")), 0.70710678F);
  EXPECT_EQ(std::get<LevelSet>(element("codebook16:lloydmax:entries=bf16")),
            (LevelSet{.levels = 16,
                      .fit = LevelFit::kLloydMax,
                      .entries = std::get<Minifloat>(element("bf16"))}));
  EXPECT_EQ(std::get<LevelSet>(element("dorefa3")),
            (LevelSet{.levels = 8, .fit = LevelFit::kDorefa, .entries = {}}));
  EXPECT_EQ(std::get<LevelSet>(element("dorefa1")).fit, LevelFit::kMeanAbs);
}

TEST(FormatProperties, BlocksAreTheDefaultOfBlockFormats) {
  const auto block = [](std::string_view name) {
    const Quantizer quantizer = MustParse(name);
    return quantizer.granularity == Granularity::kBlock ? quantizer.block_size : 0;
  };
  EXPECT_EQ(block("mxfp8_e4m3"), 32);
  EXPECT_EQ(block("mxint8:block8"), 8);
  EXPECT_EQ(block("nvfp4"), 16);
  EXPECT_EQ(block("msfp12"), 16);
  EXPECT_EQ(block("bfp8:tensor"), 0);
  EXPECT_EQ(block("flexpoint16_5"), 0);
  EXPECT_EQ(block("flexpoint16_5:block4"), 4);
  EXPECT_EQ(block("int8"), 0);
  EXPECT_EQ(MustParse("mxint8:block8").format, MustParse("mxint8").format);
}

TEST(FormatProperties, StorageOfEveryFamily) {
  const auto bits = [](const char* name) { return StorageBits(MustParse(name), 1, 1024) / 1024; };
  EXPECT_DOUBLE_EQ(bits("mxfp8_e4m3"), 8.25);
  EXPECT_DOUBLE_EQ(bits("mxfp4_e2m1"), 4.25);
  EXPECT_DOUBLE_EQ(bits("mxfp4_e2m1:block16"), 4.5);
  EXPECT_DOUBLE_EQ(bits("nvfp4"), 4.5 + 32.0 / 1024);
  EXPECT_DOUBLE_EQ(bits("msfp12"), 4.5);
  EXPECT_DOUBLE_EQ(bits("flexpoint16_5"), 16 + 5.0 / 1024);
  EXPECT_DOUBLE_EQ(bits("cfloat8_1_4_3"), 8 + 6.0 / 1024);
  EXPECT_DOUBLE_EQ(bits("log4:fsr=2"), 4);
  EXPECT_DOUBLE_EQ(bits("codebook16"), 4 + 16 * 16.0 / 1024);
  EXPECT_DOUBLE_EQ(bits("codebook16:entries=int8"), 4 + (16 * 8 + 32.0) / 1024);
  EXPECT_DOUBLE_EQ(bits("binary"), 1 + 32.0 / 1024);
  EXPECT_DOUBLE_EQ(bits("binary:unit"), 1);
  EXPECT_DOUBLE_EQ(bits("ternary:ttq"), 2 + 64.0 / 1024);
  EXPECT_DOUBLE_EQ(bits("dorefa4"), 4);
}

TEST(FormatProperties, Kinds) {
  EXPECT_TRUE(IsFloat32(Float32().format));
  EXPECT_FALSE(IsFloat32(MustParse("fp32:ftz").format));
  EXPECT_FALSE(IsFloat32(MustParse("tf32").format));
  EXPECT_TRUE(IsIntegerLike(MustParse("fixed8.4").format));
  EXPECT_FALSE(IsIntegerLike(MustParse("e1m2:scaled").format));
  EXPECT_TRUE(HasScale(MustParse("dfx8").format));
  EXPECT_FALSE(HasScale(MustParse("fixed8.4").format));
  EXPECT_FALSE(HasScale(MustParse("fp8_e4m3").format));
  EXPECT_TRUE(HasScale(MustParse("fp8_e4m3:scaled").format));
}

TEST(FormatProperties, RangesFromTheSpecifications) {
  const auto largest = [](std::string_view name) {
    return LargestFinite(MustParse(name).format.element);
  };
  EXPECT_EQ(largest("fp16"), 65504);
  EXPECT_EQ(largest("fp8_e4m3"), 448);
  EXPECT_EQ(largest("fp8_e5m2"), 57344);
  EXPECT_EQ(largest("e4m3:fnuz"), 240);
  EXPECT_EQ(largest("fp6_e3m2"), 28);
  EXPECT_EQ(largest("fp6_e2m3"), 7.5);
  EXPECT_EQ(largest("fp4_e2m1"), 6);
  EXPECT_EQ(largest("e1m2"), 3.5);
  EXPECT_EQ(largest("e8m7"), largest("bf16"));  // its top exponent is beyond float32
  EXPECT_EQ(SmallestPositive(MustParse("bf16").format.element), 0x1p-133);
  EXPECT_EQ(SmallestPositive(MustParse("fp16:ftz").format.element), 0x1p-14);
}

}  // namespace
}  // namespace bitscape::formats
