// What a network costs on a machine. Energy and latency add over layers; area belongs to the
// machine and does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitscape::cost_models {

// `component` is "mac", "idle_lanes" (adder trees that are not full), "output_stage",
// "weight_registers" or "input_registers" (loads), "<memory>_<tensor>" with tensor weights, inputs,
// outputs, "network", "reduction" (sums of elements added on their way out), "leakage".
struct EnergyItem {
  std::string component;
  double energy_pj = 0;
};

struct AreaItem {
  std::string component;  // "mac_array", or a memory's name
  double area_um2 = 0;
};

struct LayerCost {
  std::string layer;
  double macs = 0;
  double latency_cycles = 0;  // whole cycles, as all cycles here
  double compute_cycles = 0;  // latency without waiting for memory
  // Share of the array's MAC slots in use over compute_cycles, 0..1. Over latency_cycles it is less
  // where a memory is the bound: macs / (latency_cycles * slots).
  double utilization = 0;
  std::string bound;       // what sets the latency: "compute" or a memory's name
  double weight_bits = 0;  // stored weights with scales and zero points
  std::string operands;    // what the datapath computes: "int8 x int8 + int24"
  // Off-chip reads and writes, in bits: with it, macs / off_chip_bits is the operational intensity.
  double off_chip_bits = 0;
  double macs_per_cycle = 1;  // of one multiplier
  std::string mapping;        // the loop nest, outermost first; empty for closed forms
  std::vector<EnergyItem> energy;

  double EnergyPj() const;
};

struct CostReport {
  double clock_ghz = 0;
  // Multiply-accumulates a cycle with every multiplier in use, before operands split; bits a cycle
  // to and from off-chip memory.
  double multipliers = 0, off_chip_bits_per_cycle = 0;
  std::vector<AreaItem> area;
  std::vector<LayerCost> layers;  // MAC layers in topological order

  // Always sums of the parts: no total is stored twice.
  double EnergyPj() const;
  double AreaUm2() const;
  double LatencyCycles() const;
  double LatencySeconds() const;
  double WeightBytes() const;
};

// The machine can't run the plan: a result, not an error.
struct Infeasible {
  std::string reason;  // layer, value, what the machine takes
};

}  // namespace bitscape::cost_models
