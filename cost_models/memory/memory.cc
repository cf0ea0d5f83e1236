#include "cost_models/memory/memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "cost_models/technology/published_rows.h"
#include "engine/core/suggest.h"

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

absl::Status SizeError(std::string_view primitive, double capacity_bytes, double low, double high,
                       int banks = 1) {
  return absl::InvalidArgumentError(
      fmt::format("capacity_bytes {}: a \"{}\" has {} to {} bytes{}", capacity_bytes, primitive,
                  low, high, banks > 1 ? fmt::format(" in {} banks", banks) : ""));
}

MemoryCost PriceDram(const DramRow& row) {
  return {.read_pj_per_bit = row.energy_pj_per_bit,
          .write_pj_per_bit = row.energy_pj_per_bit,
          .channel_gbit_per_s = row.channel_bits * row.gbit_per_s_per_pin};
}

MemoryCost PriceRegister(double capacity_bytes, const Technology& technology) {
  const BlockCost one_bit = technology.Register(1);
  const double area_um2 = one_bit.area_um2 * capacity_bytes * 8;
  return {.read_pj_per_bit = one_bit.energy_pj,
          .write_pj_per_bit = one_bit.energy_pj,
          .area_um2 = area_um2,
          .leakage_mw = technology.LogicLeakageMwPerUm2() * area_um2,
          .access_ns = one_bit.delay_ns};
}

// `um2_per_bit` of a bank.
MemoryCost PriceRam(double capacity_bytes, int width_bits, int banks, double um2_per_bit,
                    const Technology& technology) {
  const double bank_bytes = capacity_bytes / banks;
  const double area_um2 = um2_per_bit * capacity_bytes * 8;
  const double side_mm = std::sqrt(area_um2) / 1000;
  const double wire_mm = (side_mm - side_mm / std::sqrt(banks)) / 2;
  const double wire_pj = wire_mm * technology.WirePjPerBitMm();
  return {.read_pj_per_bit = technology.SramReadPjPerBit(bank_bytes, width_bits) + wire_pj,
          .write_pj_per_bit = technology.SramWritePjPerBit(bank_bytes, width_bits) + wire_pj,
          .area_um2 = area_um2,
          .leakage_mw = technology.SramLeakageMwPerKb() * capacity_bytes / 1024,
          .access_ns = technology.SramAccessNs(bank_bytes)};
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
                                       int width_bits, const Technology& technology, int banks) {
  const bool on_chip = primitive == kRegister || primitive == kRegisterFile || primitive == kSram;
  const DramRow* const dram = FindDram(primitive);
  if (!on_chip && dram == nullptr) {
    const std::vector<std::string> names = MemoryPrimitives();
    return absl::InvalidArgumentError(fmt::format("primitive \"{}\" is unknown; known: {}{}",
                                                  primitive, fmt::join(names, ", "),
                                                  DidYouMean(primitive, names)));
  }
  if (width_bits < 1) {
    return absl::InvalidArgumentError(
        fmt::format("width_bits {}: an access of a \"{}\" has 1 or more", width_bits, primitive));
  }
  if (banks < 1 || (banks > 1 && primitive != kSram)) {
    return absl::InvalidArgumentError(fmt::format("banks {}: a \"{}\" has {}", banks, primitive,
                                                  primitive == kSram ? "1 or more" : "1"));
  }
  if (dram != nullptr) return PriceDram(*dram);
  if (primitive == kRegister) {
    if (!(capacity_bytes > 0 && capacity_bytes <= kMaxRegisterBytes)) {
      return SizeError(primitive, capacity_bytes, 0, kMaxRegisterBytes);
    }
    return PriceRegister(capacity_bytes, technology);
  }
  const bool one_port = primitive == kSram;
  const double most = one_port ? kMaxSramBytes : kMaxRegisterFileBytes;
  const double least = kMinSramBytes * banks;
  if (!(capacity_bytes >= least && capacity_bytes <= most)) {
    return SizeError(primitive, capacity_bytes, least, most, banks);
  }
  const double bank_bytes = capacity_bytes / banks;
  return PriceRam(capacity_bytes, width_bits, banks,
                  one_port ? technology.SramAreaUm2PerBit(bank_bytes)
                           : technology.RegisterFileAreaUm2PerBit(bank_bytes),
                  technology);
}

}  // namespace bitscape::cost_models
