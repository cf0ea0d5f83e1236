#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cost_models/mapping/search.h"
#include "tests/cost_models/small_layers.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

HierarchyLevel Only(HierarchyLevel level, PerTensor<bool> may_hold) {
  level.may_hold = may_hold;
  return level;
}

// Elements with a memory; with one for each tensor; without any; a line of them; one core of many.
std::vector<Hierarchy> Machines() {
  return {{{Memory("element", 64), Memory("buffer", 4096, 8, 6), Memory("dram", 0)}},
          {{Only(Memory("sums", 8), {false, false, true}),
            Only(Memory("filters", 32), {true, false, false}),
            Only(Memory("pixels", 4), {false, true, false}),
            Only(Memory("network", 0, 8, 6), {false, false, false}),
            Only(Memory("buffer", 4096), {false, true, true}), Memory("dram", 0)}},
          {{Memory("buffer", 4096, 8, 6), Memory("dram", 0)}},
          {{Memory("element", 3), Memory("buffer", 300, 16, 1), Memory("dram", 0)}},
          {{Memory("registers", 64, 4, 4), Memory("core", 1024, 2, 2), Memory("shared", 8192, 3, 1),
            Memory("dram", 0)}}};
}

AccessPrices Prices(const Hierarchy& hierarchy) {
  AccessPrices prices;
  double price = 1;
  for (size_t level = 0; level < hierarchy.levels.size(); ++level, price *= 8) {
    prices.levels.emplace_back();
    prices.levels.back().fill({price, price, price, 0.1 * price});
  }
  prices.mac = 1;
  return prices;
}

absl::StatusOr<MappingResult> Search(const Problem& problem, const Hierarchy& hierarchy,
                                     const MappingConstraints& constraints) {
  SearchOptions options;
  options.max_evaluations = 3000;
  return SearchMapping(problem, hierarchy, constraints, kWidths, Prices(hierarchy), options);
}

int64_t BoundOf(const std::vector<Loop>& loops, Dim dim) {
  int64_t bound = 1;
  for (const Loop& loop : loops) bound *= loop.dim == dim ? loop.bound : 1;
  return bound;
}

// Listed dimensions come innermost, in this order; what is not listed goes outside.
void ExpectOrder(const std::vector<Dim>& order, const std::vector<Loop>& temporal) {
  size_t next = 0;
  bool unlisted = false;
  for (auto loop = temporal.rbegin(); loop != temporal.rend(); ++loop) {
    const auto found =
        std::find(order.begin() + static_cast<std::ptrdiff_t>(next), order.end(), loop->dim);
    const bool listed = std::find(order.begin(), order.end(), loop->dim) != order.end();
    EXPECT_EQ(listed, found != order.end()) << "out of order";
    EXPECT_FALSE(listed && unlisted) << "a listed dimension outside of one that is not";
    if (listed) next = static_cast<size_t>(found - order.begin()) + 1;
    unlisted |= !listed;
  }
}

void ExpectRespected(const MappingConstraints& constraints, const Mapping& mapping) {
  for (size_t l = 0; l < constraints.levels.size(); ++l) {
    SCOPED_TRACE(l);
    const LevelConstraint& asked = constraints.levels[l];
    const LevelMapping& level = mapping.levels[l];
    for (int i = 0; i < kDims; ++i) {
      SCOPED_TRACE(kDimNames[static_cast<size_t>(i)]);
      const Dim dim = static_cast<Dim>(i);
      const size_t d = static_cast<size_t>(i);
      const int64_t x = BoundOf(level.spatial_x, dim), y = BoundOf(level.spatial_y, dim);
      if (asked.temporal[d] > 0) {
        EXPECT_EQ(BoundOf(level.temporal, dim), asked.temporal[d]);
      }
      if (asked.spatial[d] > 0) {
        EXPECT_EQ(x * y, asked.spatial[d]);
      }
      if (asked.on_x && !(*asked.on_x)[d]) {
        EXPECT_EQ(x, 1);
      }
      if (asked.on_y && !(*asked.on_y)[d]) {
        EXPECT_EQ(y, 1);
      }
    }
    for (size_t t = 0; t < kTensors; ++t) {
      if (asked.keeps[t]) {
        EXPECT_EQ(level.keeps[t], *asked.keeps[t]);
      }
    }
    ExpectOrder(asked.order, level.temporal);
  }
}

