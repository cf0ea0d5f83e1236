// For Timeloop's own mapping, our counts, cycles and energies are its.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "cost_models/mapping/loop_nest.h"
#include "tests/cost_models/timeloop_cases.h"

namespace bitscape::cost_models {
namespace {

// Energies are printed with two decimals.
constexpr double kPrinted = 0.00501;

class TimeloopTest : public testing::TestWithParam<TimeloopCase> {};

double EnergyAt(const TimeloopCase& example, const MappingCounts& counts, size_t level, size_t t) {
  const TensorAccesses& accesses = counts.levels[level][t];
  const AccessPrices::Price& price = example.prices.levels[level][t];
  return accesses.reads * price.read + accesses.fills * price.fill +
         accesses.updates * price.update;
}

void ExpectEqualLevel(const TimeloopCase& example, const MappingCounts& counts, size_t level) {
  const std::string& name = example.hierarchy.levels[level].name;
  const auto found = example.stats.levels.find(name);
  for (size_t t = 0; t < kTensors; ++t) {
    const TensorAccesses& ours = counts.levels[level][t];
    SCOPED_TRACE(testing::Message() << name << ", tensor " << t);
    const auto tensor = static_cast<Tensor>(t);
    if (found == example.stats.levels.end() || !found->second.tensors.contains(tensor)) {
      EXPECT_EQ(ours.reads + ours.fills + ours.updates + ours.deliveries + ours.instances, 0);
      continue;
    }
    const TimeloopTensorStats& theirs = found->second.tensors.at(tensor);
    EXPECT_EQ(ours.instances, theirs.instances);
    EXPECT_EQ(ours.tile_elements, theirs.tile);
    EXPECT_EQ(ours.reads, theirs.reads * theirs.instances);
    EXPECT_EQ(ours.fills, theirs.fills * theirs.instances);
    EXPECT_EQ(ours.updates, theirs.updates * theirs.instances);
    const bool is_sum = tensor == Tensor::kOutputs;
    EXPECT_EQ(theirs.temporal_reductions, is_sum ? theirs.reads : 0);
    EXPECT_NEAR(EnergyAt(example, counts, level, t), theirs.energy_pj, kPrinted);
  }
}

TEST_P(TimeloopTest, CountsCyclesAndEnergyAreEqual) {
  const TimeloopCase& example = GetParam();
  const auto counts =
      CountMapping(example.problem, example.hierarchy, example.mapping, example.widths);
  ASSERT_TRUE(counts.ok()) << counts.status();
  double kept = 0, energy = counts->macs * example.prices.mac;
  for (size_t l = 0; l < example.hierarchy.levels.size(); ++l) {
    ExpectEqualLevel(example, *counts, l);
    for (size_t t = 0; t < kTensors; ++t) {
      kept += counts->levels[l][t].instances > 0;
      energy += EnergyAt(example, *counts, l, t);
    }
  }
  EXPECT_EQ(kept, 8);  // three pads, the buffer's two, DRAM's three
  EXPECT_EQ(counts->macs, example.stats.computes);
  EXPECT_EQ(counts->macs / counts->compute_cycles, example.stats.multipliers_used);
  EXPECT_NEAR(counts->utilization, example.stats.utilization, 0.0000501);
  EXPECT_NEAR(counts->macs * example.prices.mac, example.stats.mac_energy_pj, kPrinted);

  const MappingLatency latency = LatencyOf(*counts, example.hierarchy, example.widths, 1);
  EXPECT_EQ(latency.cycles, example.stats.cycles);
  for (size_t l = 0; l < example.hierarchy.levels.size(); ++l) {
    const auto found = example.stats.levels.find(example.hierarchy.levels[l].name);
    if (found == example.stats.levels.end()) continue;
    double instances = 0;
    for (const TensorAccesses& accesses : counts->levels[l]) {
      instances = std::max(instances, accesses.instances);
    }
    const double leakage = example.leakage_per_cycle[l] * latency.cycles * instances;
    EXPECT_NEAR(leakage, found->second.leakage_pj, kPrinted);
    energy += leakage;
    const double needed = TransferCycles(*counts, example.hierarchy, example.widths, l);
    EXPECT_EQ(std::max(needed, counts->compute_cycles), found->second.cycles);
  }
  EXPECT_NEAR(energy / 1e6, example.stats.energy_uj, kPrinted);
}

INSTANTIATE_TEST_SUITE_P(Cases, TimeloopTest, testing::ValuesIn(ReadTimeloopCases()),
                         [](const auto& parameter) {
                           std::string name = parameter.param.name;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace bitscape::cost_models
