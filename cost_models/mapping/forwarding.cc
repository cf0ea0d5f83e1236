#include <algorithm>
#include <cstdlib>
#include <ranges>

#include "cost_models/mapping/tile_moves.h"

namespace bitscape::cost_models {
namespace {

using Place = PerDim<int64_t>;  // by axis

enum class Fetch { kNothing, kStrip, kWhole };

size_t IndexOf(Dim dim) { return static_cast<size_t>(dim); }

// One number for each place, such that differences of numbers equal only for equal differences of
// places, up to the reach of a move.
Place Radices(const TensorProjection& projection, const FlatLevel& level, int64_t reach) {
  Place range = {};
  for (size_t d = 0; d < kDims; ++d) {
    if (projection[d].axis < 0) continue;
    range[static_cast<size_t>(projection[d].axis)] +=
        (level.spread[d] - 1) * projection[d].coefficient * level.below[d];
  }
  Place radix = {};
  int64_t next = 1;
  for (size_t axis = 0; axis < kDims; ++axis) {
    radix[axis] = next;
    next *=
        2 * range[axis] + 1 + ((axis == IndexOf(Dim::kP) || axis == IndexOf(Dim::kQ)) ? reach : 0);
  }
  return radix;
}

// Appends the places of the instances of one axis after those that are there: all pairs.
void Spread(const std::vector<FlatLoop>& loops, const TensorProjection& projection,
            const Place& radix, std::vector<int64_t>* places) {
  for (const FlatLoop& loop : loops) {
    const Projection& moved = projection[IndexOf(loop.dim)];
    const int64_t step =
        moved.axis < 0 ? 0 : moved.coefficient * loop.step * radix[static_cast<size_t>(moved.axis)];
    const size_t before = places->size();
    places->resize(before * static_cast<size_t>(loop.bound));
    // From the back, so that nothing is overwritten before it is read.
    for (size_t i = before; i-- > 0;) {
      const int64_t place = (*places)[i];
      for (int64_t k = loop.bound; k-- > 0;) {
        (*places)[i * static_cast<size_t>(loop.bound) + static_cast<size_t>(k)] = place + k * step;
      }
    }
  }
}

int64_t CountDifferent(std::span<int64_t> places) {
  std::ranges::sort(places);
  return static_cast<int64_t>(places.size()) -
         static_cast<int64_t>(std::ranges::distance(std::ranges::unique(places)));
}

class Forwarder {
 public:
  Forwarder(const TensorProjection& projection, const FlatLevel& level, bool multicast,
            std::vector<int64_t>* scratch)
      : projection_(projection), level_(level), multicast_(multicast), scratch_(scratch) {
    places_ = multicast ? Places(projection, level.below, level.spread)
                        : static_cast<double>(level.inner);
  }

  // Adds `count` moves by `move` that fetch `elements` each. `is_like_last`: the move before
  // fetched the same shape.
  void Add(const Place& move, double elements, bool is_like_last, double count) {
    if (elements == 0 || count == 0) return;
    const double inner = static_cast<double>(level_.inner);
    int64_t rest = level_.inner;
    double reads = places_;
    if (is_like_last && MayMatch(move)) {
      const double with = ReadsWithNeighbours(move, &rest);
      if (with < places_) {
        reads = with;
      } else {
        rest = level_.inner;
      }
    }
    flow_.reads += count * elements * reads;
    flow_.delivered += count * elements * static_cast<double>(rest);
    flow_.passed_on += count * elements * (inner - static_cast<double>(rest));
  }
  const Flow& flow() const { return flow_; }

 private:
  // Neighbours differ along a window only where the loops over it are spread here.
  bool MayMatch(const Place& move) const {
    const auto spread = [this](Dim a, Dim b) {
      return level_.spread[IndexOf(a)] * level_.spread[IndexOf(b)] > 1;
    };
    for (size_t axis = 0; axis < kDims; ++axis) {
      if (move[axis] == 0) continue;
      const bool may = (axis == IndexOf(Dim::kP) && spread(Dim::kP, Dim::kR)) ||
                       (axis == IndexOf(Dim::kQ) && spread(Dim::kQ, Dim::kS));
      if (!may) return false;
    }
    return true;
  }

