#include "cost_models/memory/memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cost_models/technology/published_rows.h"
#include "engine/core/suggest.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kRegister = "register";
constexpr std::string_view kRegisterFile = "register_file";
constexpr std::string_view kSram = "sram";
constexpr double kMaxRegisterBytes = 64;
constexpr double kMinSramBytes = 16;
constexpr double kMaxRegisterFileBytes = 16.0 * 1024;
constexpr double kMaxSramBytes = 64.0 * 1024 * 1024;

const DramRow* FindDram(std::string_view primitive) {
  for (const DramRow& row : DramRows()) {
    if (row.primitive == primitive) return &row;
  }
  return nullptr;
}

absl::Status SizeError(std::string_view primitive, double capacity_bytes, double low, double high) {
  return absl::InvalidArgumentError(fmt::format("capacity_bytes {}: a \"{}\" has {} to {} bytes",
                                                capacity_bytes, primitive, low, high));
}

}  // namespace

std::vector<std::string> MemoryPrimitives() {
  std::vector<std::string> names = {std::string(kRegister), std::string(kRegisterFile),
                                    std::string(kSram)};
  for (const DramRow& row : DramRows()) names.emplace_back(row.primitive);
  return names;
}

bool IsDramPrimitive(std::string_view primitive) { return FindDram(primitive) != nullptr; }

absl::StatusOr<MemoryCost> PriceMemory(std::string_view primitive, double capacity_bytes,
                                       int width_bits, const Technology& technology) {
  if (const DramRow* row = FindDram(primitive)) {
    return MemoryCost{.energy_pj_per_bit = row->energy_pj_per_bit, .area_um2 = 0};
  }
  const double bits = capacity_bytes * 8;
  if (primitive == kRegister) {
    if (!(capacity_bytes > 0 && capacity_bytes <= kMaxRegisterBytes)) {
      return SizeError(primitive, capacity_bytes, 0, kMaxRegisterBytes);
    }
    const BlockCost one_bit = technology.Register(1);
    return MemoryCost{.energy_pj_per_bit = one_bit.energy_pj, .area_um2 = one_bit.area_um2 * bits};
  }
  if (primitive == kSram || primitive == kRegisterFile) {
    const bool one_port = primitive == kSram;
    const double most = one_port ? kMaxSramBytes : kMaxRegisterFileBytes;
    if (!(capacity_bytes >= kMinSramBytes && capacity_bytes <= most)) {
      return SizeError(primitive, capacity_bytes, kMinSramBytes, most);
    }
    const double area_per_bit = one_port ? technology.SramAreaUm2PerBit(capacity_bytes)
                                         : technology.RegisterFileAreaUm2PerBit(capacity_bytes);
    return MemoryCost{.energy_pj_per_bit = technology.SramReadPjPerBit(capacity_bytes, width_bits),
                      .area_um2 = area_per_bit * bits};
  }
  const std::vector<std::string> names = MemoryPrimitives();
  return absl::InvalidArgumentError(fmt::format("primitive \"{}\" is unknown; known: {}{}",
                                                primitive, fmt::join(names, ", "),
                                                DidYouMean(primitive, names)));
}

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

}  // namespace bitscape::cost_models
