#include <absl/strings/str_cat.h>

#include <cstdint>
#include <tuple>
#include <utility>

#include "engine/core/files.h"
#include "engine/core/status.h"
#include "proto/spec/reader.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

using cost_models::Accelerator;
using cost_models::Dataflow;
using cost_models::Datapath;
using cost_models::MemoryKind;
using cost_models::MemoryLevel;
using v1::AcceleratorSpec;

constexpr std::pair<AcceleratorSpec::Dataflow, Dataflow> kDataflows[] = {
    {AcceleratorSpec::WEIGHT_STATIONARY_SEARCHED, Dataflow::kWeightStationary},
    {AcceleratorSpec::OUTPUT_STATIONARY, Dataflow::kOutputStationary},
    {AcceleratorSpec::INPUT_STATIONARY, Dataflow::kInputStationary},
    {AcceleratorSpec::ROW_STATIONARY, Dataflow::kRowStationary},
    {AcceleratorSpec::FREE, Dataflow::kAny},
};

cost_models::MacDesign ToDesign(const AcceleratorSpec::Design& spec, double clock_ghz) {
  cost_models::MacDesign design;
  design.dot_length = spec.dot_length() == 0 ? 1 : spec.dot_length();
  design.weight_widths.assign(spec.weight_widths().begin(), spec.weight_widths().end());
  design.activation_widths.assign(spec.activation_widths().begin(), spec.activation_widths().end());
  design.serial_bits = spec.serial_bits() == 0 ? 1 : spec.serial_bits();
  design.scales_voltage = spec.scales_voltage();
  design.clock_ghz = clock_ghz;
  return design;
}

void ToProto(const cost_models::MacDesign& design, AcceleratorSpec::Design* spec) {
  if (design.dot_length != 1) spec->set_dot_length(design.dot_length);
  for (const int bits : design.weight_widths) spec->add_weight_widths(bits);
  for (const int bits : design.activation_widths) spec->add_activation_widths(bits);
  if (design.serial_bits != 1) spec->set_serial_bits(design.serial_bits);
  spec->set_scales_voltage(design.scales_voltage);
}

absl::StatusOr<Datapath> ToDatapath(const AcceleratorSpec::Datapath& spec, double clock_ghz,
                                    const std::string& path) {
  Datapath datapath;
  datapath.family = spec.family();
  for (const auto& [field, text, quantizer] :
       {std::tuple{".weights", &spec.weights(), &datapath.weights},
        std::tuple{".activations", &spec.activations(), &datapath.activations}}) {
    if (text->empty()) return FieldError(path + field, "required: a format, such as int8");
    absl::StatusOr<formats::Quantizer> parsed = formats::ParseQuantizer(*text);
    if (!parsed.ok()) return AtField(path + field, parsed.status());
    *quantizer = *std::move(parsed);
  }
  if (spec.accumulator().empty()) {
    return FieldError(path + ".accumulator", "required: fp32, int32, or a narrower format");
  }
  absl::StatusOr<quantize::Accumulator> accumulator =
      quantize::ParseAccumulator(spec.accumulator());
  if (!accumulator.ok()) return AtField(path + ".accumulator", accumulator.status());
  datapath.accumulator = *std::move(accumulator);
  datapath.design = ToDesign(spec.design(), clock_ghz);
  datapath.macs_per_cycle = spec.macs_per_cycle();
  datapath.source = spec.source();
  return datapath;
}

