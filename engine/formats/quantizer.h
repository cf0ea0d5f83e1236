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
  RangeMethod range = RangeMethod::kMinMax;
  double range_value = 0;  // kPercentile: percent; kClip: the bound
  Rounding rounding = Rounding::kNearestEven;
  Overflow overflow = Overflow::kSaturate;
  bool dynamic_range = false;  // activations: range of each sample or token, never of the batch

  bool operator==(const Quantizer&) const = default;

  // Canonical notation: family, then the modifiers that are not defaults in the order of the
  // grammar. Parse(ToString()) gives an equal quantizer.
  std::string ToString() const;
};

// Reads the notation. Errors: kInvalidArgument with the text, a caret position (1-based column),
// what is allowed, and the nearest valid name; kUnimplemented for a form of the notation that this
// build can't compute yet.
absl::StatusOr<Quantizer> ParseQuantizer(std::string_view notation);

// The quantizer that changes nothing: fp32.
Quantizer Float32();

// Average bits of storage for one element of a group, e.g. of an output channel's weights. The
// group's elements share one scale and zero point; blocks have one each, the last of a group may be
// shorter. int4:block32 has 4 + 32/32 = 5.
double BitsPerElement(const Quantizer& quantizer, double group_elements);

// Scale and zero-point storage of one group in bits: float32 32, power of two 8, fixed 0; a zero
// point takes one code.
int ScaleBits(const NumberFormat& format);

}  // namespace bitscape::formats
