// Closed-form access counts of the weight-stationary dataflow. One layer is this loop nest:
//
//   for g in groups                            one group after the other
//     for mt in ceil(M / columns)              column fold
//       for ct in ceil(C R S / (rows * depth)) row fold; loads rows * columns * depth weights
//         for n, p, q                          pixels stream past the resident weights
//           for k in depth                     one weight of each processing element a cycle
//             rows x columns in parallel: psum[column] += weight[row, k, column] * input[row, k]
//
// Row and depth run over the reduction (channel, then kernel position), column over filters. An
// input is multicast along its row of elements; sums run down a column. `depth` is how many weights
// an element's memory holds, so narrower weights mean fewer row folds. Each weight is fetched once.
// Sums that more than one row fold makes wait in the memory that holds outputs.
//
// What a memory keeps, first served first: one tile of weights, the input rows under the kernel,
// the partial sums of one column fold (all pixels), the whole input of a group. What does not fit
// leaves nothing to the next. Padding is read like data. An input is not reused between
// neighbouring pixels in the array. Transfers overlap with compute; filling and draining the array
// is hidden by loading the next tile.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "cost_models/mapping/tensor.h"
#include "engine/network/mac_shape.h"

namespace bitscape::cost_models {

struct WeightStationaryArray {
  int64_t rows = 1, columns = 1;
  double element_weight_bits = 0;  // weight memory of one processing element; 0: a single register
  // The shared on-chip memory of each tensor: an index into buffer_bits, or -1 for none.
  std::array<int, kTensors> buffer_of = {-1, -1, -1};
  std::span<const double> buffer_bits = {};
};

// Bits of one element as stored on chip.
struct ElementBits {
  double weight = 0, input = 0, partial_sum = 0;
};

// Accesses in elements, summed over the layer. `buffer` is the shared memory of the tensor.
struct AccessCounts {
  double dram_reads = 0, dram_writes = 0;
  double buffer_reads = 0, buffer_writes = 0;
  double element_reads = 0, element_writes = 0;  // memories of the processing elements
};

struct WeightStationaryCounts {
  int64_t depth = 0, row_folds = 0, column_folds = 0;
  double compute_cycles = 0;  // at one multiply-accumulate an element and cycle
  double utilization = 0;     // macs / (compute_cycles * rows * columns)
  bool input_rows_fit = false, partial_sums_fit = false, inputs_fit = false;
  AccessCounts weights, inputs;
  AccessCounts partial_sums;  // between row folds, at accumulator width
  AccessCounts outputs;       // finished, at the width they are stored in
};

WeightStationaryCounts CountAccesses(const network::MacShape& layer,
                                     const WeightStationaryArray& array, const ElementBits& bits);

// Input elements of all groups that some output needs: strides larger than the kernel skip the
// rest.
double TouchedInputs(const network::MacShape& layer);

}  // namespace bitscape::cost_models
