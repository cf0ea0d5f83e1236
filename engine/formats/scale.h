// The scale of a group from its largest magnitude: the scalar specification that every fast path
// equals.
#pragma once

#include "engine/formats/number_format.h"

namespace bitscape::formats {

// The scale of a group whose largest magnitude is `amax` (>= 0), as `format.scale` stores it; by
// its rule where it is a power of two, clamped to what the encoding holds. `tensor_scale` is what
// the tensor's own scale gave (NVFP4), else 1: the result is the group's scale times it, rounded to
// float32.
//   float32: amax / LargestFinite in float32, kept normal and small enough for the largest code to
//   stay finite. power of two: ScaleRule, but no larger than keeps the largest code finite, so that
//   next to FLT_MAX `ceil`, `even` and `rceil` saturate where a scale beyond it would give
//   infinities. All zeros: the smallest power (MX), or 1 (kCover). e4m3: the group's amax /
//   LargestFinite / tensor_scale rounded to e4m3, never 0.
// No scale: 1. A constant scale: that constant. NaN or infinite amax: NaN where block scales have
// one (MX, NVFP4: E8M0's and E4M3's NaN), else the caller leaves non-finite values out of amax.
float ScaleForMagnitude(const NumberFormat& format, float amax, float tensor_scale = 1);

// NVFP4: amax of the tensor / (LargestFinite(element) * 448) in float32; 1 for formats with one
// level.
float TensorScaleForMagnitude(const NumberFormat& format, float amax);

// Whether the stored scale of a group can be NaN, which a NaN or an infinity in the group makes it.
bool ScaleHasNan(const NumberFormat& format);

// `scale` (> 0) as a float32 scale is stored: a normal float32, so that no unit flushes it, and
// small enough for `largest_code` steps to stay finite.
float StoredFloat32Scale(double scale, double largest_code);

}  // namespace bitscape::formats
