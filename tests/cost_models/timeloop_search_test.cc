// The search against Timeloop's own, and against what holds of every layer.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "cost_models/mapping/search.h"
#include "tests/cost_models/timeloop_cases.h"

namespace bitscape::cost_models {
namespace {

MappingResult Search(const TimeloopCase& reference, const MappingConstraints& constraints) {
  const absl::StatusOr<MappingResult> found = SearchMapping(
      reference.problem, reference.hierarchy, constraints, reference.widths, reference.prices, {});
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : MappingResult{};
}

void ExpectExactFixedBounds(const MappingConstraints& constraints, const Mapping& mapping) {
  for (size_t l = 0; l < constraints.levels.size(); ++l) {
    PerDim<int64_t> temporal, spatial;
    temporal.fill(1);
    spatial.fill(1);
    for (const Loop& loop : mapping.levels[l].temporal) {
      temporal[static_cast<size_t>(loop.dim)] *= loop.bound;
    }
    for (const auto* loops : {&mapping.levels[l].spatial_x, &mapping.levels[l].spatial_y}) {
      for (const Loop& loop : *loops) spatial[static_cast<size_t>(loop.dim)] *= loop.bound;
    }
    for (size_t d = 0; d < kDims; ++d) {
      const LevelConstraint& asked = constraints.levels[l];
      EXPECT_TRUE(asked.temporal[d] == 0 || asked.temporal[d] == temporal[d]) << l << ", " << d;
      EXPECT_TRUE(asked.spatial[d] == 0 || asked.spatial[d] == spatial[d]) << l << ", " << d;
    }
  }
}

TEST(TimeloopSearch, NeverWorseThanTimeloopsBest) {
  const std::vector<TimeloopCase> cases = ReadTimeloopCases();
  ASSERT_FALSE(cases.empty());
  for (const TimeloopCase& reference : cases) {
    SCOPED_TRACE(reference.name);
    const absl::StatusOr<MappingCounts> counts =
        CountMapping(reference.problem, reference.hierarchy, reference.mapping, reference.widths);
    ASSERT_TRUE(counts.ok()) << counts.status();
    const double theirs = EnergyPj(*counts, reference.prices);
    const auto start = std::chrono::steady_clock::now();
    const MappingResult ours = Search(reference, reference.constraints);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const MappingResult free = Search(reference, {});
    std::printf("%s: theirs %.2f, ours %.2f (bound %.2f), free %.2f; %lld mappings in %.3f s\n",
                reference.name.c_str(), theirs / 1e6, ours.energy_pj / 1e6, ours.lower_bound / 1e6,
                free.energy_pj / 1e6, static_cast<long long>(ours.evaluated), seconds.count());
    // The reference's own mapping also obeys the constraints, so it bounds ours from above, and our
    // bound from below.
    EXPECT_LE(ours.energy_pj, theirs);
    EXPECT_LE(ours.energy_pj / 1e6, reference.stats.energy_uj);
    EXPECT_LE(ours.lower_bound, ours.energy_pj);
    EXPECT_GT(ours.lower_bound, 0.7 * ours.energy_pj);
    ExpectExactFixedBounds(reference.constraints, ours.mapping);
    EXPECT_LE(ours.evaluated, SearchOptions{}.max_evaluations);
    // Without constraints there is more to find.
    EXPECT_LE(free.energy_pj, ours.energy_pj);
    EXPECT_LE(free.lower_bound, free.energy_pj);
  }
}

// Every kind of layer on the reference's machine under its constraints and without any.
TEST(TimeloopSearch, EveryLayerHasAMapping) {
  const std::vector<TimeloopCase> cases = ReadTimeloopCases();
  const TimeloopCase& machine = cases.front();
  const std::vector<PerDim<int64_t>> sizes = {
      {1, 1, 64, 3, 224, 224, 3, 3},   {1, 1, 512, 512, 14, 14, 3, 3},
      {1, 1, 64, 3, 112, 112, 7, 7},   {1, 1, 2048, 512, 7, 7, 1, 1},
      {1, 1, 1000, 2048, 1, 1, 1, 1},  {1, 1, 4096, 25088, 1, 1, 1, 1},
      {1, 128, 768, 3072, 1, 1, 1, 1}, {12, 128, 128, 64, 1, 1, 1, 1},
      {144, 1, 1, 1, 56, 56, 3, 3},    {1, 1, 17, 19, 23, 29, 5, 3}};
  for (const PerDim<int64_t>& size : sizes) {
    TimeloopCase layer = machine;
    layer.problem = Problem{size, 1, 1, 1, 1};
    SCOPED_TRACE(::testing::PrintToString(size));
    MappingConstraints constraints = machine.constraints;
    for (LevelConstraint& level : constraints.levels) {
      for (size_t d = 0; d < kDims; ++d) {  // 0 and 1 are all that this machine fixes
        ASSERT_LE(level.temporal[d], 1);
        ASSERT_LE(level.spatial[d], 1);
      }
    }
    const MappingResult constrained = Search(layer, constraints);
    const MappingResult free = Search(layer, {});
    EXPECT_LE(free.energy_pj, constrained.energy_pj);
    EXPECT_LE(constrained.lower_bound, constrained.energy_pj);
    EXPECT_LE(free.lower_bound, free.energy_pj);
    std::printf("%s constrained %.4g (%.3f of its bound) free %.4g (%.3f)\n",
                ::testing::PrintToString(size).c_str(), constrained.energy_pj / 1e6,
                constrained.energy_pj / constrained.lower_bound, free.energy_pj / 1e6,
                free.energy_pj / free.lower_bound);
  }
}

}  // namespace
}  // namespace bitscape::cost_models
