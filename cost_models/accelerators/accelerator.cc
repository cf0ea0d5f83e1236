#include "cost_models/accelerators/accelerator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <set>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/machine.h"
#include "cost_models/mac/families.h"
#include "cost_models/memory/memory.h"
#include "cost_models/technology/technology.h"
#include "engine/core/digest.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr int kMaxArraySide = 65536;
constexpr double kMinClockGhz = 1e-9, kMaxClockGhz = 10;
constexpr int kMaxOperandBits = 16;
constexpr int kMaxDotLength = 1024;
constexpr double kMinMacsPerCycle = 1e-3, kMaxMacsPerCycle = 1024;
// Beyond them sums of a network may not be finite.
constexpr double kMinBitsPerCycle = 1e-6, kMaxBitsPerCycle = 1e15;
constexpr double kMaxPjPerBit = 1e6;
constexpr size_t kMaxDatapaths = 64;
constexpr int kMaxBanks = 1024;
constexpr size_t kMaxMemories = 8;
constexpr std::array<std::string_view, kTensors> kTensorNames = {"WEIGHTS", "INPUTS", "OUTPUTS"};
constexpr int kMaxWidthBits = 65536;
constexpr double kMinElementBytes = 4;  // one weight of the widest format

template <typename Value>
absl::Status Invalid(const std::string& field, const Value& value, std::string_view allowed) {
  return absl::InvalidArgumentError(fmt::format("{}: {}, allowed: {}", field, value, allowed));
}

absl::Status CheckInteger(const std::string& field, int value, int low, int high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Invalid(field, value, fmt::format("{} to {}", low, high));
}

absl::Status AsInvalid(const std::string& field, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(fmt::format(
      "{}: {}", field, std::string_view(status.message().data(), status.message().size())));
}

