// The loops of AdaRound that take its time.
#pragma once

#include <cstddef>

namespace bitscape::quantize {

// gradient[r, j] = sum over k of rows[r, k] * gram[k, j] - target[r, j], for `count` rows. `gram`
// is symmetric.
void ErrorGradient(size_t count, size_t length, const float* rows, const float* gram,
                   const float* target, float* gradient);

// State of Adam for one row; h = clip(1.2 * sigmoid(v) - 0.1, 0, 1).
struct AdaRoundRow {
  const float* down = nullptr;
  const float* step = nullptr;      // up - down
  const float* gradient = nullptr;  // half the derivative of the error by the weights
  float* v = nullptr;
  float* mean = nullptr;     // Adam's first moment
  float* square = nullptr;   // and second
  float* weights = nullptr;  // result: down + h * step
};
struct AdaRoundStep {
  float error_scale = 1;  // what the error's derivative is multiplied with
  float regularizer = 0;
  float beta = 2;
  float learning_rate = 0;
  float mean_correction = 1, square_correction = 1;  // 1 / (1 - decay^t)
};
void ApplyAdam(size_t length, const AdaRoundStep& step, const AdaRoundRow& row);

// weights = down + h(v) * step.
void SoftWeights(size_t length, const AdaRoundRow& row);

}  // namespace bitscape::quantize
