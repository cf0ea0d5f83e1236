// A quantizer: a number format and how a tensor uses it. One string names it everywhere
// (grammar: engine/formats/README.md).
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "engine/formats/number_format.h"

namespace bitscape::formats {

enum class Granularity { kTensor, kChannel, kToken, kPosition, kBlock };
enum class RangeMethod { kMinMax, kPercentile, kMse, kKl, kAciq, kClip, kPact };
enum class Rounding { kNearestEven, kNearestAway, kStochastic, kFloor, kTowardZero };
enum class Overflow { kSaturate, kWrap };

struct Quantizer {
  NumberFormat format;
  Granularity granularity = Granularity::kTensor;
  int block_size = 0;  // elements; kBlock only
  // x * (1 / scale), the inverse rounded to float32, as PyTorch computes it; else x / scale as ONNX
  // does.
  bool reciprocal = false;
  RangeMethod range = RangeMethod::kMinMax;
  double range_value =
      0;  // kPercentile: percent; kClip: the bound; kPact: alpha, 0 where training gives it
  Rounding rounding = Rounding::kNearestEven;
  Overflow overflow = Overflow::kSaturate;
  bool dynamic_range = false;  // activations: range of each sample or token, never of the batch

  bool operator==(const Quantizer&) const = default;

  // Canonical notation: family, then the modifiers that are not defaults in the order of the
  // grammar. Parse(ToString()) gives an equal quantizer.
  std::string ToString() const;
};

// Reads the notation. Errors: kInvalidArgument with the text, a caret position (1-based column),
// what is allowed, and the nearest valid name.
absl::StatusOr<Quantizer> ParseQuantizer(std::string_view notation);

// The quantizer that changes nothing: fp32.
Quantizer Float32();

// Bits of storage of one group that shares a scale, codes aside: scale, zero point (a code), and
// the fitted table of a level set (codebooks: its entries, and a float32 scale for integer ones;
// ttq: two values).
int ScaleBits(const NumberFormat& format);
// Of the whole tensor, once: NVFP4's second scale.
int TensorScaleBits(const NumberFormat& format);

// Bits of a tensor whose reduction runs over `rows` rows of `row` elements: codes packed, scales
// counted. tensor: one group; channel, token, position: one a row; blocks: each row begins a new
// one, the last of a row may be shorter. int4:block32 has 4 + 32/32 = 5 a weight where rows are
// multiples of 32.
double StorageBits(const Quantizer& quantizer, double rows, double row);

}  // namespace bitscape::formats
