// The three tensors of a multiply-accumulate layer.
#pragma once

namespace bitscape::cost_models {

enum class Tensor { kWeights = 0, kInputs = 1, kOutputs = 2 };
inline constexpr int kTensors = 3;

}  // namespace bitscape::cost_models
