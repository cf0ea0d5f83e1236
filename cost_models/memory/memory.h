// What memories cost: energy for each bit of an access, area, leakage and time.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "cost_models/memory/weight_storage.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

struct MemoryCost {
  double read_pj_per_bit = 0;
  double write_pj_per_bit = 0;
  double area_um2 = 0;    // of one instance; off-chip memory takes none of the machine's area
  double leakage_mw = 0;  // of one instance, whether or not the options ask for it; DRAM: 0
  double access_ns = 0;   // DRAM: 0, not modelled
  double channel_gbit_per_s = 0;  // of one DRAM channel; 0 where no source gives it
};

// Primitives that Price knows: "register" (flip-flops, up to 64 bytes: a deeper file's multiplexers
// have no row), "register_file" (a RAM with a read and a write port, 16 bytes to 16 KB; its area is
// fitted from 128 bytes), "sram" (one port, 16 bytes to 64 MB; its area is fitted from 0.5 KB to
// 2 MB), and the rows of DramRows().
std::vector<std::string> MemoryPrimitives();
bool IsDramPrimitive(std::string_view primitive);

// An SRAM of several banks costs one bank's access and the wires that the bank itself doesn't have:
// half the difference between the sides of a square of all banks and of one, at
// Technology::WirePjPerBitMm. This rule is ours. Each bank has at least 16 bytes.
// Errors: kInvalidArgument for an unknown primitive (the known ones are named), a size that the
// primitive has no figure for, an access of no bits, or banks of anything but an SRAM.
absl::StatusOr<MemoryCost> PriceMemory(std::string_view primitive, double capacity_bytes,
                                       int width_bits, const Technology& technology, int banks = 1);

}  // namespace bitscape::cost_models
