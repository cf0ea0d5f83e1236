// What the options change, and what must hold under all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cost_models/technology/node_scaling.h"
#include "cost_models/technology/readings.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

Technology At(const TechnologyOptions& options) {
  const absl::StatusOr<Technology> technology = Technology::Make(options);
  EXPECT_TRUE(technology.ok()) << technology.status();
  return *technology;
}

struct Block {
  std::string name;
  std::function<BlockCost(const Technology&, int bits)> cost;
};

const std::vector<Block>& Blocks() {
  static const auto* const kBlocks = new std::vector<Block>{
      {"adder", [](const Technology& t, int n) { return t.Adder(n); }},
      {"multiplier", [](const Technology& t, int n) { return t.Multiplier(n, n); }},
      {"multiplier by 4", [](const Technology& t, int n) { return t.Multiplier(n, 4); }},
      {"multiplier of 1", [](const Technology& t, int n) { return t.Multiplier(1, n); }},
      {"shifter", [](const Technology& t, int n) { return t.Shifter(n, 3); }},
      {"shifter stages", [](const Technology& t, int n) { return t.Shifter(8, n); }},
      {"float adder mantissa", [](const Technology& t, int n) { return t.FloatAdder(5, n); }},
      {"float adder exponent", [](const Technology& t, int n) { return t.FloatAdder(n, 5); }},
      {"float multiplier", [](const Technology& t, int n) { return t.FloatMultiplier(5, n, n); }},
      {"float multiplier of one width",
       [](const Technology& t, int n) { return t.FloatMultiplier(5, n, 4); }},
      {"float multiplier exponent",
       [](const Technology& t, int n) { return t.FloatMultiplier(n, 4, 4); }},
      {"gates", [](const Technology& t, int n) { return t.Gates(n); }},
      {"multiplexer", [](const Technology& t, int n) { return t.Multiplexer(n, 4); }},
      {"multiplexer ways", [](const Technology& t, int n) { return t.Multiplexer(4, n); }},
      {"leading zeros", [](const Technology& t, int n) { return t.LeadingZeros(n); }},
      {"population count", [](const Technology& t, int n) { return t.PopulationCount(n); }},
      {"table width", [](const Technology& t, int n) { return t.Table(16, n); }},
      {"table entries", [](const Technology& t, int n) { return t.Table(n, 8); }},
      {"registers and gates",
       [](const Technology& t, int n) { return t.Register(n) + t.Gates(n); }},
  };
  return *kBlocks;
}

std::vector<Reading> ReadingsWithSupplies() {
  std::vector<Reading> readings = AllReadings({});
  for (const NodeRow& node : NodeRows()) {
    for (const double volts : {node.lowest_v, HighestVolts(node)}) {
      readings.push_back({std::string(node.node) + " at " + std::to_string(volts),
                          {.node = std::string(node.node), .supply_v = volts}});
    }
  }
  return readings;
}

TEST(TechnologyOptions, CostsOfEveryBlockGrowWithItsWidth) {
  for (const Reading& reading : ReadingsWithSupplies()) {
    const Technology technology = At(reading.options);
    for (const Block& block : Blocks()) {
      BlockCost last = block.cost(technology, 1);
      ASSERT_GE(last.energy_pj, 0) << reading.label << ": " << block.name;
      ASSERT_GE(last.area_um2, 0) << reading.label << ": " << block.name;
      ASSERT_GE(last.delay_ns, 0) << reading.label << ": " << block.name;
      for (int bits = 2; bits <= 64; ++bits) {
        const BlockCost cost = block.cost(technology, bits);
        ASSERT_GT(cost.energy_pj, last.energy_pj) << reading.label << ": " << block.name << bits;
        ASSERT_GT(cost.area_um2, last.area_um2) << reading.label << ": " << block.name << bits;
        ASSERT_GE(cost.delay_ns, last.delay_ns) << reading.label << ": " << block.name << bits;
        last = cost;
      }
      ASSERT_GT(last.delay_ns, 0) << reading.label << ": " << block.name;
    }
  }
}

TEST(TechnologyOptions, SmallerNodesCostLessEnergyAndArea) {
  const std::vector<std::string> nodes = TechnologyNodes();
  ASSERT_EQ(nodes.front(), "65nm");
  ASSERT_EQ(nodes.back(), "7nm");
  for (size_t i = 1; i < nodes.size(); ++i) {
    const Technology large = At({.node = nodes[i - 1]});
    const Technology small = At({.node = nodes[i]});
    for (const Block& block : Blocks()) {
      const BlockCost before = block.cost(large, 8);
      const BlockCost after = block.cost(small, 8);
      EXPECT_LT(after.energy_pj, before.energy_pj) << nodes[i] << ": " << block.name;
      EXPECT_LT(after.area_um2, before.area_um2) << nodes[i] << ": " << block.name;
    }
    EXPECT_LT(small.SramReadPjPerBit(8192, 64), large.SramReadPjPerBit(8192, 64));
    EXPECT_LT(small.SramAreaUm2PerBit(8192), large.SramAreaUm2PerBit(8192));
    EXPECT_LT(small.SramLeakageMwPerKb(), large.SramLeakageMwPerKb());
  }
}