// WEIGHTS, INPUTS, OUTPUTS as three flags.
absl::Status ReadOperands(const google::protobuf::RepeatedField<int>& operands,
                          const std::string& path, bool* weights, bool* inputs, bool* outputs) {
  for (int i = 0; i < operands.size(); ++i) {
    switch (operands[i]) {
      case AcceleratorSpec::Memory::WEIGHTS:
        *weights = true;
        break;
      case AcceleratorSpec::Memory::INPUTS:
        *inputs = true;
        break;
      case AcceleratorSpec::Memory::OUTPUTS:
        *outputs = true;
        break;
      default:
        return FieldError(absl::StrCat(path, "[", i, "]"), "takes WEIGHTS, INPUTS or OUTPUTS");
    }
  }
  return absl::OkStatus();
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
  level.instances_x = spec.instances_x() == 0 ? 1 : spec.instances_x();
  level.instances_y = spec.instances_y() == 0 ? 1 : spec.instances_y();
  level.read_bits_per_cycle = spec.read_bits_per_cycle();
  level.write_bits_per_cycle = spec.write_bits_per_cycle();
  level.banks = spec.banks() == 0 ? 1 : spec.banks();
  level.double_buffered = spec.double_buffered();
  level.read_pj_per_bit = spec.read_pj_per_bit();
  level.write_pj_per_bit = spec.write_pj_per_bit();
  level.network_pj_per_bit = spec.network_pj_per_bit();
  BITSCAPE_RETURN_IF_ERROR(ReadOperands(spec.holds(), path + ".holds", &level.holds_weights,
                                        &level.holds_inputs, &level.holds_outputs));
  BITSCAPE_RETURN_IF_ERROR(ReadOperands(spec.unicast(), path + ".unicast", &level.unicast_weights,
                                        &level.unicast_inputs, &level.unicast_outputs));
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
  if (level.instances_x != 1) memory->set_instances_x(level.instances_x);
  if (level.instances_y != 1) memory->set_instances_y(level.instances_y);
  memory->set_read_bits_per_cycle(level.read_bits_per_cycle);
  memory->set_write_bits_per_cycle(level.write_bits_per_cycle);
  if (level.banks != 1) memory->set_banks(level.banks);
  memory->set_double_buffered(level.double_buffered);
  memory->set_read_pj_per_bit(level.read_pj_per_bit);
  memory->set_write_pj_per_bit(level.write_pj_per_bit);
  memory->set_network_pj_per_bit(level.network_pj_per_bit);
  for (const auto operand : {AcceleratorSpec::Memory::WEIGHTS, AcceleratorSpec::Memory::INPUTS,
                             AcceleratorSpec::Memory::OUTPUTS}) {
    // The proto's values follow those of Tensor by one.
    const auto tensor = static_cast<cost_models::Tensor>(operand - 1);
    if (level.Holds(tensor)) memory->add_holds(operand);
    if (level.IsUnicast(tensor)) memory->add_unicast(operand);
  }
}

absl::Status ReadDataflow(const AcceleratorSpec& spec, Accelerator* accelerator) {
  accelerator->closed_form = spec.dataflow() == AcceleratorSpec::WEIGHT_STATIONARY;
  if (accelerator->closed_form) {
    accelerator->dataflow = Dataflow::kWeightStationary;
    return absl::OkStatus();
  }
  for (const auto& [proto, dataflow] : kDataflows) {
    if (spec.dataflow() != proto) continue;
    accelerator->dataflow = dataflow;
    return absl::OkStatus();
  }
  return FieldError("spec.dataflow",
                    "required: WEIGHT_STATIONARY, OUTPUT_STATIONARY, INPUT_STATIONARY, "
                    "ROW_STATIONARY, FREE or WEIGHT_STATIONARY_SEARCHED");
}

AcceleratorSpec::Dataflow DataflowOf(const Accelerator& accelerator) {
  if (accelerator.closed_form) return AcceleratorSpec::WEIGHT_STATIONARY;
  for (const auto& [proto, dataflow] : kDataflows) {
    if (accelerator.dataflow == dataflow) return proto;
  }
  return AcceleratorSpec::DATAFLOW_UNSPECIFIED;
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
  accelerator.supply_v = spec.supply_v();
  accelerator.design = ToDesign(spec.design(), spec.clock_ghz());
  BITSCAPE_RETURN_IF_ERROR(ReadDataflow(spec, &accelerator));
  for (int i = 0; i < spec.datapaths_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(
        Datapath datapath,
        ToDatapath(spec.datapaths(i), spec.clock_ghz(), absl::StrCat("spec.datapaths[", i, "]")));
    accelerator.datapaths.push_back(std::move(datapath));
  }
  for (int i = 0; i < spec.memories_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(MemoryLevel level,
                              ToMemory(spec.memories(i), absl::StrCat("spec.memories[", i, "]")));
    accelerator.memories.push_back(std::move(level));
  }
  if (absl::Status status = cost_models::Validate(accelerator); !status.ok()) {
    // Its messages begin with the field: "memories[1].width_bits: 0, allowed: ...".
    const std::string message(status.message());
    const size_t colon = message.find(": ");
    if (colon == std::string::npos) return FieldError("spec", message);
    return FieldError(absl::StrCat("spec.", message.substr(0, colon)), message.substr(colon + 2));
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
  spec.set_dataflow(DataflowOf(accelerator));
  spec.set_supply_v(accelerator.supply_v);
  if (accelerator.design != cost_models::MacDesign{.clock_ghz = accelerator.clock_ghz}) {
    ToProto(accelerator.design, spec.mutable_design());
  }
  for (const Datapath& datapath : accelerator.datapaths) {
    AcceleratorSpec::Datapath& proto = *spec.add_datapaths();
    proto.set_family(datapath.family);
    proto.set_weights(datapath.weights.ToString());
    proto.set_activations(datapath.activations.ToString());
    proto.set_accumulator(datapath.accumulator.ToString());
    if (datapath.design != cost_models::MacDesign{.clock_ghz = accelerator.clock_ghz}) {
      ToProto(datapath.design, proto.mutable_design());
    }
    proto.set_macs_per_cycle(datapath.macs_per_cycle);
    proto.set_source(datapath.source);
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
