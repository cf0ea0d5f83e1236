// Range methods against computations of their own, and what every method promises.
#include "engine/quantize/ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <variant>
#include <vector>

#include "engine/network/zoo.h"
#include "engine/quantize/fit_levels.h"
#include "engine/quantize/range_methods.h"
#include "engine/quantize/tensor_rounding.h"
#include "tests/golden/vectors.h"

namespace bitscape::quantize {
namespace {

using testing::HasSubstr;

formats::Quantizer Format(std::string_view notation) {
  return formats::ParseQuantizer(notation).value();
}

RangeStatistics Seen(std::span<const float> values) {
  RangeStatistics range;
  range.Observe(values);
  return range;
}

RangeStatistics Choose(std::string_view notation, std::span<const float> values,
                       std::span<const double> weights = {}) {
  return ChooseRange(Format(notation), Seen(values), {.values = values, .weights = weights})
      .value();
}

std::vector<float> Gauss(size_t count, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}
std::vector<float> Laplace(size_t count, uint32_t seed = 2) {
  std::mt19937 random(seed);
  std::exponential_distribution<float> exponential;
  std::vector<float> values(count);
  for (float& value : values) value = exponential(random) * ((random() & 1) != 0 ? 1.0F : -1.0F);
  return values;
}
std::vector<float> Relu(std::vector<float> values) {
  for (float& value : values) value = std::max(value, 0.0F);
  return values;
}
// The weights of every layer of a trained network.
std::vector<float> TrainedWeights() {
  const network::Network network = network::LoadZooNetwork("resnet8").value();
  std::vector<float> values;
  for (const auto& node : network.nodes) {
    const auto* conv = std::get_if<network::Conv>(&node.op);
    if (conv == nullptr) continue;
    values.insert(values.end(), conv->weights->values.begin(), conv->weights->values.end());
  }
  return values;
}

double Error(const formats::Quantizer& quantizer, std::span<const float> values) {
  const formats::Scaling scaling = FitScaling(quantizer, {.values = values, .weights = {}}).value();
  std::vector<float> rounded(values.size());
  formats::RoundReference(quantizer.format.element, quantizer.rounding, quantizer.overflow, scaling,
                          values, rounded);
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += std::pow(double{rounded[i]} - values[i], 2);
  return sum / static_cast<double>(values.size());
}

constexpr const char* kScaled[] = {"int8",           "int4",          "int3",
                                   "int2",           "uint4",         "int4:asym",
                                   "uint3:asym",     "int4:pow2",     "dfx5",
                                   "e4m3:scaled",    "e2m1:scaled",   "e3m0:scaled",
                                   "log4",           "log4:unsigned", "log3:sqrt2",
                                   "af5_3",          "int4:floor",    "int4:stochastic",
                                   "int4:reciprocal"};

TEST(ChooseRange, NeverWiderThanTheDataNeverReversed) {
  std::vector<std::vector<float>> samples = {Gauss(3000),
                                             Laplace(3000),
                                             Relu(Gauss(3000)),
                                             {5, 6, 7},
                                             {-7, -6, -5},
                                             {0, 0, 0},
                                             {3},
                                             {-3, -3},
                                             {0, 0, 0, 0, 0, 0, 0, 1},
                                             {FLT_MAX, -FLT_MAX, 1},
                                             {FLT_TRUE_MIN, 0}};
  for (const std::vector<float>& values : samples) {
    const RangeStatistics range = Seen(values);
    for (const char* format : kScaled) {
      for (const char* method : {":minmax", ":p50", ":p99", ":mse", ":kl", ":aciq"}) {
        const std::string notation = std::string(format) + method;
        const RangeStatistics chosen = Choose(notation, values);
        EXPECT_LE(chosen.min, chosen.max) << notation;
        EXPECT_LE(double{chosen.max} - chosen.min, double{range.max} - range.min) << notation;
        // Between the data's ends and zero, which every scale covers.
        EXPECT_LE(chosen.max, std::max(range.max, 0.0F)) << notation;
        EXPECT_GE(chosen.min, std::min(range.min, 0.0F)) << notation;
        if (range.min != 0 || range.max != 0) {
          EXPECT_TRUE(chosen.min != 0 || chosen.max != 0) << notation;
        }
      }
    }
  }
}

TEST(Percentile, IsTheNearestRank) {
  std::vector<float> values(1000);
  std::iota(values.begin(), values.end(), 1.0F);
  values[999] = -1000;
  EXPECT_EQ(Choose("int8:p99.9", values).max, 999);
  EXPECT_EQ(Choose("int8:p99.9", values).min, -999);
  EXPECT_EQ(Choose("int8:p50", values).max, 500);
  EXPECT_EQ(Choose("int8:p50.01", values).max, 501);
}

TEST(Percentile, WeightsCountAsRepetitions) {
  const std::vector<float> values = {-1, 2, 3, 50};
  const std::vector<double> weights = {500, 300, 199, 1};
  std::vector<float> repeated;
  for (size_t i = 0; i < 4; ++i) {
    repeated.insert(repeated.end(), static_cast<size_t>(weights[i]), values[i]);
  }
  for (const char* notation : {"int8:p50", "int8:p50.1", "int8:p80", "int8:p80.01", "int8:p99.9"}) {
    const RangeStatistics weighted = Choose(notation, values, weights);
    const RangeStatistics once = Choose(notation, repeated);
    EXPECT_EQ(weighted.max, once.max) << notation;
    EXPECT_EQ(weighted.min, once.min) << notation;
  }
  EXPECT_EQ(Choose("int8:p99.9", values, weights).max, 3);
}

TEST(Percentile, ZerosAloneAreNoRange) {
  const std::vector<float> values = {0, 0, 0, 0, 0, 0, 0.5F, 4};
  EXPECT_EQ(Choose("int8:p50", values).max, 0.5F);
  const std::vector<double> weights(8, 2.0);
  EXPECT_EQ(Choose("int8:p50", values, weights).max, 0.5F);
}

TEST(Bounds, AreWhatIsWritten) {
  const std::vector<float> values = {-1, 9};
  EXPECT_EQ(Choose("int8:clip=2.5", values).max, 2.5F);
  EXPECT_EQ(Choose("int8:clip=2.5", values).min, -2.5F);
  EXPECT_EQ(Choose("int8:clip=2.5", Relu(values)).min, 0);
  EXPECT_EQ(Choose("uint4:pact=6", values).max, 6);
  EXPECT_EQ(Choose("uint4:pact=6", values).min, 0);
}

// q = round(clip(x, 0, alpha) (2^k - 1) / alpha) alpha / (2^k - 1)
TEST(Bounds, PactRoundsAsThePaperDoes) {
  const nlohmann::json tests = golden::ReadJson("lecture_formats.json").at("pact");
  ASSERT_GT(tests.size(), 0U);
  for (const auto& test : tests) {
    const double alpha = test.at("alpha").get<double>();
    const auto quantizer = Format("uint" + std::to_string(test.at("k").get<int>()) +
                                  ":pact=" + nlohmann::json(alpha).dump());
    const auto values = test.at("in").get<std::vector<float>>();
    const double steps = std::exp2(test.at("k").get<int>()) - 1;
    const formats::Scaling scaling =
        FitScaling(quantizer, {.values = values, .weights = {}}).value();
    std::vector<float> rounded(values.size());
    formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow, scaling,
                   values, rounded);
    for (size_t i = 0; i < values.size(); ++i) {
      const double clipped = std::clamp(double{values[i]}, 0.0, alpha);
      EXPECT_NEAR(rounded[i], std::nearbyint(clipped * steps / alpha) * alpha / steps,
                  alpha * 1e-6);
    }
  }
}

TEST(ChooseRange, Errors) {
  const auto message = [](std::string_view notation, const Sample& sample) {
    return std::string(ChooseRange(Format(notation), {}, sample).status().message());
  };
  const std::vector<float> values = {1, 2};
  const std::vector<double> weights = {1};
  EXPECT_THAT(message("int8:mse", {}), HasSubstr("int8:mse: a range is chosen from at least one"));
  EXPECT_THAT(message("int8:kl", {.values = values, .weights = weights}),
              HasSubstr("2 values with 1 weights"));
  EXPECT_THAT(message("uint8:pact", {.values = values, .weights = {}}),
              HasSubstr("training gives PACT's alpha"));
}

TEST(Mse, NeverWorseThanMinmaxOnWhatItSaw) {
  for (const auto& values : {Gauss(4000), Laplace(4000), Relu(Laplace(4000)), Gauss(100000)}) {
    for (const char* format : kScaled) {
      if (std::string(format).ends_with("stochastic")) continue;
      EXPECT_LE(Error(Format(std::string(format) + ":mse"), values),
                Error(Format(format), values) * (1 + 1e-9))
          << format << ", " << values.size();
    }
  }
}

// A scan of 4000 clips finds nothing that is a percent better.
TEST(Mse, FindsTheLeastErrorOfAScan) {
  const std::vector<float> values = Laplace(3000);
  const Sample sample{.values = values, .weights = {}};
  const RangeStatistics range = Seen(values);
  for (const char* format : {"int4", "int3", "int4:asym", "e2m1:scaled", "log3", "dfx4"}) {
    const formats::Quantizer quantizer = Format(format);
    double least = std::numeric_limits<double>::infinity();
    for (int i = 1; i <= 4000; ++i) {
      least = std::min(least, RangeError(quantizer, Shrunk(range, i / 4000.0), sample));
    }
    EXPECT_LE(Error(Format(std::string(format) + ":mse"), values), least * 1.01) << format;
  }
}

TEST(Mse, BothEndsOfAsymmetricRangesScale) {
  std::vector<float> values = Gauss(4000);
  for (float& value : values) value = value < 0 ? value / 3 : value;
  const RangeStatistics range = Seen(values);
  const RangeStatistics chosen = Choose("int3:asym:mse", values);
  EXPECT_LT(chosen.max, range.max);
  EXPECT_NEAR(chosen.min / range.min, chosen.max / range.max, 1e-6);
}

// The root of the derivative against the least of the error itself.
TEST(Aciq, ClosedFormsAreTheMinimaOfTheirErrors) {
  const auto minimum = [](auto error) {
    double best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (double clip = 0.01; clip < 25; clip += 0.0005) {
      if (error(clip) < least) {
        least = error(clip);
        best = clip;
      }
    }
    return best;
  };
  for (const int bits : {2, 3, 4, 5, 8}) {
    const double noise = std::exp2(-2.0 * bits) / 3;
    EXPECT_NEAR(LaplaceClip(bits),
                minimum([noise](double clip) { return 2 * std::exp(-clip) + clip * clip * noise; }),
                1e-3);
    // The paper's form of the Gaussian's clipping error.
    EXPECT_NEAR(GaussClip(bits), minimum([noise](double clip) {
                  return (1 + clip * clip) * std::erfc(clip / std::sqrt(2.0)) -
                         std::sqrt(2 / M_PI) * clip * std::exp(-clip * clip / 2) +
                         clip * clip * noise;
                }),
                1e-3);
  }
  // The paper prints these for 2, 3 and 4 bits, the last digit cut or rounded.
  EXPECT_NEAR(LaplaceClip(2), 2.83, 0.01);
  EXPECT_NEAR(LaplaceClip(3), 3.89, 0.01);
  EXPECT_NEAR(LaplaceClip(4), 5.03, 0.01);
  EXPECT_NEAR(GaussClip(2), 1.71, 0.01);
  EXPECT_NEAR(GaussClip(3), 2.15, 0.01);
  EXPECT_NEAR(GaussClip(4), 2.55, 0.01);
}

TEST(Aciq, TakesTheDensityThatFits) {
  const std::vector<float> gauss = Gauss(50000), laplace = Laplace(50000);
  EXPECT_NEAR(Choose("int4:aciq", gauss).max, GaussClip(4), 0.03);
  EXPECT_NEAR(Choose("int4:aciq", gauss).min, -GaussClip(4), 0.03);
  EXPECT_NEAR(Choose("int4:aciq", laplace).max, LaplaceClip(4), 0.06);
  EXPECT_NEAR(Choose("int3:aciq", laplace).max, LaplaceClip(3), 0.06);
  // After a ReLU all codes lie on one half, as if there were a bit more.
  EXPECT_NEAR(Choose("uint4:aciq", Relu(laplace)).max, LaplaceClip(5), 0.08);
  EXPECT_NEAR(Choose("int4:aciq", Relu(gauss)).max, GaussClip(4), 0.03);
  EXPECT_NEAR(Choose("uint4:asym:aciq", Relu(gauss)).max, GaussClip(5), 0.05);
}

// Formats of other levels: the least expected error under the fitted density is near the least on a
// sample of it.
TEST(Aciq, OtherLevelsMinimiseTheirOwnExpectedError) {
  const std::vector<float> laplace = Laplace(50000);
  for (const char* format : {"e2m1:scaled", "log4:sqrt2", "e3m0:scaled"}) {
    const double aciq = Error(Format(std::string(format) + ":aciq"), laplace);
    const double mse = Error(Format(std::string(format) + ":mse"), laplace);
    EXPECT_LE(aciq, mse * 1.03) << format;
  }
}

// The definition, bin by bin, without running sums.
double DivergenceByDefinition(const std::vector<double>& bins, size_t count, size_t levels) {
  std::vector<double> p(bins.begin(), bins.begin() + static_cast<int64_t>(count));
  p.back() += std::accumulate(bins.begin() + static_cast<int64_t>(count), bins.end(), 0.0);
  std::vector<double> q(count, 0.0);
  for (size_t level = 0; level < levels; ++level) {
    const size_t begin = level * count / levels, end = (level + 1) * count / levels;
    double sum = 0, nonzero = 0;
    for (size_t i = begin; i < end; ++i) {
      sum += bins[i];
      nonzero += bins[i] > 0 ? 1 : 0;
    }
    for (size_t i = begin; i < end; ++i) q[i] = bins[i] > 0 ? sum / nonzero : 0;
  }
  const double total_p = std::accumulate(p.begin(), p.end(), 0.0);
  const double total_q = std::accumulate(q.begin(), q.end(), 0.0);
  double divergence = 0;
  for (size_t i = 0; i < count; ++i) {
    if (q[i] == 0 && p[i] > 0) q[i] = 1e-4;
    if (p[i] > 0) divergence += p[i] / total_p * std::log(p[i] / total_p / (q[i] / total_q));
  }
  return divergence;
}

TEST(Kl, IsTheLeastDivergenceOfTheDefinition) {
  for (const auto& [notation, levels] :
       {std::pair("int8:kl", size_t{128}), std::pair("int4:kl", size_t{8})}) {
    std::vector<float> values = Laplace(20000);
    values.push_back(40);  // an outlier to be clipped
    const double amax = 40;
    std::vector<double> bins(2048, 0.0);
    for (const float value : values) {
      bins[std::min(static_cast<size_t>(std::fabs(value) / amax * 2048), size_t{2047})] += 1;
    }
    double least = std::numeric_limits<double>::infinity();
    for (size_t count = levels; count <= 2048; ++count) {
      least = std::min(least, DivergenceByDefinition(bins, count, levels));
    }
    const RangeStatistics chosen = Choose(notation, values);
    const auto count = static_cast<size_t>(std::lround(chosen.max / amax * 2048));
    EXPECT_LT(count, 1500U) << notation;
    EXPECT_NEAR(DivergenceByDefinition(bins, count, levels), least, 1e-9) << notation;
  }
}

TEST(Kl, ClipsAnOutlierForEveryKindOfLevels) {
  std::vector<float> values = Gauss(20000);
  values.push_back(200);
  for (const char* format : {"int8", "uint8:asym", "e4m3:scaled", "e2m1:scaled", "log4:sqrt2"}) {
    const RangeStatistics chosen = Choose(std::string(format) + ":kl", values);
    // Floats keep their relative precision in a wide range: they clip less.
    EXPECT_LT(chosen.max, 150) << format;
    EXPECT_GT(chosen.max, 1) << format;
  }
}

// Nine values of ten are one number, as the background of images is.
TEST(Kl, OneNumberDoesNotDecide) {
  const std::vector<float> shape = Gauss(20000);
  for (const float background : {-0.8F, 0.3F, 2.5F, 0.0F}) {
    std::vector<float> values = shape;
    values.insert(values.end(), 9 * shape.size(), background);
    for (const char* format : {"int8", "int4", "uint8:asym", "e4m3:scaled", "log4:sqrt2"}) {
      const std::string notation = std::string(format) + ":kl";
      const RangeStatistics chosen = Choose(notation, values), without = Choose(notation, shape);
      EXPECT_GE(chosen.max, std::fabs(background)) << notation;
      if (std::fabs(background) < without.max) {
        EXPECT_EQ(chosen.max, without.max) << notation << ", " << background;
      }
      EXPECT_LT(Error(Format(notation), values), 4 * Error(Format(format), values)) << notation;
      // As bins of a histogram, too.
      const RangeStatistics range = Seen(values);
      Distribution distribution(range);
      distribution.Observe(values);
      std::vector<float> centers;
      std::vector<double> weights;
      for (size_t bin = 0; bin < distribution.bins().size(); ++bin) {
        centers.push_back(distribution.Center(bin));
        weights.push_back(static_cast<double>(distribution.bins()[bin]));
      }
      const RangeStatistics binned =
          ChooseRange(Format(notation), range, {.values = centers, .weights = weights}).value();
      EXPECT_NEAR(binned.max, chosen.max, 0.15 * chosen.max) << notation << ", " << background;
    }
  }
}

TEST(Kl, KeepsWhatEveryValueEquals) {
  const std::vector<float> values = {0, 0, 3, 3, 3, 3};
  EXPECT_EQ(Choose("int8:kl", values).max, 3);
}

TEST(Kl, MoreLevelsThanBinsKeepTheRange) {
  const std::vector<float> values = Gauss(1000);
  EXPECT_EQ(Choose("int16:kl", values).max, Seen(values).max);
}

TEST(LloydMaxFormats, BeatUniformLevelsOnGaussLaplaceAndTrainedWeights) {
  for (const auto& values : {Gauss(20000), Laplace(20000), TrainedWeights()}) {
    ASSERT_GT(values.size(), 10000U);
    for (const int bits : {2, 3, 4}) {
      const double fitted =
          Error(Format("codebook" + std::to_string(1 << bits) + ":lloydmax"), values);
      const std::string uniform = "int" + std::to_string(bits);
      EXPECT_LT(fitted, Error(Format(uniform), values)) << uniform;
      EXPECT_LT(fitted, Error(Format(uniform + ":mse"), values)) << uniform;
      EXPECT_LT(fitted, Error(Format(uniform + ":asym:mse"), values)) << uniform;
    }
  }
}

}  // namespace
}  // namespace bitscape::quantize
