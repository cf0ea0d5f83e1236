#include <absl/strings/str_cat.h>

#include <cstdint>

#include "engine/core/files.h"
#include "engine/core/status.h"
#include "proto/spec/reader.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

using cost_models::Accelerator;
using cost_models::Dataflow;
using cost_models::DatapathLimits;
using cost_models::MemoryKind;
using cost_models::MemoryLevel;
using v1::AcceleratorSpec;

absl::StatusOr<DatapathLimits> ToDatapath(const AcceleratorSpec::Datapath& spec,
                                          const std::string& path) {
  DatapathLimits limits;
  switch (spec.arithmetic()) {
    case AcceleratorSpec::Datapath::INTEGER:
      limits.arithmetic = DatapathLimits::Arithmetic::kInteger;
      break;
    case AcceleratorSpec::Datapath::FLOAT:
      limits.arithmetic = DatapathLimits::Arithmetic::kFloat;
      break;
    default:
      return FieldError(path + ".arithmetic", "required: INTEGER or FLOAT");
  }
  limits.max_weight_bits = spec.max_weight_bits();
  limits.max_activation_bits = spec.max_activation_bits();
  limits.accumulator_bits = spec.accumulator_bits();
  return limits;
}

absl::StatusOr<MemoryLevel> ToMemory(const AcceleratorSpec::Memory& spec, const std::string& path) {
  MemoryLevel level;
  level.name = spec.name();
  switch (spec.kind()) {
    case AcceleratorSpec::Memory::REGISTER_FILE:
      level.kind = MemoryKind::kRegisterFile;
      break;
    case AcceleratorSpec::Memory::SRAM:
      level.kind = MemoryKind::kSram;
      break;
    case AcceleratorSpec::Memory::DRAM:
      level.kind = MemoryKind::kDram;
      break;
    default:
      return FieldError(path + ".kind", "required: REGISTER_FILE, SRAM or DRAM");
  }
  level.capacity_bytes = spec.capacity_bytes();
  level.width_bits = spec.width_bits();
  level.bandwidth_bits_per_cycle = spec.bandwidth_bits_per_cycle();
  level.per_pe = spec.per_pe();
  level.primitive = spec.primitive();
  for (int i = 0; i < spec.holds_size(); ++i) {
    switch (spec.holds(i)) {
      case AcceleratorSpec::Memory::WEIGHTS:
        level.holds_weights = true;
        break;
      case AcceleratorSpec::Memory::INPUTS:
        level.holds_inputs = true;
        break;
      case AcceleratorSpec::Memory::OUTPUTS:
        level.holds_outputs = true;
        break;
      default:
        return FieldError(absl::StrCat(path, ".holds[", i, "]"),
                          "takes WEIGHTS, INPUTS or OUTPUTS");
    }
  }
  return level;
}

AcceleratorSpec::Memory::Kind ToProto(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kRegisterFile:
      return AcceleratorSpec::Memory::REGISTER_FILE;
    case MemoryKind::kSram:
      return AcceleratorSpec::Memory::SRAM;
    case MemoryKind::kDram:
      return AcceleratorSpec::Memory::DRAM;
  }
  return AcceleratorSpec::Memory::KIND_UNSPECIFIED;
}

void ToProto(const MemoryLevel& level, AcceleratorSpec::Memory* memory) {
  memory->set_name(level.name);
  memory->set_kind(ToProto(level.kind));
  memory->set_capacity_bytes(level.capacity_bytes);
  memory->set_width_bits(level.width_bits);
  memory->set_bandwidth_bits_per_cycle(level.bandwidth_bits_per_cycle);
  memory->set_per_pe(level.per_pe);
  memory->set_primitive(level.primitive);
  if (level.holds_weights) {
    memory->add_holds(AcceleratorSpec::Memory::WEIGHTS);
  }
  if (level.holds_inputs) {
    memory->add_holds(AcceleratorSpec::Memory::INPUTS);
  }
  if (level.holds_outputs) {
    memory->add_holds(AcceleratorSpec::Memory::OUTPUTS);
  }
}

}  // namespace

absl::StatusOr<Accelerator> ToAccelerator(const AcceleratorSpec& spec) {
  Accelerator accelerator;
  BITSCAPE_RETURN_IF_ERROR(CheckId(spec.name(), /*underscore=*/true, "spec.name"));
  accelerator.name = spec.name();
  accelerator.description = spec.description();
  accelerator.sources.assign(spec.sources().begin(), spec.sources().end());
  if (!spec.technology().empty()) {
    accelerator.technology = spec.technology();
  }
  if (!spec.mac_family().empty()) {
    accelerator.mac_family = spec.mac_family();
  }
  accelerator.array_rows = spec.array_rows();
  accelerator.array_columns = spec.array_columns();
  accelerator.clock_ghz = spec.clock_ghz();
  if (spec.dataflow() != AcceleratorSpec::WEIGHT_STATIONARY) {
    return FieldError("spec.dataflow", "required: WEIGHT_STATIONARY");
  }
  accelerator.dataflow = Dataflow::kWeightStationary;
  for (int i = 0; i < spec.datapaths_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(
        DatapathLimits limits,
        ToDatapath(spec.datapaths(i), absl::StrCat("spec.datapaths[", i, "]")));
    accelerator.datapaths.push_back(limits);
  }
  for (int i = 0; i < spec.memories_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(MemoryLevel level,
                              ToMemory(spec.memories(i), absl::StrCat("spec.memories[", i, "]")));
    accelerator.memories.push_back(std::move(level));
  }
  if (absl::Status status = cost_models::Validate(accelerator); !status.ok()) {
    // Its messages begin with the field.
    return FieldError("spec", std::string(status.message()));
  }
  return accelerator;
}

AcceleratorSpec ToProto(const Accelerator& accelerator) {
  AcceleratorSpec spec;
  spec.set_name(accelerator.name);
  spec.set_description(accelerator.description);
  for (const std::string& source : accelerator.sources) {
    spec.add_sources(source);
  }
  spec.set_technology(accelerator.technology);
  spec.set_mac_family(accelerator.mac_family);
  spec.set_array_rows(accelerator.array_rows);
  spec.set_array_columns(accelerator.array_columns);
  spec.set_clock_ghz(accelerator.clock_ghz);
  switch (accelerator.dataflow) {
    case Dataflow::kWeightStationary:
      spec.set_dataflow(AcceleratorSpec::WEIGHT_STATIONARY);
      break;
  }
  for (const DatapathLimits& limits : accelerator.datapaths) {
    AcceleratorSpec::Datapath& datapath = *spec.add_datapaths();
    datapath.set_arithmetic(limits.arithmetic == DatapathLimits::Arithmetic::kInteger
                                ? AcceleratorSpec::Datapath::INTEGER
                                : AcceleratorSpec::Datapath::FLOAT);
    datapath.set_max_weight_bits(limits.max_weight_bits);
    datapath.set_max_activation_bits(limits.max_activation_bits);
    datapath.set_accumulator_bits(limits.accumulator_bits);
  }
  for (const MemoryLevel& level : accelerator.memories) {
    ToProto(level, spec.add_memories());
  }
  return spec;
}

absl::StatusOr<AcceleratorSpec> ReadAcceleratorFile(const std::filesystem::path& path) {
  constexpr int64_t kMaxBytes = int64_t{4} << 20;
  BITSCAPE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxBytes));
  AcceleratorSpec spec;
  const std::string file = path.string();
  BITSCAPE_RETURN_IF_ERROR(spec::ReadSpec(text, file, spec::SyntaxOf(file), &spec));
  return spec;
}

}  // namespace bitscape::server