absl::Status CheckWidths(const std::vector<int>& widths, const std::string& where) {
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string field = fmt::format("{}[{}]", where, i);
    BITSCAPE_RETURN_IF_ERROR(CheckInteger(field, widths[i], 1, kMaxOperandBits));
    if (i > 0 && widths[i] <= widths[i - 1]) {
      return Invalid(field, widths[i], fmt::format("above {}, the one before", widths[i - 1]));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDesign(const MacDesign& design, const std::string& where) {
  BITSCAPE_RETURN_IF_ERROR(
      CheckInteger(where + ".dot_length", design.dot_length, 1, kMaxDotLength));
  BITSCAPE_RETURN_IF_ERROR(
      CheckInteger(where + ".serial_bits", design.serial_bits, 1, kMaxOperandBits));
  BITSCAPE_RETURN_IF_ERROR(CheckWidths(design.weight_widths, where + ".weight_widths"));
  return CheckWidths(design.activation_widths, where + ".activation_widths");
}

// `dot_length`: of the array, which every datapath shares.
absl::Status CheckDatapath(const Datapath& datapath, int dot_length, const std::string& where) {
  if (!datapath.family.empty()) {
    BITSCAPE_RETURN_IF_ERROR(AsInvalid(where + ".family", FindMacFamily(datapath.family).status()));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckDesign(datapath.design, where + ".design"));
  if (dot_length % datapath.design.dot_length != 0) {
    return Invalid(where + ".design.dot_length", datapath.design.dot_length,
                   fmt::format("a divisor of the array's design.dot_length, {}", dot_length));
  }
  const double rate = datapath.macs_per_cycle;
  if (rate != 0 && !(rate >= kMinMacsPerCycle && rate <= kMaxMacsPerCycle)) {
    return Invalid(
        where + ".macs_per_cycle", rate,
        fmt::format("{} to {}; 0: what the family says", kMinMacsPerCycle, kMaxMacsPerCycle));
  }
  return absl::OkStatus();
}

std::string_view KindName(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kRegisterFile:
      return "REGISTER_FILE";
    case MemoryKind::kSram:
      return "SRAM";
    case MemoryKind::kDram:
      return "DRAM";
  }
  return "unknown";
}

bool KindTakesPrimitive(const MemoryLevel& level) {
  switch (level.kind) {
    case MemoryKind::kRegisterFile:
      return level.primitive == "register" || level.primitive == "register_file" ||
             level.primitive == "sram";
    case MemoryKind::kSram:
      return level.primitive == "sram";
    case MemoryKind::kDram:
      return IsDramPrimitive(level.primitive) || level.primitive == kFreeMemory;
  }
  return false;
}

absl::Status CheckDram(const MemoryLevel& level, const std::string& where) {
  if (level.capacity_bytes != 0) {
    return Invalid(where + ".capacity_bytes", level.capacity_bytes, "0 (unbounded) for DRAM");
  }
  if (level.per_pe) return Invalid(where + ".per_pe", true, "false for DRAM");
  if (!level.holds_weights || !level.holds_inputs || !level.holds_outputs) {
    return absl::InvalidArgumentError(where +
                                      ".holds: DRAM holds all of WEIGHTS, INPUTS and OUTPUTS");
  }
  return absl::OkStatus();
}

absl::Status CheckElementMemory(const MemoryLevel& level, const std::string& where) {
  if (level.holds_inputs || level.holds_outputs) {
    return absl::InvalidArgumentError(
        where +
        ".holds: a per_pe memory holds WEIGHTS only in the WEIGHT_STATIONARY dataflow; inputs and "
        "partial sums stay in the registers of the MAC");
  }
  if (level.capacity_bytes < kMinElementBytes) {
    return Invalid(where + ".capacity_bytes", level.capacity_bytes,
                   fmt::format("at least {} in a per_pe memory", kMinElementBytes));
  }
  return absl::OkStatus();
}

bool IsBandwidth(double bits_per_cycle) {
  return bits_per_cycle >= kMinBitsPerCycle && bits_per_cycle <= kMaxBitsPerCycle;
}

absl::Status CheckMemory(const MemoryLevel& level, bool last, const Technology& technology,
                         const std::string& where) {
  if (level.name.empty()) return Invalid(where + ".name", "\"\"", "a name");
  if ((level.kind == MemoryKind::kDram) != last) {
    return Invalid(where + ".kind", KindName(level.kind),
                   last ? "DRAM for the last memory" : "DRAM only for the last memory");
  }
  BITSCAPE_RETURN_IF_ERROR(CheckInteger(where + ".width_bits", level.width_bits, 1, kMaxWidthBits));
  const bool may_be_unlimited = level.kind == MemoryKind::kRegisterFile;
  const double bandwidth = level.bandwidth_bits_per_cycle;
  if (!IsBandwidth(bandwidth) && !(bandwidth == 0 && may_be_unlimited)) {
    return Invalid(where + ".bandwidth_bits_per_cycle", bandwidth,
                   fmt::format("{} to {}; 0 (never limits) only for a REGISTER_FILE",
                               kMinBitsPerCycle, kMaxBitsPerCycle));
  }
  if (!level.holds_weights && !level.holds_inputs && !level.holds_outputs) {
    return Invalid(where + ".holds", "nothing", "WEIGHTS, INPUTS, OUTPUTS");
  }
  BITSCAPE_RETURN_IF_ERROR(AsInvalid(where, PriceOf(level, technology).status()));
  if (!KindTakesPrimitive(level)) {
    return Invalid(where + ".primitive", level.primitive,
                   fmt::format("a primitive of a {}", KindName(level.kind)));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckInteger(where + ".banks", level.banks, 1, kMaxBanks));
  for (const auto& [name, value] :
       {std::pair{".read_bits_per_cycle", level.read_bits_per_cycle},
        std::pair{".write_bits_per_cycle", level.write_bits_per_cycle}}) {
    if (value == 0 || IsBandwidth(value)) continue;
    return Invalid(where + name, value,
                   fmt::format("{} to {}, or 0", kMinBitsPerCycle, kMaxBitsPerCycle));
  }
  for (const auto& [name, value] : {std::pair{".read_pj_per_bit", level.read_pj_per_bit},
                                    std::pair{".write_pj_per_bit", level.write_pj_per_bit},
                                    std::pair{".network_pj_per_bit", level.network_pj_per_bit}}) {
    if (value >= 0 && value <= kMaxPjPerBit) continue;
    return Invalid(where + name, value, fmt::format("0 to {}", kMaxPjPerBit));
  }
  return last ? CheckDram(level, where) : absl::OkStatus();
}

constexpr std::string_view kClosedFormOnly =
    "in the WEIGHT_STATIONARY dataflow; others are searched";

// What the closed form does not count.
absl::Status CheckUncounted(const MemoryLevel& level, const std::string& where) {
  for (const auto& [name, value] : {std::pair{".read_bits_per_cycle", level.read_bits_per_cycle},
                                    std::pair{".write_bits_per_cycle", level.write_bits_per_cycle},
                                    std::pair{".network_pj_per_bit", level.network_pj_per_bit}}) {
    if (value != 0) return Invalid(where + name, value, fmt::format("0 {}", kClosedFormOnly));
  }
  if (level.double_buffered) {
    return Invalid(where + ".double_buffered", true, fmt::format("false {}", kClosedFormOnly));
  }
  for (size_t tensor = 0; tensor < kTensors; ++tensor) {
    if (!level.IsUnicast(static_cast<Tensor>(tensor))) continue;
    return Invalid(where + ".unicast", kTensorNames[tensor],
                   fmt::format("nothing {}", kClosedFormOnly));
  }
  return absl::OkStatus();
}

// What the closed form takes: one memory in each element, for weights, and at most one shared
// on-chip memory a tensor.
absl::Status CheckClosedForm(const std::vector<MemoryLevel>& memories) {
  for (size_t i = 0; i < memories.size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(CheckUncounted(memories[i], fmt::format("memories[{}]", i)));
  }
  std::array<const MemoryLevel*, kTensors> shared_holder = {nullptr, nullptr, nullptr};
  for (size_t i = 0; i + 1 < memories.size(); ++i) {
    const MemoryLevel& level = memories[i];
    const std::string where = fmt::format("memories[{}]", i);
    if (level.per_pe) {
      if (i != 0) {
        return Invalid(where + ".per_pe", true, "one per_pe memory, and the first in the list");
      }
      BITSCAPE_RETURN_IF_ERROR(CheckElementMemory(level, where));
      continue;
    }
    for (const auto& [name, count] : {std::pair{".instances_x", level.instances_x},
                                      std::pair{".instances_y", level.instances_y}}) {
      if (count != 1) return Invalid(where + name, count, fmt::format("1 {}", kClosedFormOnly));
    }
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      if (!level.Holds(static_cast<Tensor>(tensor))) continue;
      if (shared_holder[tensor] != nullptr) {
        return Invalid(where + ".holds", kTensorNames[tensor],
                       fmt::format("one shared on-chip memory for each tensor, and {} holds it",
                                   shared_holder[tensor]->name));
      }
      shared_holder[tensor] = &level;
    }
  }
  return absl::OkStatus();
}

