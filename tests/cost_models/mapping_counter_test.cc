// Mappings small enough to count by hand, and what is refused.
#include "cost_models/mapping/mapping_counter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {
namespace {

using testing::HasSubstr;

constexpr size_t kW = static_cast<size_t>(Tensor::kWeights);
constexpr size_t kI = static_cast<size_t>(Tensor::kInputs);
constexpr size_t kO = static_cast<size_t>(Tensor::kOutputs);

// A pad in each of `columns` elements under DRAM; nothing is limited.
Hierarchy PadsUnderDram(int64_t columns) {
  Hierarchy hierarchy;
  hierarchy.levels.resize(2);
  hierarchy.levels[0].name = "pad";
  hierarchy.levels[1].name = "DRAM";
  hierarchy.levels[1].fanout_x = columns;
  return hierarchy;
}

Problem Row(int64_t m, int64_t q, int64_t s) {
  Problem problem;
  problem.size[static_cast<size_t>(Dim::kM)] = m;
  problem.size[static_cast<size_t>(Dim::kQ)] = q;
  problem.size[static_cast<size_t>(Dim::kS)] = s;
  return problem;
}

MappingCounts Count(const Problem& problem, const Hierarchy& hierarchy, const Mapping& mapping) {
  const auto counts = CountMapping(problem, hierarchy, mapping, ElementWidths{});
  EXPECT_TRUE(counts.ok()) << counts.status();
  return counts.value_or(MappingCounts{});
}

TEST(MappingCounter, AWindowThatSlidesFetchesItsNewColumn) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[0].temporal = {{Dim::kS, 3}};
  mapping.levels[1].temporal = {{Dim::kQ, 4}};
  const MappingCounts counts = Count(Row(1, 4, 3), PadsUnderDram(1), mapping);
  EXPECT_EQ(counts.levels[0][kI].tile_elements, 3);
  EXPECT_EQ(counts.levels[0][kI].fills, 3 + 1 + 1 + 1);
  EXPECT_EQ(counts.levels[1][kI].reads, 6);
  EXPECT_EQ(counts.levels[0][kI].reads, 12);  // one for each MAC
  EXPECT_EQ(counts.levels[0][kW].fills, 3);   // weights stay
  // Four sums of three: the first of each is not read.
  EXPECT_EQ(counts.levels[0][kO].updates, 12);
  EXPECT_EQ(counts.levels[0][kO].reads, 8);
  EXPECT_EQ(counts.levels[0][kO].fills, 0);
  EXPECT_EQ(counts.levels[1][kO].updates, 4);
  EXPECT_EQ(counts.levels[1][kO].reads, 0);
}

TEST(MappingCounter, AWindowThatGoesBackIsFetchedAnew) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[0].temporal = {{Dim::kS, 3}};
  mapping.levels[1].temporal = {{Dim::kM, 2}, {Dim::kQ, 2}};
  const MappingCounts counts = Count(Row(2, 2, 3), PadsUnderDram(1), mapping);
  // Columns 0-2, 3; then back, where column 1 and 2 would still be there.
  EXPECT_EQ(counts.levels[0][kI].fills, 3 + 1 + 3 + 1);
}

TEST(MappingCounter, SumsThatLeaveUnfinishedComeBack) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[1].temporal = {{Dim::kS, 3}, {Dim::kM, 5}};
  const MappingCounts counts = Count(Row(5, 1, 3), PadsUnderDram(1), mapping);
  EXPECT_EQ(counts.levels[1][kO].updates, 15);
  EXPECT_EQ(counts.levels[1][kO].reads, 10);
  EXPECT_EQ(counts.levels[0][kO].fills, 10);
}

TEST(MappingCounter, MulticastReadsOnceAndSumsAddUpOnTheWay) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[1].spatial_x = {{Dim::kM, 2}, {Dim::kS, 3}};
  Hierarchy hierarchy = PadsUnderDram(6);
  MappingCounts counts = Count(Row(2, 1, 3), hierarchy, mapping);
  EXPECT_EQ(counts.levels[1][kI].reads, 3);
  EXPECT_EQ(counts.levels[1][kI].deliveries, 6);
  EXPECT_EQ(counts.levels[1][kW].reads, 6);
  EXPECT_EQ(counts.levels[1][kO].updates, 2);
  EXPECT_EQ(counts.spatial_reductions, 4);
  EXPECT_EQ(counts.compute_cycles, 1);
  EXPECT_EQ(counts.utilization, 1);

  hierarchy.levels[1].multicast = {false, false, false};
  counts = Count(Row(2, 1, 3), hierarchy, mapping);
  EXPECT_EQ(counts.levels[1][kI].reads, 6);
  EXPECT_EQ(counts.levels[1][kO].updates, 6);
  EXPECT_EQ(counts.levels[1][kO].reads, 4);
  EXPECT_EQ(counts.spatial_reductions, 0);
}

