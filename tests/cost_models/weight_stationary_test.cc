#include "cost_models/mapping/weight_stationary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/core/random.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;

// The same loop nest as the header's, walked step by step. Counts in elements.
struct Walk {
  double macs = 0, cycles = 0;
  double weight_loads = 0, input_buffer_reads = 0;
  double partial_sum_reads = 0, partial_sum_writes = 0, output_writes = 0;
  std::set<std::tuple<int64_t, int64_t, int64_t, int64_t>>
      inputs;                                   // n, channel of all groups, y, x
  std::set<std::pair<int64_t, int64_t>> plane;  // y, x
  double channel_fetches = 0;                   // channels that each fold touches, over folds
  bool every_boundary_splits = true;
};

struct Fold {
  int64_t group, first_filter, first_element, depth;
};

// All pixels past one tile of weights.
void WalkFold(const MacShape& layer, const WeightStationaryArray& array, const Fold& fold,
              Walk* walk) {
  const int64_t reduction = layer.ReductionLength();
  const int64_t elements = array.rows * fold.depth;
  for (int64_t pixel = 0; pixel < layer.n * layer.p * layer.q; ++pixel) {
    const int64_t n = pixel / (layer.p * layer.q);
    const int64_t y = pixel / layer.q % layer.p;
    const int64_t x = pixel % layer.q;
    for (int64_t k = 0; k < fold.depth; ++k) {
      bool busy = false;
      for (int64_t row = 0; row < array.rows; ++row) {
        // Elements are dealt to rows in turn, so that the last fold uses as few cycles as it can.
        const int64_t element = fold.first_element + k * array.rows + row;
        if (element >= std::min(reduction, fold.first_element + elements)) continue;
        busy = true;
        const int64_t c = element / (layer.r * layer.s);
        const int64_t r = element / layer.s % layer.r;
        const int64_t s = element % layer.s;
        const int64_t in_y = y * layer.stride_h + r * layer.dilation_h;
        const int64_t in_x = x * layer.stride_w + s * layer.dilation_w;
        walk->inputs.insert({n, fold.group * layer.c + c, in_y, in_x});
        walk->plane.insert({in_y, in_x});
        walk->input_buffer_reads += 1;  // multicast to all columns
        for (int64_t column = 0; column < array.columns; ++column) {
          if (fold.first_filter + column < layer.m) walk->macs += 1;
        }
      }
      if (busy) walk->cycles += 1;
    }
    for (int64_t column = 0; column < array.columns; ++column) {
      if (fold.first_filter + column >= layer.m) continue;
      const bool first = fold.first_element == 0;
      const bool last = fold.first_element + elements >= reduction;
      walk->partial_sum_reads += first ? 0 : 1;
      walk->partial_sum_writes += last ? 0 : 1;
      walk->output_writes += last ? 1 : 0;
    }
  }
}

Walk WalkLayer(const MacShape& layer, const WeightStationaryArray& array, int64_t depth) {
  Walk walk;
  const int64_t reduction = layer.ReductionLength();
  const int64_t kernel = layer.r * layer.s;
  for (int64_t group = 0; group < layer.groups; ++group) {
    for (int64_t filter = 0; filter < layer.m; filter += array.columns) {
      for (int64_t element = 0; element < reduction; element += array.rows * depth) {
        const int64_t end = std::min(reduction, element + array.rows * depth);
        WalkFold(layer, array, {group, filter, element, depth}, &walk);
        walk.weight_loads +=
            static_cast<double>((end - element) * std::min(array.columns, layer.m - filter));
        walk.channel_fetches += static_cast<double>((end - 1) / kernel - element / kernel + 1);
        if (element > 0 && element % kernel == 0) walk.every_boundary_splits = false;
      }
    }
  }
  return walk;
}

MacShape RandomLayer(uint64_t seed) {
  uint64_t counter = 0;
  const auto draw = [&](uint64_t low, uint64_t high) {
    return static_cast<int64_t>(low + RandomBelow(high - low + 1, seed, 1, counter++));
  };
  MacShape layer;
  layer.name = "random";
  layer.op = "conv";
  layer.n = draw(1, 2);
  layer.groups = draw(1, 3);
  layer.m = draw(1, 7);
  layer.c = draw(1, 5);
  layer.p = draw(1, 4);
  layer.q = draw(1, 4);
  layer.r = draw(1, 3);
  layer.s = draw(1, 3);
  layer.stride_h = draw(1, 4);
  layer.stride_w = draw(1, 2);
  layer.in_h = (layer.p - 1) * layer.stride_h + layer.r;
  layer.in_w = (layer.q - 1) * layer.stride_w + layer.s;
  return layer;
}