// Instances divide those of the memory inside them.
absl::Status CheckInstances(const Accelerator& accelerator) {
  int inner_x = accelerator.array_columns;
  int inner_y = accelerator.array_rows;
  for (size_t i = 0; i < accelerator.memories.size(); ++i) {
    const MemoryLevel& level = accelerator.memories[i];
    const std::string where = fmt::format("memories[{}]", i);
    if (level.per_pe &&
        (inner_x != accelerator.array_columns || inner_y != accelerator.array_rows)) {
      return Invalid(where + ".per_pe", true,
                     "memories of the elements before those that several share");
    }
    const int x = level.per_pe ? accelerator.array_columns : level.instances_x;
    const int y = level.per_pe ? accelerator.array_rows : level.instances_y;
    if (x < 1 || inner_x % x != 0) {
      return Invalid(where + ".instances_x", x, fmt::format("a divisor of {}", inner_x));
    }
    if (y < 1 || inner_y % y != 0) {
      return Invalid(where + ".instances_y", y, fmt::format("a divisor of {}", inner_y));
    }
    inner_x = x;
    inner_y = y;
  }
  if (inner_x != 1 || inner_y != 1) {
    return Invalid("memories", fmt::format("{} x {} off-chip memories", inner_x, inner_y), "one");
  }
  return absl::OkStatus();
}

absl::Status CheckMemories(const Accelerator& accelerator, const Technology& technology) {
  if (accelerator.memories.empty()) return Invalid("memories", "none", "at least DRAM");
  if (accelerator.memories.size() > kMaxMemories) {
    return Invalid("memories", accelerator.memories.size(), fmt::format("up to {}", kMaxMemories));
  }
  std::set<std::string_view> names;
  for (size_t i = 0; i < accelerator.memories.size(); ++i) {
    const MemoryLevel& level = accelerator.memories[i];
    const std::string where = fmt::format("memories[{}]", i);
    const bool last = i + 1 == accelerator.memories.size();
    BITSCAPE_RETURN_IF_ERROR(CheckMemory(level, last, technology, where));
    if (!names.insert(level.name).second) {
      return Invalid(where + ".name", level.name, "a name that no other memory has");
    }
  }
  BITSCAPE_RETURN_IF_ERROR(CheckInstances(accelerator));
  return accelerator.closed_form ? CheckClosedForm(accelerator.memories) : absl::OkStatus();
}

}  // namespace

bool MemoryLevel::Holds(Tensor tensor) const {
  return std::array<bool, kTensors>{holds_weights, holds_inputs,
                                    holds_outputs}[static_cast<size_t>(tensor)];
}

