// An accelerator with its prices looked up: what both cost models start from.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
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
  const MacFamily* family = nullptr;     // of a machine that is built for the plan
  std::string digest;                  // of machine and technology options; searched dataflows only
  std::vector<PricedMemory> memories;  // as in the accelerator
  int element_level = -1;              // the processing elements' weight memory, or -1
  std::array<int, kTensors> buffer_of = {-1, -1, -1};  // shared on-chip memory of each tensor
  int dram_level = 0;
  std::vector<double> buffer_bits;  // capacity of each level; 0 for those that are not shared
};

// Errors: those of PriceMemory.
absl::StatusOr<MemoryCost> PriceOf(const MemoryLevel& level, const Technology& technology);
// `accelerator` must outlive the result. Errors: those of Validate.
absl::StatusOr<Machine> PriceMachine(const Accelerator& accelerator,
                                     const TechnologyOptions& options);
// Processing elements, and multipliers.
double ElementsOf(const Accelerator& accelerator);
double MultipliersOf(const Accelerator& accelerator);
// Of one memory of the list.
double InstancesOf(const Accelerator& accelerator, const MemoryLevel& level);

// The datapaths of the array and which of them each layer runs on.
struct Datapaths {
  std::vector<const MacFamily*> families;  // of `built`, as the other lists
  std::vector<MacOperands> built;
  std::vector<MacCost> costs;        // of `built`, used at its full widths
  std::vector<size_t> of_layer;      // index into `built`
  std::vector<MacOperands> used;     // of each layer
  std::vector<MacCost> layer_costs;  // of each layer, on its datapath
};

// What a multiplier computes side by side: whole products, and the cycles that they take.
struct Split {
  int64_t products = 1;
  double cycles = 1;
};
Split SplitOf(const MacCost& mac);
// Whether products that an element computes side by side end in one sum.
bool AddsProducts(const MacFamily& family, const MacDesign& design);

// A machine without datapaths gets one for each mix of arithmetic in the plan, as wide as its
// widest layer; a narrower layer runs on it at its full cost. A machine with datapaths runs each
// layer on the cheapest that fits, and an int32 accumulator fits where the exact sum does. One
// operand set a layer and precision. Infeasible: the layer, its operands, what the machine takes.
absl::StatusOr<std::variant<Datapaths, Infeasible>> ChooseDatapaths(
    const Machine& machine, std::span<const network::MacShape> layers,
    const quantize::ResolvedPlan& plan, std::vector<MacOperands> operands);

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
    const Accelerator& accelerator, const TechnologyOptions& options);

// Bits of one stored element of each tensor of a layer.
struct LayerBits {
  double weight = 0, input = 0, partial_sum = 0, output = 0;
  double stored_weight = 0;  // weights as stored: with scales and zero points, average
  double weight_bits = 0;    // of all weights, 0 where both operands are activations
};
LayerBits BitsOf(const network::MacShape& layer, const quantize::ResolvedPlan& plan, size_t index,
                 const MacOperands& built);
// The layer's cost with everything that no dataflow changes, latency and memories aside.
LayerCost StartLayer(const Machine& machine, const network::MacShape& layer, const LayerBits& bits,
                     const MacOperands& used, const MacCost& mac);

// The operand that stays in the multiplier while the other passes: loads of its register are priced
// apart (MacCost::weight_register). Serial weights pass an input that stays.
Tensor StationaryOperand(const MacFamily& family);
// Whether a memory in the element feeds the multiplier with the tensor: then there is no register
// beside it.
bool IsFedByElement(const Accelerator& accelerator, Tensor tensor);
// Adds the energy of so many loads of the stationary operand's register, if there is one.
void AddRegisterLoads(const Machine& machine, const MacFamily& family, const MacCost& mac,
                      double loads, LayerCost* cost);
// What adder trees pay where only a share of their products is in use, 0 < used <= 1.
void AddIdleLanes(const MacCost& mac, double used, LayerCost* cost);
// Energy of a layer's finished outputs.
double OutputEnergyPj(const network::MacShape& layer, const MacCost& mac);

// The next whole number, or the nearest where only rounding errors of doubles are between.
double WholeCycles(double cycles);

// Width in which layer `index` stores its outputs: the activation format of the next layer in the
// list, and the plan's vector format after the last.
int StoredOutputBits(const quantize::ResolvedPlan& plan, size_t index);

}  // namespace bitscape::cost_models
