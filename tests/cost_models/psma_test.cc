#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/validation/psma_compare.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

const Technology& Node28() {
  static const Technology kTechnology = *Technology::Make({.node = "28nm"});
  return kTechnology;
}

const std::vector<PsmaRow>& Rows() {
  static const auto* const kRows = [] {
    std::ifstream file(PSMA_DATA);
    std::stringstream text;
    text << file.rdbuf();
    return new std::vector<PsmaRow>(*ReadPsma(text.str()));
  }();
  return *kRows;
}

TEST(Psma, HoldsEveryArrayAtBothClocks) {
  int figures = 0;
  for (const PsmaRow& row : Rows()) {
    EXPECT_EQ(row.energies.size(), row.design.subword ? 3 : 5) << row.name;
    figures += static_cast<int>(row.energies.size());
  }
  EXPECT_EQ(Rows().size(), 2 * 72);
  EXPECT_EQ(figures, 2 * (54 * 5 + 18 * 3));
}

// A register of the source takes 2.69 um2; where its inputs' widths follow from the design, so do
// these.
TEST(Psma, RegistersOfTheArraysAreThoseOfTheirRtl) {
  const auto registers = [](std::string_view name) {
    for (const PsmaRow& row : Rows()) {
      if (row.clock_ns == 5 && row.name == name) return row.register_um2 / 2.69;
    }
    return 0.0;
  };
  // 16 384 input bits and one sum of 24 + 4 bits; 256 input bits and 32 768 of sums.
  EXPECT_NEAR(registers("BG_L2_L4_11_L3_11_L2_11_DVAFS_0"), 16384 + 28, 50);
  EXPECT_NEAR(registers("BG_L2_L4_00_L3_00_L2_00_DVAFS_0"), 256 + 32768, 200);
}

TEST(Psma, RanksOfAreaAndEnergyFollowTheSynthesis) {
  for (const PsmaCorrelation& result : ComparePsma(Rows(), Node28())) {
    const std::string what = result.precision
                                 ? std::to_string(result.precision->activation_bits) + " x " +
                                       std::to_string(result.precision->weight_bits)
                                 : "area";
    std::printf("%g ns %-6s %d arrays: rank correlation %.3f, model / published %.2f\n",
                result.clock_ns, what.c_str(), result.designs, result.rank_correlation,
                result.mean_ratio);
    EXPECT_GE(result.rank_correlation, 0.6) << result.clock_ns << " ns, " << what;
    EXPECT_EQ(result.designs,
              result.precision && result.precision->activation_bits != result.precision->weight_bits
                  ? 54
                  : 72);
  }
}

// What the one fitted parameter is worth. The rows at 1 GHz have no part in it.
TEST(Psma, TheSpuriousShareIsTheBestAt200MHz) {
  const auto lowest = [](double spurious) {
    double least = 1;
    for (const PsmaCorrelation& result : ComparePsma(Rows(), Node28(), spurious)) {
      if (result.precision && result.clock_ns == 5)
        least = std::min(least, result.rank_correlation);
    }
    return least;
  };
  for (const double other : {0.0, 0.2, 0.5, 2.0}) {
    std::printf("%g: lowest rank correlation %.3f\n", other, lowest(other));
    EXPECT_LT(lowest(other), lowest(kSpuriousPerLevel)) << other;
  }
}

TEST(Psma, SharingOutputsNeedsFewerAccumulators) {
  const auto area = [](std::string_view name) {
    return PricePsma(*ParsePsmaDesign(name), {}, Node28()).area_um2;
  };
  EXPECT_GT(area("BG_L2_L4_00_L3_00_L2_00_DVAFS_0"), area("BG_L2_L4_00_L3_00_L2_10_DVAFS_0"));
  EXPECT_GT(area("BG_L2_L4_00_L3_00_L2_10_DVAFS_0"), area("BG_L2_L4_00_L3_00_L2_11_DVAFS_0"));
  EXPECT_GT(area("BG_L2_L4_00_L3_00_L2_00_DVAFS_0"), area("BG_L2_L4_00_L3_00_L2_00_DVAFS_1"));
}

TEST(Psma, ReadsOnlyWhatItUnderstands) {
  EXPECT_THAT(std::string(ParsePsmaDesign("BG_L5_L4_00_L3_00_L2_00_DVAFS_0").status().message()),
              HasSubstr("BG_L5"));
  EXPECT_FALSE(ParsePsmaDesign("BG_L2_L4_01_L3_00_L2_00_DVAFS_0").ok());
  EXPECT_FALSE(ParsePsmaDesign("BITFUSION").ok());
  const std::string header =
      "clock_ns,design,area_um2,register_um2,fj_8x8,fj_8x4,fj_8x2,fj_4x4,fj_2x2\n";
  EXPECT_THAT(std::string(ReadPsma("# x\na,b\n").status().message()), HasSubstr("line 2"));
  const std::string name = "BG_L2_L4_00_L3_00_L2_00_DVAFS_1";
  EXPECT_TRUE(ReadPsma(header + "5," + name + ",1,1,1,,,1,1\n").ok());
  EXPECT_THAT(std::string(ReadPsma(header + "5," + name + ",1,1,1\n").status().message()),
              HasSubstr("line 2: 5 columns"));
  EXPECT_THAT(std::string(ReadPsma(header + "5," + name + ",-1,1,1,,,1,1\n").status().message()),
              HasSubstr("column 3 is \"-1\""));
}

TEST(RankCorrelation, IsOfRanksWithTiesAtTheirMean) {
  EXPECT_DOUBLE_EQ(RankCorrelation(std::vector<double>{1, 2, 30}, std::vector<double>{4, 5, 6}), 1);
  EXPECT_DOUBLE_EQ(RankCorrelation(std::vector<double>{1, 2, 3}, std::vector<double>{9, 5, 1}), -1);
  // Ranks 0.5, 0.5, 2 and 0, 1, 2.
  EXPECT_NEAR(RankCorrelation(std::vector<double>{1, 1, 3}, std::vector<double>{1, 2, 3}),
              std::sqrt(3.0) / 2, 1e-12);
}

}  // namespace
}  // namespace bitscape::cost_models
