// Machines whose mapping is searched: prices by hand, the cache, and what does not fit.
#include "cost_models/accelerators/searched_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "tests/cost_models/machines.h"
#include "tests/cost_models/prices.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;
using ::testing::HasSubstr;

constexpr std::string_view kInt8 = "weights=int8:channel,activations=int8,accumulator=int32";
constexpr std::string_view kTensorwise = "weights=int8,activations=int8,accumulator=int32";

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

// Five products on lanes of four: the tree is in use twice, once for four and once for one.
TEST(SearchedLayer, LanesThatPaddingLeavesIdleArePaid) {
  Accelerator tree = Bare(1, 1);
  tree.mac_family = "dot_product";
  tree.design.dot_length = 4;
  const auto idle = [&](int64_t products) {
    const LayerCost layer = Price({GemmLayer("fc", products, 1)}, kTensorwise, tree).layers.at(0);
    return Breakdown(layer)["idle_lanes"] / layer.macs;
  };
  EXPECT_EQ(idle(8), 0);
  EXPECT_GT(idle(5), 0);
  EXPECT_NEAR(idle(5) / idle(7), (8.0 / 5 - 1) / (8.0 / 7 - 1), 1e-9);

  tree.mac_family = "serial_activations";  // its lanes share a shifter and an accumulator
  EXPECT_EQ(idle(8), 0);
  EXPECT_NEAR(idle(5) / idle(7), (8.0 / 5 - 1) / (8.0 / 7 - 1), 1e-9);
}

// Two windows of five pixels, four apart, are nine pixels of twelve.
TEST(SearchedLayer, NeitherModelMovesPixelsThatNoOutputNeeds) {
  MacShape layer = ConvLayer("strided", 8, 8, 5, 12);
  layer.stride_h = layer.stride_w = 4;
  layer.p = layer.q = 2;
  Accelerator machine = Bare(4, 4);
  const auto pixels = [&](const CostReport& report) {
    return Breakdown(report.layers.at(0)).at("dram_inputs") / (20 * 8 * 8);
  };
  const auto bound = RooflineCostModel().Estimate({&layer, 1}, PlanFor({layer}, kInt8), machine);
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_NEAR(pixels(std::get<CostReport>(*bound)), 81, 1e-9);
  EXPECT_NEAR(pixels(Price({layer}, kInt8, EyerissLike())), 81, 1e-9);
  EXPECT_GE(pixels(Price({layer}, kInt8, machine)), 81 - 1e-9);
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
  EXPECT_THAT(Refused(SmallNetwork(), kInt8, machine),
              HasSubstr("layer stem: level scratchpad holds 4 bits, of which 0 are taken: it can't "
                        "hold"));
  // Half as wide, they fit.
  EXPECT_EQ(Refused(SmallNetwork(), "weights=int2,activations=int8,accumulator=int32", machine),
            "feasible");
}

}  // namespace
}  // namespace bitscape::cost_models
