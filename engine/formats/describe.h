// What a person wants to know of a format: its levels, its decision boundaries, its error on data.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/formats/codec.h"
#include "engine/formats/quantizer.h"

namespace bitscape::formats {

// The distinct finite values of a format at scale 1, ascending, -0 left out. Errors:
// kInvalidArgument for more than 2^16 codes, and for level sets that nothing was fitted to.
absl::StatusOr<std::vector<float>> LevelsOf(const ElementType& element);

// Between levels[i] and levels[i + 1] lies boundary i: the smallest float32 that rounds to levels[i
// + 1] under `rounding` (found by bisection over float32, so it is what the codec does). Stochastic
// has none: empty.
std::vector<float> DecisionBoundaries(const ElementType& element, Rounding rounding,
                                      std::span<const float> levels);

// The power of two that belongs to the codes rather than to the data: 2^-F of fixedN.F, 2^K of a log
// with fsr=K, and 2^-6 of mxint8, whose scale is E8M0's 2^-127..2^127 in MX v1.0; 1 elsewhere.
double UnitOfCodes(const NumberFormat& format);

// A code's bits, most significant first, cut into fields.
struct Field {
  std::string name;  // "sign", "exponent", "mantissa", "integer", "fraction", "index"
  int bits = 0;
};
std::vector<Field> FieldsOf(const NumberFormat& format);

// How `rounded` differs from `values`; of pairs that are both finite.
struct RoundingError {
  int64_t count = 0, not_finite = 0;
  double signal_power = 0, noise_power = 0;  // mean squares
  double max_error = 0;                      // largest |rounded - value|
  double saturated = 0;    // share of values beyond the outermost levels that their group has
  double underflowed = 0;  // share of nonzero values that became 0
  int64_t nonzero = 0;     // what `underflowed` is a share of
  // Share of values below zero where their group's levels aren't: all of them become 0.
  double negatives_cut = 0;
  double SqnrDb() const;  // 10 log10(signal / noise); infinity without noise
  // As if the values of `other` had been measured, too.
  void Merge(const RoundingError& other);
};

// The outermost values that a group can hold.
struct ValueLimits {
  float smallest = 0, largest = 0;
};
ValueLimits LimitsOf(const ElementType& element, const Scaling& scaling);

// Values [i * stride, (i + 1) * stride) have limits[i]; with one entry all values have it. A value
// is beyond a limit where it exceeds it by more than float32's rounding of scale and product (2^-22
// of it). Shape: values.size() == rounded.size() == limits.size() * stride, or one limit; the last
// run may be shorter.
RoundingError MeasureError(std::span<const float> values, std::span<const float> rounded,
                           std::span<const ValueLimits> limits, size_t stride = 1);

}  // namespace bitscape::formats
