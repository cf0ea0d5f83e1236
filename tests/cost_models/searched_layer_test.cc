// Machines whose mapping is searched: prices by hand, properties, the cache, and what does not fit.
#include "cost_models/accelerators/searched_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/hierarchy.h"
#include "engine/core/random.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;
using ::testing::HasSubstr;

constexpr std::string_view kInt8 = "weights=int8:channel,activations=int8,accumulator=int32";
constexpr std::string_view kTensorwise = "weights=int8,activations=int8,accumulator=int32";

// Elements with a memory for each tensor around a buffer, as in Eyeriss.
Accelerator RowStationary() {
  Accelerator machine = EyerissLike();
  machine.name = "row_stationary";
  machine.closed_form = false;
  machine.dataflow = Dataflow::kRowStationary;
  MemoryLevel pad = machine.memories[0];
  pad.name = "sum_pad";
  pad.holds_weights = false;
  pad.holds_outputs = true;
  pad.capacity_bytes = 64;
  machine.memories.insert(machine.memories.begin(), pad);
  pad.name = "input_pad";
  pad.holds_outputs = false;
  pad.holds_inputs = true;
  machine.memories.insert(machine.memories.begin(), pad);
  return machine;
}

// Registers and off-chip memory alone.
Accelerator Bare(int rows, int columns) {
  Accelerator machine = EyerissLike();
  machine.name = "bare";
  machine.closed_form = false;
  machine.dataflow = Dataflow::kAny;
  machine.array_rows = rows;
  machine.array_columns = columns;
  machine.memories.erase(machine.memories.begin(), machine.memories.begin() + 2);
  machine.memories.back().bandwidth_bits_per_cycle = 1 << 16;
  return machine;
}

CostOutcome Outcome(const std::vector<MacShape>& layers, std::string_view plan,
                    const Accelerator& machine) {
  absl::StatusOr<CostOutcome> outcome =
      AnalyticCostModel().Estimate(layers, PlanFor(layers, plan), machine);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *std::move(outcome) : CostOutcome(Infeasible{"error"});
}

CostReport Price(const std::vector<MacShape>& layers, std::string_view plan,
                 const Accelerator& machine) {
  CostOutcome outcome = Outcome(layers, plan, machine);
  if (const Infeasible* infeasible = std::get_if<Infeasible>(&outcome)) {
    ADD_FAILURE() << infeasible->reason;
    return {};
  }
  return std::get<CostReport>(std::move(outcome));
}

std::map<std::string, double> Breakdown(const LayerCost& layer) {
  std::map<std::string, double> energy;
  for (const EnergyItem& item : layer.energy) energy[item.component] += item.energy_pj;
  return energy;
}

void ExpectEqual(const CostReport& a, const CostReport& b) {
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (size_t i = 0; i < a.layers.size(); ++i) {
    EXPECT_EQ(Breakdown(a.layers[i]), Breakdown(b.layers[i]));
    EXPECT_EQ(a.layers[i].latency_cycles, b.layers[i].latency_cycles);
    EXPECT_EQ(a.layers[i].utilization, b.layers[i].utilization);
    EXPECT_EQ(a.layers[i].off_chip_bits, b.layers[i].off_chip_bits);
    EXPECT_EQ(a.layers[i].mapping, b.layers[i].mapping);
    EXPECT_EQ(a.layers[i].bound, b.layers[i].bound);
  }
}

// One multiplier and 4 products of one sum: everything moves once, so that nothing is left to the
// search.
TEST(SearchedLayer, FourProductsByHand) {
  const CostReport report = Price({GemmLayer("fc", 4, 1)}, kTensorwise, Bare(1, 1));
  ASSERT_EQ(report.layers.size(), 1u);
  const LayerCost& layer = report.layers[0];
  const std::map<std::string, double> energy = Breakdown(layer);
  // 20 pJ a bit off chip; a scale of 32 bits with the weights; the result leaves as fp32.
  EXPECT_NEAR(energy.at("dram_weights"), 20 * (4 * 8 + 32), 1e-9);
  EXPECT_NEAR(energy.at("dram_inputs"), 20 * 4 * 8, 1e-9);
  EXPECT_NEAR(energy.at("dram_outputs"), 20 * 32, 1e-9);
  EXPECT_NEAR(energy.at("weight_registers"), 4 * 8 * 0.009, 1e-9);
  EXPECT_EQ(energy.count("reduction"), 0u);
  EXPECT_EQ(layer.off_chip_bits, 4 * 8 + 32 + 4 * 8 + 32);
  EXPECT_EQ(layer.compute_cycles, 4);
  EXPECT_EQ(layer.latency_cycles, 4);
  EXPECT_EQ(layer.utilization, 1);
  EXPECT_EQ(layer.bound, "compute");
  EXPECT_THAT(layer.mapping, HasSubstr("C"));
}

