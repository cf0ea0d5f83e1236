#include "cost_models/mapping/weight_stationary.h"

#include <algorithm>
#include <cmath>

namespace bitscape::cost_models {
namespace {

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
double Real(int64_t value) { return static_cast<double>(value); }

// At most: strides may leave out some of the window, padding is no input.
int64_t Touched(int64_t inputs, int64_t outputs, int64_t stride, int64_t taps, int64_t dilation) {
  const int64_t window = (outputs - 1) * stride + (taps - 1) * dilation + 1;
  return std::min({inputs, outputs * taps, window});
}
int64_t TouchedRows(const network::MacShape& layer) {
  return Touched(layer.in_h, layer.p, layer.stride_h, layer.r, layer.dilation_h);
}
int64_t TouchedColumns(const network::MacShape& layer) {
  return Touched(layer.in_w, layer.q, layer.stride_w, layer.s, layer.dilation_w);
}

// The capacity that is left of one tensor's buffer as its residents are placed.
class Placement {
 public:
  explicit Placement(const WeightStationaryArray& array) : array_(array) {
    for (int i = 0; i < kTensors; ++i) {
      const int buffer = array.buffer_of[static_cast<size_t>(i)];
      if (buffer >= 0) left_[Slot(buffer)] = array.buffer_bits[static_cast<size_t>(buffer)];
    }
  }

  // Whether `bits` fit; what does not fit leaves nothing to those that come after, so that a wider
  // format never makes room for another tensor.
  bool Place(Tensor tensor, double bits) {
    const int buffer = array_.buffer_of[static_cast<size_t>(tensor)];
    if (buffer < 0) return false;
    double& left = left_[Slot(buffer)];
    const bool fits = bits <= left;
    left = fits ? left - bits : 0;
    return fits;
  }

 private:
  // At most three buffers matter, one a tensor: the first tensor that uses a buffer owns its slot.
  size_t Slot(int buffer) const {
    size_t slot = 0;
    while (array_.buffer_of[slot] != buffer) ++slot;
    return slot;
  }

