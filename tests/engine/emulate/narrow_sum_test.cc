#include "engine/emulate/narrow_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"

namespace bitscape::emulate {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

quantize::Accumulator Narrow(const std::string& text) {
  const quantize::Accumulator accumulator = quantize::ParseAccumulator(text).value();
  EXPECT_EQ(accumulator.kind, quantize::Accumulator::Kind::kNarrow) << text;
  return accumulator;
}

// The sum of `products` as a layer whose activations are all 1.
double Sum(const std::string& text, const std::vector<float>& products, SumKey key = {}) {
  return NarrowSum(Narrow(text), products, std::vector<float>(products.size(), 1), key);
}

TEST(NarrowSum, IntegersSaturateOrWrapAfterEachChunk) {
  const std::vector<float> products{100, 100, -100, -100, -100};
  EXPECT_EQ(Sum("int8", products), -128);                      // 100, 127, 27, -73, -128
  EXPECT_EQ(Sum("int8:chunk2", {100, 100, -100, -100}), -73);  // 127, -73
  EXPECT_EQ(Sum("int8:chunk3", products), -100);               // 100, -100
  EXPECT_EQ(Sum("int8:wrap", products), -100);
  EXPECT_EQ(Sum("int8:wrap", {100, 100}), -56);
  EXPECT_EQ(Sum("int32:chunk1", {2e9F, 2e9F}), 2147483647);
  EXPECT_EQ(Sum("int32:wrap", {2e9F, 2e9F}), 4e9 - 4294967296.0);
}

TEST(NarrowSum, TheLastChunkMayBeShorter) {
  EXPECT_EQ(Sum("int4:chunk4", {5, 5, -5, -5, 6, 6}), 7);
  EXPECT_EQ(Sum("int4:chunk6", {5, 5, -5, -5, 6, -6}), 0);
  EXPECT_EQ(NarrowSteps(Narrow("int4:chunk4"), 6), 2);
  EXPECT_EQ(NarrowSteps(Narrow("int4:chunk4"), 8), 2);
  EXPECT_EQ(NarrowSteps(Narrow("int4"), 8), 8);
}

TEST(NarrowSum, FixedPointRoundsToItsGrid) {
  EXPECT_EQ(Sum("fixed8.4", {0.03125F, 0.03125F}), 0);  // a tie goes to even, twice
  EXPECT_EQ(Sum("fixed8.4:chunk2", {0.03125F, 0.03125F}), 0.0625);
  EXPECT_EQ(Sum("fixed8.4:away", {0.03125F}), 0.0625);
  EXPECT_EQ(Sum("fixed8.4:floor", {-0.01F}), -0.0625);
  EXPECT_EQ(Sum("fixed8.4:zero", {-0.06F}), 0);
  EXPECT_EQ(Sum("fixed8.4", {9}), 7.9375);
  EXPECT_EQ(Sum("fixed8.4", {-9}), -8);
  EXPECT_EQ(Sum("fixed8.4:wrap", {9}), -7);
  EXPECT_EQ(Sum("fixed8.4:wrap", {7.97F}), -8);  // rounds up to 8, which wraps
}

TEST(NarrowSum, SwampingInHalfPrecision) {
  // 2048 + 1 is a tie that goes to even; two at once arrive.
  EXPECT_EQ(Sum("fp16:chunk1", {2048, 1, 1}), 2048);
  EXPECT_EQ(Sum("fp16:chunk2", {2048, 0, 1, 1}), 2050);
  EXPECT_EQ(Sum("fp16", {60000, 60000}), 65504);          // saturates
  EXPECT_EQ(Sum("fp16", {0x1p-24F, 0x1p-24F}), 0x1p-23);  // subnormals
  EXPECT_EQ(Sum("e5m10:ieee:ftz", {0x1p-15F}), 0);
  EXPECT_EQ(Sum("fp16", {0x1p-26F, 0x1p-26F}), 0);
  EXPECT_EQ(Sum("fp16:chunk2", {0x1.8p-26F, 0x1p-26F}), 0x1p-24);
}

TEST(NarrowSum, AlignmentCutsBelowTheLargestProduct) {
  // The largest is 1 = 2^0; 4 bits keep multiples of 2^-3.
  EXPECT_EQ(Sum("fp32:chunk4:align4", {1, 0.1875F, 0.1875F, 0.1875F}), 1.375);
  EXPECT_EQ(Sum("fp32:chunk4", {1, 0.1875F, 0.1875F, 0.1875F}), 1.5625);
  EXPECT_EQ(Sum("fp32:chunk4:align4", {1, -0.1875F, -0.1875F, -0.1875F}), 0.625);  // towards 0
  EXPECT_EQ(Sum("fp32:chunk2:align4", {1.9375F, 0.125F}), 2);  // the largest loses bits, too
  EXPECT_EQ(Sum("int16:chunk3:align2", {64, 31, -63}), 32);    // multiples of 32
  EXPECT_EQ(Sum("fp32:chunk3:align8", {0, 0, 0}), 0);
  // Each chunk has its own largest product; the partial sum is not cut.
  EXPECT_EQ(Sum("fp32:chunk1:align1", {1, 0.125F, 0.0625F}), 1.1875);
}

TEST(NarrowSum, AChunkIsRoundedOnceHoweverWideItsProductsSpread) {
  EXPECT_EQ(Sum("fp32:chunk4", {0x1p100F, 1, -0x1p100F, 0x1p-100F}), 1);
  EXPECT_EQ(Sum("fp16:chunk3", {0x1p100F, 0x1p-20F, -0x1p100F}), 0x1p-20);
  // 1 + 2^-11 is a tie for fp16; the smallest float decides.
  EXPECT_EQ(Sum("fp16:chunk3", {1, 0x1p-11F, 0x1p-140F}), 1 + 0x1p-10);
  EXPECT_EQ(Sum("fp16:chunk3", {1, 0x1p-11F, -0x1p-140F}), 1);
}

TEST(NarrowSum, SpecialValuesEndInWhatTheFormatHas) {
  EXPECT_EQ(Sum("fp16", {1, kInfinity, -5}), kInfinity);
  EXPECT_TRUE(std::isnan(Sum("fp16", {kInfinity, -kInfinity, 1})));
  EXPECT_TRUE(std::isnan(Sum("fp16:chunk2", {kInfinity, -kInfinity, 1})));
  EXPECT_TRUE(std::isnan(Sum("fp32:chunk2", {1, kNan, 1})));
  EXPECT_EQ(Sum("fp8_e4m3", {-kInfinity, 0}), -448);  // no infinity: saturates
  EXPECT_EQ(Sum("int8", {kNan, 3}), 3);               // no NaN: holds 0
  EXPECT_EQ(Sum("int8", {kInfinity, -1}), 126);
  EXPECT_EQ(Sum("fixed8.4", {kInfinity}), 7.9375);
}

TEST(NarrowSum, ZeroIsPositive) {
  EXPECT_FALSE(std::signbit(Sum("fp16", {-0.0F})));
  EXPECT_FALSE(std::signbit(Sum("int8:zero", {-0.25F})));
}

// sum + product rounded to a float format by the definition: to a multiple of the step at its size.
double RoundByDefinition(long double exact, int mantissa_bits, int min_exponent, double largest) {
  if (exact == 0) return 0;
  const int exponent = std::max(std::ilogb(exact), min_exponent);
  const long double step = std::ldexp(1.0L, exponent - mantissa_bits);
  const double rounded = static_cast<double>(std::nearbyint(exact / step) * step);
  return std::clamp(rounded, -largest, largest);
}

struct FloatCase {
  const char* text;
  int chunk, mantissa_bits, min_exponent;
  double largest;
};
class FloatAccumulator : public testing::TestWithParam<FloatCase> {};

// Products of two fp8 values and chunks of 16 fit the 64 bits of long double with any partial sum.
TEST_P(FloatAccumulator, EqualsLongDoubleRoundedByDefinition) {
  const FloatCase& format = GetParam();
  const quantize::Accumulator accumulator = Narrow(format.text);
  const formats::ElementType fp8 = formats::ParseQuantizer("fp8_e4m3")->format.element;
  for (uint64_t trial = 0; trial < 500; ++trial) {
    std::vector<float> weights, activations;
    for (uint64_t i = 0; i < 50; ++i) {
      const auto code = [&](uint64_t stream) {
        return static_cast<uint32_t>(RandomBelow(0x7f, trial, stream, i) |
                                     RandomBelow(2, trial, stream + 1, i) << 7);
      };
      weights.push_back(formats::Decode(fp8, code(0)));
      activations.push_back(formats::Decode(fp8, code(2)));
    }
    double partial = 0;
    for (size_t first = 0; first < weights.size(); first += static_cast<size_t>(format.chunk)) {
      long double sum = partial;
      for (size_t i = first;
           i < std::min(weights.size(), first + static_cast<size_t>(format.chunk)); ++i) {
        sum += static_cast<long double>(weights[i]) * static_cast<long double>(activations[i]);
      }
      partial = RoundByDefinition(sum, format.mantissa_bits, format.min_exponent, format.largest);
    }
    ASSERT_EQ(NarrowSum(accumulator, weights, activations), partial) << "trial " << trial;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FloatAccumulator,
                         testing::Values(FloatCase{"fp16", 1, 10, -14, 65504},
                                         FloatCase{"fp16:chunk16", 16, 10, -14, 65504},
                                         FloatCase{"bf16", 1, 7, -126, 0x1.fep127},
                                         FloatCase{"bf16:chunk8", 8, 7, -126, 0x1.fep127},
                                         FloatCase{"e6m9:ieee:chunk4", 4, 9, -30, 0x1.ff8p31},
                                         FloatCase{"fp8_e4m3", 1, 3, -6, 448},
                                         FloatCase{"fp32:chunk16", 16, 23, -126, 0x1.fffffep127}));

TEST(NarrowSum, Float32InChunksOfOneIsFusedMultiplyAdd) {
  const quantize::Accumulator accumulator = Narrow("fp32:chunk1");
  for (uint64_t trial = 0; trial < 300; ++trial) {
    std::vector<float> weights, activations;
    float expected = 0;
    for (uint64_t i = 0; i < 40; ++i) {
      weights.push_back(static_cast<float>(RandomUniform(trial, 0, i) - 0.5));
      activations.push_back(static_cast<float>(RandomUniform(trial, 1, i) - 0.5));
      expected = std::fma(weights.back(), activations.back(), expected);
    }
    ASSERT_EQ(NarrowSum(accumulator, weights, activations), static_cast<double>(expected));
  }
}

TEST(NarrowSum, HoldsAFloatAsTheCodecRoundsIt) {
  for (const char* text :
       {"fp16", "bf16", "e6m9:ieee", "fp8_e5m2", "fp8_e4m3", "fp4_e2m1", "e5m10:ieee:ftz",
        "fp16:away", "fp16:floor", "fp16:zero", "fp8_e5m2:stochastic", "int8", "int8:floor",
        "int8:wrap", "int8:wrap:away", "e3m0"}) {
    const quantize::Accumulator accumulator = Narrow(std::string(text) + ":chunk2");
    const formats::Quantizer& format = *accumulator.format;
    for (uint64_t i = 0; i < 20000; ++i) {
      const uint64_t bits = RandomBits(7, 0, i);
      const int exponent = static_cast<int>(RandomBelow(48, 7, 1, i)) - 30;
      float value = std::ldexp(static_cast<float>(bits >> 40), exponent - 24);
      if (i % 4 == 0) value = std::round(value * 4) / 8;  // ties
      if (i % 2 == 0) value = -value;
      ExactSum sum;
      sum.Add(static_cast<double>(value));
      const float expected = formats::Decode(
          format.format.element,
          formats::Encode(format.format.element, value, format.rounding, format.overflow, bits));
      ASSERT_EQ(RoundToAccumulator(format, sum, bits), static_cast<double>(expected))
          << text << " of " << value;
    }
  }
}

TEST(NarrowSum, StochasticRoundingIsUnbiasedAndKeyed) {
  const std::vector<float> products(512, 0.25F);
  double mean = 0;
  for (uint64_t output = 0; output < 2000; ++output) {
    mean += Sum("int16:stochastic", products, {.seed = 3, .stream = 9, .first = output * 512});
  }
  mean /= 2000;
  // 512 draws of variance 3/16 a sum: the mean of 2000 has a deviation of 0.22.
  EXPECT_NEAR(mean, 128, 1.1);
  const SumKey key{.seed = 3, .stream = 9, .first = 512};
  EXPECT_EQ(Sum("int16:stochastic", products, key), Sum("int16:stochastic", products, key));
  EXPECT_NE(Sum("int16:stochastic", products, key),
            Sum("int16:stochastic", products, {.seed = 4, .stream = 9, .first = 512}));
}

TEST(NarrowSum, ConvolutionsAddByRowColumnChannel) {
  network::Conv conv;
  auto weights = std::make_shared<network::Tensor>();
  weights->shape = {1, 2, 1, 2};
  weights->values = {6, -5, 5, -6};  // [channel][column]: in order 6, 5, -5, -6
  conv.weights = weights;
  network::Node node{.name = "conv", .op = conv, .inputs = {0}, .shape = {1, 1, 1, 1}};
  const NarrowLayer layer{.node = &node,
                          .src_shape = {1, 2, 1, 2},
                          .weights_shape = weights->shape,
                          .accumulator = Narrow("int4")};
  double sum = 0;
  NarrowSums(layer, std::vector<float>{1, 1, 1, 1}, weights->values, {}, {&sum, 1});
  EXPECT_EQ(sum, -4);  // 6, 7 (11 saturates), 2, -4; channels first would give 0
}

TEST(CheckNarrow, RefusesWhatCannotHoldSums) {
  quantize::Accumulator accumulator = Narrow("fp16");
  EXPECT_TRUE(CheckNarrow(accumulator).ok());
  accumulator.format = formats::ParseQuantizer("int8").value();
  EXPECT_THAT(std::string(CheckNarrow(accumulator).message()),
              testing::HasSubstr("partial sums are held in an intN, a fixedN.F or a float"));
  accumulator = Narrow("fp16");
  std::get<formats::Minifloat>(accumulator.format->format.element).underflow =
      formats::Underflow::kAdaptiv;
  EXPECT_FALSE(CheckNarrow(accumulator).ok());
}

}  // namespace
}  // namespace bitscape::emulate
