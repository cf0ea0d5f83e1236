// Scales against closed formulas, and at the ends of float32.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <vector>

#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Scaling;

formats::Quantizer Format(std::string_view notation) {
  return formats::ParseQuantizer(notation).value();
}

float RoundOne(const formats::Quantizer& quantizer, const Scaling& scaling, float value) {
  float rounded = 0;
  formats::Round(quantizer.format.element, formats::Rounding::kNearestEven,
                 formats::Overflow::kSaturate, scaling, {&value, 1}, {&rounded, 1});
  return rounded;
}

TEST(Scaling, SymmetricIntegersDivideTheLargestMagnitude) {
  EXPECT_EQ(ScalingForRange(Format("int8"), -2.0F, 1.0F), (Scaling{2.0F / 127, 0}));
  EXPECT_EQ(ScalingForRange(Format("int8"), -1.0F, 3.0F), (Scaling{3.0F / 127, 0}));
  EXPECT_EQ(ScalingForRange(Format("int8:full"), -2.0F, 1.0F), (Scaling{2.0F / 127, 0}));
  EXPECT_EQ(ScalingForRange(Format("int4"), 0.5F, 1.0F), (Scaling{1.0F / 7, 0}));
  EXPECT_EQ(ScalingForRange(Format("int2"), -5.0F, 1.0F), (Scaling{5.0F, 0}));
  EXPECT_EQ(ScalingForRange(Format("int16"), -1.0F, 1.0F), (Scaling{1.0F / 32767, 0}));
}

TEST(Scaling, UnsignedIntegersIgnoreNegatives) {
  EXPECT_EQ(ScalingForRange(Format("uint8"), -9.0F, 3.0F), (Scaling{3.0F / 255, 0}));
  EXPECT_EQ(ScalingForRange(Format("uint1"), 0.0F, 3.0F), (Scaling{3.0F, 0}));
  EXPECT_EQ(ScalingForRange(Format("uint8"), -9.0F, -3.0F), (Scaling{1, 0}));
}

TEST(Scaling, ScaledFloatsReachTheirLargestValue) {
  EXPECT_EQ(ScalingForRange(Format("fp8_e4m3:scaled"), -2.0F, 1.0F), (Scaling{2.0F / 448, 0}));
  EXPECT_EQ(ScalingForRange(Format("e1m2:scaled"), -2.0F, 1.0F), (Scaling{2.0F / 3.5F, 0}));
  EXPECT_EQ(ScalingForRange(Format("fp8_e4m3"), -2.0F, 1.0F), (Scaling{1, 0}));
}

TEST(Scaling, E1m2HasTwiceTheScaleOfInt4) {
  for (const float amax : {0.3F, 1.0F, 2.7e-20F, 8.1e30F, FLT_MAX}) {
    EXPECT_EQ(ScalingForRange(Format("e1m2:scaled"), -amax, amax).scale,
              2 * ScalingForRange(Format("int4"), -amax, amax).scale);
  }
}

TEST(Scaling, FixedPointIsAConstant) {
  EXPECT_EQ(ScalingForRange(Format("fixed8.4"), -100.0F, 100.0F), (Scaling{0.0625F, 0}));
  EXPECT_EQ(ScalingForRange(Format("fixed8.0"), 0, 0), (Scaling{1, 0}));
}

TEST(Scaling, AsymmetricRangesHoldZero) {
  EXPECT_EQ(ScalingForRange(Format("uint8:asym"), -1.0F, 1.55F), (Scaling{0.01F, 100}));
  // All positive: widened down to 0. All negative: widened up to 0.
  EXPECT_EQ(ScalingForRange(Format("uint8:asym"), 1.0F, 2.55F), (Scaling{0.01F, 0}));
  EXPECT_EQ(ScalingForRange(Format("uint8:asym"), -2.55F, -1.0F), (Scaling{0.01F, 255}));
  EXPECT_EQ(ScalingForRange(Format("int8:asym"), 0.0F, 2.55F), (Scaling{0.01F, -128}));
  EXPECT_EQ(ScalingForRange(Format("int8:asym"), -1.28F, 1.27F), (Scaling{0.01F, 0}));
  const Scaling scaling = ScalingForRange(Format("uint4:asym"), -0.37F, 0.91F);
  EXPECT_EQ(RoundOne(Format("uint4:asym"), scaling, 0.0F), 0.0F);
  EXPECT_EQ(ScalingForRange(Format("int8:asym"), 0, 0), (Scaling{1, -128}));
  EXPECT_EQ(ScalingForRange(Format("uint8:asym:pow2"), -1.0F, 1.0F), (Scaling{0x1p-6F, 64}));
}

TEST(Scaling, PowersOfTwoAreTheSmallestThatDoNotSaturate) {
  EXPECT_EQ(ScalingForRange(Format("dfx8"), 0, 127.0F).scale, 1.0F);
  EXPECT_EQ(ScalingForRange(Format("dfx8"), 0, 127.49F).scale, 1.0F);
  EXPECT_EQ(ScalingForRange(Format("dfx8"), 0, 127.5F).scale, 2.0F);   // the tie goes to 128
  EXPECT_EQ(ScalingForRange(Format("dfx8"), -128.5F, 0).scale, 1.0F);  // the tie goes to -128
  EXPECT_EQ(ScalingForRange(Format("dfx8"), -128.6F, 0).scale, 2.0F);
  EXPECT_EQ(ScalingForRange(Format("int8:pow2"), -128.0F, 0).scale, 2.0F);  // symmetric: no -128
  EXPECT_EQ(ScalingForRange(Format("uint8:pow2"), -300.0F, 255.4F).scale, 1.0F);
  EXPECT_EQ(ScalingForRange(Format("dfx8"), 0, 1.0F).scale, 0x1p-6F);
  for (int step = 1; step < 3000; ++step) {
    const float amax = 0.01F * static_cast<float>(step);
    for (const char* name : {"dfx2", "dfx8", "int4:pow2", "uint3:pow2", "dfx16"}) {
      const formats::Quantizer format = Format(name);
      const Scaling scaling = ScalingForRange(format, -amax, amax);
      const double largest = formats::LargestFinite(format.format.element);
      EXPECT_LE(std::nearbyint(amax / scaling.scale), largest) << name << " " << amax;
      EXPECT_GT(std::nearbyint(amax / (scaling.scale / 2)), largest) << name << " " << amax;
    }
  }
}

