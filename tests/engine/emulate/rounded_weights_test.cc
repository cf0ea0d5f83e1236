#include "engine/emulate/rounded_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/core/random.h"

namespace bitscape::emulate {
namespace {

network::Tensor RandomWeights() {
  network::Tensor weights{{6, 8, 3, 3}, {}};
  for (uint64_t i = 0; i < 6 * 8 * 9; ++i) {
    weights.values.push_back(static_cast<float>(RandomUniform(1, 0, i) - 0.5));
  }
  return weights;
}

// Codes times their scale are the values, bit for bit, whatever the family.
TEST(RoundLayer, CodesTimesScaleAreTheValues) {
  const network::Tensor weights = RandomWeights();
  for (const char* notation : {"int8:channel",
                               "int4:asym",
                               "int6:channel:stochastic",
                               "int8:reciprocal",
                               "e3m4:scaled",
                               "af8_3:channel",
                               "cfloat8_1_4_3",
                               "log4:sqrt2",
                               "codebook16",
                               "codebook8:channel:stochastic",
                               "binary:channel",
                               "ternary",
                               "ternary:ttq",
                               "ternary:absmean:floor",
                               "dorefa3",
                               "fp8_e4m3",
                               "fixed8.6",
                               "int4:block8",
                               "mxfp4_e2m1",
                               "nvfp4"}) {
    const auto rounded =
        RoundLayer(weights, formats::ParseQuantizer(notation).value(), {.seed = 7, .stream = 3});
    ASSERT_TRUE(rounded.ok()) << notation << ": " << rounded.status();
    const size_t row = rounded->values.size() / rounded->scales.size();
    for (size_t i = 0; i < rounded->values.size(); ++i) {
      ASSERT_EQ(rounded->codes[i] * rounded->scales[i / row], rounded->values[i])
          << notation << ' ' << i;
    }
  }
}

TEST(RoundLayer, KnowsWhatItsCodesAre) {
  const network::Tensor weights = RandomWeights();
  const auto facts = [&](const char* notation) {
    return RoundLayer(weights, formats::ParseQuantizer(notation).value()).value().facts;
  };
  EXPECT_TRUE(facts("ternary:channel").integers);
  EXPECT_EQ(facts("ternary:channel").min, -1);
  EXPECT_TRUE(facts("int4:asym").integers);
  EXPECT_GE(facts("int4:asym").min, -15);
  EXPECT_FALSE(facts("int4:block8").integers);
  EXPECT_FALSE(facts("ternary:ttq").integers);
  EXPECT_TRUE(facts("mxfp4_e2m1").fits_bfloat16);
  EXPECT_TRUE(facts("log5").fits_bfloat16);
  EXPECT_FALSE(facts("log5:sqrt2").fits_bfloat16);
  EXPECT_FALSE(facts("fp32").fits_bfloat16);
  EXPECT_GT(facts("dfx8").grid, 0);
  EXPECT_EQ(facts("int8").grid, 0);
}

TEST(RoundedWeightsCache, GivesWhatWasInserted) {
  const network::Tensor weights = RandomWeights();
  const formats::Quantizer quantizer = formats::ParseQuantizer("int4:channel").value();
  RoundedWeightsCache cache;
  std::vector<float> codes(weights.values.size(), -3);
  codes[5] = 7;
  cache.Insert("repaired|a", quantizer,
               WeightsFromCodes(quantizer, 6, codes, {0.5F, 1, 1, 1, 1, 2}));
  const auto given = cache.Get("repaired|a", weights, quantizer).value();
  EXPECT_EQ(given->values[0], -1.5F);
  EXPECT_EQ(given->values[5], 3.5F);
  EXPECT_EQ(given->values.back(), -6);
  EXPECT_EQ(given->facts.max, 7);
  EXPECT_EQ(given->units, 3 * 71 + 7);
  const auto own = cache.Get("folded|a", weights, quantizer).value();
  EXPECT_EQ(own->values, RoundLayer(weights, quantizer).value().values);
}

}  // namespace
}  // namespace bitscape::emulate