  const WeightStationaryArray& array_;
  std::array<double, kTensors> left_ = {0, 0, 0};
};

bool HasBuffer(const WeightStationaryArray& array, Tensor tensor) {
  return array.buffer_of[static_cast<size_t>(tensor)] >= 0;
}

void PlaceResidents(const network::MacShape& layer, const WeightStationaryArray& array,
                    const ElementBits& bits, WeightStationaryCounts* counts) {
  const int64_t columns = std::min(array.columns, layer.m);
  Placement placement(array);
  const double tile_depth_bits =
      Real(CeilDivide(layer.ReductionLength(), array.rows)) * bits.weight;
  const double element_bits = std::max(array.element_weight_bits, bits.weight);
  placement.Place(Tensor::kWeights,
                  Real(array.rows * columns) * std::min(element_bits, tile_depth_bits));

  const double image_bits =
      Real(layer.n * layer.c * TouchedRows(layer) * TouchedColumns(layer)) * bits.input;
  const int64_t window_rows = layer.dilation_h * (layer.r - 1) + 1;
  const double window_bits =
      std::min(image_bits, Real(layer.c * window_rows * TouchedColumns(layer)) * bits.input);
  counts->input_rows_fit = placement.Place(Tensor::kInputs, window_bits);

  const int64_t waiting_pixels = counts->row_folds > 1 ? layer.n * layer.p * layer.q : 1;
  counts->partial_sums_fit =
      placement.Place(Tensor::kOutputs, Real(waiting_pixels * columns) * bits.partial_sum);
  counts->inputs_fit =
      counts->input_rows_fit && placement.Place(Tensor::kInputs, image_bits - window_bits);
}

// Reads of one group's inputs from DRAM.
double GroupInputReads(const network::MacShape& layer, const WeightStationaryCounts& counts,
                       double streamed_reads) {
  const double plane = Real(layer.n * TouchedRows(layer) * TouchedColumns(layer));
  if (counts.inputs_fit) return Real(layer.c) * plane;
  if (!counts.input_rows_fit) return streamed_reads;
  // A channel that a fold boundary splits is fetched for both folds; every boundary is taken to
  // split one.
  const bool boundaries_split = layer.r * layer.s > 1;
  const int64_t split_channels = boundaries_split ? counts.row_folds - 1 : 0;
  return std::min(streamed_reads, Real(counts.column_folds * (layer.c + split_channels)) * plane);
}

void CountWeights(const network::MacShape& layer, const WeightStationaryArray& array,
                  WeightStationaryCounts* counts) {
  const double weights = Real(layer.WeightElements());
  counts->weights.dram_reads = weights;
  if (HasBuffer(array, Tensor::kWeights)) {
    counts->weights.buffer_writes = weights;
    counts->weights.buffer_reads = weights;
  }
  if (array.element_weight_bits > 0) {
    counts->weights.element_writes = weights;
    counts->weights.element_reads = Real(layer.Macs());
  }
}

void CountInputs(const network::MacShape& layer, const WeightStationaryArray& array,
                 WeightStationaryCounts* counts) {
  const double group_reads =
      Real(counts->column_folds * layer.n * layer.p * layer.q * layer.ReductionLength());
  const double groups = Real(layer.groups);
  if (!HasBuffer(array, Tensor::kInputs)) {
    counts->inputs.dram_reads = groups * group_reads;
    return;
  }
  counts->inputs.buffer_reads = groups * group_reads;
  counts->inputs.dram_reads = groups * GroupInputReads(layer, *counts, group_reads);
  counts->inputs.buffer_writes = counts->inputs.dram_reads;
}

void CountOutputs(const network::MacShape& layer, const WeightStationaryArray& array,
                  WeightStationaryCounts* counts) {
  const double outputs = Real(layer.OutputElements());
  const double revisits = outputs * Real(counts->row_folds - 1);
  const bool buffered = HasBuffer(array, Tensor::kOutputs);
  const bool spills = !counts->partial_sums_fit;
  counts->outputs.dram_writes = outputs;
  if (buffered) {
    counts->outputs.buffer_writes = outputs;
    counts->outputs.buffer_reads = outputs;
    // A spilled sum passes the buffer on its way out and on its way back.
    counts->partial_sums.buffer_writes = spills ? 2 * revisits : revisits;
    counts->partial_sums.buffer_reads = spills ? 2 * revisits : revisits;
  }
  if (spills) {
    counts->partial_sums.dram_writes = revisits;
    counts->partial_sums.dram_reads = revisits;
  }
}

}  // namespace

double TouchedInputs(const network::MacShape& layer) {
  return Real(layer.n * layer.groups * layer.c * TouchedRows(layer) * TouchedColumns(layer));
}

WeightStationaryCounts CountAccesses(const network::MacShape& layer,
                                     const WeightStationaryArray& array, const ElementBits& bits) {
  WeightStationaryCounts counts;
  const int64_t reduction = layer.ReductionLength();
  const int64_t held = static_cast<int64_t>(std::floor(array.element_weight_bits / bits.weight));
  counts.depth = std::clamp<int64_t>(held, 1, CeilDivide(reduction, array.rows));
  counts.row_folds = CeilDivide(reduction, array.rows * counts.depth);
  counts.column_folds = CeilDivide(layer.m, array.columns);
  // The depths of all row folds add up to ceil(C R S / rows), whatever the depth of one.
  counts.compute_cycles = Real(layer.groups * counts.column_folds * layer.n * layer.p * layer.q *
                               CeilDivide(reduction, array.rows));
  counts.utilization =
      Real(layer.Macs()) / (counts.compute_cycles * Real(array.rows * array.columns));
  PlaceResidents(layer, array, bits, &counts);
  CountWeights(layer, array, &counts);
  CountInputs(layer, array, &counts);
  CountOutputs(layer, array, &counts);
  return counts;
}

}  // namespace bitscape::cost_models