// The same with a narrow bus: the result's own width counts, not that of the 18-bit sum.
TEST(SearchedLayer, OffChipCyclesAreThoseOfTheBits) {
  Accelerator machine = Bare(1, 1);
  machine.memories.back().bandwidth_bits_per_cycle = 1;
  const LayerCost layer = Price({GemmLayer("fc", 4, 1)}, kTensorwise, machine).layers.at(0);
  EXPECT_EQ(layer.latency_cycles, layer.off_chip_bits);
  EXPECT_EQ(layer.compute_cycles, 4);
  EXPECT_EQ(layer.bound, "dram");
}

// Eight products of one sum: on eight elements seven additions on the way out; in one adder tree
// none, since a multiply-accumulate's cost has them.
TEST(SearchedLayer, AdditionsAreThoseBetweenElements) {
  const std::vector<MacShape> layers = {GemmLayer("fc", 8, 1)};
  const LayerCost spread = Price(layers, kTensorwise, Bare(8, 1)).layers.at(0);
  ASSERT_EQ(spread.compute_cycles, 1) << spread.mapping;
  // 8 + 8 + log2(8) = 19 bits.
  EXPECT_NEAR(Breakdown(spread).at("reduction"), 7 * (0.00282202 * 19 + 0.00692521), 1e-4);

  Accelerator tree = Bare(1, 1);
  tree.mac_family = "dot_product";
  tree.design.dot_length = 8;
  const LayerCost added = Price(layers, kTensorwise, tree).layers.at(0);
  EXPECT_EQ(added.compute_cycles, 1) << added.mapping;
  EXPECT_EQ(added.utilization, 1);
  EXPECT_EQ(Breakdown(added).count("reduction"), 0u);

  // A tree does not help where there is one product a sum.
  const LayerCost apart = Price({GemmLayer("fc", 1, 8)}, kTensorwise, tree).layers.at(0);
  EXPECT_EQ(apart.compute_cycles, 8) << apart.mapping;
  EXPECT_EQ(apart.utilization, 1.0 / 8);
}

// With a memory for sums in the element, the tree's additions are still none, and each sum that
// leaves is read once more.
TEST(SearchedLayer, SumsAreReadOnTheirWayOut) {
  Accelerator machine = Bare(1, 1);
  MemoryLevel pad = EyerissLike().memories[0];
  pad.name = "sum_pad";
  pad.holds_weights = false;
  pad.holds_outputs = true;
  machine.memories.insert(machine.memories.begin(), pad);
  const auto sum_pad_pj = [&](int64_t products) {
    const LayerCost layer =
        Price({GemmLayer("fc", products, 1)}, kTensorwise, machine).layers.at(0);
    return Breakdown(layer)["sum_pad_outputs"];
  };
  const double per_bit = 0.020077 + 0.0492485 * std::sqrt(448.0 / 1024);
  // Written by each product, read by each but the first, read to leave.
  EXPECT_NEAR(sum_pad_pj(4) / (8 * 18 * per_bit), 1, 1e-3);
  EXPECT_NEAR(sum_pad_pj(2) / (4 * 17 * per_bit), 1, 1e-3);

  machine.mac_family = "dot_product";
  machine.design.dot_length = 4;
  const LayerCost tree = Price({GemmLayer("fc", 8, 1)}, kTensorwise, machine).layers.at(0);
  EXPECT_EQ(tree.compute_cycles, 2) << tree.mapping;
  EXPECT_EQ(Breakdown(tree).count("reduction"), 0u);
  EXPECT_NEAR(Breakdown(tree)["sum_pad_outputs"] / (4 * 19 * per_bit), 1, 1e-3);
}