struct RandomCase {
  MacShape layer;
  WeightStationaryArray array;
  ElementBits bits;
};

RandomCase Draw(uint64_t seed, std::span<const double> buffers) {
  RandomCase drawn{.layer = RandomLayer(seed), .array = {}, .bits = {}};
  const auto draw = [&](uint64_t low, uint64_t high, uint64_t counter) {
    return static_cast<int64_t>(low + RandomBelow(high - low + 1, seed, 2, counter));
  };
  drawn.array.rows = draw(1, 5, 0);
  drawn.array.columns = draw(1, 4, 1);
  drawn.bits = {.weight = 8, .input = 8, .partial_sum = 24};
  drawn.array.element_weight_bits = 8.0 * static_cast<double>(draw(0, 4, 2));
  drawn.array.buffer_bits = buffers;
  return drawn;
}

constexpr int kCases = 300;

TEST(WeightStationary, CountsEqualAWalkOfTheLoopNest) {
  const double huge[] = {1e12};
  int many_folds = 0;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    RandomCase drawn = Draw(seed, huge);
    drawn.array.buffer_of = {0, 0, 0};
    const WeightStationaryCounts counts = CountAccesses(drawn.layer, drawn.array, drawn.bits);
    const Walk walk = WalkLayer(drawn.layer, drawn.array, counts.depth);
    const bool element_memory = drawn.array.element_weight_bits > 0;
    if (counts.row_folds > 1 && counts.column_folds > 1) ++many_folds;

    EXPECT_EQ(static_cast<double>(drawn.layer.Macs()), walk.macs);
    EXPECT_EQ(counts.compute_cycles, walk.cycles);
    EXPECT_DOUBLE_EQ(
        counts.utilization,
        walk.macs / (walk.cycles * static_cast<double>(drawn.array.rows * drawn.array.columns)));
    EXPECT_EQ(counts.weights.dram_reads, walk.weight_loads);
    EXPECT_EQ(counts.weights.buffer_reads, walk.weight_loads);
    EXPECT_EQ(counts.weights.buffer_writes, walk.weight_loads);
    EXPECT_EQ(counts.weights.element_writes, element_memory ? walk.weight_loads : 0);
    EXPECT_EQ(counts.weights.element_reads, element_memory ? walk.macs : 0);
    EXPECT_EQ(counts.inputs.buffer_reads, walk.input_buffer_reads);
    EXPECT_EQ(counts.partial_sums.buffer_reads, walk.partial_sum_reads);
    EXPECT_EQ(counts.partial_sums.buffer_writes, walk.partial_sum_writes);
    EXPECT_EQ(counts.outputs.buffer_writes, walk.output_writes);
    EXPECT_EQ(counts.outputs.buffer_reads, walk.output_writes);
    EXPECT_EQ(counts.outputs.dram_writes, walk.output_writes);
    // Everything fits: each input that is needed comes in once, and no sum leaves the chip.
    ASSERT_TRUE(counts.inputs_fit && counts.partial_sums_fit && counts.input_rows_fit);
    EXPECT_EQ(counts.inputs.dram_reads, static_cast<double>(walk.inputs.size()));
    EXPECT_EQ(counts.inputs.buffer_writes, counts.inputs.dram_reads);
    EXPECT_EQ(counts.partial_sums.dram_reads, 0);
    EXPECT_EQ(TouchedInputs(drawn.layer), static_cast<double>(walk.inputs.size()));
  }
  EXPECT_GT(many_folds, kCases / 10) << "the cases are too small to fold";
}