TEST(MappingConstraints, DataflowsLeaveAMappingForEveryLayerAndMachine) {
  const std::vector<std::pair<std::string, Problem>> layers = {
      {"convolution", Layer(24, 12, 13, 13, 3, 3)},
      {"first convolution", Layer(16, 3, 28, 28, 7, 7)},
      {"pointwise", Layer(48, 32, 7, 7, 1, 1)},
      {"depthwise", Layer(1, 1, 14, 14, 3, 3, 1, 32)},
      {"connected", Layer(100, 256, 1, 1, 1, 1)},
      {"product", Layer(64, 48, 30, 1, 1, 1, 1, 12)},
      {"one", Layer(1, 1, 1, 1, 1, 1)}};
  const std::vector<Hierarchy> machines = Machines();
  for (const auto& [name, problem] : layers) {
    for (size_t machine = 0; machine < machines.size(); ++machine) {
      for (const Dataflow dataflow :
           {Dataflow::kAny, Dataflow::kWeightStationary, Dataflow::kOutputStationary,
            Dataflow::kInputStationary, Dataflow::kRowStationary}) {
        SCOPED_TRACE(name + ", machine " + std::to_string(machine) + ", dataflow " +
                     std::to_string(static_cast<int>(dataflow)));
        const MappingConstraints constraints = ConstraintsOf(dataflow, problem, machines[machine]);
        EXPECT_EQ(constraints.levels.empty(), dataflow == Dataflow::kAny);
        const absl::StatusOr<MappingResult> found = Search(problem, machines[machine], constraints);
        ASSERT_TRUE(found.ok()) << found.status();
        ExpectRespected(constraints, found->mapping);
        EXPECT_LE(found->lower_bound, found->energy_pj * (1 + 1e-9));
      }
    }
  }
}

TEST(MappingConstraints, AStationaryTensorEntersTheElementsOnce) {
  const Problem problem = Layer(24, 12, 12, 12, 3, 3);
  const Hierarchy hierarchy = {
      {Memory("element", 64), Memory("buffer", 8192, 8, 6), Memory("dram", 0)}};
  const std::pair<Dataflow, Tensor> stationary[] = {{Dataflow::kWeightStationary, Tensor::kWeights},
                                                    {Dataflow::kInputStationary, Tensor::kInputs}};
  for (const auto& [dataflow, tensor] : stationary) {
    const size_t t = static_cast<size_t>(tensor);
    const absl::StatusOr<MappingResult> found =
        Search(problem, hierarchy, ConstraintsOf(dataflow, problem, hierarchy));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->mapping.levels[0].keeps[t]);
    for (int i = 0; i < kDims; ++i) {
      const Dim dim = static_cast<Dim>(i);
      if (!Indexes(dim, tensor)) {
        EXPECT_EQ(BoundOf(found->mapping.levels[0].temporal, dim), 1);
      }
    }
  }
}

TEST(MappingConstraints, FixedBoundsAreMet) {
  const Problem problem = Layer(24, 12, 13, 13, 3, 3);
  const Hierarchy hierarchy = Machines()[0];
  MappingConstraints constraints;
  constraints.levels.resize(3);
  constraints.levels[0].temporal = {1, 1, 2, 3, 1, 1, 0, 1};
  constraints.levels[1].spatial = {1, 1, 12, 0, 1, 0, 1, 1};
  constraints.levels[1].on_x = PerDim<bool>{false, false, true, true, false, false, false, false};
  constraints.levels[1].order = {Dim::kM, Dim::kQ};
  constraints.levels[2].temporal = {1, 1, 0, 0, 0, 1, 1, 1};
  constraints.levels[1].keeps[0] = false;
  const absl::StatusOr<MappingResult> found = Search(problem, hierarchy, constraints);
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectRespected(constraints, found->mapping);
}

TEST(MappingConstraints, SpatialBoundsAloneCanCoverALayer) {
  const Problem problem = Layer(40, 1, 1, 1, 1, 1);
  const Hierarchy hierarchy = Machines()[0];
  MappingConstraints constraints;
  constraints.levels.resize(3);
  for (LevelConstraint& level : constraints.levels) level.temporal.fill(1);
  const absl::StatusOr<MappingResult> found = Search(problem, hierarchy, constraints);
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectRespected(constraints, found->mapping);
  EXPECT_EQ(found->latency.cycles, found->counts.compute_cycles);
}

std::string ErrorOf(const MappingConstraints& constraints,
                    absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  const absl::StatusOr<MappingResult> found =
      Search(Layer(24, 12, 13, 13, 3, 3), Machines()[0], constraints);
  EXPECT_EQ(found.status().code(), code) << found.status();
  return std::string(found.status().message());
}

