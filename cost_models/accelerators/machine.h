// An accelerator with its prices looked up: what both cost models start from.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cost_models/accelerators/accelerator.h"
#include "cost_models/cost_report.h"
#include "cost_models/mac/families.h"
#include "cost_models/mapping/weight_stationary.h"
#include "cost_models/memory/memory.h"
#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

struct PricedMemory {
  const MemoryLevel* level = nullptr;
  MemoryCost cost;
  std::array<std::string, kTensors> components;  // "global_buffer_weights", ...
};

struct Machine {
  const Accelerator* accelerator = nullptr;
  std::optional<Technology> technology;  // always set by PriceMachine
  const MacFamily* family = nullptr;
  std::vector<PricedMemory> memories;  // as in the accelerator
  int element_level = -1;              // the processing elements' weight memory, or -1
  std::array<int, kTensors> buffer_of = {-1, -1, -1};  // shared on-chip memory of each tensor
  int dram_level = 0;
  std::vector<double> buffer_bits;  // capacity of each level; 0 for those that are not shared
};

// `accelerator` must outlive the result. Errors: those of Validate.
absl::StatusOr<Machine> PriceMachine(const Accelerator& accelerator);

// The datapaths of the array and which of them each layer runs on.
struct Datapaths {
  std::vector<MacOperands> built;
  std::vector<MacCost> costs;        // of `built`, used at its full widths
  std::vector<size_t> of_layer;      // index into `built`
  std::vector<MacCost> layer_costs;  // of each layer, on its datapath
};

// A machine without datapaths gets one for each mix of arithmetic in the plan, as wide as its
// widest layer; a narrower layer runs on it at its full cost. A machine with datapaths runs each
// layer on the cheapest that fits, and an int32 accumulator fits where the exact sum does. One
// operand set a layer and precision. Infeasible: the layer, its operands, what the machine takes.
std::variant<Datapaths, Infeasible> ChooseDatapaths(const Machine& machine,
                                                    std::span<const network::MacShape> layers,
                                                    const quantize::ResolvedPlan& plan,
                                                    std::span<const MacOperands> operands);

// A plan laid on a machine: what every model starts from.
struct LaidPlan {
  Machine machine;
  Datapaths datapaths;
  CostReport report;  // clock and area; room for the layers
};

// `accelerator` must outlive the result. Errors: those of Validate and OperandsFor;
// kInvalidArgument where the numbers of layers differ or are 0. Infeasible: the layer, its
// operands, what the machine takes.
absl::StatusOr<std::variant<LaidPlan, Infeasible>> LayPlan(
    std::span<const network::MacShape> layers, const quantize::ResolvedPlan& plan,
    const Accelerator& accelerator);

// Energy of a layer's multiply-accumulates. A weight register is clocked when a weight is loaded,
// which the dataflow does once; with a per_pe weight memory there is none.
double MacEnergyPj(const Machine& machine, const network::MacShape& layer, const MacCost& mac);
// Energy of a layer's finished outputs.
double OutputEnergyPj(const network::MacShape& layer, const MacCost& mac);

// The next whole number, or the nearest where only rounding errors of doubles are between.
double WholeCycles(double cycles);

// Width in which layer `index` stores its outputs: the activation format of the next layer in the
// list, and the plan's vector format after the last.
int StoredOutputBits(const quantize::ResolvedPlan& plan, size_t index);

}  // namespace bitscape::cost_models
