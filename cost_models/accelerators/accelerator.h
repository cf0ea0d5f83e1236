// A machine as data. The files are in cost_models/accelerators/data, one YAML file each, in the
// schema of proto/bitscape/v1/accelerator.proto.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/mac/families.h"
#include "cost_models/mapping/dataflow.h"
#include "cost_models/mapping/tensor.h"
#include "engine/formats/quantizer.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

// The primitive of an off-chip memory that costs nothing, for bounds: no row of the technology
// table.
inline constexpr std::string_view kFreeMemory = "free";

enum class MemoryKind { kRegisterFile, kSram, kDram };

struct MemoryLevel {
  std::string name;  // "scratchpad", "global_buffer", "dram"
  MemoryKind kind = MemoryKind::kSram;
  double capacity_bytes = 0;  // of one instance; 0 = unbounded (DRAM only)
  int width_bits = 0;         // of one access
  // Of all instances together; 0 = never limits (registers only).
  double bandwidth_bits_per_cycle = 0;                       // reads and writes
  double read_bits_per_cycle = 0, write_bits_per_cycle = 0;  // each port; 0 = no limit of its own
  bool per_pe = false;                   // one instance in each processing element
  int instances_x = 1, instances_y = 1;  // over columns and rows of the array, where not per_pe
  int banks = 1;
  bool double_buffered = false;
  // Row of the technology table: "sram", "register", "dram_ddr3", ..., or kFreeMemory.
  std::string primitive;
  bool holds_weights = false, holds_inputs = false, holds_outputs = false;
  bool unicast_weights = false, unicast_inputs = false, unicast_outputs = false;
  double read_pj_per_bit = 0, write_pj_per_bit = 0;  // published; 0 = the primitive's
  double network_pj_per_bit = 0;                     // of moving a bit to one inner instance
  bool operator==(const MemoryLevel&) const = default;

  bool Holds(Tensor tensor) const;
  bool IsUnicast(Tensor tensor) const;
};

// What a fixed datapath takes: plans whose operands fit these. A machine without any is built for
// the plan: its MACs are as wide as the widest layer needs, and a plan that mixes arithmetic pays
// for the union.
struct Datapath {
  std::string family;  // empty: the accelerator's mac_family
  formats::Quantizer weights, activations;
  quantize::Accumulator accumulator;
  MacDesign design;
  double macs_per_cycle = 0;  // published, of one multiplier; 0 = the family's
  std::string source;
  bool operator==(const Datapath&) const = default;
};

struct Accelerator {
  std::string name;
  std::string description;
  std::vector<std::string> sources;
  std::string technology = "45nm";    // a node of the technology table
  double supply_v = 0;                // 0 = nominal
  std::string mac_family = "native";  // a row of the MAC families
  MacDesign design;
  int array_rows = 0, array_columns = 0;  // processing elements, with design.dot_length multipliers
  double clock_ghz = 0;
  Dataflow dataflow = Dataflow::kWeightStationary;
  // The fixed loop nest of mapping/weight_stationary.h instead of a search.
  bool closed_form = true;
  std::vector<Datapath> datapaths;
  std::vector<MemoryLevel> memories;  // from the processing elements outwards; the last is DRAM

  std::string Digest() const;  // SHA-256 of everything but name, description and sources
};

// Errors: kInvalidArgument naming the field ("memories[1].width_bits"), its value and what is
// allowed.
absl::Status Validate(const Accelerator& accelerator);

}  // namespace bitscape::cost_models