TEST(MappingConstraints, ContradictionsAreRefused) {
  MappingConstraints free;
  free.levels.resize(3);
  MappingConstraints bad = free;
  bad.levels.pop_back();
  EXPECT_THAT(ErrorOf(bad), HasSubstr("constraints of 2 levels for a hierarchy of 3"));
  bad = free;
  bad.levels[0].temporal[2] = 25;
  EXPECT_THAT(ErrorOf(bad), HasSubstr("level element: a bound of 25 for M, of which the layer has "
                                      "24"));
  bad = free;
  bad.levels[1].spatial[2] = 24;
  bad.levels[1].on_y = PerDim<bool>{};
  EXPECT_THAT(
      ErrorOf(bad),
      HasSubstr("level buffer: M spread over 24 instances does not fit a fan-out of 8 x 1"));
  bad = free;
  bad.levels[1].spatial[2] = 24;
  bad.levels[1].spatial[3] = 12;
  EXPECT_THAT(ErrorOf(bad), HasSubstr("the fixed spatial bounds together exceed a fan-out"));
  bad = free;
  for (LevelConstraint& level : bad.levels) level.temporal[3] = level.spatial[3] = 2;
  EXPECT_THAT(ErrorOf(bad), HasSubstr("level element: C spread over 2 instances does not fit a "
                                      "fan-out of 1 x 1"));
  bad = free;
  for (LevelConstraint& level : bad.levels) {
    level.temporal[3] = 2;
    level.spatial[3] = 1;
  }
  EXPECT_THAT(ErrorOf(bad), HasSubstr("the bounds of C multiply to 8: the layer has 12, and no "
                                      "level may take the rest"));
  bad = free;
  for (LevelConstraint& level : bad.levels) level.temporal[3] = 6;
  EXPECT_THAT(ErrorOf(bad), HasSubstr("the bounds of C multiply to 216: the layer has 12"));
  bad = free;
  bad.levels[2].keeps[1] = false;
  EXPECT_THAT(ErrorOf(bad), HasSubstr("level dram is the outermost and must hold inputs"));
  bad = free;
  bad.levels[1].order = {Dim::kM, Dim::kP, Dim::kM};
  EXPECT_THAT(ErrorOf(bad), HasSubstr("level buffer: the order lists M twice"));
}

TEST(MappingConstraints, WhatDoesNotFitIsNamed) {
  const Problem problem = Layer(4, 4, 4, 4, 1, 1);
  Hierarchy hierarchy = {{Memory("scratchpad", 0), Memory("dram", 0)}};
  hierarchy.levels[0].capacity_bits = 12;
  MappingConstraints constraints;
  constraints.levels.resize(2);
  constraints.levels[0].keeps = {false, true, false};
  absl::StatusOr<MappingResult> found = Search(problem, hierarchy, constraints);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(found.status().message()),
              HasSubstr("level scratchpad holds 12 bits, of which 0 are taken: it can't hold 1 "
                        "element of inputs of 16 bits"));
  // Free to pass the memory by, it does.
  constraints.levels[0].keeps = {};
  found = Search(problem, hierarchy, constraints);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->mapping.levels[0].keeps, (PerTensor<bool>{false, false, false}));

  constraints.levels[0].keeps = {false, true, true};
  hierarchy.levels[0].capacity_bits = 100;
  hierarchy.levels[0].double_buffered = true;
  constraints.levels[0].temporal[3] = 4;
  EXPECT_THAT(std::string(Search(problem, hierarchy, constraints).status().message()),
              HasSubstr("level scratchpad holds 100 bits in two halves, of which 0 are taken: it "
                        "can't hold 4 elements of inputs of 16 bits"));
}

TEST(MappingConstraints, OptionsAndPricesAreChecked) {
  const Problem problem = Layer(4, 4, 4, 4, 1, 1);
  const Hierarchy hierarchy = Machines()[0];
  SearchOptions options;
  options.max_evaluations = 0;
  EXPECT_THAT(std::string(SearchMapping(problem, hierarchy, {}, kWidths, Prices(hierarchy), options)
                              .status()
                              .message()),
              HasSubstr("max_evaluations is 0: at least 1"));
  EXPECT_THAT(
      std::string(SearchMapping(problem, hierarchy, {}, kWidths, {}, {}).status().message()),
      HasSubstr("prices of 0 levels for a hierarchy of 3"));
  Problem empty = problem;
  empty.size[2] = 0;
  EXPECT_THAT(
      std::string(
          SearchMapping(empty, hierarchy, {}, kWidths, Prices(hierarchy), {}).status().message()),
      HasSubstr("dimension M has size 0: 1 to 16777216"));
  // More iterations than can be counted.
  Problem huge = problem;
  huge.size = {1, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1, 1, 1};
  const absl::StatusOr<MappingResult> found =
      SearchMapping(huge, hierarchy, {}, kWidths, Prices(hierarchy), {});
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument) << found.status();
}

}  // namespace
}  // namespace bitscape::cost_models
