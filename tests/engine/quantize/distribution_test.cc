// Histograms of activations: their ends, degenerate ranges, merging.
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "engine/quantize/ranges.h"

namespace bitscape::quantize {
namespace {

RangeStatistics Seen(std::span<const float> values) {
  RangeStatistics range;
  range.Observe(values);
  return range;
}

TEST(Distribution, DegenerateRangesHaveOneBin) {
  for (const float only : {0.0F, 3.0F, -2.5F, FLT_TRUE_MIN, FLT_MAX}) {
    const std::vector<float> values(5, only);
    Distribution distribution(Seen(values));
    distribution.Observe(values);
    EXPECT_EQ(distribution.bins()[0], 5);
    EXPECT_EQ(distribution.Center(0), only);
    EXPECT_EQ(std::accumulate(distribution.bins().begin(), distribution.bins().end(), int64_t{0}),
              5);
  }
  Distribution nothing{RangeStatistics{}};
  nothing.Observe(std::vector<float>{1, -1});
  EXPECT_EQ(nothing.bins()[0], 2);
}

TEST(Distribution, EndBinsHoldTheEndsAndWhatLiesBeyond) {
  Distribution distribution(RangeStatistics{.min = -1, .max = 3, .count = 2});
  const float infinity = std::numeric_limits<float>::infinity();
  distribution.Observe(std::vector<float>{-1, 3, -7, 99, infinity, std::nanf("")});
  EXPECT_EQ(distribution.bins().front(), 2);
  EXPECT_EQ(distribution.bins().back(), 2);
  EXPECT_NEAR(distribution.Center(0), -1 + 0.5 * 4 / 4096, 1e-6);
  EXPECT_NEAR(distribution.Center(4095), 3 - 0.5 * 4 / 4096, 1e-6);
  EXPECT_EQ(distribution.Center(1024), 0);  // the bin of zero stands for it
  Distribution wide(RangeStatistics{.min = -FLT_MAX, .max = FLT_MAX, .count = 2});
  wide.Observe(std::vector<float>{-FLT_MAX, 1, FLT_MAX});
  EXPECT_EQ(wide.bins().front(), 1);
  EXPECT_EQ(wide.bins()[2048], 1);
  EXPECT_EQ(wide.bins().back(), 1);
}

TEST(Distribution, MergingIsFreeOfOrder) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values(999);
  for (float& value : values) value = normal(random);
  const RangeStatistics range = Seen(values);
  Distribution all(range), a(range), b(range), c(range);
  const std::span<const float> span(values);
  all.Observe(span);
  a.Observe(span.first(100));
  b.Observe(span.subspan(100, 500));
  c.Observe(span.subspan(600));
  Distribution left = c;
  left.Merge(a);
  left.Merge(b);
  b.Merge(c);
  a.Merge(b);
  EXPECT_EQ(left.bins(), all.bins());
  EXPECT_EQ(a.bins(), all.bins());
}

}  // namespace
}  // namespace bitscape::quantize
