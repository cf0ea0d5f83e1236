#include "tests/cost_models/machines.h"

#include <gtest/gtest.h>

#include <string>

namespace bitscape::cost_models {

Datapath FixedDatapath(std::string_view weights, std::string_view activations,
                       std::string_view accumulator) {
  Datapath datapath;
  datapath.weights = formats::ParseQuantizer(weights).value();
  datapath.activations = formats::ParseQuantizer(activations).value();
  datapath.accumulator = quantize::ParseAccumulator(accumulator).value();
  return datapath;
}

Accelerator EyerissLike() {
  Accelerator machine;
  machine.name = "eyeriss_like";
  machine.array_rows = 12;
  machine.array_columns = 14;
  machine.clock_ghz = 0.2;
  machine.memories = {
      {.name = "scratchpad",
       .kind = MemoryKind::kRegisterFile,
       .capacity_bytes = 448,
       .width_bits = 16,
       .bandwidth_bits_per_cycle = 0,
       .per_pe = true,
       .primitive = "register_file",
       .holds_weights = true},
      {.name = "global_buffer",
       .kind = MemoryKind::kSram,
       .capacity_bytes = 110592,
       .width_bits = 64,
       .bandwidth_bits_per_cycle = 512,
       .primitive = "sram",
       .holds_inputs = true,
       .holds_outputs = true},
      {.name = "dram",
       .kind = MemoryKind::kDram,
       .width_bits = 64,
       .bandwidth_bits_per_cycle = 64,
       .primitive = "dram",
       .holds_weights = true,
       .holds_inputs = true,
       .holds_outputs = true},
  };
  return machine;
}

Accelerator Int8Array() {
  Accelerator machine;
  machine.name = "int8_array";
  machine.array_rows = 16;
  machine.array_columns = 16;
  machine.clock_ghz = 0.5;
  machine.datapaths = {FixedDatapath("int8", "int8", "int32")};
  machine.memories = {
      {.name = "weight_registers",
       .kind = MemoryKind::kRegisterFile,
       .capacity_bytes = 32,
       .width_bits = 8,
       .bandwidth_bits_per_cycle = 0,
       .per_pe = true,
       .primitive = "register",
       .holds_weights = true},
      {.name = "unified_buffer",
       .kind = MemoryKind::kSram,
       .capacity_bytes = 131072,
       .width_bits = 128,
       .bandwidth_bits_per_cycle = 1024,
       .primitive = "sram",
       .holds_weights = true,
       .holds_inputs = true,
       .holds_outputs = true},
      {.name = "dram",
       .kind = MemoryKind::kDram,
       .width_bits = 64,
       .bandwidth_bits_per_cycle = 128,
       .primitive = "dram",
       .holds_weights = true,
       .holds_inputs = true,
       .holds_outputs = true},
  };
  return machine;
}

Accelerator RowStationary() {
  Accelerator machine = EyerissLike();
  machine.name = "row_stationary";
  machine.closed_form = false;
  machine.dataflow = Dataflow::kRowStationary;
  MemoryLevel pad = machine.memories[0];
  pad.name = "sum_pad";
  pad.holds_weights = false;
  pad.holds_outputs = true;
  pad.capacity_bytes = 64;
  machine.memories.insert(machine.memories.begin(), pad);
  pad.name = "input_pad";
  pad.holds_outputs = false;
  pad.holds_inputs = true;
  machine.memories.insert(machine.memories.begin(), pad);
  return machine;
}

Accelerator Bare(int rows, int columns) {
  Accelerator machine = EyerissLike();
  machine.name = "bare";
  machine.closed_form = false;
  machine.dataflow = Dataflow::kAny;
  machine.array_rows = rows;
  machine.array_columns = columns;
  machine.memories.erase(machine.memories.begin(), machine.memories.begin() + 2);
  machine.memories.back().bandwidth_bits_per_cycle = 1 << 16;
  return machine;
}

network::MacShape ConvLayer(std::string_view name, int64_t c, int64_t m, int64_t k, int64_t size,
                            int64_t stride, int64_t groups) {
  network::MacShape layer;
  layer.name = std::string(name);
  layer.op = "conv";
  layer.groups = groups;
  layer.c = c;
  layer.m = m;
  layer.r = layer.s = k;
  layer.in_h = layer.in_w = size;
  layer.stride_h = layer.stride_w = stride;
  layer.p = layer.q = (size + stride - 1) / stride;
  return layer;
}

network::MacShape GemmLayer(std::string_view name, int64_t c, int64_t m) {
  network::MacShape layer;
  layer.name = std::string(name);
  layer.op = "gemm";
  layer.c = c;
  layer.m = m;
  return layer;
}

std::vector<network::MacShape> SmallNetwork() {
  return {ConvLayer("stem", 1, 16, 3, 28),      ConvLayer("conv1", 16, 16, 3, 28),
          ConvLayer("conv2", 16, 32, 3, 28, 2), ConvLayer("short2", 16, 32, 1, 28, 2),
          ConvLayer("conv3", 32, 64, 3, 14),    GemmLayer("fc", 64, 10)};
}

std::vector<network::MacShape> SeparableNetwork() {
  return {ConvLayer("stem", 3, 32, 3, 32, 2),     ConvLayer("depthwise1", 1, 1, 3, 16, 1, 32),
          ConvLayer("pointwise1", 32, 64, 1, 16), ConvLayer("depthwise2", 1, 1, 3, 16, 2, 64),
          ConvLayer("pointwise2", 64, 128, 1, 8), GemmLayer("fc", 128, 10)};
}

quantize::ResolvedPlan PlanFor(const std::vector<network::MacShape>& layers,
                               std::string_view text) {
  std::vector<quantize::LayerIdentity> identities;
  for (const network::MacShape& layer : layers) identities.push_back({layer.name, layer.op});
  const absl::StatusOr<quantize::PrecisionPlan> plan = quantize::ParsePlan(text);
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return {};
  absl::StatusOr<quantize::ResolvedPlan> resolved = quantize::ResolvePlan(*plan, identities);
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  return resolved.ok() ? *std::move(resolved) : quantize::ResolvedPlan{};
}

}  // namespace bitscape::cost_models
