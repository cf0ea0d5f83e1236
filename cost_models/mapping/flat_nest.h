// A mapping as one list of loops with their steps: what counting works on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

struct FlatLoop {
  Dim dim = Dim::kN;
  int64_t bound = 1;
  int64_t step = 1;  // indices of the dimension that one iteration advances
};

struct FlatLevel {
  PerDim<int64_t> below = {};        // tile of one inner instance
  PerDim<int64_t> tile = {};         // with the level's spatial and temporal loops
  size_t first_temporal = 0;         // of the loops that change what one inner instance holds
  std::vector<FlatLoop> x, y;        // outermost first; x is outside of y
  int64_t inner = 1, instances = 1;  // inner instances in use by one instance; its own number
  PerDim<int64_t> spread = {};       // product of the spatial bounds of each dimension
};

struct FlatNest {
  std::vector<FlatLevel> levels;   // as in the hierarchy
  std::vector<FlatLoop> temporal;  // of all levels, innermost first; bounds above 1
  double temporal_iterations = 1;

  // Temporal loops outside of one inner instance of the level, innermost first.
  std::span<const FlatLoop> Outside(size_t level) const {
    return std::span(temporal).subspan(levels[level].first_temporal);
  }
};

// Why a mapping can't be counted.
struct MappingRefusal {
  enum class Reason {
    kLevels,    // value, limit: their number
    kBound,     // below 1
    kTooLarge,  // more iterations than can be counted
    kFanoutX,
    kFanoutY,
    kCover,     // value, limit: of the dimension
    kNotHeld,   // a tensor that the level keeps and may not hold
    kNotKept,   // a tensor that the outermost level does not keep
    kCapacity,  // value, limit: bits
  };
  Reason reason = Reason::kLevels;
  size_t level = 0;
  Dim dim = Dim::kN;
  Tensor tensor = Tensor::kWeights;
  double value = 0, limit = 0;

  std::string ToString(const Hierarchy& hierarchy) const;
};

// Reuses the storage of `nest`, which is unspecified after a refusal.
std::optional<MappingRefusal> Flatten(const Problem& problem, const Hierarchy& hierarchy,
                                      const Mapping& mapping, const ElementWidths& widths,
                                      FlatNest* nest);

// Where a dimension's index appears in a tensor: the axis and how far one index moves along it.
// Inputs have P and R on axis P, Q and S on axis Q.
struct Projection {
  int axis = -1;  // a Dim; -1: the dimension does not index the tensor
  int64_t coefficient = 0;
};
using TensorProjection = std::array<Projection, kDims>;
TensorProjection ProjectionOf(const Problem& problem, Tensor tensor);

}  // namespace bitscape::cost_models
