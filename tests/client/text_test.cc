#include "client/cli/text.h"

#include <gtest/gtest.h>

namespace bitscape::cli {
namespace {

TEST(Qualified, AddsTheCollectionOnce) {
  EXPECT_EQ(Qualified("networks", "resnet8"), "networks/resnet8");
  EXPECT_EQ(Qualified("networks", "networks/resnet8"), "networks/resnet8");
  EXPECT_EQ(Qualified("networks", ""), "");
}

TEST(PlanOrFloat32, NamesTheEmptyPlan) {
  EXPECT_EQ(PlanOrFloat32(""), "weights=fp32");
  EXPECT_EQ(PlanOrFloat32(" \n"), "weights=fp32");
  EXPECT_EQ(PlanOrFloat32("weights=int8"), "weights=int8");
}

TEST(LastPart, IsWhatFollowsTheLastSlash) {
  EXPECT_EQ(LastPart("sweeps/a/trials/t1"), "t1");
  EXPECT_EQ(LastPart("t1"), "t1");
}

TEST(Units, ChooseTheLargestThatFits) {
  EXPECT_EQ(Energy(12.34e6), "12.34 uJ");
  EXPECT_EQ(Energy(0.5), "0.5 pJ");
  EXPECT_EQ(Area(2.5e6), "2.5 mm2");
  EXPECT_EQ(Area(950), "950 um2");
  EXPECT_EQ(Seconds(0.00123), "1.23 ms");
  EXPECT_EQ(Bytes(77824), "76 KiB");
  EXPECT_EQ(Bytes(0), "0 B");
}

TEST(Count, GroupsThousands) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1000), "1,000");
  EXPECT_EQ(Count(1234567), "1,234,567");
  EXPECT_EQ(Count(-1234), "-1,234");
}

TEST(Elapsed, GrowsWithTheTime) {
  EXPECT_EQ(Elapsed(-1), "0 s");
  EXPECT_EQ(Elapsed(59.4), "59 s");
  EXPECT_EQ(Elapsed(61), "1:01");
  EXPECT_EQ(Elapsed(3723), "1:02:03");
}

TEST(ShortPlan, NamesWeightsActivationsAccumulator) {
  EXPECT_EQ(ShortPlan("weights=int8:channel,activations=int8,accumulator=int32"),
            "int8:channel / int8 / int32");
  EXPECT_EQ(ShortPlan("weights=fp16"), "fp16 / fp32 / fp32");
  EXPECT_EQ(ShortPlan(""), "fp32 / fp32 / fp32");
}

TEST(ShortPlan, ShowsWholeWhatIsNotUniform) {
  const std::string rules = "weights=int4,activations=int8;[last]weights=int8";
  EXPECT_EQ(ShortPlan(rules), rules);
  EXPECT_EQ(ShortPlan("weights=int4,fold=never"), "weights=int4,fold=never");
}

}  // namespace
}  // namespace bitscape::cli