TEST(SearchedLayer, TheNetworkIsPaidForEachInstanceThatABitReaches) {
  Accelerator machine = Bare(1, 4);
  machine.memories.back().network_pj_per_bit = 0.5;
  // Four filters, one input: it reaches four elements, each weight one; results leave, sums of 16
  // bits.
  const LayerCost layer = Price({GemmLayer("fc", 1, 4)}, kTensorwise, machine).layers.at(0);
  ASSERT_EQ(layer.compute_cycles, 1) << layer.mapping;
  EXPECT_NEAR(Breakdown(layer).at("network"), 0.5 * ((4 * 8 + 32) + 4 * 8 + 4 * 16), 1e-9);
  EXPECT_NEAR(Breakdown(layer).at("dram_inputs"), 20 * 8, 1e-9) << "read once";
  machine.memories.back().unicast_inputs = true;
  const LayerCost unicast = Price({GemmLayer("fc", 1, 4)}, kTensorwise, machine).layers.at(0);
  ASSERT_EQ(unicast.compute_cycles, 1) << unicast.mapping;
  EXPECT_NEAR(Breakdown(unicast).at("dram_inputs"), 20 * 4 * 8, 1e-9) << "read by each";
}

// Multipliers that split do more a cycle only where the layer has enough products for them.
TEST(SearchedLayer, SplitMultipliersNeedProductsOfOneSum) {
  Accelerator machine = Bare(1, 1);
  machine.mac_family = "dnc_sum_together";
  machine.design.weight_widths = machine.design.activation_widths = {2, 4, 8};
  machine.datapaths = {FixedDatapath("int8", "int8", "int32")};
  machine.datapaths[0].design = machine.design;
  constexpr std::string_view kInt4 = "weights=int4,activations=int4,accumulator=int32";
  const auto layer = [&](int64_t c, int64_t m, std::string_view plan) {
    return Price({GemmLayer("fc", c, m)}, plan, machine).layers.at(0);
  };
  EXPECT_EQ(layer(16, 1, kTensorwise).compute_cycles, 16);
  EXPECT_EQ(layer(16, 1, kInt4).compute_cycles, 4);
  EXPECT_EQ(layer(16, 1, kInt4).macs_per_cycle, 4);
  EXPECT_EQ(layer(16, 1, kInt4).utilization, 1);
  EXPECT_EQ(layer(1, 16, kInt4).compute_cycles, 16);
  EXPECT_EQ(layer(1, 16, kInt4).utilization, 0.25);

  machine.mac_family = "dnc_sum_apart";
  EXPECT_EQ(layer(16, 1, kInt4).compute_cycles, 16) << "one sum";
  EXPECT_EQ(layer(1, 16, kInt4).compute_cycles, 4);
}

// Serial weights pass an input that stays: its register is the one that is loaded.
TEST(SearchedLayer, SerialWeightsKeepTheInput) {
  Accelerator machine = Bare(1, 1);
  machine.mac_family = "serial_weights";
  const LayerCost layer = Price({GemmLayer("fc", 1, 4)}, kTensorwise, machine).layers.at(0);
  const std::map<std::string, double> energy = Breakdown(layer);
  EXPECT_EQ(layer.compute_cycles, 4 * 8);
  EXPECT_EQ(energy.count("weight_registers"), 0u);
  EXPECT_NEAR(energy.at("input_registers"), 8 * 0.009, 1e-9) << "one input, loaded once";
}

