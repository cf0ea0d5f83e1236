// How a tile moves through a tensor while the loops outside of it run, and what has to be fetched
// for each move. The rules are those of Timeloop (Parashar et al., ISPASS 2019; the release of
// 2023), so that counts can be compared exactly:
//
// A tile is a box: of inputs the bounding window. The sequence of its places is taken from the
// first two iterations of each loop outside of it; the second stands for all that follow. So a
// move is either the one of the innermost loop (the first move), or of loop j with all loops
// inside of it going from their second iteration back to their first. Where a tile moves by the
// same vector as the first move, what it shares with its last place stays and only the rest is
// fetched; any other move, even a shorter one or one back, fetches the tile anew.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cost_models/mapping/flat_nest.h"

namespace bitscape::cost_models {

// Fetches of one instance.
struct TileMoves {
  double tile = 0;   // elements
  double strip = 0;  // elements that the first move fetches: 0 if it leaves the tile in place
  double whole_tiles = 1, strips = 0;  // fetches over the whole layer

  double Elements() const { return whole_tiles * tile + strips * strip; }
};
TileMoves MovesOf(const Problem& problem, Tensor tensor, const TensorProjection& projection,
                  const PerDim<int64_t>& tile, std::span<const FlatLoop> outside);

// Different places that the inner instances of a level need at once, of `spread` indices of each
// dimension in steps of `below`. Places that overlap without being equal are different.
double Places(const TensorProjection& projection, const PerDim<int64_t>& below,
              const PerDim<int64_t>& spread);

// What one instance of a level gives to its inner instances, over the whole layer.
struct Flow {
  double reads = 0;      // at the level
  double delivered = 0;  // elements that arrive from the level
  double passed_on = 0;  // elements that arrive from a neighbour instead
};
// With neighbours that pass inputs on. An inner instance whose fetch equals what its neighbour (one
// further on x or on y, either way) fetched at the move before takes it from there. A move is
// served this way only if that lowers the reads. `scratch` is storage.
Flow FlowWithForwarding(const Problem& problem, const TensorProjection& projection,
                        const FlatLevel& level, std::span<const FlatLoop> outside, bool multicast,
                        std::vector<int64_t>* scratch);

}  // namespace bitscape::cost_models