// Area factors and a ratio of energies of the published table, from 45 to 65 nm and to 7 nm.
TEST(TechnologyOptions, NodesFollowThePublishedFactors) {
  const BlockCost base = At({}).Adder(16);
  const BlockCost old = At({.node = "65nm"}).Adder(16);
  const BlockCost young = At({.node = "7nm"}).Adder(16);
  EXPECT_NEAR(old.area_um2 / base.area_um2, 1.5, 1e-12);
  EXPECT_NEAR(young.area_um2 / base.area_um2, 0.059, 1e-12);
  // 3.755 V^2 - 4.398 V + 1.975 at 1.1 V over 1.018 V^2 - 0.3107 V + 0.1539 at 0.9 V.
  EXPECT_NEAR(old.energy_pj / base.energy_pj, 1.68075 / 0.69885, 1e-4);
  EXPECT_NEAR(young.energy_pj / base.energy_pj, 0.047815 / 0.69885, 1e-4);
  EXPECT_LT(young.delay_ns, base.delay_ns);
  EXPECT_LT(base.delay_ns, old.delay_ns);
}

TEST(TechnologyOptions, EnergyIsAboutTheSquareOfTheVoltage) {
  for (const NodeRow& node : NodeRows()) {
    const TechnologyOptions nominal = {.node = std::string(node.node)};
    double last = 0;
    for (double volts = node.lowest_v; volts < HighestVolts(node); volts += 0.01) {
      TechnologyOptions options = nominal;
      options.supply_v = volts;
      const double ratio = At(options).Adder(8).energy_pj / At(nominal).Adder(8).energy_pj;
      EXPECT_GT(ratio, last) << node.node << " at " << volts;
      const double square = volts * volts / (node.nominal_v * node.nominal_v);
      EXPECT_NEAR(ratio / square, 1, 0.4) << node.node << " at " << volts;
      last = ratio;
    }
  }
}

TEST(TechnologyOptions, LowSuppliesAreSlow) {
  for (const NodeRow& node : NodeRows()) {
    const Technology technology = At({.node = std::string(node.node)});
    EXPECT_DOUBLE_EQ(technology.DelayFactor(node.nominal_v), 1);
    EXPECT_DOUBLE_EQ(technology.NominalVolts(), technology.SupplyVolts());
    double last = technology.DelayFactor(node.lowest_v);
    EXPECT_GT(last, 1.5) << node.node;
    for (double volts = node.lowest_v + 0.01; volts < HighestVolts(node); volts += 0.01) {
      EXPECT_LT(technology.DelayFactor(volts), last) << node.node << " at " << volts;
      last = technology.DelayFactor(volts);
    }
    const Technology slow = At({.node = std::string(node.node), .supply_v = node.lowest_v});
    EXPECT_NEAR(slow.Adder(8).delay_ns / technology.Adder(8).delay_ns,
                technology.DelayFactor(node.lowest_v), 1e-12);
    EXPECT_DOUBLE_EQ(slow.Adder(8).area_um2, technology.Adder(8).area_um2);
  }
}

// Least squares over the grid that node_scaling.h names.
TEST(TechnologyNodes, AlphaPowerLawIsTheFitOfThePublishedDelays) {
  for (const NodeRow& row : NodeRows()) {
    std::vector<double> volts;
    for (int i = 0; row.lowest_v + 0.05 * i < row.highest_fitted_v + 1e-9; ++i) {
      volts.push_back(row.lowest_v + 0.05 * i);
    }
    const double last = volts.back();
    const auto errors = [&](double threshold, double alpha) {
      NodeRow trial = row;
      trial.threshold_v = threshold;
      trial.alpha = alpha;
      std::pair<double, double> squares_and_largest;
      for (const double v : volts) {
        const double error = AlphaPowerDelay(trial, v) / AlphaPowerDelay(trial, last) /
                                 (PublishedDelay(row, v) / PublishedDelay(row, last)) -
                             1;
        squares_and_largest.first += error * error;
        squares_and_largest.second = std::max(squares_and_largest.second, std::abs(error));
      }
      return squares_and_largest;
    };
    const auto [squares, largest] = errors(row.threshold_v, row.alpha);
    EXPECT_NEAR(largest * 100, row.largest_delay_residual_percent, 0.01) << row.node;
    for (int a = 20; a <= 40; ++a) {
      for (int t = 0; 0.002 * t < row.lowest_v - 0.02; ++t) {
        ASSERT_GE(errors(0.002 * t, 0.05 * a).first, squares * (1 - 1e-9))
            << row.node << ": " << 0.002 * t << " V, " << 0.05 * a;
      }
    }
  }
}

