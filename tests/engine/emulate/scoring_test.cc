#include "engine/emulate/scoring.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace bitscape::emulate {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

int Largest(const std::vector<float>& logits) { return LargestLogit(logits); }
double Loss(const std::vector<float>& logits, int32_t label) { return CrossEntropy(logits, label); }

TEST(LargestLogit, TakesTheFirstOfTiesAndNeverNan) {
  EXPECT_EQ(Largest({1, 3, 2}), 1);
  EXPECT_EQ(Largest({-1, -1, -2}), 0);
  EXPECT_EQ(Largest({kNan, -5, kNan}), 1);
  EXPECT_EQ(Largest({2, kNan, 3}), 2);
  EXPECT_EQ(Largest({-kInfinity, kInfinity}), 1);
}

TEST(CrossEntropy, MatchesItsDefinition) {
  EXPECT_NEAR(Loss({0, 0, 0, 0}, 2), std::log(4.0), 0x1p-20);
  EXPECT_NEAR(Loss({1, 3}, 0), std::log1p(std::exp(2.0)), 0x1p-20);
  EXPECT_NEAR(Loss({1000, 0}, 1), 1000, 0x1p-20);
  EXPECT_EQ(Loss({1000, 0}, 0), 0);
}

TEST(CrossEntropy, IsLargestForLogitsThatAreNotFinite) {
  EXPECT_EQ(Loss({kNan, 1}, 1), 0x1p20);
  EXPECT_EQ(Loss({kInfinity, 1}, 0), 0x1p20);
  EXPECT_EQ(Loss({3e38F, -3e38F}, 1), 0x1p20);
}

TEST(CrossEntropy, SumsDoNotDependOnTheirOrder) {
  double forward = 0;
  double backward = 0;
  for (int i = 0; i < 1000; ++i) {
    forward += Loss({0, static_cast<float>(i) * 0.37F}, 0);
    backward += Loss({0, static_cast<float>(999 - i) * 0.37F}, 0);
  }
  EXPECT_EQ(forward, backward);
}

}  // namespace
}  // namespace bitscape::emulate
