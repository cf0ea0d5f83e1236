#include "cost_models/memory/weight_storage.h"

#include <cmath>
#include <numeric>
#include <variant>

#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

// Of all indices together.
std::optional<double> EntropyBits(std::span<const double> counts) {
  if (counts.empty()) return std::nullopt;
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double bits = 0;
  for (const double count : counts) {
    if (count > 0) bits += count * std::log2(total / count);
  }
  return bits;
}

bool HasTable(const formats::NumberFormat& format) {
  const auto* levels = std::get_if<formats::LevelSet>(&format.element);
  return levels != nullptr &&
         (levels->fit == formats::LevelFit::kKmeans || levels->fit == formats::LevelFit::kLloydMax);
}

}  // namespace

double WeightStorageBits(const network::MacShape& layer, const formats::Quantizer& weights) {
  if (layer.weights_are_activations) return 0;
  const double channels = static_cast<double>(layer.groups * layer.m);
  if (weights.granularity == formats::Granularity::kBlock) {
    // Blocks run along the input channels of one kernel position.
    return formats::StorageBits(weights, channels * static_cast<double>(layer.r * layer.s),
                                static_cast<double>(layer.c));
  }
  return formats::StorageBits(weights, channels, static_cast<double>(layer.ReductionLength()));
}

CodebookStorage StoreAsCodebook(double weights, int entries, int entry_bits,
                                int baseline_bits_per_weight,
                                std::span<const double> index_counts) {
  BITSCAPE_CHECK(entries >= 1, "a codebook has entries");
  CodebookStorage storage{.index_bits = weights * quantize::CeilLog2(entries),
                          .table_bits = static_cast<double>(entries) * entry_bits,
                          .baseline_bits = weights * baseline_bits_per_weight,
                          .entropy_bits = EntropyBits(index_counts)};
  storage.holds = storage.index_bits + storage.table_bits < storage.baseline_bits;
  return storage;
}

std::optional<CodebookStorage> CodebookStorageOf(const network::MacShape& layer,
                                                 const formats::Quantizer& weights,
                                                 std::span<const double> index_counts) {
  if (layer.weights_are_activations || !HasTable(weights.format)) return std::nullopt;
  const double elements = static_cast<double>(layer.WeightElements());
  CodebookStorage storage{.index_bits = elements * formats::ElementBits(weights.format),
                          .baseline_bits = elements * kLectureWeightBits,
                          .entropy_bits = EntropyBits(index_counts)};
  storage.table_bits = WeightStorageBits(layer, weights) - storage.index_bits;
  storage.holds = storage.index_bits + storage.table_bits < storage.baseline_bits;
  return storage;
}

}  // namespace bitscape::cost_models
