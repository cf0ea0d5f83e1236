// Levels and decision boundaries of codebooks, binary, ternary and DoReFa from a group's data.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/quantize/ranges.h"

namespace bitscape::quantize {

// Scale and table (formats::LevelTable) of one group. Deterministic. Errors: kInvalidArgument for
// an empty sample or a format without levels to fit.
absl::StatusOr<formats::Scaling> FitLevels(const formats::Quantizer& quantizer,
                                           const Sample& sample);

// Lloyd-Max for any density given by a sample: alternates boundaries (midpoints) and levels (means
// of their cells) from `initial` until no level moves by more than `tolerance` times the range, at
// most `iterations` times. Cells that hold nothing keep their level. Returns ascending levels, as
// many as `initial`.
struct LloydMaxResult {
  std::vector<double> levels;
  int iterations = 0;
  double largest_move = 0;  // of the last iteration, over the range
  double mean_squared_error = 0;
};
LloydMaxResult LloydMax(const Sample& sample, std::vector<double> initial, double tolerance = 1e-6,
                        int iterations = 10000);

}  // namespace bitscape::quantize
