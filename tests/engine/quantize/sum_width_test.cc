#include "engine/quantize/sum_width.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bitscape::quantize {
namespace {

LayerWidths Widths(const char* weights, const char* activations, int64_t reduction_length) {
  return WidthsOf(formats::ParseQuantizer(weights).value(),
                  formats::ParseQuantizer(activations).value(), reduction_length);
}

TEST(SumWidth, LectureBoundAndTightWidth) {
  // 144 products: 8 bits more. 127 * 127 * 144 = 2322576 < 2^22.
  const LayerWidths int8 = Widths("int8", "int8", 144);
  EXPECT_EQ(int8.reduction_length, 144);
  EXPECT_EQ(int8.lecture_bits, 24);
  EXPECT_EQ(int8.tight_bits, 23);
  EXPECT_EQ(int8.weight_bits, 23);
  EXPECT_EQ(Widths("int8", "uint8", 128).lecture_bits, 23);
  EXPECT_EQ(Widths("int8", "uint8", 128).tight_bits, 23);       // 127 * 255 * 128 = 4145280 < 2^22
  EXPECT_EQ(Widths("int8", "uint8:asym", 1).lecture_bits, 17);  // code - zero point has 9 bits
  EXPECT_EQ(Widths("fixed8.4", "dfx6", 1).lecture_bits, 14);
  EXPECT_EQ(Widths("int2", "int2", 1).tight_bits, 2);
}

TEST(UnitInLastPlace, IsTheSmallestStep) {
  const auto unit = [](const char* notation) {
    return UnitInLastPlace(formats::ParseQuantizer(notation).value().format.element);
  };
  EXPECT_EQ(unit("int8"), 1);
  EXPECT_EQ(unit("fp8_e4m3"), 0x1p-9);
  EXPECT_EQ(unit("fp16"), 0x1p-24);
  EXPECT_EQ(unit("fp16:ftz"), 0x1p-24);
  EXPECT_EQ(unit("fp16:literal"), 0x1p-25);
  EXPECT_EQ(unit("log4:unsigned"), 0x1p-14);
  EXPECT_EQ(unit("log4:sqrt2"), std::nullopt);
  EXPECT_EQ(unit("codebook16"), std::nullopt);
  EXPECT_EQ(unit("ternary"), std::nullopt);
}

TEST(SumWidth, TheTwoEndsCountApart) {
  // 128 * 128 = 2^14 needs 16 bits; -2^14, were it the only end, 15.
  EXPECT_EQ(Widths("int8:full", "int8:full", 1).tight_bits, 16);
  EXPECT_EQ(SignedBits({-16384, 0}), 15);
  EXPECT_EQ(SignedBits({-16385, 0}), 16);
  EXPECT_EQ(SignedBits({0, 16383}), 15);
  EXPECT_EQ(SignedBits({0, 16384}), 16);
  EXPECT_EQ(SignedBits({0, 0}), 1);
  EXPECT_EQ(SignedBits({-1, 0}), 1);
  EXPECT_EQ(SignedBits({0, 1}), 2);
}

TEST(SumWidth, FloatsCountAsTheFixedPointNumbersThatHoldThem) {
  const CodeRange fp4 = *CodesOf(formats::ParseQuantizer("fp4_e2m1")->format);
  EXPECT_EQ(fp4.unit, 0.5);
  EXPECT_EQ(fp4.largest, 12);
  EXPECT_EQ(fp4.smallest, -12);
  EXPECT_EQ(fp4.bits, 5);
  EXPECT_EQ(Widths("fp4_e2m1", "fp4_e2m1", 2).tight_bits, 10);  // 2 * 144 = 288 < 2^9
  // 448 = 229376 * 2^-9, and twice 18 + 1 bits.
  EXPECT_EQ(Widths("fp8_e4m3", "fp8_e4m3", 1).lecture_bits, 38);
}

TEST(SumWidth, NoRegisterForFormatsWithoutAGridAndForBlocks) {
  EXPECT_EQ(Widths("int8:block16", "int8", 64).lecture_bits, 0);
  EXPECT_EQ(Widths("int8:block16", "int8", 64).tight_bits, 0);
  formats::NumberFormat codebook;
  codebook.element =
      formats::LevelSet{.levels = 16, .fit = formats::LevelFit::kKmeans, .entries = {}};
  EXPECT_FALSE(CodesOf(codebook).has_value());
  formats::NumberFormat ternary;
  ternary.element = formats::LevelSet{.levels = 3, .fit = formats::LevelFit::kTwn, .entries = {}};
  EXPECT_EQ(CodesOf(ternary)->largest, 1);
  EXPECT_EQ(CodesOf(ternary)->smallest, -1);
  EXPECT_EQ(CodesOf(ternary)->bits, 2);
  formats::NumberFormat log;
  log.element = formats::Log{.bits = 4, .is_signed = true, .base = formats::LogBase::kTwo};
  EXPECT_EQ(CodesOf(log)->largest, 64);  // 2^0 / 2^-6
  log.element = formats::Log{.bits = 4, .is_signed = true, .base = formats::LogBase::kSqrtTwo};
  EXPECT_FALSE(CodesOf(log).has_value());
}

TEST(SumWidth, WeightsBoundTheSumsOfTheirOwnChannel) {
  const CodeRange unsigned4{.smallest = 0, .largest = 15, .unit = 1, .bits = 4};
  // Channels with sums in [-30, 45] and [-75, 0].
  const double weights[] = {3, -2, -5, 0};
  const SumRange sums = SumsOf(weights, 2, unsigned4);
  EXPECT_EQ(sums.largest, 45);
  EXPECT_EQ(sums.smallest, -75);
  const CodeRange signed4{.smallest = -8, .largest = 7, .unit = 1, .bits = 4};
  const SumRange both = SumsOf(weights, 2, signed4);
  EXPECT_EQ(both.largest, 40);    // max(3 * 7 + 2 * 8, 5 * 8)
  EXPECT_EQ(both.smallest, -38);  // -(3 * 8 + 2 * 7), not -5 * 7
}

TEST(SumWidth, BinaryCodesReachZeroOnlyByPadding) {
  const CodeRange binary{.smallest = -1, .largest = 1, .unit = 1, .bits = 1};
  EXPECT_EQ(SumsOf(binary, binary, 64).largest, 64);
  EXPECT_EQ(SumsOf(binary, binary, 64).smallest, -64);
  const CodeRange ones{.smallest = 1, .largest = 1, .unit = 1, .bits = 1};
  EXPECT_EQ(SumsOf(ones, ones, 4).smallest, 0);
}

TEST(SumWidth, CeilLog2) {
  EXPECT_EQ(CeilLog2(1), 0);
  EXPECT_EQ(CeilLog2(2), 1);
  EXPECT_EQ(CeilLog2(3), 2);
  EXPECT_EQ(CeilLog2(128), 7);
  EXPECT_EQ(CeilLog2(144), 8);
}

}  // namespace
}  // namespace bitscape::quantize
