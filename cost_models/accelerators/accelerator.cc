#include "cost_models/accelerators/accelerator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <set>

#include "cost_models/accelerators/float_datapath.h"
#include "cost_models/mac/families.h"
#include "cost_models/memory/memory.h"
#include "cost_models/technology/technology.h"
#include "engine/core/digest.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr int kMaxArraySide = 65536;
constexpr double kMaxClockGhz = 10;
constexpr int kMaxOperandBits = 16;
constexpr int kMaxAccumulatorBits = 64;
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

absl::Status CheckDatapath(const DatapathLimits& limits, const std::string& where) {
  const std::array<std::pair<const char*, int>, 3> fields = {{
      {"max_weight_bits", limits.max_weight_bits},
      {"max_activation_bits", limits.max_activation_bits},
      {"accumulator_bits", limits.accumulator_bits},
  }};
  for (const auto& [name, bits] : fields) {
    const std::string field = where + "." + name;
    if (limits.arithmetic == DatapathLimits::Arithmetic::kFloat) {
      if (!FloatDatapathWidth(bits)) {
        return Invalid(field, bits, "8 (e4m3), 16 (e5m10), 19 (e8m10), 32 (e8m23) for FLOAT");
      }
      continue;
    }
    const bool sum = bits == limits.accumulator_bits && field.ends_with("accumulator_bits");
    BITSCAPE_RETURN_IF_ERROR(
        CheckInteger(field, bits, 1, sum ? kMaxAccumulatorBits : kMaxOperandBits));
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
      return IsDramPrimitive(level.primitive);
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
  if (!std::isfinite(bandwidth) || bandwidth < 0 || (bandwidth == 0 && !may_be_unlimited)) {
    return Invalid(where + ".bandwidth_bits_per_cycle", bandwidth,
                   "above 0; 0 (never limits) only for a REGISTER_FILE");
  }
  if (!level.holds_weights && !level.holds_inputs && !level.holds_outputs) {
    return Invalid(where + ".holds", "nothing", "WEIGHTS, INPUTS, OUTPUTS");
  }
  const absl::Status price =
      PriceMemory(level.primitive, level.capacity_bytes, level.width_bits, technology).status();
  BITSCAPE_RETURN_IF_ERROR(AsInvalid(where, price));
  if (!KindTakesPrimitive(level)) {
    return Invalid(where + ".primitive", level.primitive,
                   fmt::format("a primitive of a {}", KindName(level.kind)));
  }
  if (last) return CheckDram(level, where);
  return level.per_pe ? CheckElementMemory(level, where) : absl::OkStatus();
}

absl::Status CheckMemories(const Accelerator& accelerator, const Technology& technology) {
  if (accelerator.memories.empty()) return Invalid("memories", "none", "at least DRAM");
  std::set<std::string_view> names;
  std::array<const MemoryLevel*, 3> shared_holder = {nullptr, nullptr, nullptr};
  const MemoryLevel* element = nullptr;
  for (size_t i = 0; i < accelerator.memories.size(); ++i) {
    const MemoryLevel& level = accelerator.memories[i];
    const std::string where = fmt::format("memories[{}]", i);
    const bool last = i + 1 == accelerator.memories.size();
    BITSCAPE_RETURN_IF_ERROR(CheckMemory(level, last, technology, where));
    if (!names.insert(level.name).second) {
      return Invalid(where + ".name", level.name, "a name that no other memory has");
    }
    if (level.per_pe) {
      if (element != nullptr || i != 0) {
        return Invalid(where + ".per_pe", true, "one per_pe memory, and the first in the list");
      }
      element = &level;
      continue;
    }
    if (last) break;
    const std::array<bool, 3> holds = {level.holds_weights, level.holds_inputs,
                                       level.holds_outputs};
    constexpr std::array<std::string_view, 3> kNames = {"WEIGHTS", "INPUTS", "OUTPUTS"};
    for (size_t tensor = 0; tensor < holds.size(); ++tensor) {
      if (!holds[tensor]) continue;
      if (shared_holder[tensor] != nullptr) {
        return Invalid(where + ".holds", kNames[tensor],
                       fmt::format("one shared on-chip memory for each tensor, and {} holds it",
                                   shared_holder[tensor]->name));
      }
      shared_holder[tensor] = &level;
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<Operand> FloatDatapathWidth(int bits) {
  const auto with = [bits](int exponent_bits) {
    return Operand{.kind = Operand::Kind::kFloat,
                   .bits = bits,
                   .exponent_bits = exponent_bits,
                   .significand_bits = bits - exponent_bits,
                   .subnormals = true};
  };
  switch (bits) {
    case 8:
      return with(4);
    case 16:
      return with(5);
    case 19:
    case 32:
      return with(8);
    default:
      return std::nullopt;
  }
}

absl::Status Validate(const Accelerator& accelerator) {
  if (accelerator.name.empty()) return Invalid("name", "\"\"", "a name");
  const absl::StatusOr<Technology> technology = Technology::Make({.node = accelerator.technology});
  BITSCAPE_RETURN_IF_ERROR(AsInvalid("technology", technology.status()));
  BITSCAPE_RETURN_IF_ERROR(AsInvalid("mac_family", FindMacFamily(accelerator.mac_family).status()));
  BITSCAPE_RETURN_IF_ERROR(CheckInteger("array_rows", accelerator.array_rows, 1, kMaxArraySide));
  BITSCAPE_RETURN_IF_ERROR(
      CheckInteger("array_columns", accelerator.array_columns, 1, kMaxArraySide));
  if (!(accelerator.clock_ghz > 0 && accelerator.clock_ghz <= kMaxClockGhz)) {
    return Invalid("clock_ghz", accelerator.clock_ghz,
                   fmt::format("above 0, up to {}", kMaxClockGhz));
  }
  for (size_t i = 0; i < accelerator.datapaths.size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(
        CheckDatapath(accelerator.datapaths[i], fmt::format("datapaths[{}]", i)));
  }
  return CheckMemories(accelerator, *technology);
}

std::string Accelerator::Digest() const {
  ::bitscape::Digest digest;
  digest.Add("accelerator 1").Add(technology).Add(mac_family);
  digest.Add(int64_t{array_rows}).Add(int64_t{array_columns}).Add(clock_ghz);
  digest.Add(static_cast<int64_t>(dataflow));
  digest.Add(static_cast<int64_t>(datapaths.size()));
  for (const DatapathLimits& limits : datapaths) {
    digest.Add(static_cast<int64_t>(limits.arithmetic)).Add(int64_t{limits.max_weight_bits});
    digest.Add(int64_t{limits.max_activation_bits}).Add(int64_t{limits.accumulator_bits});
  }
  digest.Add(static_cast<int64_t>(memories.size()));
  for (const MemoryLevel& level : memories) {
    digest.Add(level.name).Add(static_cast<int64_t>(level.kind)).Add(level.capacity_bytes);
    digest.Add(int64_t{level.width_bits}).Add(level.bandwidth_bits_per_cycle);
    digest.Add(int64_t{level.per_pe}).Add(level.primitive);
    digest.Add(int64_t{level.holds_weights}).Add(int64_t{level.holds_inputs});
    digest.Add(int64_t{level.holds_outputs});
  }
  return digest.Hex();
}

}  // namespace bitscape::cost_models
