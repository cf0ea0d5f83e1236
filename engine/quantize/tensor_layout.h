// How the elements of a tensor lie, and which of them share a scale.
#pragma once

#include <cstdint>

#include "engine/formats/quantizer.h"

namespace bitscape::quantize {

// Element (o, a, i) stands at (o * axis + a) * inner + i; reductions run along `axis`.
//   convolution weights [oc, ic / groups, kh, kw]: outer oc, axis ic / groups, inner kh * kw
//   convolution input [c, h, w] of one image:      outer 1, axis c, inner h * w, segment c / groups
//   Gemm weights [oc, ic]:                         outer oc, axis ic, inner 1
//   a product's left operand [.., m, k]:           outer ..m, axis k, inner 1
//   its right operand [.., k, n]:                  outer .., axis k, inner n
struct TensorLayout {
  int64_t outer = 1, axis = 1, inner = 1;
  // Blocks don't cross multiples of it: the channels of one convolution group. 0: axis.
  int64_t segment = 0;
  int64_t elements() const { return outer * axis * inner; }
  int64_t Segment() const { return segment > 0 ? segment : axis; }
};

// Number of groups that share a scale: tensor 1; channel: outer; token: outer * inner (all of the
// axis at one position); block: outer * blocks along the axis * inner. Groups are numbered in that
// order, inner fastest.
int64_t GroupCount(const formats::Quantizer& quantizer, const TensorLayout& layout);
// The group of element (o, a, i).
int64_t GroupOf(const formats::Quantizer& quantizer, const TensorLayout& layout, int64_t o,
                int64_t a, int64_t i);

}  // namespace bitscape::quantize
