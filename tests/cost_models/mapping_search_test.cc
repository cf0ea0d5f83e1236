#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "cost_models/mapping/search.h"
#include "engine/core/random.h"
#include "tests/cost_models/brute_force_mapper.h"
#include "tests/cost_models/small_layers.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

Hierarchy Machine(std::vector<HierarchyLevel> levels) { return {std::move(levels)}; }

// Ten times more for each level further out.
AccessPrices Prices(const Hierarchy& hierarchy) {
  AccessPrices prices;
  double price = 1;
  for (size_t level = 0; level < hierarchy.levels.size(); ++level, price *= 10) {
    prices.levels.emplace_back();
    prices.levels.back().fill({price, 0.8 * price, 0.9 * price, 0.05 * price});
  }
  prices.mac = 0.5;
  prices.spatial_reduction = 0.1;
  return prices;
}

MappingResult Search(const Problem& problem, const Hierarchy& hierarchy,
                     const MappingConstraints& constraints = {}, const SearchOptions& options = {},
                     const ElementWidths& widths = kWidths) {
  const absl::StatusOr<MappingResult> result =
      SearchMapping(problem, hierarchy, constraints, widths, Prices(hierarchy), options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : MappingResult{};
}

// 4 x 3 elements of `element` words each around a buffer.
Hierarchy Array(double element, double buffer) {
  return Machine({Memory("element", element), Memory("buffer", buffer, 4, 3), Memory("dram", 0)});
}

struct Small {
  std::string name;
  Problem problem;
  Hierarchy hierarchy;
};

std::vector<Small> SmallCases() {
  const Hierarchy two = Machine({Memory("buffer", 14, 2, 2), Memory("dram", 0)});
  const Hierarchy three =
      Machine({Memory("registers", 4), Memory("buffer", 40, 2, 2), Memory("dram", 0)});
  Hierarchy apart = Machine(
      {Memory("sums", 1), Memory("weights", 2), Memory("buffer", 24, 2, 1), Memory("dram", 0)});
  apart.levels[0].may_hold = {false, false, true};
  apart.levels[1].may_hold = {true, false, false};
  apart.levels[2].may_hold = {false, true, true};
  Hierarchy alone = three;
  for (HierarchyLevel& level : alone.levels) level.multicast = {false, false, false};
  Hierarchy forwarding = two;
  forwarding.levels[0].forwards_inputs = true;
  Hierarchy neighbours = three;
  neighbours.levels[1].forwards_inputs = true;
  Problem strided = Layer(2, 1, 4, 2, 3, 1);
  strided.stride_h = 2;
  Problem dilated = Layer(2, 2, 4, 1, 2, 1);
  dilated.dilation_h = 2;
  Problem skipping = Layer(2, 2, 4, 2, 1, 1);
  skipping.stride_h = 3;
  skipping.stride_w = 2;
  return {{"product", Layer(4, 4, 4, 1, 1, 1), two},
          {"product of three levels", Layer(4, 2, 4, 1, 1, 1), three},
          {"convolution", Layer(2, 2, 4, 1, 3, 1), two},
          {"convolution of three levels", Layer(2, 2, 3, 1, 3, 1), three},
          {"plane", Layer(2, 1, 3, 2, 2, 2), two},
          {"odd sizes", Layer(3, 5, 3, 1, 1, 1), two},
          {"depthwise", Layer(1, 1, 4, 1, 3, 1, 1, 4), two},
          {"batch of one through a connected layer", Layer(6, 8, 1, 1, 1, 1), three},
          {"strided", strided, two},
          {"dilated", dilated, two},
          {"skipping", skipping, two},
          {"each tensor its own memory", Layer(2, 2, 4, 1, 2, 1), apart},
          {"no multicast", Layer(2, 2, 3, 1, 3, 1), alone},
          {"two levels that forward", Layer(2, 2, 4, 1, 3, 1), forwarding},
          {"elements that forward", Layer(2, 2, 3, 1, 3, 1), neighbours}};
}

double OffChipBits(const MappingCounts& counts) {
  double accesses = 0;
  for (const TensorAccesses& tensor : counts.levels.back()) {
    accesses += tensor.reads + tensor.fills + tensor.updates;
  }
  return 16 * accesses;
}

TEST(MappingSearch, NeverWorseThanAllExactMappings) {
  for (const Small& small : SmallCases()) {
    SCOPED_TRACE(small.name);
    const AccessPrices prices = Prices(small.hierarchy);
    const BruteForce brute =
        TryAllMappings(small.problem, small.hierarchy, kWidths,
                       [&](const MappingCounts& counts) { return EnergyPj(counts, prices); });
    ASSERT_GT(brute.valid, 0);
    const MappingResult found = Search(small.problem, small.hierarchy);
    EXPECT_LE(found.energy_pj, brute.best * (1 + 1e-9))
        << brute.mapping.ToString(small.hierarchy) << "against\n"
        << found.mapping.ToString(small.hierarchy);
    EXPECT_LE(found.lower_bound, brute.best * (1 + 1e-9));
    EXPECT_GT(found.lower_bound, 0);
    EXPECT_GE(found.energy_pj, found.lower_bound * (1 - 1e-9));
  }
}

TEST(MappingSearch, OtherObjectivesMatchAllExactMappings) {
  for (const Small& small : SmallCases()) {
    SCOPED_TRACE(small.name);
    const BruteForce traffic = TryAllMappings(small.problem, small.hierarchy, kWidths, OffChipBits);
    SearchOptions options;
    options.objective = MappingObjective::kOffChipTraffic;
    const MappingResult least = Search(small.problem, small.hierarchy, {}, options);
    EXPECT_LE(OffChipBits(least.counts), traffic.best * 1.05);
    EXPECT_LE(least.lower_bound, traffic.best * (1 + 1e-9));

    const auto cycles = [&](const MappingCounts& counts) {
      return LatencyOf(counts, small.hierarchy, kWidths, 1).cycles;
    };
    const BruteForce fastest = TryAllMappings(small.problem, small.hierarchy, kWidths, cycles);
    options.objective = MappingObjective::kLatency;
    const MappingResult fast = Search(small.problem, small.hierarchy, {}, options);
    EXPECT_LE(fast.latency.cycles, fastest.best);
    EXPECT_LE(fast.lower_bound, fastest.best);
  }
}

// Layers and machines of every kind, drawn at random, small enough to try everything.
Small DrawSmall(uint64_t stream) {
  uint64_t draws = 0;
  const auto below = [&](uint64_t bound) { return RandomBelow(bound, 7, stream, draws++); };
  Small small;
  small.name = "draw " + std::to_string(stream);
  int64_t macs = 1;
  for (int64_t& size : small.problem.size) {
    size = below(2) == 0 ? 1 : 1 + static_cast<int64_t>(below(4));
    if (macs * size > 64) size = 1;
    macs *= size;
  }
  small.problem.stride_h = 1 + static_cast<int64_t>(below(2));
  small.problem.stride_w = 1 + static_cast<int64_t>(below(3));
  small.problem.dilation_h = 1 + static_cast<int64_t>(below(2));
  const uint64_t levels = 2 + below(2);
  for (uint64_t level = 0; level < levels; ++level) {
    HierarchyLevel memory =
        Memory("level", level + 1 == levels ? 0 : 3 + 20 * static_cast<double>(level));
    memory.capacity_bits += 16 * static_cast<double>(below(8)) * (memory.capacity_bits > 0);
    memory.double_buffered = below(4) == 0 && level > 0;
    if (below(2) == 0) memory.fanout_x = 1 + static_cast<int64_t>(below(3));
    if (below(2) == 0) memory.fanout_y = 1 + static_cast<int64_t>(below(3));
    for (size_t t = 0; t < kTensors; ++t) {
      memory.multicast[t] = below(4) != 0;
      memory.may_hold[t] = level + 1 == levels || below(4) != 0;
    }
    memory.forwards_inputs = below(5) == 0;
    small.hierarchy.levels.push_back(memory);
  }
  return small;
}

TEST(MappingSearch, RandomSmallLayersMatchAllExactMappings) {
  constexpr int kDraws = 60;
  int exact = 0;
  for (uint64_t stream = 0; stream < kDraws; ++stream) {
    const Small small = DrawSmall(stream);
    SCOPED_TRACE(small.name);
    const AccessPrices prices = Prices(small.hierarchy);
    const BruteForce brute =
        TryAllMappings(small.problem, small.hierarchy, kWidths,
                       [&](const MappingCounts& counts) { return EnergyPj(counts, prices); });
    ASSERT_GT(brute.valid, 0);
    const MappingResult found = Search(small.problem, small.hierarchy);
    EXPECT_LE(found.energy_pj, brute.best * 1.05);
    EXPECT_LE(found.lower_bound, std::min(brute.best, found.energy_pj) * (1 + 1e-9));
    exact += found.energy_pj <= brute.best * (1 + 1e-9) ? 1 : 0;
  }
  EXPECT_GE(exact, kDraws * 98 / 100);
}

TEST(MappingSearch, ReportsWhatTheMappingCosts) {
  const Hierarchy hierarchy = Array(32, 2048);
  const Problem problem = Layer(16, 8, 7, 7, 3, 3);
  const MappingResult found = Search(problem, hierarchy);
  const absl::StatusOr<MappingCounts> counts =
      CountMapping(problem, hierarchy, found.mapping, kWidths);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(found.energy_pj, EnergyPj(*counts, Prices(hierarchy)));
  EXPECT_EQ(found.latency.cycles, LatencyOf(*counts, hierarchy, kWidths, 1).cycles);
  EXPECT_EQ(found.counts.macs, counts->macs);
  EXPECT_GT(found.evaluated, 1000);
  EXPECT_LE(found.evaluated, SearchOptions{}.max_evaluations);
}

TEST(MappingSearch, SameInputsSameResult) {
  const Hierarchy hierarchy = Array(32, 2048);
  const Problem problem = Layer(24, 10, 13, 13, 3, 3);
  const MappingResult first = Search(problem, hierarchy), second = Search(problem, hierarchy);
  EXPECT_EQ(first.mapping, second.mapping);
  EXPECT_EQ(first.evaluated, second.evaluated);
}

TEST(MappingSearch, TheObjectiveDecides) {
  const Hierarchy hierarchy = Array(32, 2048);
  const Problem problem = Layer(32, 16, 14, 14, 3, 3);
  std::vector<MappingResult> results;
  for (const MappingObjective objective :
       {MappingObjective::kEnergy, MappingObjective::kLatency, MappingObjective::kEnergyDelay,
        MappingObjective::kOffChipTraffic}) {
    SearchOptions options;
    options.objective = objective;
    results.push_back(Search(problem, hierarchy, {}, options));
    EXPECT_GT(results.back().lower_bound, 0);
  }
  constexpr double kSlack = 1.02;  // searches are heuristic
  for (const MappingResult& other : results) {
    EXPECT_LE(results[0].energy_pj, other.energy_pj * kSlack);
    EXPECT_LE(results[1].latency.cycles, other.latency.cycles * kSlack);
    EXPECT_LE(results[2].energy_pj * results[2].latency.cycles,
              other.energy_pj * other.latency.cycles * kSlack);
    EXPECT_LE(OffChipBits(results[3].counts), OffChipBits(other.counts) * kSlack);
  }
  EXPECT_LT(results[1].latency.cycles, results[0].latency.cycles);
  EXPECT_LT(results[0].energy_pj, results[1].energy_pj);
}

TEST(MappingSearch, ALargerMemoryNeverRaisesOffChipTraffic) {
  SearchOptions options;
  options.objective = MappingObjective::kOffChipTraffic;
  options.max_evaluations = 500;
  Problem strided = Layer(12, 6, 9, 10, 5, 3);
  strided.stride_h = 2;
  for (const Problem& problem : {Layer(16, 24, 7, 5, 3, 3), Layer(10, 36, 50, 1, 1, 1), strided}) {
    for (const bool weights_pass : {false, true}) {
      for (const Dataflow dataflow : {Dataflow::kAny, Dataflow::kRowStationary}) {
        double before = std::numeric_limits<double>::infinity();
        for (double words = 12; words < 20'000; words *= 1.61) {
          Hierarchy hierarchy = Array(16, words);
          hierarchy.levels[1].may_hold[0] = !weights_pass;
          const double bits = OffChipBits(
              Search(problem, hierarchy, ConstraintsOf(dataflow, problem, hierarchy), options)
                  .counts);
          EXPECT_LE(bits, before) << words << " words";
          before = bits;
        }
        before = std::numeric_limits<double>::infinity();
        for (double words = 3; words < 3000; words *= 2.3) {
          const Hierarchy hierarchy = Array(words, 500);
          const double bits = OffChipBits(
              Search(problem, hierarchy, ConstraintsOf(dataflow, problem, hierarchy), options)
                  .counts);
          EXPECT_LE(bits, before) << words << " words in an element";
          before = bits;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitscape::cost_models
