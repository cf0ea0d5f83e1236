#include <algorithm>
#include <cmath>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

double TransferCycles(const MappingCounts& counts, const Hierarchy& hierarchy,
                      const ElementWidths& widths, size_t level) {
  double read_bits = 0, written_bits = 0;  // of one instance
  for (size_t t = 0; t < kTensors; ++t) {
    const TensorAccesses& accesses = counts.levels[level][t];
    if (accesses.instances == 0) continue;
    read_bits += accesses.reads * widths.bits[t] / accesses.instances;
    written_bits += (accesses.fills + accesses.updates) * widths.bits[t] / accesses.instances;
  }
  const HierarchyLevel& memory = hierarchy.levels[level];
  const auto cycles = [](double bits, double bits_per_cycle) {
    return bits_per_cycle > 0 ? bits / bits_per_cycle : 0;
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
