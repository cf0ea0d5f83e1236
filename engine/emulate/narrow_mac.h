// The vectorised kernel of narrow sums: convolutions, Gemm and MatMul over plain tensors of a
// batch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/emulate/narrow_lanes.h"

namespace bitscape::emulate {

// Lanes are output positions (rows of a product). For each kLanes of them their operands are laid
// out [reduction_length, kLanes] once, then every output channel of the group runs over that tile.
// Immutable: threads share it.
class NarrowMac {
 public:
  // `weights`: the layer's own, plain; empty for MatMul. Grids: of weights (right operand) and
  // activations, where known.
  NarrowMac(NarrowLayer layer, std::span<const float> weights,
            const std::optional<OperandGrid>& weights_grid,
            const std::optional<OperandGrid>& activations_grid);

  // The sums of `images` images, equal to NarrowSums of each. src [images, src_shape]; right
  // [images, weights_shape] for MatMul, else null; a stride of 0 gives all images the same operand.
  // Output o of image i has SumKey::first = key.first + (i * outputs + o) * steps. Shape: `sums`
  // [images, node->shape]. `scratch` is working memory that the caller keeps between calls.
  struct Operand {
    const float* values = nullptr;
    int64_t stride = 0;  // elements between images
  };
  struct Scratch {
    std::vector<float> tile, columns;
  };
  void Run(Operand src, Operand right, int64_t images, SumKey key, std::span<double> sums,
           Scratch& scratch) const;

  const LanePlan& plan() const { return plan_; }

 private:
  // What one call shares.
  struct Call {
    const LanePlan& plan;
    SumKey key;
    std::span<double> sums;
    Scratch& scratch;
  };

  void RunConv(Operand src, int64_t images, const Call& call) const;
  void RunGemm(Operand src, int64_t images, const Call& call) const;
  void RunMatMul(Operand src, Operand right, int64_t images, const Call& call) const;
  // rows[i] times each of `columns` [n, reduction_length] into sums[places[i] + column].
  void RunRows(std::span<const float* const> rows, std::span<const int64_t> places,
               std::span<const float> columns, const Call& call) const;
  // One tile times each of `columns`: lane l of column c is sums[places[l] + c * column_stride].
  void RunTile(std::span<const int64_t> places, std::span<const float> columns,
               int64_t column_stride, const Call& call) const;

  NarrowLayer layer_;
  LanePlan plan_, scalar_plan_;
  std::vector<float> weights_;  // [oc, reduction_length], in the order of the sums
  bool finite_weights_ = true;
};

}  // namespace bitscape::emulate
