#include "cost_models/mapping/mapping_moves.h"

#include <algorithm>

#include "engine/core/random.h"

namespace bitscape::cost_models {
namespace {

constexpr int kMostTries = 16;
constexpr uint64_t kStream = 0x6d617070;  // apart from other users of a seed

int64_t SmallestFactor(int64_t value) {
  for (int64_t factor = 2; factor * factor <= value; ++factor) {
    if (value % factor == 0) return factor;
  }
  return value;
}

// Whether two orders are one as far as loops of more than one iteration go.
bool SameLoops(const DimOrder& a, const DimOrder& b, const PerDim<int64_t>& bounds) {
  size_t j = 0;
  for (const Dim dim : a) {
    if (bounds[static_cast<size_t>(dim)] == 1) continue;
    while (bounds[static_cast<size_t>(b[j])] == 1) ++j;
    if (b[j++] != dim) return false;
  }
  return true;
}

}  // namespace

uint64_t MoveGenerator::Below(uint64_t bound) {
  return RandomBelow(bound, seed_, kStream, draws_++);
}
double MoveGenerator::Uniform() { return RandomUniform(seed_, kStream, draws_++); }

void MoveGenerator::Change(Candidate* candidate) {
  bool changed = false;
  for (int tries = 0; !changed && tries < kMostTries; ++tries) changed = ChangeOne(candidate);
  if (Below(4) == 0) ChangeOne(candidate);
}

bool MoveGenerator::ChangeOne(Candidate* candidate) {
  const std::span<const Slot> slots = space_.slots();
  const uint64_t kind = Below(100);
  if (kind < 75) {
    if (slots.empty()) return false;
    const Slot& slot = slots[Below(slots.size())];
    if (kind < 40) return SetBound(slot, candidate);
    return kind < 60 ? MoveFactor(slot.dim, candidate) : ExchangeFactors(candidate);
  }
  if (kind < 90) return ChangeOrder(candidate);
  if (kind < 96) {
    if (space_.free_keeps().empty()) return false;
    const auto& [level, tensor] = space_.free_keeps()[Below(space_.free_keeps().size())];
    bool& keeps = candidate->keeps[static_cast<size_t>(level)][static_cast<size_t>(tensor)];
    keeps = !keeps;
    return true;
  }
  if (space_.splits().empty()) return false;
  const SpatialSplit& split = space_.splits()[Below(space_.splits().size())];
  const auto& [x, y] = split.ways[Below(split.ways.size())];
  candidate->At(split.level, Axis::kX, split.dim) = x;
  candidate->At(split.level, Axis::kY, split.dim) = y;
  return true;
}

// Half of the time a neighbouring value, else any.
bool MoveGenerator::SetBound(const Slot& slot, Candidate* candidate) {
  space_.ValuesOf(slot, *candidate, &values_);
  int64_t& bound = candidate->At(slot.level, slot.axis, slot.dim);
  const int64_t before = bound;
  if (values_.size() > 2 && Below(2) == 0) {
    auto at = std::lower_bound(values_.begin(), values_.end(), bound);
    if (Below(2) == 0) {
      if (at != values_.end() && *at == bound) ++at;
      bound = at == values_.end() ? values_.back() : *at;
    } else {
      bound = at == values_.begin() ? values_.front() : *(at - 1);
    }
  } else {
    bound = values_[Below(values_.size())];
  }
  space_.Close(slot.dim, candidate);
  return bound != before;
}

bool MoveGenerator::MoveFactor(Dim dim, Candidate* candidate) {
  const std::span<const Slot> slots = space_.SlotsOf(dim);
  const Slot& from = slots[Below(slots.size())];
  const Slot& to = slots[Below(slots.size())];
  int64_t& source = candidate->At(from.level, from.axis, dim);
  int64_t& target = candidate->At(to.level, to.axis, dim);
  if (source == 1 || &source == &target) return SetBound(to, candidate);
  if (Below(3) == 0) {
    std::swap(source, target);
  } else {
    const int64_t factor = SmallestFactor(source);
    source /= factor;
    target *= factor;
  }
  space_.Close(dim, candidate);
  return true;
}

// Room that one bound leaves may be what another needs.
bool MoveGenerator::ExchangeFactors(Candidate* candidate) {
  const std::span<const Slot> slots = space_.slots();
  const Slot& shrinks = slots[Below(slots.size())];
  int64_t& bound = candidate->At(shrinks.level, shrinks.axis, shrinks.dim);
  const bool shrunk = bound > 1;
  if (shrunk) {
    bound /= SmallestFactor(bound);
    space_.Close(shrinks.dim, candidate);
  }
  return SetBound(slots[Below(slots.size())], candidate) || shrunk;
}

bool MoveGenerator::ChangeOrder(Candidate* candidate) {
  // The innermost level's order moves nothing.
  if (space_.levels() < 2) return false;
  const int level = 1 + static_cast<int>(Below(static_cast<uint64_t>(space_.levels() - 1)));
  const std::span<const DimOrder> orders = space_.OrdersOf(level);
  const DimOrder& order = orders[Below(orders.size())];
  DimOrder& current = candidate->order[static_cast<size_t>(level)];
  const bool differs = !SameLoops(current, order, candidate->bound[static_cast<size_t>(level)][0]);
  current = order;
  return differs;
}

}  // namespace bitscape::cost_models
