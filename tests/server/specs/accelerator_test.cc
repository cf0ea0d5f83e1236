#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/core/files.h"
#include "proto/spec/reader.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

constexpr char kMachine[] = R"(
name: small_array
description: An array for tests.
sources: ["made up"]
technology: 45nm
mac_family: native
array_rows: 12
array_columns: 14
clock_ghz: 0.2
dataflow: WEIGHT_STATIONARY
datapaths:
  - {weights: int8, activations: int8, accumulator: int32}
memories:
  - {name: scratchpad, kind: REGISTER_FILE, capacity_bytes: 64, width_bits: 16, per_pe: true,
     primitive: register, holds: [WEIGHTS]}
  - {name: global_buffer, kind: SRAM, capacity_bytes: 110592, width_bits: 64,
     bandwidth_bits_per_cycle: 256, primitive: sram, holds: [INPUTS, OUTPUTS]}
  - {name: dram, kind: DRAM, width_bits: 64, bandwidth_bits_per_cycle: 64, primitive: dram,
     holds: [WEIGHTS, INPUTS, OUTPUTS]}
)";

v1::AcceleratorSpec Machine() {
  v1::AcceleratorSpec spec;
  const absl::Status status = spec::ReadSpec(kMachine, "m.yaml", spec::Syntax::kYaml, &spec);
  EXPECT_TRUE(status.ok()) << status;
  return spec;
}

TEST(ToAccelerator, GoesThereAndBack) {
  const absl::StatusOr<cost_models::Accelerator> machine = ToAccelerator(Machine());
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->array_columns, 14);
  ASSERT_EQ(machine->memories.size(), 3u);
  EXPECT_EQ(machine->memories[0].kind, cost_models::MemoryKind::kRegisterFile);
  EXPECT_TRUE(machine->memories[0].per_pe);
  EXPECT_FALSE(machine->memories[1].holds_weights);
  ASSERT_EQ(machine->datapaths.size(), 1u);
  EXPECT_EQ(machine->datapaths[0].accumulator.ToString(), "int32");
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(ToProto(*machine), Machine()))
      << ToProto(*machine).DebugString();
}

// Fields that only searched dataflows take, and those of datapaths.
TEST(ToAccelerator, EveryFieldGoesThereAndBack) {
  v1::AcceleratorSpec spec = Machine();
  spec.set_supply_v(0.8);
  spec.set_dataflow(v1::AcceleratorSpec::WEIGHT_STATIONARY_SEARCHED);
  v1::AcceleratorSpec::Design& design = *spec.mutable_design();
  design.set_dot_length(4);
  design.set_serial_bits(2);
  design.set_scales_voltage(true);
  design.add_weight_widths(2);
  design.add_activation_widths(4);
  v1::AcceleratorSpec::Datapath& datapath = *spec.mutable_datapaths(0);
  *datapath.mutable_design() = design;
  datapath.set_family("dot_product");
  datapath.set_macs_per_cycle(2);
  datapath.set_source("a paper");
  v1::AcceleratorSpec::Memory& memory = *spec.mutable_memories(1);
  memory.set_instances_x(7);
  memory.set_instances_y(4);
  memory.set_read_bits_per_cycle(128);
  memory.set_write_bits_per_cycle(64);
  memory.set_banks(8);
  memory.set_double_buffered(true);
  memory.add_unicast(v1::AcceleratorSpec::Memory::INPUTS);
  memory.set_read_pj_per_bit(0.1);
  memory.set_write_pj_per_bit(0.2);
  memory.set_network_pj_per_bit(0.3);
  const absl::StatusOr<cost_models::Accelerator> machine = ToAccelerator(spec);
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(ToProto(*machine), spec))
      << ToProto(*machine).DebugString();
}

void ExpectError(const v1::AcceleratorSpec& spec, const std::string& message) {
  const absl::Status status = ToAccelerator(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(message));
}

TEST(ToAccelerator, NamesTheField) {
  v1::AcceleratorSpec spec = Machine();
  spec.set_name("Not An Id");
  ExpectError(spec, "spec.name: 'Not An Id' is not an id");
  spec = Machine();
  spec.clear_dataflow();
  ExpectError(spec, "spec.dataflow: required: WEIGHT_STATIONARY");
  spec = Machine();
  spec.mutable_memories(1)->clear_kind();
  ExpectError(spec, "spec.memories[1].kind: required: REGISTER_FILE, SRAM or DRAM");
  spec = Machine();
  spec.mutable_memories(2)->add_holds(v1::AcceleratorSpec::Memory::OPERAND_UNSPECIFIED);
  ExpectError(spec, "spec.memories[2].holds[3]: takes WEIGHTS, INPUTS or OUTPUTS");
  spec = Machine();
  spec.mutable_datapaths(0)->clear_weights();
  ExpectError(spec, "spec.datapaths[0].weights: required: a format, such as int8");
  spec = Machine();
  spec.mutable_datapaths(0)->set_activations("int88");
  ExpectError(spec, "spec.datapaths[0].activations: ");
  spec = Machine();
  spec.set_array_rows(-3);
  ExpectError(spec, "array_rows");
  spec = Machine();
  spec.mutable_memories(1)->set_width_bits(0);
  ExpectError(spec, "memories[1].width_bits");
}

class AcceleratorFile : public ::testing::Test {
 protected:
  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / "bitscape_specs_test_machine.yaml";
  void TearDown() override { std::filesystem::remove(path_); }
};

TEST_F(AcceleratorFile, IsReadStrictly) {
  ASSERT_TRUE(WriteFileAtomically(path_, kMachine).ok());
  const absl::StatusOr<v1::AcceleratorSpec> spec = ReadAcceleratorFile(path_);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->name(), "small_array");
  ASSERT_TRUE(WriteFileAtomically(path_, "name: a\nclock_gz: 1\n").ok());
  EXPECT_THAT(std::string(ReadAcceleratorFile(path_).status().message()),
              HasSubstr(path_.string() + ":2:1: unknown key 'clock_gz' in AcceleratorSpec"));
}

TEST_F(AcceleratorFile, IsNamedWhenMissing) {
  const absl::Status status = ReadAcceleratorFile(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_.string()));
}

}  // namespace
}  // namespace bitscape::server
