// What a network costs on a machine. Energy and latency add over layers; area belongs to the
// machine and does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitscape::cost_models {

// `component` is "mac" or "<memory>_<tensor>" with tensor weights, inputs, outputs.
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
  std::vector<EnergyItem> energy;

  double EnergyPj() const;
};

struct CostReport {
  double clock_ghz = 0;
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
