#include "cost_models/mapping/loop_nest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/cost_models/nest_walk.h"
#include "tests/cost_models/random_nests.h"

namespace bitscape::cost_models {
namespace {

void ExpectWalk(const RandomNest& example, WalkRule rule) {
  const auto counts =
      CountMapping(example.problem, example.hierarchy, example.mapping, example.widths);
  ASSERT_TRUE(counts.ok()) << counts.status();
  const MappingCounts walk = WalkMapping(example.problem, example.hierarchy, example.mapping, rule);
  for (size_t l = 0; l < walk.levels.size(); ++l) {
    for (size_t t = 0; t < kTensors; ++t) {
      SCOPED_TRACE(testing::Message() << "level " << l << ", tensor " << t);
      const TensorAccesses& ours = counts->levels[l][t];
      const TensorAccesses& theirs = walk.levels[l][t];
      EXPECT_DOUBLE_EQ(ours.reads, theirs.reads);
      EXPECT_DOUBLE_EQ(ours.fills, theirs.fills);
      EXPECT_DOUBLE_EQ(ours.updates, theirs.updates);
      EXPECT_DOUBLE_EQ(ours.deliveries, theirs.deliveries);
      EXPECT_EQ(ours.instances, theirs.instances);
    }
  }
  EXPECT_DOUBLE_EQ(counts->spatial_reductions, walk.spatial_reductions);
}

// Every failure prints the mapping; one is enough.
void ExpectWalks(int examples, bool windows, WalkRule rule) {
  for (int seed = 0; seed < examples; ++seed) {
    const RandomNest example = RandomNests(static_cast<uint32_t>(seed)).Make(windows);
    std::string sizes;
    for (const int64_t size : example.problem.size) sizes += std::to_string(size) + " ";
    SCOPED_TRACE(testing::Message()
                 << "seed " << seed << ", sizes " << sizes << "strides " << example.problem.stride_h
                 << " " << example.problem.stride_w << " dilations " << example.problem.dilation_h
                 << " " << example.problem.dilation_w << "\n"
                 << example.mapping.ToString(example.hierarchy));
    ExpectWalk(example, rule);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(LoopNest, CountsAreThoseOfAWalkOverElements) {
  ExpectWalks(30000, /*windows=*/true, WalkRule::kTimeloop);
}

TEST(LoopNest, WithoutWindowsCountsAreThoseOfAnExactWalk) {
  ExpectWalks(3000, /*windows=*/false, WalkRule::kExact);
}

// Of elements that move between levels: what one level gives, the next takes.
TEST(LoopNest, WhatALevelDeliversArrives) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    RandomNest example = RandomNests(seed).Make(/*windows=*/true);
    for (HierarchyLevel& level : example.hierarchy.levels) level.forwards_inputs = false;
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const auto counts =
        CountMapping(example.problem, example.hierarchy, example.mapping, example.widths);
    ASSERT_TRUE(counts.ok()) << counts.status();
    for (size_t t = 0; t < kTensors; ++t) {
      const bool is_sum = t == static_cast<size_t>(Tensor::kOutputs);
      const TensorAccesses* inner = nullptr;
      for (const PerTensor<TensorAccesses>& level : counts->levels) {
        const TensorAccesses& outer = level[t];
        if (outer.instances == 0) continue;
        if (is_sum) {
          ASSERT_GE(outer.deliveries, inner == nullptr ? counts->macs : 2 * inner->fills);
        } else {
          ASSERT_EQ(outer.deliveries, inner == nullptr ? counts->macs : inner->fills);
        }
        ASSERT_LE(is_sum ? outer.updates : outer.reads, outer.deliveries);
        ASSERT_GE(outer.instances, 1);
        inner = &outer;
      }
      // All of a tensor passes the outermost level.
      const TensorAccesses& outermost = counts->levels.back()[t];
      if (t != static_cast<size_t>(Tensor::kInputs)) {
        ASSERT_GE(is_sum ? outermost.updates : outermost.reads, outermost.tile_elements);
      }
      ASSERT_EQ(outermost.fills, 0);
    }
    ASSERT_LE(counts->utilization, 1);
    ASSERT_EQ(counts->macs,
              counts->compute_cycles *
                  static_cast<double>(example.hierarchy.Multipliers()));  // all are in use
  }
}

TEST(LoopNest, LatencyIsTheLargestOfItsBoundsAndGrowsWithWidth) {
  int stalled = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    RandomNest example = RandomNests(seed).Make(/*windows=*/true);
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    for (size_t l = 0; l < example.hierarchy.levels.size(); ++l) {
      HierarchyLevel& level = example.hierarchy.levels[l];
      if (seed % 2 == 0) level.shared_bits_per_cycle = 24 + seed % 50;
      if (seed % 3 == 0) level.read_bits_per_cycle = 10 + seed % 40;
      if (seed % 5 == 0) level.write_bits_per_cycle = 5 + seed % 20;
    }
    const auto counts =
        CountMapping(example.problem, example.hierarchy, example.mapping, example.widths);
    ASSERT_TRUE(counts.ok()) << counts.status();
    const MappingLatency latency = LatencyOf(*counts, example.hierarchy, example.widths, 2);
    double bound = counts->compute_cycles * 2;
    for (size_t l = 0; l < example.hierarchy.levels.size(); ++l) {
      bound = std::max(bound, TransferCycles(*counts, example.hierarchy, example.widths, l));
    }
    ASSERT_GE(latency.cycles, bound);
    ASSERT_LT(latency.cycles, bound + 1);
    stalled += latency.bound != "compute";

    ElementWidths wider = example.widths;
    wider.bits[seed % kTensors] += 3;
    const MappingLatency wide = LatencyOf(*counts, example.hierarchy, wider, 2);
    ASSERT_GE(wide.cycles, latency.cycles);
    for (size_t l = 0; l < example.hierarchy.levels.size(); ++l) {
      ASSERT_GE(TransferCycles(*counts, example.hierarchy, wider, l),
                TransferCycles(*counts, example.hierarchy, example.widths, l));
    }
  }
  EXPECT_GT(stalled, 500);
}

}  // namespace
}  // namespace bitscape::cost_models
