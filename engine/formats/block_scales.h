// The scales of many blocks in one loop. Internal to engine/formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "engine/formats/number_format.h"
#include "engine/formats/round_float.h"

namespace bitscape::formats {

// ScaleForMagnitude of many blocks. A power of two is that of the magnitude (kRceil: of its
// quotient), moved, and one more from a mantissa on.
struct PowerSteps {
  float quotient;  // what the magnitude is multiplied by first
  int64_t moved;
  uint64_t one_more;  // of 52 bits
  int64_t lowest, highest;
  float of_zero;
};
struct Float32Steps {
  float largest, smallest_scale, largest_scale;
};
struct E4m3Steps {
  float largest, tensor_scale, smallest_scale;
  FloatLoopSteps e4m3;
};
using ScaleLoopSteps = std::variant<float, PowerSteps, Float32Steps, E4m3Steps>;

ScaleLoopSteps ScaleLoopStepsOf(const NumberFormat& format, float tensor_scale);

// Of magnitudes as float32 bits; one that is not finite gives NaN.
void FindScales(const ScaleLoopSteps& steps, const uint32_t* magnitudes, float* scales,
                size_t count);

}  // namespace bitscape::formats
