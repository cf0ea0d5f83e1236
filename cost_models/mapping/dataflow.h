// Dataflows after Chen et al. (ISCA 2016): which tensor stays in the processing elements while the
// others pass.
#pragma once

namespace bitscape::cost_models {

enum class Dataflow {
  kAny,  // the mapping is free
  kWeightStationary,
  kOutputStationary,
  kInputStationary,
  kRowStationary,
};

}  // namespace bitscape::cost_models
