// Random small layers, hierarchies and mappings that fit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

struct RandomNest {
  Problem problem;
  Hierarchy hierarchy;
  Mapping mapping;
  ElementWidths widths;
};

class RandomNests {
 public:
  explicit RandomNests(uint32_t seed) : random_(seed) {}

  // `windows`: inputs may be indexed by sums of two dimensions that both exceed 1.
  RandomNest Make(bool windows) {
    RandomNest example;
    // Only P, R, M and C, often spread: instances often have what their neighbours need.
    const bool one_window = windows && OneIn(2);
    example.problem = MakeProblem(windows, one_window);
    const size_t levels = static_cast<size_t>(Below(3) + 2);
    example.hierarchy.levels.resize(levels);
    example.mapping.levels.resize(levels);
    const bool forwards = OneIn(2), multicasts = !OneIn(4);
    PerDim<int64_t> left = example.problem.size;
    for (size_t l = 0; l < levels; ++l) {
      LevelMapping& loops = example.mapping.levels[l];
      HierarchyLevel& level = example.hierarchy.levels[l];
      level.name = "level" + std::to_string(l);
      const bool is_outermost = l + 1 == levels;
      for (size_t d = 0; d < kDims; ++d) {
        const Dim dim = static_cast<Dim>(d);
        if (!is_outermost && OneIn(3)) Take(&left[d], 3, dim, &loops.temporal);
        if (OneIn(one_window ? 2 : 4))
          Take(&left[d], 2, dim, OneIn(2) ? &loops.spatial_x : &loops.spatial_y);
        if (is_outermost) Take(&left[d], 0, dim, &loops.temporal);
      }
      std::ranges::shuffle(loops.temporal, random_);
      level.fanout_x = Product(loops.spatial_x);
      level.fanout_y = Product(loops.spatial_y);
      level.forwards_inputs = forwards;
      for (size_t t = 0; t < kTensors; ++t) {
        loops.keeps[t] = is_outermost || !OneIn(3);
        level.multicast[t] = multicasts || OneIn(2);
      }
    }
    return example;
  }

 private:
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(random_() % static_cast<uint32_t>(bound));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }

  Problem MakeProblem(bool windows, bool one_window) {
    Problem problem;
    double macs = 1;
    for (int i = 0; i < 5; ++i) {
      constexpr Dim kOneWindow[] = {Dim::kP, Dim::kR, Dim::kM, Dim::kC};
      const size_t d = one_window ? static_cast<size_t>(kOneWindow[Below(4)])
                                  : static_cast<size_t>(Below(kDims));
      const int64_t size = 1 + Below(one_window ? 9 : 5);
      if (problem.size[d] > 1 || macs * static_cast<double>(size) > 400) continue;
      problem.size[d] = size;
      macs *= static_cast<double>(size);
    }
    problem.stride_h = 1 + Below(3);
    problem.stride_w = 1 + Below(2);
    problem.dilation_h = 1 + Below(2);
    problem.dilation_w = 1 + Below(3);
    if (!windows) {
      for (const auto& [out, tap] : {std::pair(Dim::kP, Dim::kR), {Dim::kQ, Dim::kS}}) {
        problem.size[static_cast<size_t>(OneIn(2) ? out : tap)] = 1;
      }
      // A gap in a box that one index spans by itself would be filled by the next.
      problem.stride_h = problem.stride_w = problem.dilation_h = problem.dilation_w = 1;
    }
    return problem;
  }

  // Bounds of up to `most` (0: all that is left); what does not divide is padded.
  void Take(int64_t* left, int64_t most, Dim dim, std::vector<Loop>* loops) {
    const int64_t bound = most == 0 ? *left : std::min(*left, 1 + Below(most));
    if (bound == 1) return;
    loops->push_back({dim, bound});
    *left = (*left + bound - 1) / bound;
  }

  static int64_t Product(const std::vector<Loop>& loops) {
    int64_t product = 1;
    for (const Loop& loop : loops) product *= loop.bound;
    return product;
  }

  std::mt19937 random_;
};

}  // namespace bitscape::cost_models