TEST(Scaling, PowersByRuleFollowTheLargestMagnitude) {
  // floor(log2 6.5) - floor(log2 6) = 0; the rules that round up take the next power.
  EXPECT_EQ(ScalingForRange(Format("mxfp4_e2m1"), -6.5F, 1).scale, 1);
  EXPECT_EQ(ScalingForRange(Format("mxfp4_e2m1:ceil"), -6.5F, 1).scale, 2);
  EXPECT_EQ(ScalingForRange(Format("mxfp4_e2m1:rceil"), -6.5F, 1).scale, 2);
  EXPECT_EQ(ScalingForRange(Format("mxfp4_e2m1:even"), -6.5F, 1).scale, 1);
  EXPECT_EQ(ScalingForRange(Format("mxfp4_e2m1"), 0, 0).scale, 0x1p-127F);
  EXPECT_TRUE(std::isnan(ScalingForRange(Format("mxfp4_e2m1"), -INFINITY, 0).scale));
}

TEST(Scaling, Nvfp4BlocksStoreAnE4m3BesideTheTensorsScale) {
  // 3 / 6 = 0.5 of a tensor scale of 1/4: 2 is an e4m3.
  EXPECT_EQ(ScalingForRange(Format("nvfp4"), -3, 3, 0.25F).scale, 0.5F);
  EXPECT_EQ(ScalingForRange(Format("nvfp4"), 0, 0, 0.25F).scale, 0x1p-11F);  // 2^-9, never 0
}

TEST(FitScaling, LevelsAreFittedToTheSample) {
  const std::vector<float> values = {-1, 1, 2, -4};
  const Scaling binary = FitScaling(Format("binary"), {.values = values, .weights = {}}).value();
  EXPECT_EQ(binary.scale, 2);
  ASSERT_NE(binary.levels, nullptr);
  EXPECT_THAT(binary.levels->levels, testing::ElementsAre(-1, 1));
  const std::vector<double> weights = {1, 1, 0, 2};
  EXPECT_EQ(FitScaling(Format("binary"), {.values = values, .weights = weights})->scale, 2.5F);
}

TEST(FitScaling, NothingObservedScalesAsZeros) {
  EXPECT_EQ(FitScaling(Format("int8"), {})->scale, 1);
  EXPECT_EQ(FitScaling(Format("mxfp8_e4m3"), {})->scale, 0x1p-127F);
  const absl::StatusOr<Scaling> levels = FitScaling(Format("ternary"), {});
  ASSERT_TRUE(levels.ok()) << levels.status();
  EXPECT_EQ(RoundOne(Format("ternary"), *levels, 0), 0);
}

class ScalingEdges : public testing::TestWithParam<const char*> {};

TEST_P(ScalingEdges, StayFiniteAndNormal) {
  const formats::Quantizer format = Format(GetParam());
  EXPECT_EQ(ScalingForRange(format, 0, 0).scale, 1.0F);
  EXPECT_EQ(ScalingForRange(format, -0.0F, -0.0F).scale, 1.0F);
  for (const float amax : {0x1p-149F, 1e-40F, FLT_MIN, 1e-30F, 1e30F, 0x1p127F, FLT_MAX}) {
    for (const float low : {-amax, 0.0F}) {
      SCOPED_TRACE(amax);
      const Scaling scaling = ScalingForRange(format, low, amax);
      EXPECT_GE(scaling.scale, FLT_MIN);
      EXPECT_TRUE(std::isfinite(scaling.scale));
      for (const float value : {amax, low, FLT_MAX, -FLT_MAX}) {
        if (!std::isfinite(value / scaling.scale)) continue;  // an infinity stays one
        EXPECT_TRUE(std::isfinite(RoundOne(format, scaling, value))) << value;
      }
      EXPECT_EQ(RoundOne(format, scaling, 0), 0);
      // Between the guards, the largest value keeps its size; one bit can't hold both ends.
      if (amax >= 1e-30F && amax <= 1e30F) {
        const bool holds_both = low == 0 || formats::ElementBits(format.format) > 1;
        EXPECT_NEAR(RoundOne(format, scaling, amax) / amax, 1, holds_both ? 0.51 : 1);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ScalingEdges,
                         testing::Values("int8", "int4", "int2", "int16", "int8:full", "uint8",
                                         "uint1", "uint8:asym", "int8:asym", "uint1:asym", "dfx2",
                                         "dfx8", "dfx16", "int8:pow2", "uint8:pow2",
                                         "uint8:asym:pow2", "e3m4:scaled", "fp4_e2m1:scaled",
                                         "e1m2:scaled", "e4m3:bias=20:scaled", "fp8_e5m2:scaled",
                                         "e7m2:scaled"));

}  // namespace
}  // namespace bitscape::quantize
