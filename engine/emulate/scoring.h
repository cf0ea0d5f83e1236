// From logits to a correctness bit and a loss.
#pragma once

#include <cstdint>
#include <span>

namespace bitscape::emulate {

// The position of the largest logit, the first of ties; NaN never wins.
int LargestLogit(std::span<const float> logits);

// -log softmax(logits)[label], rounded to a multiple of 2^-20 and at most 2^20. Sums below 2^33 are
// exact in a double, so they do not depend on their order or on how a range is cut. Logits that are
// not finite give the largest loss.
double CrossEntropy(std::span<const float> logits, int32_t label);

}  // namespace bitscape::emulate
