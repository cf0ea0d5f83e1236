#include "engine/quantize/adaround.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/quantizer.h"

namespace bitscape::quantize {
namespace {

// Uniform in [-1, 1).
float Draw(uint64_t seed, uint64_t stream, size_t i) {
  return static_cast<float>(2 * RandomUniform(seed, stream, i) - 1);
}

// Rows of weights, correlated inputs, and what the error is made of.
struct Problem {
  int64_t rows = 0, length = 0;
  std::vector<float> weights, gram, target;
  OutputError error() const { return {length, gram, target}; }
};

// Inputs share a part, as activations of neighbouring pixels do; the target is the product with
// inputs that differ from the quantized ones by `noise`.
Problem MakeProblem(int64_t rows, int64_t length, uint64_t seed, float noise = 0) {
  Problem problem{rows, length, {}, {}, {}};
  const auto size = static_cast<size_t>(length);
  for (size_t i = 0; i < static_cast<size_t>(rows) * size; ++i) {
    problem.weights.push_back(Draw(seed, 1, i));
  }
  constexpr size_t kSamples = 400;
  std::vector<double> gram(size * size), target(static_cast<size_t>(rows) * size);
  for (size_t sample = 0; sample < kSamples; ++sample) {
    std::vector<double> x(size), exact(size);
    const double shared = double{Draw(seed, 2, sample)} + 1;
    for (size_t k = 0; k < size; ++k) {
      x[k] = shared + 0.7 * double{Draw(seed, 3, sample * size + k)};
      exact[k] = x[k] + double{noise} * double{Draw(seed, 4, sample * size + k)};
    }
    for (size_t k = 0; k < size; ++k) {
      for (size_t j = 0; j < size; ++j) gram[k * size + j] += x[k] * x[j] / kSamples;
    }
    for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
      double t = 0;
      for (size_t k = 0; k < size; ++k) t += double{problem.weights[row * size + k]} * exact[k];
      for (size_t k = 0; k < size; ++k) target[row * size + k] += t * x[k] / kSamples;
    }
  }
  problem.gram.assign(gram.begin(), gram.end());
  problem.target.assign(target.begin(), target.end());
  return problem;
}

struct Rounded {
  std::vector<float> nearest;
  GridNeighbours neighbours;
};

Rounded RoundTo(const std::string& notation, const Problem& problem) {
  const formats::Quantizer quantizer = formats::ParseQuantizer(notation).value();
  const TensorLayout layout{.outer = problem.rows, .axis = problem.length};
  const RoundedTensor rounded = RoundWeights(quantizer, layout, problem.weights).value();
  return {rounded.values, FindNeighbours(quantizer, layout, problem.weights, rounded)};
}

class Neighbours : public testing::TestWithParam<std::string> {};

TEST_P(Neighbours, EncloseTheWeightAndHoldItsNearestValue) {
  const formats::Quantizer quantizer = formats::ParseQuantizer(GetParam()).value();
  const Problem problem = MakeProblem(6, 64, 5);
  const Rounded rounded = RoundTo(GetParam(), problem);
  const auto [lowest, highest] =
      std::minmax_element(rounded.nearest.begin(), rounded.nearest.end());
  int moved = 0;
  for (size_t i = 0; i < problem.weights.size(); ++i) {
    const float weight = problem.weights[i];
    const float down = rounded.neighbours.down[i];
    const float up = rounded.neighbours.up[i];
    EXPECT_TRUE(rounded.nearest[i] == down || rounded.nearest[i] == up)
        << weight << ": " << down << ", " << rounded.nearest[i] << ", " << up;
    if (weight >= *lowest && weight <= *highest &&
        quantizer.granularity == formats::Granularity::kTensor) {
      EXPECT_LE(down, weight);
      EXPECT_GE(up, weight);
    }
    // Nearest: no other value of the grid lies closer than the further of the two.
    EXPECT_LE(std::fabs(rounded.nearest[i] - weight),
              std::min(std::fabs(down - weight), std::fabs(up - weight)) * 1.0001F + 1e-6F);
    moved += up > down ? 1 : 0;
  }
  EXPECT_GT(moved, static_cast<int>(problem.weights.size()) / 2);
}

INSTANTIATE_TEST_SUITE_P(Formats, Neighbours,
                         testing::Values("int4", "int3:channel", "int4:asym", "int4:full",
                                         "uint4:asym:channel", "e2m1:scaled", "fp6_e3m2",
                                         "fixed6.4", "dfx5", "fp8_e4m3", "bf16", "fp16", "int16"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == ':' || c == '.'; }, '_');
                           return name;
                         });

TEST(Neighbours, AreTheEndOfTheGridBeyondIt) {
  const formats::Quantizer quantizer = formats::ParseQuantizer("int4:clip=0.5").value();
  const TensorLayout layout{.outer = 1, .axis = 3};
  const std::vector<float> weights{-2.0F, 0.01F, 0.9F};
  const RoundedTensor rounded = RoundWeights(quantizer, layout, weights).value();
  const GridNeighbours neighbours = FindNeighbours(quantizer, layout, weights, rounded);
  EXPECT_EQ(neighbours.down[0], -0.5F);
  EXPECT_EQ(neighbours.up[0], -0.5F);
  EXPECT_EQ(neighbours.down[1], 0.0F);
  EXPECT_FLOAT_EQ(neighbours.up[1], 0.5F / 7);
  EXPECT_EQ(neighbours.down[2], 0.5F);
  EXPECT_EQ(neighbours.up[2], 0.5F);
}

