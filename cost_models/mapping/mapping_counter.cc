#include "cost_models/mapping/mapping_counter.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace bitscape::cost_models {

MappingCounter::MappingCounter(const Problem& problem, const Hierarchy& hierarchy,
                               const ElementWidths& widths)
    : problem_(problem),
      hierarchy_(hierarchy),
      widths_(widths),
      projection_{ProjectionOf(problem, Tensor::kWeights), ProjectionOf(problem, Tensor::kInputs),
                  ProjectionOf(problem, Tensor::kOutputs)},
      multipliers_(static_cast<double>(hierarchy.Multipliers())),
      rounds_(std::ranges::any_of(hierarchy.levels, &HierarchyLevel::forwards_inputs)),
      crossings_(hierarchy.levels.size()) {}

absl::Status MappingCounter::Check(const Mapping& mapping) const {
  FlatNest nest;
  const std::optional<MappingRefusal> refusal =
      Flatten(problem_, hierarchy_, mapping, widths_, &nest);
  if (!refusal.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(refusal->ToString(hierarchy_));
}

MappingCounter::Crossing MappingCounter::CrossingOf(size_t level, Tensor tensor, bool inner_keeps,
                                                    double asked) {
  const size_t t = static_cast<size_t>(tensor);
  const FlatLevel& flat = nest_.levels[level];
  const HierarchyLevel& memory = hierarchy_.levels[level];
  const double inner = static_cast<double>(flat.inner);
  if (flat.inner == 1) return {asked, asked, asked, 0};
  if (level > 0 && tensor == Tensor::kInputs && memory.forwards_inputs) {
    const Flow flow = FlowWithForwarding(problem_, projection_[t], flat, nest_.Outside(level),
                                         memory.multicast[t], &scratch_);
    if (inner_keeps) return {asked, flow.reads, flow.delivered / inner, flow.passed_on};
    // Nothing there can pass elements on. Timeloop then only takes from this the average number
    // of instances that a read serves.
    return {asked, asked * inner * flow.reads / flow.delivered, asked, 0};
  }
  const double places =
      memory.multicast[t] ? Places(projection_[t], flat.below, flat.spread) : inner;
  return {asked, asked * places, asked, 0};
}

void MappingCounter::CountTensor(const Mapping& mapping, Tensor tensor, MappingCounts* counts) {
  const size_t t = static_cast<size_t>(tensor);
  const size_t levels = nest_.levels.size();
  const bool is_sum = tensor == Tensor::kOutputs;

  double asked = nest_.temporal_iterations;
  bool inner_keeps = true;  // multipliers
  for (size_t l = 0; l < levels; ++l) {
    if (l > 0 && inner_keeps) {
      asked = MovesOf(problem_, tensor, projection_[t], nest_.levels[l].below, nest_.Outside(l))
                  .Elements();
    }
    crossings_[l] = CrossingOf(l, tensor, inner_keeps, asked);
    inner_keeps = mapping.levels[l].keeps[t];
    if (!inner_keeps) asked = crossings_[l].reads;
  }

  // Of sums: how many different ones pass through one instance; from the outermost inwards.
  double part = TileElements(problem_, tensor, nest_.levels.back().tile);
  size_t keeper = levels - 1;  // innermost level so far that keeps the tensor
  for (size_t l = levels; l-- > 0;) {
    const FlatLevel& flat = nest_.levels[l];
    const Crossing& below = crossings_[l];
    const double instances = static_cast<double>(flat.instances);
    TensorAccesses& accesses = counts->levels[l][t];
    accesses = {};
    if (mapping.levels[l].keeps[t]) {
      keeper = l;
      const bool is_outermost = l + 1 == levels;
      const double passed_on = is_outermost ? 0 : crossings_[l + 1].passed_on / instances;
      const double elided = is_sum ? part : 0;
      double reads = below.reads + passed_on - elided;
      double fills = is_outermost ? 0 : crossings_[l + 1].delivered + passed_on - elided;
      if (rounds_) {
        reads = std::round(reads);
        fills = is_sum ? std::round(fills) : std::floor(fills);
      }
      accesses.reads = reads * instances;
      accesses.fills = fills * instances;
      accesses.updates = is_sum ? below.reads * instances : 0;
      accesses.tile_elements = TileElements(problem_, tensor, flat.tile);
      accesses.instances = instances;
    }
    if (is_sum) {
      const double places = Places(projection_[t], flat.below, flat.spread);
      part /= places;
      if (hierarchy_.levels[l].multicast[t]) {
        counts->spatial_reductions +=
            instances * below.asked * (static_cast<double>(flat.inner) - places);
      }
    }
    if (l == 0 || mapping.levels[l - 1].keeps[t]) {
      const double inner = instances * static_cast<double>(flat.inner);
      counts->levels[keeper][t].deliveries =
          inner * (is_sum ? 2 * below.delivered - part : below.delivered);
    }
  }
}

bool MappingCounter::Count(const Mapping& mapping, MappingCounts* counts) {
  if (Flatten(problem_, hierarchy_, mapping, widths_, &nest_).has_value()) return false;
  counts->levels.resize(nest_.levels.size());
  counts->spatial_reductions = 0;
  counts->compute_cycles = nest_.temporal_iterations;
  const FlatLevel& innermost = nest_.levels.front();
  counts->macs =
      nest_.temporal_iterations * static_cast<double>(innermost.instances * innermost.inner);
  counts->utilization = problem_.Macs() / (counts->compute_cycles * multipliers_);
  for (size_t t = 0; t < kTensors; ++t) CountTensor(mapping, static_cast<Tensor>(t), counts);
  return true;
}

}  // namespace bitscape::cost_models
