#include "engine/core/suggest.h"

#include <gtest/gtest.h>

namespace bitscape {
namespace {

TEST(Suggest, FindsTheNearestName) {
  EXPECT_EQ(NearestName("resnet9", {"lenet5", "resnet8"}), "resnet8");
  EXPECT_EQ(NearestName("int", {"int8", "fp8"}), "int8");
  EXPECT_EQ(NearestName("zzzzzzzzz", {"lenet5", "resnet8"}), "");
  EXPECT_EQ(NearestName("x", {}), "");
}

TEST(Suggest, NeverComparesVeryLongNames) {
  EXPECT_EQ(NearestName(std::string(1'000'000, 'a'), {std::string(1'000'000, 'a')}), "");
}

TEST(Suggest, DidYouMeanIsEmptyWithoutANearName) {
  EXPECT_EQ(DidYouMean("lenet", {"lenet5"}), "; did you mean 'lenet5'?");
  EXPECT_EQ(DidYouMean("qqqqqqq", {"lenet5"}), "");
}

TEST(Glob, MatchesStarsAndQuestionMarks) {
  EXPECT_TRUE(GlobMatch("block?.conv*", "block1.conv2"));
  EXPECT_TRUE(GlobMatch("*", ""));
  EXPECT_TRUE(GlobMatch("a*b*c", "axxbxbxc"));
  EXPECT_FALSE(GlobMatch("a*b", "axxbx"));
  EXPECT_FALSE(GlobMatch("?", ""));
  EXPECT_FALSE(GlobMatch("", "a"));
}

}  // namespace
}  // namespace bitscape
