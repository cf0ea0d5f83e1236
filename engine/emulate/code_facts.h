// What is known of an operand of a MAC layer before any image is seen.
#pragma once

#include <algorithm>
#include <span>

#include "engine/formats/quantizer.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {

// Of an operand's codes: its values over the one scale that holds along each of the layer's sums.
// As initialised: there is no such scale, or it depends on the image.
struct CodeFacts {
  bool integers = false;
  bool fits_bfloat16 = false;  // bf16 holds every code
  double min = 0, max = 0;     // bounds of the codes
  double smallest = 0;         // a bound of nonzero magnitudes from below
  double unit = 0;             // every code is a multiple of it; 0: of nothing that is known
  // Every value is a multiple of it: unit * scale where scales are powers of two; else 0.
  double grid = 0;
  double largest() const { return std::max(max, -min); }
};

// Of activations under a calibrated quantizer. Where scales depend on the image, only integer codes
// are known, if `shares_scale`: one scale holds along each sum.
CodeFacts FactsOfActivations(const formats::Quantizer& quantizer,
                             const quantize::ActivationScaling& calibrated, bool shares_scale);

// Of given codes. `integers`: they are integers, counted in units of 1. `scales`: those that they
// have; empty where that is not known.
CodeFacts FactsOfCodes(std::span<const float> codes, bool integers, std::span<const float> scales);

}  // namespace bitscape::emulate
