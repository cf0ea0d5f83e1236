#include "cost_models/mapping/tile_moves.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace bitscape::cost_models {
namespace {

using Place = PerDim<int64_t>;  // by axis

size_t IndexOf(Dim dim) { return static_cast<size_t>(dim); }

double InputStrip(const Problem& problem, const PerDim<int64_t>& tile, int axis, int64_t distance) {
  const double whole = TileElements(problem, Tensor::kInputs, tile);
  const bool is_p = axis == static_cast<int>(Dim::kP);
  if (!is_p && axis != static_cast<int>(Dim::kQ)) return whole;
  PerDim<int64_t> line = tile;
  line[IndexOf(is_p ? Dim::kP : Dim::kQ)] = line[IndexOf(is_p ? Dim::kR : Dim::kS)] = 1;
  const double cross = TileElements(problem, Tensor::kInputs, line);
  return std::min(whole, cross * static_cast<double>(distance));
}

// Pairs (i, k) with i below `first`, k below `second` have this many different sums
// i * first_step + k * second_step.
int64_t DifferentSums(int64_t first, int64_t first_step, int64_t second, int64_t second_step) {
  const int64_t divisor = std::gcd(first_step, second_step);
  // (i, k) and (i + second_step / divisor, k - first_step / divisor) coincide.
  const int64_t repeats = std::max<int64_t>(0, first - second_step / divisor) *
                          std::max<int64_t>(0, second - first_step / divisor);
  return first * second - repeats;
}

}  // namespace

TileMoves MovesOf(const Problem& problem, Tensor tensor, const TensorProjection& projection,
                  const PerDim<int64_t>& tile, std::span<const FlatLoop> outside) {
  TileMoves moves;
  moves.tile = TileElements(problem, tensor, tile);
  if (outside.empty()) return moves;
  double left = 1;  // iterations of the loops outside of the current one
  for (const FlatLoop& loop : outside) left *= static_cast<double>(loop.bound);

  if (tensor != Tensor::kInputs) {
    // Tiles do not overlap: they stay until a loop moves them.
    for (const FlatLoop& loop : outside) {
      if (projection[IndexOf(loop.dim)].axis >= 0) break;
      left /= static_cast<double>(loop.bound);
    }
    moves.whole_tiles = left;
    return moves;
  }

  Place excess = {};  // of a move over the first move
  const Projection& first = projection[IndexOf(outside[0].dim)];
  const int64_t first_distance = first.coefficient * outside[0].step;
  if (first.axis >= 0) {
    moves.strip = InputStrip(problem, tile, first.axis, first_distance);
    excess[static_cast<size_t>(first.axis)] = -2 * first_distance;
  }
  left /= static_cast<double>(outside[0].bound);
  moves.strips = left * static_cast<double>(outside[0].bound - 1);
  for (const FlatLoop& loop : outside.subspan(1)) {
    left /= static_cast<double>(loop.bound);
    const double count = left * static_cast<double>(loop.bound - 1);
    const Projection& moved = projection[IndexOf(loop.dim)];
    const int64_t distance = moved.coefficient * loop.step;
    if (moved.axis >= 0) excess[static_cast<size_t>(moved.axis)] += distance;
    const bool is_same = std::ranges::all_of(excess, [](int64_t e) { return e == 0; });
    (is_same ? moves.strips : moves.whole_tiles) += count;
    if (moved.axis >= 0) excess[static_cast<size_t>(moved.axis)] -= 2 * distance;
  }
  return moves;
}

double Places(const TensorProjection& projection, const PerDim<int64_t>& below,
              const PerDim<int64_t>& spread) {
  double places = 1;
  for (size_t d = 0; d < kDims; ++d) {
    const int axis = projection[d].axis;
    if (axis != static_cast<int>(d)) continue;  // R and S are taken with P and Q
    int64_t here = spread[d];
    const size_t tap = d == IndexOf(Dim::kP) ? IndexOf(Dim::kR) : IndexOf(Dim::kS);
    const bool is_window =
        (d == IndexOf(Dim::kP) || d == IndexOf(Dim::kQ)) && projection[tap].axis == axis;
    if (is_window) {
      here = DifferentSums(spread[d], projection[d].coefficient * below[d], spread[tap],
                           projection[tap].coefficient * below[tap]);
    }
    places *= static_cast<double>(here);
  }
  return places;
}

}  // namespace bitscape::cost_models