TEST(MappingCounter, NeighboursPassInputsOn) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[1].temporal = {{Dim::kQ, 4}};
  mapping.levels[1].spatial_x = {{Dim::kS, 3}};
  Hierarchy hierarchy = PadsUnderDram(3);
  EXPECT_EQ(Count(Row(1, 4, 3), hierarchy, mapping).levels[1][kI].reads, 12);
  hierarchy.levels[1].forwards_inputs = true;
  const MappingCounts counts = Count(Row(1, 4, 3), hierarchy, mapping);
  // Three columns, then one new one for the last element each time; two are passed on each time.
  EXPECT_EQ(counts.levels[1][kI].reads, 3 + 1 + 1 + 1);
  EXPECT_EQ(counts.levels[0][kI].fills, 12);
  EXPECT_EQ(counts.levels[0][kI].reads, 12 + 6);
}

TEST(MappingCounter, ATensorThatALevelDoesNotKeepComesFromTheNext) {
  Hierarchy hierarchy = PadsUnderDram(1);
  hierarchy.levels.insert(hierarchy.levels.begin() + 1, HierarchyLevel{.name = "buffer"});
  hierarchy.levels[2].fanout_x = 1;
  Mapping mapping;
  mapping.levels.resize(3);
  mapping.levels[0].keeps[kW] = false;
  mapping.levels[1].keeps[kW] = false;
  mapping.levels[1].temporal = {{Dim::kQ, 4}};
  mapping.levels[2].temporal = {{Dim::kS, 3}};
  const MappingCounts counts = Count(Row(1, 4, 3), hierarchy, mapping);
  EXPECT_EQ(counts.levels[2][kW].reads, 12);  // by the multiplier, each time
  EXPECT_EQ(counts.levels[1][kW].reads + counts.levels[1][kW].fills, 0);
  EXPECT_EQ(counts.levels[1][kW].instances, 0);
}

TEST(MappingCounter, BoundsThatDoNotDivideArePadded) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[0].temporal = {{Dim::kM, 2}};
  mapping.levels[1].temporal = {{Dim::kM, 3}};
  const MappingCounts counts = Count(Row(5, 1, 1), PadsUnderDram(1), mapping);
  EXPECT_EQ(counts.macs, 6);
  EXPECT_DOUBLE_EQ(counts.utilization, 5.0 / 6);
  EXPECT_EQ(counts.levels[1][kW].reads, 6);
}

struct Refused {
  const char* reason;
  void (*change)(Hierarchy* hierarchy, Mapping* mapping);
};

TEST(MappingCounter, RefusesWithTheReason) {
  const Refused refused[] = {
      {"the mapping has 1 levels; the hierarchy has 2",
       [](Hierarchy*, Mapping* mapping) { mapping->levels.pop_back(); }},
      {"level pad: the loop over M has bound 0; bounds are 1 or more",
       [](Hierarchy*, Mapping* mapping) { mapping->levels[0].temporal[0].bound = 0; }},
      {"level DRAM: the loop over S makes",
       [](Hierarchy*, Mapping* mapping) {
         mapping->levels[1].temporal = {{Dim::kS, int64_t{1} << 62}};
       }},
      {"level DRAM: spatial loops on x use 3 instances; there are 2",
       [](Hierarchy* hierarchy, Mapping*) { hierarchy->levels[1].fanout_x = 2; }},
      {"level pad: spatial loops on y use 2 instances; there are 1",
       [](Hierarchy*, Mapping* mapping) {
         mapping->levels[0].spatial_y = {{Dim::kM, 2}};
       }},
      {"the bounds of Q multiply to 1; the layer has 4",
       [](Hierarchy*, Mapping* mapping) { mapping->levels[1].temporal.clear(); }},
      {"level pad keeps inputs, which it can't hold",
       [](Hierarchy* hierarchy, Mapping*) { hierarchy->levels[0].may_hold[kI] = false; }},
      {"the outermost level DRAM does not keep outputs",
       [](Hierarchy*, Mapping* mapping) { mapping->levels[1].keeps[kO] = false; }},
      // 5 weights, an input, 5 sums of 16 bits.
      {"level pad would hold 176 bits; it has 175",
       [](Hierarchy* hierarchy, Mapping*) { hierarchy->levels[0].capacity_bits = 175; }},
      {"level pad would hold 176 bits; it has 150",
       [](Hierarchy* hierarchy, Mapping*) {
         hierarchy->levels[0].capacity_bits = 300;
         hierarchy->levels[0].double_buffered = true;
       }},
  };
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[0].temporal = {{Dim::kM, 5}};
  mapping.levels[1].temporal = {{Dim::kQ, 4}};
  mapping.levels[1].spatial_x = {{Dim::kS, 3}};
  const Problem problem = Row(5, 4, 3);
  EXPECT_TRUE(CountMapping(problem, PadsUnderDram(3), mapping, ElementWidths{}).ok());
  for (const Refused& example : refused) {
    Hierarchy hierarchy = PadsUnderDram(3);
    Mapping changed = mapping;
    example.change(&hierarchy, &changed);
    const auto counts = CountMapping(problem, hierarchy, changed, ElementWidths{});
    EXPECT_EQ(counts.status().code(), absl::StatusCode::kInvalidArgument) << example.reason;
    EXPECT_THAT(std::string(counts.status().message()), HasSubstr(example.reason));
  }
}

