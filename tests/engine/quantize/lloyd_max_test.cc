// Lloyd-Max against published optima of known densities.
#include "engine/quantize/lloyd_max.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "engine/quantize/fit_levels.h"

namespace bitscape::quantize {
namespace {

// Midpoints of fine cells over [-12, 12], weighted by the density: quadrature of its moments.
struct Density {
  std::vector<float> values;
  std::vector<double> weights;
  Sample sample() const { return {.values = values, .weights = weights}; }
};
template <typename Function>
Density Tabulate(Function density) {
  constexpr int kCells = 240000;
  constexpr double kWidth = 24.0 / kCells;
  Density result;
  for (int i = 0; i < kCells; ++i) {
    const double x = -12 + (i + 0.5) * kWidth;
    result.values.push_back(static_cast<float>(x));
    result.weights.push_back(density(x) * kWidth);
  }
  return result;
}
Density Gauss() {
  return Tabulate([](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); });
}
// Unit variance.
Density Laplace() {
  return Tabulate(
      [](double x) { return std::exp(-std::sqrt(2.0) * std::fabs(x)) / std::sqrt(2.0); });
}

LloydMaxResult Fit(const Density& density, int levels) {
  const CellSums sums(density.sample());
  return LloydMax(sums, QuantileLevels(sums, levels), 1e-9, 100000);
}

// Max 1960, table I.
TEST(LloydMax, GaussHasMaxsLevels) {
  const Density gauss = Gauss();
  const LloydMaxResult two = Fit(gauss, 2);
  EXPECT_NEAR(two.levels[1], 0.7980, 2e-4);
  EXPECT_NEAR(two.levels[0], -0.7980, 2e-4);
  EXPECT_NEAR(two.mean_squared_error, 0.3634, 1e-4);
  const LloydMaxResult four = Fit(gauss, 4);
  EXPECT_NEAR(four.levels[2], 0.4528, 1e-4);
  EXPECT_NEAR(four.levels[3], 1.510, 1e-3);
  EXPECT_NEAR(four.levels[0], -four.levels[3], 1e-4);
  EXPECT_NEAR((four.levels[2] + four.levels[3]) / 2, 0.9816, 2e-4);
  EXPECT_NEAR(four.mean_squared_error, 0.1175, 1e-4);
  const LloydMaxResult eight = Fit(gauss, 8);
  const double expected[] = {0.2451, 0.7560, 1.344, 2.152};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(eight.levels[4 + i], expected[i], 1e-3) << i;
    EXPECT_NEAR(eight.levels[3 - i], -expected[i], 1e-3) << i;
  }
  EXPECT_NEAR(eight.mean_squared_error, 0.03454, 1e-5);
}

// Two levels of a symmetric density are +-E|x|; the four of the Laplacian solve
// its stationarity: x1 = 2 (l1 + l2) / 2 with the memoryless tail l2 = boundary + b.
TEST(LloydMax, LaplaceFollowsFromItsMemorylessTail) {
  const double b = 1 / std::sqrt(2.0);
  const Density laplace = Laplace();
  const LloydMaxResult two = Fit(laplace, 2);
  EXPECT_NEAR(two.levels[1], b, 1e-4);
  EXPECT_NEAR(two.mean_squared_error, 0.5, 1e-4);
  // Outer level = t + b; t = midpoint, so the inner level is t - b; and the inner level is the mean
  // of the exponential on [0, t]: b - t / (exp(t / b) - 1). Solved by bisection.
  double low = 0.1 * b, high = 10 * b;
  for (int i = 0; i < 200; ++i) {
    const double t = (low + high) / 2;
    (t - b < b - t / std::expm1(t / b) ? low : high) = t;
  }
  const LloydMaxResult four = Fit(laplace, 4);
  EXPECT_NEAR(four.levels[2], low - b, 1e-4);
  EXPECT_NEAR(four.levels[3], low + b, 1e-4);
  EXPECT_NEAR(four.levels[2], 0.4198, 2e-4);
  EXPECT_NEAR(four.levels[3], 1.8340, 2e-4);
}

TEST(LloydMax, StopsWhenLevelsMoveLessThanTheTolerance) {
  const Density gauss = Gauss();
  const CellSums sums(gauss.sample());
  const std::vector<double> initial = EvenLevels(sums, 16);
  const LloydMaxResult result = LloydMax(gauss.sample(), initial);
  EXPECT_LE(result.largest_move, 1e-6);
  ASSERT_GT(result.iterations, 2);
  // One iteration less had not arrived.
  const LloydMaxResult before = LloydMax(gauss.sample(), initial, 1e-6, result.iterations - 1);
  EXPECT_GT(before.largest_move, 1e-6);
  EXPECT_EQ(before.iterations, result.iterations - 1);
  EXPECT_GE(before.mean_squared_error, result.mean_squared_error);
}

TEST(LloydMax, TheErrorIsThatOfTheNearestLevels) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(5000);
  for (float& value : values) value = normal(random);
  const Sample sample{.values = values, .weights = {}};
  const LloydMaxResult result = LloydMax(sample, {2, -2, -0.5, 0.5, 9});
  EXPECT_TRUE(std::is_sorted(result.levels.begin(), result.levels.end()));
  EXPECT_EQ(result.levels.back(), 9);  // its cell holds nothing
  double error = 0;
  for (const float value : values) {
    double least = 1e30;
    for (const double level : result.levels) least = std::min(least, std::pow(value - level, 2));
    error += least;
  }
  EXPECT_NEAR(result.mean_squared_error, error / 5000, 1e-12);
}

TEST(LloydMax, WeightsCountAsRepetitions) {
  const std::vector<float> once = {0, 1, 4, 9, 16, 25};
  const std::vector<double> weights = {3, 1, 0, 2, 1, 4};
  const std::vector<float> repeated = {25, 0, 9, 25, 1, 0, 16, 25, 9, 0, 25};
  const LloydMaxResult a = LloydMax({.values = once, .weights = weights}, {1, 10, 20});
  const LloydMaxResult b = LloydMax({.values = repeated, .weights = {}}, {1, 10, 20});
  EXPECT_EQ(a.levels, b.levels);
  EXPECT_EQ(a.mean_squared_error, b.mean_squared_error);
  EXPECT_EQ(a.levels, (std::vector<double>{0.25, 34.0 / 3, 25}));
}

TEST(LloydMax, QuantilesOfFewHeavyValuesSplitTheRest) {
  std::vector<float> values(1000, 0.0F);
  for (int i = 1; i <= 50; ++i) values.push_back(static_cast<float>(i));
  const CellSums sums({.values = values, .weights = {}});
  const std::vector<double> levels = QuantileLevels(sums, 8);
  ASSERT_EQ(levels.size(), 8U);
  for (size_t i = 1; i < levels.size(); ++i) EXPECT_LT(levels[i - 1], levels[i]);
}

}  // namespace
}  // namespace bitscape::quantize
