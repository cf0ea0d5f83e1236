// AdaRound: weights rounded up or down so that a layer's outputs, not its weights, move least.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/quantize/tensor_layout.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {

// The values of a weight's grid next to it: the largest at most it, the smallest at least it. Both
// are the end of the grid for a weight beyond it, and both the weight's nearest value in formats of
// more than 16 bits, whose rounding does not matter.
struct GridNeighbours {
  std::vector<float> down, up;  // in the shape of the weights
};
// `rounded` is what RoundWeights made of `weights` under `quantizer`: its scalings are kept.
GridNeighbours FindNeighbours(const formats::Quantizer& quantizer, const TensorLayout& layout,
                              std::span<const float> weights, const RoundedTensor& rounded);

// The squared error that rounding gives a layer's outputs, over inputs x (quantized) and targets t:
// E[(q x - t)^2] = q G q' - 2 q c + E[t^2] for each row q of the weights, with G = E[x x'] and
// c = E[x t]. Nothing else of the data matters.
struct OutputError {
  int64_t length = 0;             // K: products in each sum
  std::span<const float> gram;    // G, [K, K], symmetric
  std::span<const float> target;  // c, [rows, K]
};
// Of each row of `weights` [rows, K], less E[t^2].
std::vector<double> ErrorOfRows(const OutputError& error, std::span<const float> weights);

struct AdaRoundOptions {
  int iterations = 1000;  // of Adam, over the whole sample each
  double learning_rate = 0.02;
  double regularizer = 0.02;  // weight of sum(1 - |2h - 1|^beta), in units of one typical flip
  double beta_begin = 20, beta_end = 2;
  double warmup = 0.2;  // share of the iterations before the regulariser begins
};

// Chooses `down` or `up` for each of `weights` [rows, K] (all row-major): h in [0, 1] is a
// rectified sigmoid (zeta 1.1, gamma -0.1) of a free variable, begun at the weight's own place
// between its neighbours; Adam lowers the error plus the regulariser, whose beta falls by a cosine.
// Deterministic: no random numbers. A row that ends worse than `nearest` is given as `nearest`.
// Rows don't depend on each other, so that callers may split them. Source: Nagel et al., "Up or
// Down? Adaptive Rounding for Post-Training Quantization", ICML 2020.
std::vector<float> AdaRound(const OutputError& error, const GridNeighbours& neighbours,
                            std::span<const float> weights, std::span<const float> nearest,
                            const AdaRoundOptions& options = {});

}  // namespace bitscape::quantize
