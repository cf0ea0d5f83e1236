// Scales from largest magnitudes: rules in closed form, at the ends of float32, and against search.
#include "engine/formats/scale.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <string>

#include "engine/formats/codec.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

float ScaleOf(const std::string& notation, float amax, float tensor_scale = 1) {
  return ScaleForMagnitude(MustParse(notation).format, amax, tensor_scale);
}

TEST(Scale, FloorIsOcpMx) {
  EXPECT_EQ(ScaleOf("mxfp8_e4m3", 1), 0x1p-8F);
  EXPECT_EQ(ScaleOf("mxfp8_e4m3", std::nextafter(2.0F, 0.0F)), 0x1p-8F);
  EXPECT_EQ(ScaleOf("mxfp8_e5m2", 3), 0x1p-14F);
  EXPECT_EQ(ScaleOf("mxfp6_e3m2", 1), 0x1p-4F);
  EXPECT_EQ(ScaleOf("mxfp6_e2m3", 1), 0x1p-2F);
  EXPECT_EQ(ScaleOf("mxfp4_e2m1", 1), 0x1p-2F);
  EXPECT_EQ(ScaleOf("mxint8", 1), 0x1p-6F);
}

TEST(Scale, CeilAddsOneExceptAtPowersOfTwo) {
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:ceil", 4), 1.0F);
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:ceil", std::nextafter(4.0F, 5.0F)), 2.0F);
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:ceil", std::nextafter(8.0F, 0.0F)), 2.0F);
}

TEST(Scale, EvenRoundsTheMagnitudeToTheMantissaFirst) {
  // One mantissa bit: half a unit is a quarter of the leading digit.
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:even", std::nextafter(7.0F, 0.0F)), 1.0F);
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:even", 7), 2.0F);
  EXPECT_EQ(ScaleOf("mxfp6_e3m2:even", std::nextafter(30.0F, 0.0F)), 1.0F);
  EXPECT_EQ(ScaleOf("mxfp6_e3m2:even", 30), 2.0F);
}

TEST(Scale, RceilTakesTheQuotientByTheLargestValue) {
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:rceil", 5.9F), 1.0F);
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:rceil", 6.1F), 2.0F);
  EXPECT_EQ(ScaleOf("mxfp8_e5m2:rceil", 57344), 1.0F);
  EXPECT_EQ(ScaleOf("mxfp8_e5m2:rceil", 57345), 2.0F);
  // 6 * float32(1 / 6) is 1.
  EXPECT_EQ(6 * (1 / 6.0F), 1.0F);
  EXPECT_EQ(ScaleOf("mxfp4_e2m1:rceil", 6), 1.0F);
}

TEST(Scale, PowersStayInTheWindowOfTheEncoding) {
  EXPECT_EQ(ScaleOf("mxfp8_e4m3", 0), 0x1p-127F);
  EXPECT_EQ(ScaleOf("mxfp8_e4m3", 0x1p-149F), 0x1p-127F);
  EXPECT_EQ(ScaleOf("mxint8", 0), 0x1p-133F);
  EXPECT_EQ(ScaleOf("dfx8", 0), 1.0F);
  EXPECT_EQ(ScaleOf("cfloat8_1_4_3", 1e30F), 1.0F);
  EXPECT_EQ(ScaleOf("cfloat8_1_4_3", 1e-30F), 0x1p-63F);
  for (const char* name : {"mxfp4_e2m1:even", "mxfp4_e2m1:ceil", "mxfp8_e4m3:rceil", "dfx8"}) {
    const NumberFormat format = MustParse(name).format;
    EXPECT_TRUE(std::isfinite(static_cast<float>(LargestFinite(format.element)) *
                              ScaleForMagnitude(format, FLT_MAX)))
        << name;
  }
}

