// A layer as a loop nest, a hierarchy of memories over a spatial array, and a mapping of the one on
// the other: who moves how much of which tensor. cost_models/accelerators builds hierarchies from
// machines; nothing here knows prices of formats.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/mapping/tensor.h"
#include "engine/network/mac_shape.h"

namespace bitscape::cost_models {

// out[g, n, m, p, q] += weight[g, m, c, r, s] * in[g, n, c, p * stride_h + r * dilation_h,
//                                                  q * stride_w + s * dilation_w]
enum class Dim { kG = 0, kN, kM, kC, kP, kQ, kR, kS };
inline constexpr int kDims = 8;
inline constexpr std::string_view kDimNames = "GNMCPQRS";

template <typename T>
using PerDim = std::array<T, kDims>;
template <typename T>
using PerTensor = std::array<T, kTensors>;  // weights, inputs, outputs

struct Problem {
  PerDim<int64_t> size = {1, 1, 1, 1, 1, 1, 1, 1};
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;

  double Macs() const;
  bool operator==(const Problem&) const = default;
};
// Padding is read like data: the input has (P-1) * stride + (R-1) * dilation + 1 rows.
Problem ProblemOf(const network::MacShape& layer);
// Whether the dimension indexes the tensor (of inputs: P and R, Q and S through their sum).
bool Indexes(Dim dim, Tensor tensor);
// Elements of a tensor under a tile of these sizes (inputs: the bounding window).
double TileElements(const Problem& problem, Tensor tensor, const PerDim<int64_t>& tile);

// One memory of the hierarchy and the network below it. Levels go from the processing elements
// (index 0) outwards; the last is off-chip memory, holds every tensor and has no capacity.
struct HierarchyLevel {
  std::string name;
  PerTensor<bool> may_hold = {true, true, true};
  double capacity_bits = 0;  // of one instance, shared by the tensors it holds; 0 = unbounded
  // Of one instance; 0 = never limits. `shared_bits_per_cycle`: reads and writes together.
  double read_bits_per_cycle = 0, write_bits_per_cycle = 0, shared_bits_per_cycle = 0;
  // Instances of the next inner level (of level 0: multipliers) that one instance feeds.
  int64_t fanout_x = 1, fanout_y = 1;
  // One read serves all inner instances that need the same element in the same cycle; sums of inner
  // instances are added on the way up. Without it, each instance has an access of its own.
  PerTensor<bool> multicast = {true, true, true};
  // Inner instances pass inputs on to their neighbours along x and y: what a neighbour fetched the
  // step before is not read from this level again (tile_moves.h has the rule).
  bool forwards_inputs = false;
  bool double_buffered = false;  // half the capacity holds the tile, half the next
};

struct Hierarchy {
  std::vector<HierarchyLevel> levels;
  int64_t Multipliers() const;
};

struct Loop {
  Dim dim = Dim::kN;
  int64_t bound = 1;
  bool operator==(const Loop&) const = default;
};

// Loops of one level: the tile that the level holds is what its own and all inner loops cover.
struct LevelMapping {
  std::vector<Loop> temporal;              // outermost first; bounds above 1
  std::vector<Loop> spatial_x, spatial_y;  // over the fan-out below the level
  PerTensor<bool> keeps = {true, true, true};
  bool operator==(const LevelMapping&) const = default;
};

// Bounds of a dimension multiply to its size (padded up where a bound does not divide it: the last
// tile is then partly idle, and is counted as full).
struct Mapping {
  std::vector<LevelMapping> levels;                        // as in the hierarchy
  std::string ToString(const Hierarchy& hierarchy) const;  // a loop nest, outermost first
  bool operator==(const Mapping&) const = default;
};

// Bits of one element of each tensor as the hierarchy holds it on chip (outputs: partial sums).
struct ElementWidths {
  PerTensor<double> bits = {16, 16, 16};
};

// Accesses in elements, summed over all instances and the whole layer.
struct TensorAccesses {
  double reads = 0;    // to the inner level or the multipliers; of outputs also to go on with a sum
  double fills = 0;    // written from the outer level
  double updates = 0;  // outputs: sums written from the inner level
  // Elements that arrive at inner instances: reads times the multicast that each serves. Of outputs
  // also the sums that leave inner instances, before they are added on the way up.
  double deliveries = 0;
  double tile_elements = 0;  // held by one instance
  double instances = 0;      // in use
};

struct MappingCounts {
  std::vector<PerTensor<TensorAccesses>> levels;  // as in the hierarchy; all zero where not kept
  double macs = 0;                                // with padding
  double compute_cycles = 0;                      // one multiply-accumulate a multiplier and cycle
  double utilization = 0;                         // real macs / (compute_cycles * multipliers)
  double spatial_reductions = 0;  // additions of inner instances' sums on the way up
};

// Errors: kInvalidArgument for a mapping that does not cover the problem, exceeds a fan-out, or
// does not fit a capacity: the level, the value, what is there.
absl::StatusOr<MappingCounts> CountMapping(const Problem& problem, const Hierarchy& hierarchy,
                                           const Mapping& mapping, const ElementWidths& widths);

// Whole cycles with overlapped transfers: the largest of compute and each level's traffic over its
// bandwidth, per instance. `bound`: "compute" or the level's name.
struct MappingLatency {
  double cycles = 0;
  std::string_view bound;
};
// Cycles that the transfers of one level need by its bandwidths; 0 if they never limit. What
// exceeds the compute cycles is the stall that the level causes alone.
double TransferCycles(const MappingCounts& counts, const Hierarchy& hierarchy,
                      const ElementWidths& widths, size_t level);
MappingLatency LatencyOf(const MappingCounts& counts, const Hierarchy& hierarchy,
                         const ElementWidths& widths, double cycles_per_mac);

}  // namespace bitscape::cost_models
