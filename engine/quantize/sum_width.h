// How many bits a fixed-point register needs to hold every sum of products of a layer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/formats/number_format.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {

// The step between neighbouring values of the finest grid that holds all values of `element`, at
// scale 1. None for powers of sqrt 2, which have none, and for level sets, which the data decides.
std::optional<double> UnitInLastPlace(const formats::ElementType& element);

// The integers that enter the multiplier: codes less the zero point; floats and logs by powers of
// two count as the fixed-point numbers that hold all their values. value = code * unit (* scale).
struct CodeRange {
  double smallest = 0, largest = 0;
  double unit = 1;
  int bits = 0;  // n of the lecture: of a code, one more after a zero point
  double LargestMagnitude() const;
};
// None where no grid holds all values of the format: codebooks, DoReFa, TTQ, logs by sqrt 2.
std::optional<CodeRange> CodesOf(const formats::NumberFormat& format);

// Sums of products lie in [smallest, largest], in units of the product; 0 and every partial sum
// included.
struct SumRange {
  double smallest = 0, largest = 0;
};
// Of any `reduction_length` products of such codes. Exact below 2^53.
SumRange SumsOf(const CodeRange& weights, const CodeRange& activations, int64_t reduction_length);
// The union over output channels of the sums that these very weights can give, whatever the
// activations, in whatever order. Shape: weight_codes [channels, products], as CodeRange counts.
SumRange SumsOf(std::span<const double> weight_codes, int64_t channels,
                const CodeRange& activations);
// The narrowest two's complement register for [smallest, largest].
int SignedBits(const SumRange& sums);

// ceil(log2(value)), value >= 1.
int CeilLog2(int64_t value);

// The widths of one layer, in bits of a two's complement register without loss. 0: no fixed-point
// register holds every sum (see CodesOf; blocks, whose scales differ inside a sum).
struct LayerWidths {
  std::string layer;
  int64_t reduction_length = 0;  // R * S * C
  int lecture_bits = 0;          // n_w + n_a + ceil(log2(R * S * C))
  int tight_bits = 0;            // from the ranges of codes
  int weight_bits = 0;           // from the weights; tight_bits where there are none to look at
};

// lecture_bits and tight_bits; weight_bits as tight_bits. `weights`: of a product of two
// activations, the activations' own format.
LayerWidths WidthsOf(const formats::Quantizer& weights, const formats::Quantizer& activations,
                     int64_t reduction_length);

}  // namespace bitscape::quantize