TEST(Scale, CoverIsTheSmallestUnderWhichNothingSaturates) {
  for (const char* name : {"dfx2", "dfx8", "int4:pow2", "uint3:pow2", "cfloat8_1_5_2", "log4",
                           "log5:sqrt2", "log4:radix4"}) {
    const NumberFormat format = MustParse(name).format;
    // Without saturation a value becomes another than the largest, or is close to it.
    const auto saturates = [&](float amax, float scale) {
      const float largest = static_cast<float>(LargestFinite(format.element));
      if (const Log* log = std::get_if<Log>(&format.element)) {
        const double step = log->base == LogBase::kTwo    ? 2
                            : log->base == LogBase::kFour ? 4
                                                          : M_SQRT2;
        return amax / scale / largest >= std::sqrt(step);
      }
      if (std::holds_alternative<Integer>(format.element)) {
        return std::nearbyint(amax / scale) > largest;
      }
      return amax / scale >= largest * 1.0714285714285714F;  // 2^16 * (1 + 3/4 + 1/8)
    };
    for (int step = 1; step < 2000; ++step) {
      const float amax = 0.00137F * static_cast<float>(step);
      const float scale = ScaleForMagnitude(format, amax);
      EXPECT_FALSE(saturates(amax, scale)) << name << " " << amax;
      EXPECT_TRUE(saturates(amax, scale / 2)) << name << " " << amax;
    }
  }
}

TEST(Scale, Float32DividesAndStaysNormal) {
  EXPECT_EQ(ScaleOf("int8", 2), 2.0F / 127);
  EXPECT_EQ(ScaleOf("int8", 0), 1.0F);
  EXPECT_EQ(ScaleOf("int8", 1e-44F), FLT_MIN);
  EXPECT_TRUE(std::isfinite(ScaleOf("int2", FLT_MAX)));
  EXPECT_EQ(ScaleOf("fixed8.4", 1e9F), 0x1p-4F);
  EXPECT_EQ(ScaleOf("fp16", 1e9F), 1.0F);
}

TEST(Scale, Nvfp4HasTwoLevels) {
  const NumberFormat format = MustParse("nvfp4").format;
  EXPECT_EQ(TensorScaleForMagnitude(format, 2688), 1.0F);
  EXPECT_EQ(TensorScaleForMagnitude(format, 0), 1.0F);
  EXPECT_EQ(TensorScaleForMagnitude(MustParse("int8").format, 5), 1.0F);
  EXPECT_EQ(ScaleForMagnitude(format, 6), 1.0F);
  EXPECT_EQ(ScaleForMagnitude(format, 6.2F), 1.0F);    // 1.033 to 3 mantissa bits
  EXPECT_EQ(ScaleForMagnitude(format, 6.4F), 1.125F);  // 1.067
  EXPECT_EQ(ScaleForMagnitude(format, 1e6F), 448.0F);
  EXPECT_EQ(ScaleForMagnitude(format, 0), 0x1p-9F);  // never 0
  // The block that holds the tensor's largest magnitude has the largest block scale.
  const float tensor_scale = TensorScaleForMagnitude(format, 3.7F);
  EXPECT_EQ(ScaleForMagnitude(format, 3.7F, tensor_scale), 448 * tensor_scale);
  const float limit = TensorScaleForMagnitude(format, FLT_MAX);
  EXPECT_TRUE(std::isfinite(ScaleForMagnitude(format, FLT_MAX, limit) * 6));
}

TEST(Scale, NotFiniteMagnitudesAreNanWhereTheScaleHasOne) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const char* name : {"mxfp8_e4m3", "mxint8", "nvfp4"}) {
    EXPECT_TRUE(ScaleHasNan(MustParse(name).format));
    EXPECT_TRUE(std::isnan(ScaleOf(name, infinity)));
    EXPECT_TRUE(std::isnan(ScaleOf(name, std::nanf(""))));
  }
  for (const char* name : {"bfp8", "dfx8", "af8_3", "int8", "log4"}) {
    EXPECT_FALSE(ScaleHasNan(MustParse(name).format));
    EXPECT_TRUE(std::isfinite(ScaleOf(name, infinity)));
  }
}

}  // namespace
}  // namespace bitscape::formats
