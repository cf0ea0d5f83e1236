#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cost_models/mac/scalable.h"
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

// What the one fitted parameter is worth.
TEST(Psma, TheSpuriousShareIsTheBestAtEitherClock) {
  const auto lowest = [](double spurious, double clock_ns) {
    double least = 1;
    for (const PsmaCorrelation& result : ComparePsma(Rows(), Node28(), spurious)) {
      if (result.precision && result.clock_ns == clock_ns) {
        least = std::min(least, result.rank_correlation);
      }
    }
    return least;
  };
  for (const double clock_ns : {1.0, 5.0}) {
    const double best = lowest(kSpuriousPerLevel, clock_ns);
    for (const double other : {0.0, 0.2, 0.5, 2.0}) {
      std::printf("%g ns, %g: lowest rank correlation %.3f\n", clock_ns, other,
                  lowest(other, clock_ns));
      EXPECT_LT(lowest(other, clock_ns), best) << other;
    }
  }
}

struct RegisterPower {
  double clock_ns, milliwatts;
  PsmaDesign design;
  PsmaPrecision precision;
};
std::vector<RegisterPower> RegisterPowers() {
  std::ifstream file(PSMA_REGISTERS);
  std::vector<RegisterPower> rows;
  for (std::string line; std::getline(file, line);) {
    if (line[0] == '#' || line.starts_with("clock_ns")) continue;
    std::stringstream cells(line);
    std::string clock, name, precision, milliwatts;
    std::getline(cells, clock, ',');
    std::getline(cells, name, ',');
    std::getline(cells, precision, ',');
    std::getline(cells, milliwatts, ',');
    rows.push_back({.clock_ns = std::stod(clock),
                    .milliwatts = std::stod(milliwatts),
                    .design = *ParsePsmaDesign(name),
                    .precision = {precision[0] - '0', precision[2] - '0'}});
  }
  return rows;
}

// Power of an array's sums = bits that are clocked x p + bits that change x q, by least squares of
// the relative error; the share is p / (p + q).
TEST(Psma, TheShareOfAnIdleRegisterIsItsFit) {
  for (const double clock_ns : {1.0, 5.0}) {
    double aa = 0, ab = 0, bb = 0, a = 0, b = 0;
    std::vector<std::pair<double, double>> points;
    for (const RegisterPower& row : RegisterPowers()) {
      if (row.clock_ns != clock_ns || row.design.groups == PsmaDesign::Groups::kSerial) continue;
      const PsmaSums sums = SumsOf(row.design, row.precision);
      const double built = sums.built_bits / row.milliwatts;
      const double used = sums.used_bits / row.milliwatts;
      points.emplace_back(built, used);
      aa += built * built;
      ab += built * used;
      bb += used * used;
      a += built;
      b += used;
    }
    const double p = (a * bb - b * ab) / (aa * bb - ab * ab);
    const double q = (b * aa - a * ab) / (aa * bb - ab * ab);
    double error = 0;
    for (const auto& [built, used] : points) {
      error += std::abs(p * built + q * used - 1) / static_cast<double>(points.size());
    }
    std::printf("%g ns: idle share %.3f, mean error of %zu rows %.1f %%\n", clock_ns, p / (p + q),
                points.size(), 100 * error);
    EXPECT_NEAR(p / (p + q), kIdleRegisterShare, 0.005);
    EXPECT_LT(error, 0.17);
  }
}

// LOOM's sums are clocked once in so many cycles: power = (1 + (cycles - 1) share) / cycles of what
// it takes at 2 x 2, where every cycle ends a sum.
TEST(Psma, TheShareOfAGatedRegisterIsItsMean) {
  double mean = 0;
  int rows = 0;
  for (const double clock_ns : {1.0, 5.0}) {
    const auto clocked = [](const RegisterPower& row) {
      const PsmaSums sums = SumsOf(row.design, row.precision);
      return kIdleRegisterShare * sums.built_bits + (1 - kIdleRegisterShare) * sums.used_bits;
    };
    std::vector<RegisterPower> loom;
    for (const RegisterPower& row : RegisterPowers()) {
      const PsmaDesign& design = row.design;
      if (row.clock_ns == clock_ns && design.groups == PsmaDesign::Groups::kSerial &&
          !design.level4.add_weights && !design.level3.add_weights) {
        loom.push_back(row);
      }
    }
    ASSERT_EQ(loom.size(), 5);
    const auto every = std::ranges::find_if(
        loom, [](const RegisterPower& row) { return row.precision.activation_bits == 2; });
    for (const RegisterPower& row : loom) {
      const int cycles = SumsOf(row.design, row.precision).cycles;
      if (cycles == 1) continue;
      const double part = row.milliwatts / clocked(row) / (every->milliwatts / clocked(*every));
      const double share = (part * cycles - 1) / (cycles - 1);
      EXPECT_GT(share, 0.08);
      EXPECT_LT(share, 0.15);
      mean += share;
      ++rows;
    }
  }
  EXPECT_NEAR(mean / rows, kGatedRegisterShare, 0.005);
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
