#include <algorithm>
#include <cmath>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

double TransferCycles(const MappingCounts& counts, const Hierarchy& hierarchy,
                      const ElementWidths& widths, size_t level) {
  double read_bits = 0, written_bits = 0;  // that one instance would move in a compute cycle
  for (size_t t = 0; t < kTensors; ++t) {
    const TensorAccesses& accesses = counts.levels[level][t];
    if (accesses.instances == 0) continue;
    read_bits += accesses.reads / accesses.instances / counts.compute_cycles * widths.bits[t];
    written_bits += (accesses.fills + accesses.updates) / accesses.instances /
                    counts.compute_cycles * widths.bits[t];
  }
  const HierarchyLevel& memory = hierarchy.levels[level];
  // In this order of divisions, so that whole cycles round as Timeloop's do.
  const auto cycles = [&](double bits, double bits_per_cycle) {
    return bits_per_cycle > 0 && bits > 0 ? counts.compute_cycles / (bits_per_cycle / bits) : 0;
  };
  return std::max({cycles(read_bits, memory.read_bits_per_cycle),
                   cycles(written_bits, memory.write_bits_per_cycle),
                   cycles(read_bits + written_bits, memory.shared_bits_per_cycle)});
}

MappingLatency LatencyOf(const MappingCounts& counts, const Hierarchy& hierarchy,
                         const ElementWidths& widths, double cycles_per_mac) {
  MappingLatency latency{counts.compute_cycles * cycles_per_mac, "compute"};
  for (size_t l = 0; l < hierarchy.levels.size(); ++l) {
    const double cycles = TransferCycles(counts, hierarchy, widths, l);
    if (cycles > latency.cycles) latency = {cycles, hierarchy.levels[l].name};
  }
  latency.cycles = std::ceil(latency.cycles);
  return latency;
}

}  // namespace bitscape::cost_models