  // `rest`: instances that no neighbour serves.
  double ReadsWithNeighbours(const Place& move, int64_t* rest) {
    const int64_t reach = std::abs(move[IndexOf(Dim::kP)]) + std::abs(move[IndexOf(Dim::kQ)]);
    const Place radix = Radices(projection_, level_, reach);
    std::vector<int64_t>& places = *scratch_;
    places.assign(1, 0);
    Spread(level_.x, projection_, radix, &places);
    const int64_t columns = static_cast<int64_t>(places.size());
    Spread(level_.y, projection_, radix, &places);
    const int64_t rows = level_.inner / columns;  // places[x * rows + y]
    int64_t shift = 0;
    for (size_t axis = 0; axis < kDims; ++axis) shift += move[axis] * radix[axis];

    const size_t all = places.size();
    const auto is_at = [&places, rows](int64_t x, int64_t y, int64_t place) {
      return places[static_cast<size_t>(x * rows + y)] == place;
    };
    for (int64_t x = 0; x < columns; ++x) {
      for (int64_t y = 0; y < rows; ++y) {
        const int64_t place = places[static_cast<size_t>(x * rows + y)];
        const int64_t wanted = place + shift;
        const bool has =
            (x > 0 && is_at(x - 1, y, wanted)) || (x + 1 < columns && is_at(x + 1, y, wanted)) ||
            (y > 0 && is_at(x, y - 1, wanted)) || (y + 1 < rows && is_at(x, y + 1, wanted));
        if (!has) places.push_back(place);
      }
    }
    const std::span<int64_t> left = std::span(places).subspan(all);
    *rest = static_cast<int64_t>(left.size());
    return static_cast<double>(multicast_ ? CountDifferent(left) : *rest);
  }

  const TensorProjection& projection_;
  const FlatLevel& level_;
  const bool multicast_;
  std::vector<int64_t>* scratch_;
  double places_ = 1;
  Flow flow_;
};

}  // namespace

Flow FlowWithForwarding(const Problem& problem, const TensorProjection& projection,
                        const FlatLevel& level, std::span<const FlatLoop> outside, bool multicast,
                        std::vector<int64_t>* scratch) {
  Forwarder forwarder(projection, level, multicast, scratch);
  const TileMoves moves = MovesOf(problem, Tensor::kInputs, projection, level.below, outside);
  forwarder.Add({}, moves.tile, /*is_like_last=*/false, 1);
  if (outside.empty()) return forwarder.flow();

  // A strip that is a whole tile has its shape.
  const Fetch first_fetch = moves.strip == 0            ? Fetch::kNothing
                            : moves.strip == moves.tile ? Fetch::kWhole
                                                        : Fetch::kStrip;
  Place first_move = {};
  const Projection& first = projection[IndexOf(outside[0].dim)];
  if (first.axis >= 0) {
    first_move[static_cast<size_t>(first.axis)] = first.coefficient * outside[0].step;
  }
  double left = 1;
  for (const FlatLoop& loop : outside) left *= static_cast<double>(loop.bound);
  left /= static_cast<double>(outside[0].bound);
  const double again = static_cast<double>(outside[0].bound - 1);
  // Each move of an outer loop is followed by first moves, and so is the first fetch.
  forwarder.Add(first_move, moves.strip, first_fetch == Fetch::kWhole, again);

  Place move = {};
  for (size_t axis = 0; axis < kDims; ++axis) move[axis] = -first_move[axis];
  for (const FlatLoop& loop : outside.subspan(1)) {
    left /= static_cast<double>(loop.bound);
    const double count = left * static_cast<double>(loop.bound - 1);
    const Projection& moved = projection[IndexOf(loop.dim)];
    const int64_t distance = moved.coefficient * loop.step;
    if (moved.axis >= 0) move[static_cast<size_t>(moved.axis)] += distance;
    const bool is_same = move == first_move;
    const Fetch fetch = is_same ? first_fetch : Fetch::kWhole;
    forwarder.Add(move, is_same ? moves.strip : moves.tile, fetch == first_fetch, count);
    forwarder.Add(first_move, moves.strip, fetch == first_fetch, count * again);
    if (moved.axis >= 0) move[static_cast<size_t>(moved.axis)] -= 2 * distance;
  }
  return forwarder.flow();
}

}  // namespace bitscape::cost_models