TEST(SearchedLayer, TheCacheGivesTheSameReport) {
  Accelerator machine = RowStationary();
  machine.clock_ghz = 0.21;  // no other test's
  const auto start = std::chrono::steady_clock::now();
  const CostReport first = Price(SmallNetwork(), kInt8, machine);
  const auto between = std::chrono::steady_clock::now();
  const CostReport second = Price(SmallNetwork(), kInt8, machine);
  const auto end = std::chrono::steady_clock::now();
  ExpectEqual(first, second);
  EXPECT_LT((end - between) * 10, between - start);

  Accelerator renamed = machine;
  renamed.name = "other";
  ExpectEqual(first, Price(SmallNetwork(), kInt8, renamed));
  // Whatever changes a price or a size is another entry.
  Accelerator larger = machine;
  larger.memories[3].capacity_bytes *= 4;
  EXPECT_NE(first.EnergyPj(), Price(SmallNetwork(), kInt8, larger).EnergyPj());
  EXPECT_NE(
      first.EnergyPj(),
      Price(SmallNetwork(), "weights=int4:channel,activations=int8,accumulator=int32", machine)
          .EnergyPj());
}

TEST(SearchedLayer, ThreadsAgree) {
  Accelerator machine = RowStationary();
  machine.clock_ghz = 0.22;
  const std::vector<MacShape> layers = SmallNetwork();
  const quantize::ResolvedPlan plan = PlanFor(layers, kInt8);
  std::vector<CostReport> reports(4);
  {
    std::vector<std::jthread> threads;
    for (CostReport& report : reports) {
      threads.emplace_back([&] {
        const auto outcome = AnalyticCostModel().Estimate(layers, plan, machine);
        if (outcome.ok() && std::holds_alternative<CostReport>(*outcome)) {
          report = std::get<CostReport>(*outcome);
        }
      });
    }
  }
  ASSERT_EQ(reports[0].layers.size(), layers.size());
  for (const CostReport& report : reports) ExpectEqual(reports[0], report);
}

TEST(SearchedLayer, WhatCannotHoldOneElementIsInfeasible) {
  Accelerator machine = RowStationary();
  machine.dataflow = Dataflow::kWeightStationary;  // weights have to stay in the pad
  machine.memories[2].primitive = "register";
  machine.memories[2].capacity_bytes = 0.5;
  const CostOutcome outcome = Outcome(SmallNetwork(), kInt8, machine);
  const Infeasible* infeasible = std::get_if<Infeasible>(&outcome);
  ASSERT_NE(infeasible, nullptr);
  EXPECT_THAT(infeasible->reason,
              HasSubstr("layer stem: level scratchpad holds 4 bits, of which 0 are taken: it can't "
                        "hold"));
  // Half as wide, they fit.
  EXPECT_TRUE(std::holds_alternative<CostReport>(
      Outcome(SmallNetwork(), "weights=int2,activations=int8,accumulator=int32", machine)));
}

TEST(SearchedLayer, NeverBeatsTheRoofline) {
  Accelerator tree = Bare(4, 6);
  tree.mac_family = "dot_product";
  tree.design.dot_length = 8;
  Accelerator apart = RowStationary();
  apart.mac_family = "swp_sum_apart";
  apart.design.weight_widths = apart.design.activation_widths = {2, 4, 8};
  apart.datapaths = {FixedDatapath("int8", "int8", "int32")};
  apart.datapaths[0].design = apart.design;
  Accelerator serial = RowStationary();
  serial.mac_family = "serial_weights";
  serial.dataflow = Dataflow::kInputStationary;
  const Accelerator machines[] = {RowStationary(), tree, apart, serial};
  const char* const plans[] = {"weights=int2:channel,activations=int2,accumulator=int32",
                               "weights=int5:channel,activations=int8,accumulator=int32"};
  for (uint64_t seed = 0; seed < 3; ++seed) {
    uint64_t counter = 0;
    const auto draw = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(
                       RandomBelow(static_cast<uint64_t>(high - low + 1), seed, 4, counter++));
    };
    std::vector<MacShape> layers;
    for (int i = 0; i < 3; ++i) {
      layers.push_back(ConvLayer("layer" + std::to_string(i), draw(1, 40), draw(1, 40), draw(1, 5),
                                 draw(1, 20), draw(1, 3), draw(1, 4)));
      layers.back().n = draw(1, 2);
    }
    for (const Accelerator& machine : machines) {
      for (const char* plan : plans) {
        const CostReport report = Price(layers, plan, machine);
        const auto outcome = RooflineCostModel().Estimate(layers, PlanFor(layers, plan), machine);
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        const CostReport& bound = std::get<CostReport>(*outcome);
        ASSERT_EQ(report.layers.size(), layers.size());
        for (size_t i = 0; i < layers.size(); ++i) {
          const LayerCost& layer = report.layers[i];
          const LayerCost& least = bound.layers[i];
          const double tolerance = 1 + 1e-12;
          EXPECT_GE(layer.EnergyPj() * tolerance, least.EnergyPj()) << seed << layer.mapping;
          EXPECT_GE(layer.latency_cycles * tolerance, least.latency_cycles) << seed;
          EXPECT_GE(layer.compute_cycles * tolerance, least.compute_cycles) << seed;
          EXPECT_GE(layer.off_chip_bits * tolerance, least.off_chip_bits) << seed << layer.mapping;
          EXPECT_NEAR(layer.utilization * layer.compute_cycles / least.compute_cycles, 1,
                      1 / least.compute_cycles)
              << seed << " " << machine.mac_family;
        }
      }
    }
  }
}