TEST(TechnologyNodes, InterpolatedNodeLiesBetweenItsNeighbours) {
  const NodeRow& between = *FindNode("28nm");
  const NodeRow& large = *FindNode("32nm");
  const NodeRow& small = *FindNode("20nm");
  const auto mean = [](double a, double b) { return a + (b - a) * (32 - 28) / (32 - 20); };
  EXPECT_NEAR(between.area, mean(large.area, small.area), 1e-5);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(between.energy[i], mean(large.energy[i], small.energy[i]), 1e-5);
  }
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(between.delay[i], mean(large.delay[i], small.delay[i]), 1e-3);
  }
}

TEST(TechnologyOptions, LowestSupplyThatMeetsAPeriod) {
  const Technology technology = At({});
  const double volts = *technology.SupplyFor(1, 2);
  EXPECT_NEAR(technology.DelayFactor(volts), 2, 1e-9);
  EXPECT_GT(volts, 0.6);
  EXPECT_LT(volts, 0.9);
  EXPECT_DOUBLE_EQ(*technology.SupplyFor(1, 1000), 0.6);  // the floor
  EXPECT_NEAR(*technology.SupplyFor(1, 1), 0.9, 1e-9);
  EXPECT_GT(*technology.SupplyFor(1, 1.5), volts);
  const absl::Status status = technology.SupplyFor(2, 1.5).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a delay of 2 ns at the nominal 0.9 V does not meet a period of 1.5 ns"));
}

TEST(TechnologyOptions, ActivityIsOfLogicNotOfMemories) {
  const Technology full = At({});
  const Technology half = At({.activity = 0.5});
  for (const Block& block : Blocks()) {
    EXPECT_NEAR(block.cost(half, 8).energy_pj, block.cost(full, 8).energy_pj / 2, 1e-12);
    EXPECT_DOUBLE_EQ(block.cost(half, 8).area_um2, block.cost(full, 8).area_um2);
  }
  EXPECT_DOUBLE_EQ(half.SramReadPjPerBit(8192, 64), full.SramReadPjPerBit(8192, 64));
}

TEST(TechnologyOptions, SourcesChangeWhatTheyArePricesOf) {
  const Technology base = At({});
  const Technology free = At({.registers = RegisterSource::kNone});
  EXPECT_DOUBLE_EQ(free.Register(8).energy_pj, 0);
  EXPECT_DOUBLE_EQ(free.Register(8).area_um2, 0);
  EXPECT_DOUBLE_EQ(free.Register(8).delay_ns, base.Register(8).delay_ns);
  EXPECT_DOUBLE_EQ(free.Adder(8).energy_pj, base.Adder(8).energy_pj);

  const Technology gates = At({.areas = AreaSource::kGateCounts});
  EXPECT_DOUBLE_EQ(gates.FloatAdder(8, 23).energy_pj, base.FloatAdder(8, 23).energy_pj);
  // Horowitz's float units are fast and pipelined; small netlists are half of them and less.
  EXPECT_LT(gates.FloatAdder(8, 23).area_um2, 0.4 * base.FloatAdder(8, 23).area_um2);
  EXPECT_LT(gates.FloatMultiplier(8, 24, 24).area_um2,
            0.51 * base.FloatMultiplier(8, 24, 24).area_um2);
  EXPECT_NEAR(gates.Adder(32).area_um2 / base.Adder(32).area_um2, 1, 0.1);
  EXPECT_DOUBLE_EQ(gates.PopulationCount(8).area_um2, base.PopulationCount(8).area_um2);
}

// The rows behind the fits: 64-bit ports of 8 KB by CACTI 7 are 3.2 pJ (lop) and 4.3 pJ (hp).
TEST(TechnologyOptions, SramSources) {
  const auto read = [](SramSource source) {
    return At({.sram = source}).SramReadPjPerBit(8192, 64) * 64;
  };
  EXPECT_NEAR(read(SramSource::kCactiLop), 3.16, 0.45);
  EXPECT_NEAR(read(SramSource::kCactiHp), 4.31, 0.4);
  EXPECT_NEAR(read(SramSource::kHorowitz), 10, 0.5);
  EXPECT_LT(At({.sram = SramSource::kCactiHp}).SramAccessNs(8192),
            At({.sram = SramSource::kCactiLop}).SramAccessNs(8192));
}

