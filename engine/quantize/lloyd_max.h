// What fits of codebooks share: Lloyd's iteration on sums made once, and where it starts.
#pragma once

#include <vector>

#include "engine/quantize/cell_sums.h"
#include "engine/quantize/fit_levels.h"

namespace bitscape::quantize {

// As LloydMax of a sample (fit_levels.h). `sums` holds at least one value.
LloydMaxResult LloydMax(const CellSums& sums, std::vector<double> initial, double tolerance,
                        int iterations);

// `count` >= 2 levels evenly spaced from the smallest value to the largest.
std::vector<double> EvenLevels(const CellSums& sums, int count);

// Levels at the quantiles (i + 1/2) / count; where one value stands for several, the cells of
// largest error are split instead. Fewer than `count` only where there are fewer values.
std::vector<double> QuantileLevels(const CellSums& sums, int count);

}  // namespace bitscape::quantize
