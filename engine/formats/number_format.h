// A number format is data: a set of representable values (the element type) and up to two levels of
// scale. Named formats stand in catalog.cc, one row each.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bitscape::formats {

// Which codes of a float are not numbers.
enum class SpecialValues {
  kFinite,  // none: every code is a number (OCP FP6 and FP4, any plain eXmY)
  kIeee,    // top exponent holds infinities and NaNs (IEEE 754; OCP E5M2)
  kFn,      // the all-ones code of each sign is NaN, no infinities (OCP E4M3)
  kFnuz,    // the code of -0 is the only NaN, no infinities, no -0
};

// (-1)^s * 2^(E-bias) * (1 + M/2^mantissa_bits); E = 0 is subnormal:
// (-1)^s * 2^(1-bias) * M/2^mantissa_bits.
// Codes beyond float32 (top exponent of a plain e8mY) are unused: LargestFinite is the largest
// value that float32 holds, and Decode gives an infinity for them.
struct Minifloat {
  int exponent_bits = 0;  // 1..8
  int mantissa_bits = 0;  // 0..23, the hidden bit not counted
  int bias = 0;
  SpecialValues specials = SpecialValues::kFinite;
  // False (`ftz`): results that would be subnormal become zero of their sign.
  bool subnormals = true;
  bool operator==(const Minifloat&) const = default;
};

// Two's complement or unsigned codes; the value of a code is the code.
struct Integer {
  int bits = 0;  // 1..16; accumulators up to 32
  bool is_signed = true;
  // Signed only: -2^(bits-1) is a code, too. False: symmetric, +-(2^(bits-1)-1).
  bool full_range = false;
  bool operator==(const Integer&) const = default;
};

// Visits of this variant have no default branch: a new kind makes the compiler list every place.
using ElementType = std::variant<Minifloat, Integer>;

// How a scale is stored.
enum class ScaleEncoding {
  kFloat32,     // any positive float32
  kPowerOfTwo,  // 2^k, k in [-127, 127], stored in 8 bits
  kFixed,       // a constant of the format; takes no storage (fixedN.F: 2^-F)
};

struct ScaleLevel {
  ScaleEncoding encoding = ScaleEncoding::kFloat32;
  int fixed_exponent = 0;  // kFixed: the scale is 2^fixed_exponent
  bool operator==(const ScaleLevel&) const = default;
};

struct NumberFormat {
  // The family with the modifiers that change the set of values, canonical: "fp8_e4m3",
  // "e3m4:scaled", "int4", "uint8:asym", "fixed8.4". Permanent identity in protos and the database.
  std::string name;
  ElementType element;
  std::array<std::optional<ScaleLevel>, 2> scales;  // outer to inner; none: codes are the values
  bool zero_point = false;                          // value = (code - zero_point) * scale
  std::string_view source;                          // specification or paper
  bool operator==(const NumberFormat&) const = default;
};

// Bits of one code: what a memory holds for one element, scales aside.
int ElementBits(const ElementType& element);
inline int ElementBits(const NumberFormat& format) { return ElementBits(format.element); }

bool IsSigned(const ElementType& element);
// Largest and smallest finite value of a code at scale 1 (smallest: most negative, or 0).
double LargestFinite(const ElementType& element);
double SmallestFinite(const ElementType& element);
// The smallest positive value at scale 1.
double SmallestPositive(const ElementType& element);

bool HasScale(const NumberFormat& format);   // a scale that depends on data
bool IsFloat32(const NumberFormat& format);  // rounding to it changes nothing
bool IsIntegerLike(
    const NumberFormat& format);  // values are (code - zero point) * scale with integer codes

}  // namespace bitscape::formats
