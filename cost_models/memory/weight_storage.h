// Bits that a layer's weights take where they are stored and moved.
#pragma once

#include <optional>
#include <span>

#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

// Stored bits of a layer's weights: packed codes; scales, zero points, block exponents and
// codebooks once for each group that has them; 0 where both operands are activations. Biases are
// not counted: a loop nest does not show them.
double WeightStorageBits(const network::MacShape& layer, const formats::Quantizer& weights);

// The lecture's question of a codebook of U entries: CRSM log2 U + U * 16 < CRSM * 16 bits?
struct CodebookStorage {
  double index_bits = 0;     // whole bits an index, CRSM times
  double table_bits = 0;     // all tables, with their scales
  double baseline_bits = 0;  // every weight in `baseline_bits_per_weight`
  bool holds = false;        // index_bits + table_bits < baseline_bits
  // Of an ideal entropy code of the indices, where their counts are given: no table of codes is
  // counted.
  std::optional<double> entropy_bits;
};
inline constexpr int kLectureWeightBits = 16;

// One table of `entries` (>= 1) for `weights` weights. `index_counts`, if not empty, says how often
// each index occurs.
CodebookStorage StoreAsCodebook(double weights, int entries, int entry_bits = kLectureWeightBits,
                                int baseline_bits_per_weight = kLectureWeightBits,
                                std::span<const double> index_counts = {});
// Of a layer's weights in `weights`, one table for each of its groups; nothing where the format has
// no fitted table, or both operands are activations.
std::optional<CodebookStorage> CodebookStorageOf(const network::MacShape& layer,
                                                 const formats::Quantizer& weights,
                                                 std::span<const double> index_counts = {});

}  // namespace bitscape::cost_models
