// What memories cost: energy for each bit of an access, and area.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "cost_models/technology/technology.h"
#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

struct MemoryCost {
  double energy_pj_per_bit = 0;  // read or written: the sources give one figure for an access
  double area_um2 = 0;  // of one instance; off-chip memory takes none of the machine's area
};

// Primitives that Price knows: "register" (flip-flops, up to 64 bytes: a deeper file's multiplexers
// have no row), "register_file" (a RAM with a read and a write port, 16 bytes to 16 KB; its area is
// fitted from 128 bytes), "sram" (one port, 16 bytes to 64 MB; its area is fitted from 0.5 KB to
// 2 MB), and the rows of DramRows().
std::vector<std::string> MemoryPrimitives();
bool IsDramPrimitive(std::string_view primitive);

// Errors: kInvalidArgument for an unknown primitive (the known ones are named) or a size that the
// primitive has no figure for.
absl::StatusOr<MemoryCost> PriceMemory(std::string_view primitive, double capacity_bytes,
                                       int width_bits, const Technology& technology);

// Stored bits of a layer's weights: packed codes, scales and zero points; 0 where both operands are
// activations. Biases are not counted: a loop nest does not show them.
double WeightStorageBits(const network::MacShape& layer, const formats::Quantizer& weights);

}  // namespace bitscape::cost_models
