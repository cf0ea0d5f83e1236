#include "engine/core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace bitscape {
namespace {

TEST(Random, IsAPureFunctionOfItsKey) {
  EXPECT_EQ(RandomBits(1, 2, 3), RandomBits(1, 2, 3));
  std::set<uint64_t> seen;
  for (uint64_t seed : {0, 1}) {
    for (uint64_t stream : {0, 1}) {
      for (uint64_t counter = 0; counter < 1000; ++counter) {
        seen.insert(RandomBits(seed, stream, counter));
      }
    }
  }
  EXPECT_EQ(seen.size(), 4000u);
}

TEST(Random, UniformFillsTheIntervalEvenly) {
  std::array<int, 16> counts{};
  constexpr int kDraws = 160'000;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const double u = RandomUniform(7, 0, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++counts[static_cast<size_t>(u * 16)];
  }
  double chi_square = 0;
  for (int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  EXPECT_LT(chi_square, 37.7);  // 15 degrees of freedom, 0.1% level
}

TEST(Random, BelowStaysBelow) {
  std::array<int, 3> counts{};
  for (uint64_t i = 0; i < 3000; ++i) ++counts[RandomBelow(3, 1, 2, i)];
  for (int count : counts) EXPECT_NEAR(count, 1000, 130);
  EXPECT_EQ(RandomBelow(1, 1, 1, 1), 0u);
}

}  // namespace
}  // namespace bitscape