bool MemoryLevel::IsUnicast(Tensor tensor) const {
  return std::array<bool, kTensors>{unicast_weights, unicast_inputs,
                                    unicast_outputs}[static_cast<size_t>(tensor)];
}

absl::Status Validate(const Accelerator& accelerator) {
  if (accelerator.name.empty()) return Invalid("name", "\"\"", "a name");
  const absl::Status node = Technology::Make({.node = accelerator.technology}).status();
  BITSCAPE_RETURN_IF_ERROR(AsInvalid("technology", node));
  const absl::StatusOr<Technology> technology = Technology::Make(TechnologyOf(accelerator));
  BITSCAPE_RETURN_IF_ERROR(AsInvalid("supply_v", technology.status()));
  BITSCAPE_RETURN_IF_ERROR(AsInvalid("mac_family", FindMacFamily(accelerator.mac_family).status()));
  BITSCAPE_RETURN_IF_ERROR(CheckInteger("array_rows", accelerator.array_rows, 1, kMaxArraySide));
  BITSCAPE_RETURN_IF_ERROR(
      CheckInteger("array_columns", accelerator.array_columns, 1, kMaxArraySide));
  if (!(accelerator.clock_ghz >= kMinClockGhz && accelerator.clock_ghz <= kMaxClockGhz)) {
    return Invalid("clock_ghz", accelerator.clock_ghz,
                   fmt::format("{} to {}", kMinClockGhz, kMaxClockGhz));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckDesign(accelerator.design, "design"));
  if (accelerator.datapaths.size() > kMaxDatapaths) {
    return Invalid("datapaths", accelerator.datapaths.size(),
                   fmt::format("up to {}", kMaxDatapaths));
  }
  for (size_t i = 0; i < accelerator.datapaths.size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(CheckDatapath(accelerator.datapaths[i], accelerator.design.dot_length,
                                           fmt::format("datapaths[{}]", i)));
  }
  return CheckMemories(accelerator, *technology);
}

namespace {

void AddTo(Digest* digest, const MacDesign& design) {
  digest->Add(int64_t{design.dot_length}).Add(int64_t{design.serial_bits});
  digest->Add(int64_t{design.pipeline_stages}).Add(int64_t{design.scales_voltage});
  digest->Add(design.clock_ghz).Add(design.zero_share);
  for (const std::vector<int>* widths : {&design.weight_widths, &design.activation_widths}) {
    digest->Add(static_cast<int64_t>(widths->size()));
    for (const int bits : *widths) digest->Add(int64_t{bits});
  }
}

void AddTo(Digest* digest, const MemoryLevel& level) {
  digest->Add(level.name).Add(static_cast<int64_t>(level.kind)).Add(level.capacity_bytes);
  digest->Add(int64_t{level.width_bits}).Add(level.bandwidth_bits_per_cycle);
  digest->Add(level.read_bits_per_cycle).Add(level.write_bits_per_cycle);
  digest->Add(int64_t{level.per_pe})
      .Add(int64_t{level.instances_x})
      .Add(int64_t{level.instances_y});
  digest->Add(int64_t{level.banks}).Add(int64_t{level.double_buffered}).Add(level.primitive);
  for (size_t i = 0; i < kTensors; ++i) {
    digest->Add(int64_t{level.Holds(static_cast<Tensor>(i))});
    digest->Add(int64_t{level.IsUnicast(static_cast<Tensor>(i))});
  }
  digest->Add(level.read_pj_per_bit).Add(level.write_pj_per_bit).Add(level.network_pj_per_bit);
}

}  // namespace

std::string Accelerator::Digest() const {
  ::bitscape::Digest digest;
  digest.Add("accelerator 2").Add(technology).Add(supply_v).Add(mac_family);
  AddTo(&digest, design);
  digest.Add(int64_t{array_rows}).Add(int64_t{array_columns}).Add(clock_ghz);
  digest.Add(static_cast<int64_t>(dataflow)).Add(int64_t{closed_form});
  digest.Add(static_cast<int64_t>(datapaths.size()));
  for (const Datapath& datapath : datapaths) {
    digest.Add(datapath.family).Add(datapath.weights.ToString());
    digest.Add(datapath.activations.ToString()).Add(datapath.accumulator.ToString());
    AddTo(&digest, datapath.design);
    digest.Add(datapath.macs_per_cycle);
  }
  digest.Add(static_cast<int64_t>(memories.size()));
  for (const MemoryLevel& level : memories) AddTo(&digest, level);
  return digest.Hex();
}

}  // namespace bitscape::cost_models