TEST(MappingCounter, ACounterCountsMappingAfterMapping) {
  const Problem problem = Row(4, 1, 1);
  const Hierarchy hierarchy = PadsUnderDram(2);
  const ElementWidths widths;
  MappingCounter counter(problem, hierarchy, widths);
  Mapping good, bad;
  good.levels.resize(2);
  bad.levels.resize(2);
  good.levels[1].temporal = {{Dim::kM, 2}};
  good.levels[1].spatial_x = {{Dim::kM, 2}};
  bad.levels[1].spatial_x = {{Dim::kM, 4}};
  MappingCounts counts;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(counter.Count(bad, &counts));
    ASSERT_TRUE(counter.Count(good, &counts));
    EXPECT_EQ(counts.levels[1][kW].reads, 4);
    EXPECT_EQ(counts.levels[0][kW].instances, 2);
    EXPECT_EQ(counts.spatial_reductions, 0);
  }
}

TEST(LatencyOf, TellsWhatBinds) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[1].temporal = {{Dim::kM, 7}};
  Hierarchy hierarchy = PadsUnderDram(1);
  const ElementWidths widths{{8, 16, 32}};
  const auto latency = [&](double cycles_per_mac) {
    const MappingCounts counts = Count(Row(7, 1, 1), hierarchy, mapping);
    return LatencyOf(counts, hierarchy, widths, cycles_per_mac);
  };
  EXPECT_EQ(latency(1).cycles, 7);
  EXPECT_EQ(latency(1).bound, "compute");
  EXPECT_EQ(latency(2.5).cycles, 18);
  // Reads: 7 weights and an input, 72 bits. Writes: 7 outputs, 224 bits.
  hierarchy.levels[1].read_bits_per_cycle = 5;
  EXPECT_EQ(latency(1).cycles, 15);
  EXPECT_EQ(latency(1).bound, "DRAM");
  hierarchy.levels[1].write_bits_per_cycle = 8;
  EXPECT_EQ(latency(1).cycles, 28);
  hierarchy.levels[1].shared_bits_per_cycle = 8;
  EXPECT_EQ(latency(1).cycles, 37);
  EXPECT_EQ(latency(40).bound, "compute");
}

TEST(Problem, OfLayers) {
  network::MacShape conv;
  conv.n = 2;
  conv.groups = 3;
  conv.m = 4;
  conv.c = 5;
  conv.p = 6;
  conv.q = 7;
  conv.r = 2;
  conv.s = 1;
  conv.stride_h = 2;
  conv.dilation_w = 3;
  Problem problem = ProblemOf(conv);
  EXPECT_EQ(problem.size, (PerDim<int64_t>{3, 2, 4, 5, 6, 7, 2, 1}));
  EXPECT_EQ(problem.stride_h, 2);
  EXPECT_EQ(problem.dilation_w, 3);
  EXPECT_EQ(problem.Macs(), static_cast<double>(conv.Macs()));
  EXPECT_EQ(TileElements(problem, Tensor::kWeights, problem.size), 3 * 4 * 5 * 2);
  EXPECT_EQ(TileElements(problem, Tensor::kInputs, problem.size), 3 * 2 * 5 * 12 * 7);
  EXPECT_EQ(TileElements(problem, Tensor::kOutputs, problem.size), 3 * 2 * 4 * 6 * 7);

  // The second factor of an attention product belongs to its image.
  conv.weights_are_activations = true;
  problem = ProblemOf(conv);
  EXPECT_EQ(problem.size, (PerDim<int64_t>{6, 1, 4, 5, 6, 7, 2, 1}));
  EXPECT_EQ(problem.Macs(), static_cast<double>(conv.Macs()));
}

TEST(Mapping, PrintsItsNest) {
  Mapping mapping;
  mapping.levels.resize(2);
  mapping.levels[0].keeps = {true, false, false};
  mapping.levels[0].temporal = {{Dim::kS, 3}, {Dim::kN, 1}};
  mapping.levels[1].temporal = {{Dim::kQ, 4}, {Dim::kM, 2}};
  mapping.levels[1].spatial_x = {{Dim::kM, 2}};
  EXPECT_EQ(mapping.ToString(PadsUnderDram(2)),
            "DRAM keeps weights inputs outputs\n"
            "for Q in 0..4\n"
            "  for M in 0..2\n"
            "    for M in 0..2 on x\n"
            "      pad keeps weights\n"
            "      for S in 0..3\n");
}

}  // namespace
}  // namespace bitscape::cost_models