TEST(WeightStationary, InputsThatDoNotFitAreFetchedForEachFold) {
  int streamed = 0;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const MacShape layer = RandomLayer(seed);
    // Room for the rows under the kernel, and not for the image.
    const double rows_bits = 8.0 * static_cast<double>(layer.c * layer.r * layer.in_w);
    const double buffers[] = {rows_bits, 1e12};
    RandomCase drawn = Draw(seed, buffers);
    drawn.array.buffer_of = {-1, 0, 1};
    const WeightStationaryCounts counts = CountAccesses(drawn.layer, drawn.array, drawn.bits);
    if (counts.inputs_fit) continue;
    ASSERT_TRUE(counts.input_rows_fit);
    const Walk walk = WalkLayer(drawn.layer, drawn.array, counts.depth);
    const double plane = static_cast<double>(layer.n) * static_cast<double>(walk.plane.size());
    const double walked = std::min(walk.channel_fetches * plane, walk.input_buffer_reads);
    EXPECT_GE(counts.inputs.dram_reads, walked);
    if (walk.every_boundary_splits || layer.r * layer.s == 1) {
      EXPECT_EQ(counts.inputs.dram_reads, walked);
      ++streamed;
    }
  }
  EXPECT_GT(streamed, kCases / 10);
}

TEST(WeightStationary, WithoutRoomForRowsEveryReadGoesOffChip) {
  const double tiny[] = {8};
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    RandomCase drawn = Draw(seed, tiny);
    drawn.array.buffer_of = {-1, 0, 0};
    const WeightStationaryCounts counts = CountAccesses(drawn.layer, drawn.array, drawn.bits);
    if (counts.input_rows_fit) continue;
    EXPECT_EQ(counts.inputs.dram_reads, counts.inputs.buffer_reads) << seed;
  }
}

TEST(WeightStationary, SumsThatDoNotFitGoOffChipAndBack) {
  MacShape layer = ConvLayer("conv", 16, 8, 3, 8);
  const double buffers[] = {1e9, 1000};
  WeightStationaryArray array{.rows = 12,
                              .columns = 4,
                              .element_weight_bits = 32,
                              .buffer_of = {-1, 0, 1},
                              .buffer_bits = buffers};
  const WeightStationaryCounts counts =
      CountAccesses(layer, array, {.weight = 8, .input = 8, .partial_sum = 24});
  EXPECT_EQ(counts.depth, 4);
  EXPECT_EQ(counts.row_folds, 3);  // 144 / (12 * 4)
  EXPECT_FALSE(counts.partial_sums_fit);
  const double revisits = 8 * 8 * 8 * 2;
  EXPECT_EQ(counts.partial_sums.dram_writes, revisits);
  EXPECT_EQ(counts.partial_sums.dram_reads, revisits);
  EXPECT_EQ(counts.partial_sums.buffer_writes, 2 * revisits);
}

TEST(WeightStationary, WithoutBuffersEverythingIsOffChip) {
  const MacShape layer = ConvLayer("conv", 16, 8, 3, 8);
  const WeightStationaryArray array{.rows = 12, .columns = 4};
  const WeightStationaryCounts counts =
      CountAccesses(layer, array, {.weight = 8, .input = 8, .partial_sum = 24});
  EXPECT_EQ(counts.row_folds, 12);
  EXPECT_EQ(counts.inputs.dram_reads, 2.0 * 8 * 8 * 144);
  EXPECT_EQ(counts.inputs.buffer_reads, 0);
  EXPECT_EQ(counts.partial_sums.dram_reads, 11.0 * 8 * 8 * 8);
  EXPECT_EQ(counts.weights.element_reads, 0);
}

TEST(WeightStationary, NarrowerWeightsFoldLess) {
  const MacShape layer = ConvLayer("conv", 64, 8, 3, 8);
  const double buffers[] = {1e9};
  const WeightStationaryArray array{.rows = 12,
                                    .columns = 14,
                                    .element_weight_bits = 256,
                                    .buffer_of = {-1, 0, 0},
                                    .buffer_bits = buffers};
  const auto folds = [&](double weight_bits) {
    return CountAccesses(layer, array, {.weight = weight_bits, .input = 8, .partial_sum = 24})
        .row_folds;
  };
  EXPECT_EQ(folds(16), 3);  // 576 / (12 * 16)
  EXPECT_EQ(folds(8), 2);
  EXPECT_EQ(folds(4), 1);
}

TEST(WeightStationary, DepthwiseLayersUseOneColumn) {
  const MacShape layer = ConvLayer("depthwise", 1, 1, 3, 8, 1, 32);
  const WeightStationaryArray array{.rows = 12, .columns = 14};
  const WeightStationaryCounts counts =
      CountAccesses(layer, array, {.weight = 8, .input = 8, .partial_sum = 24});
  EXPECT_DOUBLE_EQ(counts.utilization, 9.0 / (12 * 14));
  EXPECT_EQ(counts.compute_cycles, 32 * 64);
}

}  // namespace
}  // namespace bitscape::cost_models
