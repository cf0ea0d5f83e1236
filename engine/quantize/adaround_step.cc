// Compiled with -ffast-math, so that exponentials are vectorised: nothing here is NaN or infinite.
#include "engine/quantize/adaround_step.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/core/vector_clones.h"

namespace bitscape::quantize {
namespace {

// The rectified sigmoid's stretch (Louizos et al., ICLR 2018).
constexpr float kZeta = 1.1F;
constexpr float kGamma = -0.1F;
constexpr float kMeanDecay = 0.9F;
constexpr float kSquareDecay = 0.999F;
constexpr float kEpsilon = 1e-8F;

// Sixteen sums that stay in registers while k runs.
typedef float Lanes __attribute__((vector_size(64)));
constexpr size_t kLanes = 16;

inline void Load(const float* from, Lanes& to) { std::memcpy(&to, from, sizeof(Lanes)); }

}  // namespace

BITSCAPE_VECTOR_CLONES
void ErrorGradient(size_t count, size_t length, const float* __restrict rows,
                   const float* __restrict gram, const float* __restrict target,
                   float* __restrict gradient) {
  constexpr size_t kTogether = 4;  // rows that share a pass over the Gram matrix
  for (size_t row = 0; row < count; row += kTogether) {
    const size_t here = std::min(kTogether, count - row);
    // Rows that aren't there are the last one again.
    const float* __restrict q[kTogether];
    for (size_t r = 0; r < kTogether; ++r) q[r] = rows + (row + std::min(r, here - 1)) * length;
    size_t j = 0;
    for (; j + 2 * kLanes <= length; j += 2 * kLanes) {
      Lanes sums[kTogether][2] = {};
      for (size_t k = 0; k < length; ++k) {
        Lanes left;
        Lanes right;
        Load(gram + k * length + j, left);
        Load(gram + k * length + j + kLanes, right);
        for (size_t r = 0; r < kTogether; ++r) {
          sums[r][0] += q[r][k] * left;
          sums[r][1] += q[r][k] * right;
        }
      }
      for (size_t r = 0; r < here; ++r) {
        std::memcpy(gradient + (row + r) * length + j, sums[r], sizeof(sums[r]));
      }
    }
    for (; j < length; ++j) {
      float sums[kTogether] = {};
      for (size_t k = 0; k < length; ++k) {
        for (size_t r = 0; r < kTogether; ++r) sums[r] += q[r][k] * gram[j * length + k];
      }
      for (size_t r = 0; r < here; ++r) gradient[(row + r) * length + j] = sums[r];
    }
  }
  for (size_t i = 0; i < count * length; ++i) {
    gradient[i] -= target[i];
  }
}

BITSCAPE_VECTOR_CLONES
void ApplyAdam(size_t length, const AdaRoundStep& given, const AdaRoundRow& row) {
  const AdaRoundStep step = given;  // apart from what the loop writes
  const float* __restrict gradient = row.gradient;
  const float* __restrict width = row.step;
  float* __restrict v = row.v;
  float* __restrict mean = row.mean;
  float* __restrict square = row.square;
  const float exponent = step.beta - 1;
  const float pull = 2 * step.regularizer * step.beta;
  for (size_t i = 0; i < length; ++i) {
    const float sigmoid = 1 / (1 + std::exp(-v[i]));
    const float stretched = sigmoid * (kZeta - kGamma) + kGamma;
    const float h = std::fmin(std::fmax(stretched, 0.0F), 1.0F);
    const float centred = 2 * h - 1;
    const float magnitude = std::fmax(std::fabs(centred), 1e-6F);
    const float away = std::copysign(std::exp(exponent * std::log(magnitude)), centred);
    // Where the sigmoid is cut off nothing moves any more: the weight is decided.
    const float slope = h == stretched ? (kZeta - kGamma) * sigmoid * (1 - sigmoid) : 0.0F;
    const float derivative = (2 * step.error_scale * gradient[i] * width[i] - pull * away) * slope;
    mean[i] = kMeanDecay * mean[i] + (1 - kMeanDecay) * derivative;
    square[i] = kSquareDecay * square[i] + (1 - kSquareDecay) * derivative * derivative;
    v[i] -= step.learning_rate * mean[i] * step.mean_correction /
            (std::sqrt(square[i] * step.square_correction) + kEpsilon);
  }
}

BITSCAPE_VECTOR_CLONES
void SoftWeights(size_t length, const AdaRoundRow& row) {
  const float* __restrict v = row.v;
  const float* __restrict down = row.down;
  const float* __restrict width = row.step;
  float* __restrict weights = row.weights;
  for (size_t i = 0; i < length; ++i) {
    const float stretched = (kZeta - kGamma) / (1 + std::exp(-v[i])) + kGamma;
    weights[i] = down[i] + std::fmin(std::fmax(stretched, 0.0F), 1.0F) * width[i];
  }
}

}  // namespace bitscape::quantize
