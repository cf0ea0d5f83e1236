#include "engine/emulate/scoring.h"

#include <algorithm>
#include <cmath>

namespace bitscape::emulate {

int LargestLogit(std::span<const float> logits) {
  int best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    const float leader = logits[static_cast<size_t>(best)];
    if (logits[i] > leader || (std::isnan(leader) && !std::isnan(logits[i]))) {
      best = static_cast<int>(i);
    }
  }
  return best;
}

double CrossEntropy(std::span<const float> logits, int32_t label) {
  constexpr double kLargest = 1 << 20;
  constexpr double kStepsPerUnit = 1 << 20;
  double largest = -INFINITY;
  for (const float logit : logits) {
    if (!std::isfinite(logit)) {
      return kLargest;
    }
    largest = std::max(largest, static_cast<double>(logit));
  }
  double sum = 0;
  for (const float logit : logits) {
    sum += std::exp(static_cast<double>(logit) - largest);
  }
  const double loss =
      std::log(sum) + largest - static_cast<double>(logits[static_cast<size_t>(label)]);
  return std::min(kLargest, std::nearbyint(loss * kStepsPerUnit) / kStepsPerUnit);
}

}  // namespace bitscape::emulate
