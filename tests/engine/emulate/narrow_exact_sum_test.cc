#include "engine/emulate/narrow_exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/core/random.h"

namespace bitscape::emulate {
namespace {

double Sum(std::initializer_list<double> values) {
  ExactSum sum;
  for (const double value : values) sum.Add(value);
  return sum.RoundToOdd();
}

TEST(ExactSum, KeepsWhatCancellationLeaves) {
  EXPECT_EQ(Sum({}), 0);
  EXPECT_EQ(Sum({0x1p255, 0x1p-298, -0x1p255}), 0x1p-298);
  EXPECT_EQ(Sum({-0x1p255, -0x1p-298, 0x1p255}), -0x1p-298);
  EXPECT_EQ(Sum({1.5, -1.5}), 0);
  EXPECT_EQ(Sum({-3, 0x1p-100, -0x1p-100}), -3);
}

TEST(ExactSum, DroppedBitsSetTheLastKeptOne) {
  EXPECT_EQ(Sum({0x1p53, 1}), 0x1p53 + 2);  // 2^53 + 1 lies between 2^53 and 2^53 + 2, which is odd
  EXPECT_EQ(Sum({0x1p53, 2, 1}), 0x1p53 + 2);
  EXPECT_EQ(Sum({0x1p53, 4, -1}), 0x1p53 + 2);
  EXPECT_EQ(Sum({-0x1p53, -1}), -0x1p53 - 2);
  EXPECT_EQ(Sum({1, 0x1p-200}), 1 + 0x1p-52);
  EXPECT_EQ(Sum({1, -0x1p-200}), 1 - 0x1p-53);
}

TEST(ExactSum, EqualsIntegerSums) {
  __extension__ using Wide = __int128;
  for (uint64_t trial = 0; trial < 2000; ++trial) {
    ExactSum sum;
    Wide expected = 0;
    const int terms = 1 + static_cast<int>(RandomBelow(60, trial, 0, 0));
    for (int i = 0; i < terms; ++i) {
      const uint64_t bits = RandomBits(trial, 1, static_cast<uint64_t>(i));
      const int64_t mantissa = static_cast<int64_t>(bits) >> (12 + bits % 40);
      const int shift = static_cast<int>(RandomBelow(60, trial, 2, static_cast<uint64_t>(i)));
      sum.Add(std::ldexp(static_cast<double>(mantissa), shift - 298));
      expected += static_cast<Wide>(mantissa) * (Wide{1} << shift);
    }
    // The oracle drops bits one by one.
    Wide magnitude = expected < 0 ? -expected : expected;
    int exponent = -298;
    bool dropped = false;
    for (; magnitude >= (Wide{1} << 53); magnitude >>= 1, ++exponent) {
      dropped = dropped || (magnitude & 1) != 0;
    }
    if (dropped) magnitude |= 1;
    const double odd = std::ldexp(static_cast<double>(magnitude), exponent);
    ASSERT_EQ(sum.RoundToOdd(), expected < 0 ? -odd : odd) << "trial " << trial;
  }
}

TEST(ExactSum, RemaindersKeepTheSign) {
  const auto remainder = [](std::initializer_list<double> values, int exponent) {
    ExactSum sum;
    for (const double value : values) sum.Add(value);
    sum.TakeRemainder(exponent);
    return sum.RoundToOdd();
  };
  EXPECT_EQ(remainder({255}, 8), 255);
  EXPECT_EQ(remainder({256}, 8), 0);
  EXPECT_EQ(remainder({-257}, 8), -1);
  EXPECT_EQ(remainder({0x1p200, 5}, 8), 5);
  EXPECT_EQ(remainder({-0x1p200, -5}, 8), -5);
  EXPECT_EQ(remainder({0x1p200, -5}, 8), 251);
  EXPECT_EQ(remainder({2.25}, 1), 0.25);
  EXPECT_EQ(remainder({-0.75, 0x1p-50}, -1), -0.25 + 0x1p-50);
}

}  // namespace
}  // namespace bitscape::emulate