// Of a machine that is built for the plan. Area is exact. A search that stops early may find less
// for the wider format: by how much is stated here, and in the README.
TEST(SearchedLayer, WiderFormatsCostMoreWithinTheGapOfTheSearch) {
  constexpr double kEnergyGap = 1.02, kProductGap = 1.10;
  double worst_energy = 0, worst_product = 0;
  for (const std::vector<MacShape>& layers : {SmallNetwork(), SeparableNetwork()}) {
    const auto grow = [&](const std::string& before, const std::string& after) {
      double energy = 0, product = 0, area = 0;
      for (const int bits : {2, 3, 4, 5, 6, 8, 10, 12, 16}) {
        const CostReport report =
            Price(layers, before + std::to_string(bits) + after, RowStationary());
        const double cycles = report.LatencyCycles();
        EXPECT_GE(report.AreaUm2(), area);
        worst_energy = std::max(worst_energy, energy / report.EnergyPj());
        worst_product = std::max(worst_product, product / (report.EnergyPj() * cycles));
        energy = report.EnergyPj();
        product = energy * cycles;
        area = report.AreaUm2();
      }
    };
    grow("weights=int", ":channel,activations=int8,accumulator=int32");
    grow("weights=int8:channel,activations=int", ",accumulator=int32");
  }
  std::printf("a narrower format cost up to %.3f of the energy, %.3f of energy times delay\n",
              worst_energy, worst_product);
  EXPECT_LE(worst_energy, kEnergyGap);
  EXPECT_LE(worst_product, kProductGap);
}

// The mapping with least off-chip traffic: more memory never needs more of it.
TEST(SearchedLayer, ALargerBufferNeverRaisesTheLeastTraffic) {
  int fell = 0;
  for (const MacShape& layer : SmallNetwork()) {
    double before = 0;
    for (const double bytes : {512.0, 2048.0, 8192.0, 32768.0, 131072.0}) {
      Accelerator machine = RowStationary();
      machine.memories[3].capacity_bytes = bytes;
      const absl::StatusOr<Machine> priced = PriceMachine(machine, TechnologyOf(machine));
      ASSERT_TRUE(priced.ok()) << priced.status();
      MappingTask task;
      task.problem = ProblemOf(layer);
      task.widths.bits = {8, 8, 24};
      const Hierarchy hierarchy = HierarchyOf(machine, 1);
      const absl::StatusOr<MappingResult> found =
          SearchMapping(task.problem, hierarchy, {}, task.widths, PricesOf(*priced, task),
                        {.objective = MappingObjective::kOffChipTraffic, .max_evaluations = 2000});
      ASSERT_TRUE(found.ok()) << found.status();
      double bits = 0;
      for (size_t tensor = 0; tensor < kTensors; ++tensor) {
        const TensorAccesses& accesses = found->counts.levels.back()[tensor];
        bits += (accesses.reads + accesses.fills + accesses.updates) * task.widths.bits[tensor];
      }
      if (before > 0) {
        EXPECT_LE(bits, before) << layer.name << " with " << bytes;
        if (bits < before) ++fell;
      }
      before = bits;
    }
  }
  EXPECT_GT(fell, 3);
}

}  // namespace
}  // namespace bitscape::cost_models