TEST(TechnologyOptions, LeakageFallsWithTheSupplyAndGrowsWithDensity) {
  const Technology base = At({});
  const Technology low = At({.supply_v = 0.6});
  EXPECT_NEAR(low.SramLeakageMwPerKb() / base.SramLeakageMwPerKb(), 0.6 / 0.9, 1e-12);
  EXPECT_NEAR(low.LogicLeakageMwPerUm2() / base.LogicLeakageMwPerUm2(), 0.6 / 0.9, 1e-12);
  EXPECT_GT(At({.node = "7nm"}).LogicLeakageMwPerUm2(), base.LogicLeakageMwPerUm2());
  EXPECT_NEAR(low.WirePjPerBitMm() / base.WirePjPerBitMm(), 0.36 / 0.81, 1e-12);
}

TEST(BlockCosts, ComposeInSeriesAndSideBySide) {
  const BlockCost a{.energy_pj = 1, .area_um2 = 10, .delay_ns = 0.5};
  const BlockCost b{.energy_pj = 2, .area_um2 = 20, .delay_ns = 0.25};
  const BlockCost series = a + b;
  EXPECT_DOUBLE_EQ(series.delay_ns, 0.75);
  const BlockCost beside = Beside(a, b);
  EXPECT_DOUBLE_EQ(beside.energy_pj, 3);
  EXPECT_DOUBLE_EQ(beside.area_um2, 30);
  EXPECT_DOUBLE_EQ(beside.delay_ns, 0.5);
  const BlockCost copies = Copies(4, a);
  EXPECT_DOUBLE_EQ(copies.energy_pj, 4);
  EXPECT_DOUBLE_EQ(copies.area_um2, 40);
  EXPECT_DOUBLE_EQ(copies.delay_ns, 0.5);
  const BlockCost idle = Switching(0.25, a);
  EXPECT_DOUBLE_EQ(idle.energy_pj, 0.25);
  EXPECT_DOUBLE_EQ(idle.area_um2, 10);
  EXPECT_DOUBLE_EQ(idle.delay_ns, 0.5);
}

TEST(Readings, BaseFirstThenEachOtherChoiceOnce) {
  const TechnologyOptions base = {.node = "28nm", .supply_v = 0.8, .activity = 0.45};
  const std::vector<Reading> readings = AllReadings(base);
  EXPECT_EQ(readings.front().options, base);
  EXPECT_EQ(readings.front().label, "base");
  std::set<std::string> labels;
  for (size_t i = 0; i < readings.size(); ++i) {
    EXPECT_TRUE(labels.insert(readings[i].label).second) << readings[i].label;
    EXPECT_TRUE(Technology::Make(readings[i].options).ok()) << readings[i].label;
    if (i > 0) {
      EXPECT_NE(readings[i].options, base) << readings[i].label;
    }
  }
  EXPECT_TRUE(labels.contains("activity 1"));
  EXPECT_FALSE(labels.contains("activity 0.45"));  // the base has it
  EXPECT_TRUE(labels.contains("registers none"));
  EXPECT_TRUE(labels.contains("areas gate_counts"));
  EXPECT_TRUE(labels.contains("sram cacti_lop"));
  EXPECT_TRUE(labels.contains("sram cacti_hp"));
  EXPECT_TRUE(labels.contains("leakage"));
  EXPECT_TRUE(labels.contains("node 45nm"));
  EXPECT_FALSE(labels.contains("node 28nm"));
  EXPECT_EQ(readings.size(), 1 + 1 + 1 + 2 + 1 + 1 + TechnologyNodes().size() - 1);
}

std::string Refusal(const TechnologyOptions& options) {
  const absl::Status status = Technology::Make(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(TechnologyOptions, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(Refusal({.node = "46nm"}),
              HasSubstr("\"46nm\" is unknown; known: 65nm, 45nm, 32nm, 28nm, 20nm, 16nm, 14nm, "
                        "10nm, 7nm"));
  EXPECT_THAT(Refusal({.supply_v = 0.3}),
              HasSubstr("supply_v 0.3: 45nm has 0.6 to 1.08 V, or 0 for its nominal 0.9 V"));
  EXPECT_THAT(Refusal({.node = "7nm", .supply_v = 1}),
              HasSubstr("supply_v 1: 7nm has 0.5 to 0.84"));
  EXPECT_THAT(Refusal({.activity = 0}), HasSubstr("activity 0: allowed: above 0, up to 1"));
  EXPECT_THAT(Refusal({.activity = 1.5}), HasSubstr("activity 1.5"));
}

}  // namespace
}  // namespace bitscape::cost_models
