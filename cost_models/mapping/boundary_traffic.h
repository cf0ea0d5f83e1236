// The least that crosses one boundary of a hierarchy, over all tiles that fit inside of it.
#pragma once

#include <vector>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

// Elements of inputs that a tile really touches (strides may skip some of the bounding window);
// never too many.
double TouchedInputs(const Problem& problem, const PerDim<double>& tile);
// Elements of the whole tensor that are touched.
double TouchedElements(const Problem& problem, Tensor tensor);

struct BoundaryCosts {
  PerTensor<double> first = {0, 0, 0};  // of an element, once
  PerTensor<double> again = {0, 0, 0};  // of each further time that it crosses
};
// A capacity inside the boundary, of all instances together, and the tensors whose tiles share it.
struct BoundaryRoom {
  double bits = 0;
  PerTensor<bool> holds = {false, false, false};
};

double LeastTraffic(const Problem& problem, const ElementWidths& widths, const BoundaryCosts& costs,
                    const std::vector<BoundaryRoom>& rooms);

}  // namespace bitscape::cost_models
