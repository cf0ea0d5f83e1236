// The shipped machines (cost_models/accelerators/data) are those that these tests price.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bitscape/v1/accelerator.pb.h"
#include "engine/core/files.h"
#include "proto/spec/reader.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

std::string Text(const Accelerator& machine) {
  std::string text = fmt::format("{} {} {} {}x{} {} {}", machine.name, machine.technology,
                                 machine.mac_family, machine.array_rows, machine.array_columns,
                                 machine.clock_ghz, machine.closed_form);
  for (const Datapath& datapath : machine.datapaths) {
    text += fmt::format("\n{} {} {} {}", datapath.family, datapath.weights.ToString(),
                        datapath.activations.ToString(), datapath.accumulator.ToString());
  }
  for (const MemoryLevel& level : machine.memories) {
    text += fmt::format("\n{} {} {} {} {} {} {} {}{}{}", level.name, static_cast<int>(level.kind),
                        level.capacity_bytes, level.width_bits, level.bandwidth_bits_per_cycle,
                        level.per_pe, level.primitive, level.holds_weights ? "W" : "",
                        level.holds_inputs ? "I" : "", level.holds_outputs ? "O" : "");
  }
  return text;
}

// The same text; the proto's enums have an unspecified value first.
std::string Text(const v1::AcceleratorSpec& spec) {
  std::string text =
      fmt::format("{} {} {} {}x{} {} {}", spec.name(), spec.technology(), spec.mac_family(),
                  spec.array_rows(), spec.array_columns(), spec.clock_ghz(),
                  spec.dataflow() == v1::AcceleratorSpec::WEIGHT_STATIONARY);
  for (const auto& datapath : spec.datapaths()) {
    text += fmt::format("\n{} {} {} {}", datapath.family(), datapath.weights(),
                        datapath.activations(), datapath.accumulator());
  }
  for (const auto& level : spec.memories()) {
    text += fmt::format("\n{} {} {} {} {} {} {} ", level.name(), static_cast<int>(level.kind()) - 1,
                        level.capacity_bytes(), level.width_bits(),
                        level.bandwidth_bits_per_cycle(), level.per_pe(), level.primitive());
    for (const int operand : level.holds()) text += "?WIO"[operand];
  }
  return text;
}

TEST(AcceleratorData, ShippedFilesAreTheMachinesOfTheTests) {
  const absl::StatusOr<std::filesystem::path> data = DataDirectory();
  ASSERT_TRUE(data.ok()) << data.status();
  for (const Accelerator& machine : {EyerissLike(), Int8Array()}) {
    const std::string file = (*data / "accelerators" / (machine.name + ".yaml")).string();
    const absl::StatusOr<std::string> text = ReadFile(file, 1 << 20);
    ASSERT_TRUE(text.ok()) << text.status();
    v1::AcceleratorSpec spec;
    const absl::Status read = spec::ReadSpec(*text, file, spec::SyntaxOf(file), &spec);
    ASSERT_TRUE(read.ok()) << read;
    EXPECT_EQ(Text(spec), Text(machine));
    EXPECT_FALSE(spec.description().empty());
    EXPECT_GT(spec.sources_size(), 0);
  }
}

}  // namespace
}  // namespace bitscape::cost_models
