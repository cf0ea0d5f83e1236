// Machines whose mapping is searched: what holds for all.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/hierarchy.h"
#include "engine/core/random.h"
#include "tests/cost_models/machines.h"
#include "tests/cost_models/prices.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;

constexpr std::string_view kInt8 = "weights=int8:channel,activations=int8,accumulator=int32";

TEST(SearchedProperties, AFreeMachineIsNoWorseThanOneOfADataflow) {
  Accelerator machine = RowStationary();
  machine.memories.erase(machine.memories.begin(), machine.memories.begin() + 2);
  machine.memories[0].capacity_bytes = 64;
  machine.memories[0].holds_inputs = machine.memories[0].holds_outputs = true;
  const auto products = [&](Dataflow dataflow) {
    machine.dataflow = dataflow;
    std::vector<double> of_layers;
    for (const LayerCost& layer : Price(SmallNetwork(), kInt8, machine).layers) {
      of_layers.push_back(layer.EnergyPj() * layer.latency_cycles);
    }
    return of_layers;
  };
  const std::vector<double> free = products(Dataflow::kAny);
  for (const Dataflow dataflow : {Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                  Dataflow::kInputStationary, Dataflow::kRowStationary}) {
    const std::vector<double> bound = products(dataflow);
    ASSERT_EQ(bound.size(), free.size());
    // What the mapping's own price does not have, such as outputs that leave narrower, is small.
    for (size_t i = 0; i < free.size(); ++i) EXPECT_LE(free[i], 1.05 * bound[i]) << i;
  }
}

TEST(SearchedProperties, NeverBeatsTheRoofline) {
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
TEST(SearchedProperties, WiderFormatsCostMoreWithinTheGapOfTheSearch) {
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
TEST(SearchedProperties, ALargerBufferNeverRaisesTheLeastTraffic) {
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
