#include "engine/search/pareto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "engine/core/random.h"

namespace bitscape::search {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The obvious version: the oracle.
std::vector<size_t> NaiveFront(const std::vector<Point>& points) {
  std::vector<size_t> front;
  for (size_t i = 0; i < points.size(); ++i) {
    bool dominated = false;
    for (const Point& other : points) {
      bool no_worse = true;
      bool better = false;
      for (size_t k = 0; k < other.size(); ++k) {
        no_worse = no_worse && other[k] <= points[i][k];
        better = better || other[k] < points[i][k];
      }
      dominated = dominated || (no_worse && better);
    }
    if (!dominated) {
      front.push_back(i);
    }
  }
  return front;
}

// `levels` distinct values an objective: few give many ties and duplicates.
std::vector<Point> RandomPoints(size_t count, size_t objectives, uint64_t levels, uint64_t seed) {
  std::vector<Point> points(count, Point(objectives));
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < objectives; ++k) {
      points[i][k] = static_cast<double>(RandomBelow(levels, seed, i, k)) - 3.0;
    }
  }
  return points;
}

struct Case {
  size_t count, objectives;
  uint64_t levels;
};

class RandomFront : public ::testing::TestWithParam<Case> {};

TEST_P(RandomFront, EqualsTheNaiveVersion) {
  const Case param = GetParam();
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<Point> points =
        RandomPoints(param.count, param.objectives, param.levels, seed);
    EXPECT_EQ(ParetoFront(points), NaiveFront(points)) << "seed " << seed;
  }
}

TEST_P(RandomFront, GrowsToTheSameFrontPointByPoint) {
  const Case param = GetParam();
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<Point> points =
        RandomPoints(param.count, param.objectives, param.levels, seed);
    IncrementalFront front;
    std::vector<Point> prefix;
    for (size_t i = 0; i < points.size(); ++i) {
      const bool added = front.Add(i, points[i]);
      prefix.push_back(points[i]);
      const std::vector<size_t> expected = NaiveFront(prefix);
      ASSERT_EQ(front.Ids(), expected) << "seed " << seed << " after point " << i;
      ASSERT_EQ(added, expected.back() == i);
      ASSERT_EQ(front.Points().size(), expected.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, RandomFront,
                         ::testing::Values(Case{60, 1, 5}, Case{60, 2, 4}, Case{60, 2, 1000},
                                           Case{60, 3, 3}, Case{60, 3, 1000}, Case{60, 4, 4},
                                           Case{60, 5, 3}, Case{60, 6, 1000}),
                         [](const auto& test) {
                           return std::to_string(test.param.objectives) + "objectives" +
                                  std::to_string(test.param.levels) + "levels";
                         });

TEST(Dominates, NeedsOneBetterAndNoneWorse) {
  EXPECT_TRUE(Dominates(Point{1, 2}, Point{1, 3}));
  EXPECT_FALSE(Dominates(Point{1, 2}, Point{1, 2}));
  EXPECT_FALSE(Dominates(Point{0, 4}, Point{1, 3}));
}

TEST(ParetoFront, KeepsEveryEqualPoint) {
  EXPECT_THAT(ParetoFront({{1, 1}, {2, 2}, {1, 1}, {0, 5}}), ElementsAre(0u, 2u, 3u));
  EXPECT_THAT(ParetoFront({{1, 1, 1}, {1, 1, 1}, {1, 1, 2}}), ElementsAre(0u, 1u));
  EXPECT_THAT(ParetoFront({}), IsEmpty());
}

TEST(DefaultReferencePoint, IsTheNadirPlusATenthOfTheRange) {
  EXPECT_THAT(DefaultReferencePoint({{0, 30}, {10, 20}}),
              ElementsAre(DoubleEq(11.0), DoubleEq(31.0)));
  // No range: a tenth of the size of the value; no size either: one.
  EXPECT_THAT(DefaultReferencePoint({{-20, 0}, {-20, 0}}),
              ElementsAre(DoubleEq(-18.0), DoubleEq(1.0)));
  EXPECT_THAT(DefaultReferencePoint({}), IsEmpty());
}

// Sum of the strips between neighbours of a front sorted by its first objective.
double PlanarHypervolume(std::vector<Point> points, const Point& reference) {
  std::vector<Point> front;
  for (size_t i : NaiveFront(points)) {
    if (points[i][0] < reference[0] && points[i][1] < reference[1]) {
      front.push_back(points[i]);
    }
  }
  std::sort(front.begin(), front.end());
  double volume = 0;
  for (size_t i = 0; i < front.size(); ++i) {
    const double right = i + 1 < front.size() ? front[i + 1][0] : reference[0];
    volume += (right - front[i][0]) * (reference[1] - front[i][1]);
  }
  return volume;
}

TEST(Hypervolume, EqualsTheStripFormulaForTwoObjectives) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<Point> points = RandomPoints(50, 2, 100, seed);
    const Point reference = {80, 60};
    EXPECT_NEAR(*Hypervolume(points, reference), PlanarHypervolume(points, reference), 1e-9);
  }
}

TEST(Hypervolume, EqualsHandValues) {
  EXPECT_DOUBLE_EQ(*Hypervolume({{1, 1}}, {3, 4}), 6.0);
  // Two boxes of 2x1x1 and 1x2x1 that share 1x1x1.
  EXPECT_DOUBLE_EQ(*Hypervolume({{0, 1, 1}, {1, 0, 1}}, {2, 2, 2}), 3.0);
  // Boxes 2^4 and, beside it, 1x4x1x1 that shares 1x2x1x1.
  EXPECT_DOUBLE_EQ(*Hypervolume({{2, 2, 2, 2}, {3, 0, 3, 3}}, {4, 4, 4, 4}), 18.0);
}

TEST(Hypervolume, IsTheProductOfTheEdgesForOnePoint) {
  for (size_t objectives = 2; objectives <= 6; ++objectives) {
    EXPECT_DOUBLE_EQ(*Hypervolume({Point(objectives, -1.0)}, Point(objectives, 1.0)),
                     std::pow(2.0, static_cast<double>(objectives)));
  }
}

TEST(Hypervolume, IgnoresPointsThatAreNotBeforeTheReferencePoint) {
  EXPECT_DOUBLE_EQ(*Hypervolume({{1, 1}, {3, 0}, {0, 5}, {9, 9}}, {3, 4}), 6.0);
  EXPECT_DOUBLE_EQ(*Hypervolume({{3, 4}}, {3, 4}), 0.0);
  EXPECT_DOUBLE_EQ(*Hypervolume({}, {3, 4}), 0.0);
}

TEST(Hypervolume, RefusesWhatHasNoVolume) {
  EXPECT_THAT(std::string(Hypervolume({{1}}, {2}).status().message()),
              HasSubstr("1 objectives, at least 2"));
  EXPECT_THAT(std::string(Hypervolume({{1, 1}, {1, 1, 1}}, {2, 2}).status().message()),
              HasSubstr("point 1 of the front: 3 values, the reference point has 2"));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Hypervolume({{1, 1}}, {2, infinity}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Hypervolume({{1, std::nan("")}}, {2, 2}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bitscape::search
