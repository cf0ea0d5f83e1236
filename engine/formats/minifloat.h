// Arithmetic on the codes of a small float. A magnitude is a code without its sign bit; magnitudes
// ascend with their values.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/formats/number_format.h"

namespace bitscape::formats {

// The bias of a float whose notation gives none: IEEE 754's, and one more for fnuz.
inline int DefaultBias(int exponent_bits, SpecialValues specials) {
  const int half = 1 << (exponent_bits - 1);
  return specials == SpecialValues::kFnuz ? half : half - 1;
}

// Exponent of the smallest normal, and of subnormals.
inline int MinExponent(const Minifloat& type) { return 1 - type.bias; }

inline uint32_t SignBit(const Minifloat& type) {
  return uint32_t{1} << (type.exponent_bits + type.mantissa_bits);
}

inline bool IsFloat32Element(const Minifloat& type) {
  return type == Minifloat{.exponent_bits = 8,
                           .mantissa_bits = 23,
                           .bias = 127,
                           .specials = SpecialValues::kIeee,
                           .underflow = Underflow::kGradual};
}

// The value of a magnitude as if every exponent were finite. Exact.
inline double MagnitudeValue(const Minifloat& type, uint32_t magnitude) {
  const uint32_t hidden = uint32_t{1} << type.mantissa_bits;
  const uint32_t mantissa = magnitude & (hidden - 1);
  const int exponent = static_cast<int>(magnitude >> type.mantissa_bits);
  if (exponent == 0) {
    switch (type.underflow) {
      case Underflow::kGradual:
        return std::ldexp(mantissa, MinExponent(type) - type.mantissa_bits);
      case Underflow::kHalved:
        return std::ldexp(mantissa, MinExponent(type) - 1 - type.mantissa_bits);
      case Underflow::kFlush:
        return 0;
      case Underflow::kAdaptiv:
        if (mantissa == 0) return 0;
        break;
    }
  }
  return std::ldexp(hidden + mantissa, exponent - type.bias - type.mantissa_bits);
}

// The magnitude of the largest finite value: specials are left out, and values that float32 lacks.
inline uint32_t LargestFiniteMagnitude(const Minifloat& type) {
  const uint32_t hidden = uint32_t{1} << type.mantissa_bits;
  uint32_t largest = SignBit(type) - 1;
  if (type.specials == SpecialValues::kIeee) {
    largest = (((uint32_t{1} << type.exponent_bits) - 1) << type.mantissa_bits) - 1;
  } else if (type.specials == SpecialValues::kFn) {
    largest -= 1;
  }
  const int top_exponent = static_cast<int>(largest >> type.mantissa_bits);
  if (top_exponent - type.bias > 127) {
    largest = (static_cast<uint32_t>(127 + type.bias) << type.mantissa_bits) | (hidden - 1);
  }
  return largest;
}

}  // namespace bitscape::formats
