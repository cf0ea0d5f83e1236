#include <algorithm>
#include <array>

#include "cost_models/mapping/mapping_space.h"

namespace bitscape::cost_models {
namespace {

// What the innermost loops leave in place: weights, inputs or outputs.
constexpr std::array<Dim, 3> kLeaveWeights = {Dim::kP, Dim::kQ, Dim::kN};
constexpr std::array<Dim, 1> kLeaveInputs = {Dim::kM};
constexpr std::array<Dim, 3> kLeaveOutputs = {Dim::kR, Dim::kS, Dim::kC};
// Dimensions along which windows of inputs overlap.
constexpr std::array<Dim, 4> kSliding = {Dim::kP, Dim::kQ, Dim::kR, Dim::kS};

using Dims = std::vector<Dim>;

void Append(std::span<const Dim> more, Dims* dims) {
  for (const Dim dim : more) {
    if (std::find(dims->begin(), dims->end(), dim) == dims->end()) dims->push_back(dim);
  }
}

}  // namespace

std::vector<DimOrder> UsefulOrders(std::span<const Dim> innermost) {
  std::vector<Dims> blocks = {{kLeaveOutputs.begin(), kLeaveOutputs.end()},
                              {kLeaveWeights.begin(), kLeaveWeights.end()},
                              {kLeaveInputs.begin(), kLeaveInputs.end()}};
  std::vector<DimOrder> orders;
  for (const Dims& block : blocks) {
    for (const Dim sliding : kSliding) {
      for (const Dims& next : blocks) {
        if (next == block) continue;
        Dims dims(innermost.begin(), innermost.end());
        // The sliding dimension comes as far inside as the block lets it.
        const bool inside = std::find(block.begin(), block.end(), sliding) != block.end();
        const Dim first[] = {sliding};
        if (inside) Append(first, &dims);
        Append(block, &dims);
        Append(first, &dims);
        Append(next, &dims);
        for (const Dims& rest : blocks) Append(rest, &dims);
        const Dim last[] = {Dim::kG};
        Append(last, &dims);
        DimOrder order;
        std::copy(dims.begin(), dims.end(), order.begin());
        if (std::find(orders.begin(), orders.end(), order) == orders.end()) orders.push_back(order);
      }
    }
  }
  return orders;
}

}  // namespace bitscape::cost_models