TEST(Neighbours, AreTheNearestValueInWideFormats) {
  const Problem problem = MakeProblem(1, 16, 6);
  const Rounded rounded = RoundTo("tf32", problem);
  EXPECT_EQ(rounded.neighbours.down, rounded.nearest);
  EXPECT_EQ(rounded.neighbours.up, rounded.nearest);
}

double Sum(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

TEST(AdaRound, ErrorIsThatOfTheOutputs) {
  // One input vector x = (1, 2), target 3: (q x - 3)^2 - 9.
  const std::vector<float> gram{1, 2, 2, 4};
  const std::vector<float> target{3, 6};
  const std::vector<double> errors = ErrorOfRows({2, gram, target}, std::vector<float>{0.5F, 1.5F});
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_DOUBLE_EQ(errors[0], 0.25 - 9);
}

// Against the best of all 2^10 roundings of each row.
TEST(AdaRound, ComesNearTheBestRounding) {
  double learned = 0, best = 0, nearest = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Problem problem = MakeProblem(4, 10, seed, 0.1F);
    const Rounded rounded = RoundTo("int3", problem);
    const std::vector<float> result =
        AdaRound(problem.error(), rounded.neighbours, problem.weights, rounded.nearest);
    // The error less E[t^2], which the best real-valued row leaves nearly all of: measure from
    // there.
    const double floor = Sum(ErrorOfRows(problem.error(), problem.weights));
    learned += Sum(ErrorOfRows(problem.error(), result)) - floor;
    nearest += Sum(ErrorOfRows(problem.error(), rounded.nearest)) - floor;
    for (size_t row = 0; row < 4; ++row) {
      double lowest = std::numeric_limits<double>::infinity();
      const std::vector<float> all_targets(
          problem.target.begin() + static_cast<int>(row * 10),
          problem.target.begin() + static_cast<int>(row * 10 + 10));
      const OutputError one{10, problem.gram, all_targets};
      for (uint32_t choice = 0; choice < 1024; ++choice) {
        std::vector<float> candidate(10);
        for (size_t k = 0; k < 10; ++k) {
          const size_t i = row * 10 + k;
          candidate[k] =
              (choice >> k & 1U) != 0 ? rounded.neighbours.up[i] : rounded.neighbours.down[i];
        }
        lowest = std::min(lowest, ErrorOfRows(one, candidate)[0]);
      }
      best += lowest;
    }
    best -= floor;
  }
  RecordProperty("learned", std::to_string(learned));
  EXPECT_LT(learned, 0.5 * nearest) << "best " << best;
  EXPECT_LT(learned - best, 0.25 * (nearest - best)) << "nearest " << nearest << ", best " << best;
}

TEST(AdaRound, GivesValuesOfTheGridAndIsNeverWorseThanNearest) {
  for (const char* notation : {"int4", "int3:channel", "e2m1:scaled", "int2"}) {
    const Problem problem = MakeProblem(8, 48, 3, 0.3F);
    const Rounded rounded = RoundTo(notation, problem);
    const std::vector<float> result =
        AdaRound(problem.error(), rounded.neighbours, problem.weights, rounded.nearest);
    for (size_t i = 0; i < result.size(); ++i) {
      EXPECT_TRUE(result[i] == rounded.neighbours.down[i] || result[i] == rounded.neighbours.up[i]);
    }
    const std::vector<double> learned = ErrorOfRows(problem.error(), result);
    const std::vector<double> nearest = ErrorOfRows(problem.error(), rounded.nearest);
    for (size_t row = 0; row < learned.size(); ++row) EXPECT_LE(learned[row], nearest[row]);
  }
}

TEST(AdaRound, RowsDoNotDependOnEachOther) {
  const Problem problem = MakeProblem(7, 20, 9, 0.1F);
  const Rounded rounded = RoundTo("int3", problem);
  const std::vector<float> whole =
      AdaRound(problem.error(), rounded.neighbours, problem.weights, rounded.nearest);
  EXPECT_EQ(whole, AdaRound(problem.error(), rounded.neighbours, problem.weights, rounded.nearest));
  const auto part = [](const std::vector<float>& values) {
    return std::vector<float>(values.begin() + 40, values.begin() + 60);
  };
  const std::vector<float> target = part(problem.target);
  const GridNeighbours neighbours{part(rounded.neighbours.down), part(rounded.neighbours.up)};
  const std::vector<float> row = AdaRound({20, problem.gram, target}, neighbours,
                                          part(problem.weights), part(rounded.nearest));
  EXPECT_EQ(row, part(whole));
}

TEST(AdaRound, LeavesWeightsOnTheGrid) {
  Problem problem = MakeProblem(2, 12, 4);
  const Rounded first = RoundTo("int4", problem);
  problem.weights = first.nearest;
  const Rounded rounded = RoundTo("int4", problem);
  EXPECT_EQ(AdaRound(problem.error(), rounded.neighbours, problem.weights, rounded.nearest),
            first.nearest);
}

// A layer whose inputs never vary has no Gram matrix to speak of.
TEST(AdaRound, KeepsNearestWhereInputsAreZero) {
  Problem problem = MakeProblem(2, 6, 8);
  std::fill(problem.gram.begin(), problem.gram.end(), 0.0F);
  std::fill(problem.target.begin(), problem.target.end(), 0.0F);
  const Rounded rounded = RoundTo("int3", problem);
  const std::vector<float> result =
      AdaRound(problem.error(), rounded.neighbours, problem.weights, rounded.nearest);
  for (size_t i = 0; i < result.size(); ++i) {
    EXPECT_NEAR(result[i], problem.weights[i], 0.17F);
  }
}

}  // namespace
}  // namespace bitscape::quantize
