// A machine as data. The files are in cost_models/accelerators/data, one YAML file each, in the
// schema of proto/bitscape/v1/accelerator.proto.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cost_models/mapping/dataflow.h"

namespace bitscape::cost_models {

enum class MemoryKind { kRegisterFile, kSram, kDram };

struct MemoryLevel {
  std::string name;  // "scratchpad", "global_buffer", "dram"
  MemoryKind kind = MemoryKind::kSram;
  double capacity_bytes = 0;  // of one instance; 0 = unbounded (DRAM only)
  int width_bits = 0;         // of one access
  double bandwidth_bits_per_cycle =
      0;                  // of all instances together; 0 = never limits (registers only)
  bool per_pe = false;    // one instance in each processing element
  std::string primitive;  // row of the technology table: "sram", "register", "dram_ddr3", ...
  bool holds_weights = false, holds_inputs = false, holds_outputs = false;
};

// What a fixed datapath takes. A machine without any is built for the plan: its MACs are as wide as
// the widest layer needs, and a plan that mixes arithmetic pays for the union.
struct DatapathLimits {
  enum class Arithmetic { kInteger, kFloat } arithmetic = Arithmetic::kInteger;
  int max_weight_bits = 0;
  int max_activation_bits = 0;
  int accumulator_bits = 0;
};

struct Accelerator {
  std::string name;
  std::string description;
  std::vector<std::string> sources;
  std::string technology = "45nm";    // a node of the technology table
  std::string mac_family = "native";  // a row of the MAC families
  int array_rows = 0, array_columns = 0;
  double clock_ghz = 0;
  Dataflow dataflow = Dataflow::kWeightStationary;
  std::vector<DatapathLimits> datapaths;
  std::vector<MemoryLevel> memories;  // from the processing elements outwards; the last is DRAM

  std::string Digest() const;  // SHA-256 of everything but name, description and sources
};

// Errors: kInvalidArgument naming the field ("memories[1].width_bits"), its value and what is
// allowed.
absl::Status Validate(const Accelerator& accelerator);

}  // namespace bitscape::cost_models
