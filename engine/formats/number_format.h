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

// What the codes with E = 0 of a float mean.
enum class Underflow {
  kGradual,  // subnormals: 2^(1-bias) * M/2^m (IEEE 754)
  kFlush,    // none: results that would be subnormal become zero of their sign
  // E = 0 is a normal exponent, and code 0 is zero instead of 2^-bias (AdaptivFloat, Tambe et al.
  // 2020, algorithm 1). |x| below half the smallest value gives 0, from there on the smallest.
  kAdaptiv,
  kHalved,  // 2^-bias * M/2^m: CFloat's white paper read literally, with a gap below the normals
};

// (-1)^s * 2^(E-bias) * (1 + M/2^mantissa_bits); E = 0: see Underflow.
// Codes beyond float32 (top exponent of a plain e8mY) are unused: LargestFinite is the largest
// value that float32 holds, and Decode gives an infinity for them.
struct Minifloat {
  int exponent_bits = 0;  // 1..8
  int mantissa_bits = 0;  // 0..23, the hidden bit not counted
  int bias = 0;
  SpecialValues specials = SpecialValues::kFinite;
  Underflow underflow = Underflow::kGradual;
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

enum class LogBase { kTwo, kSqrtTwo, kFour };
// Powers of a base, and zero. A code is a sign bit (where signed) and an exponent code c: c = 0 is
// zero, c > 0 is base^(c - C), C = 2^(exponent code bits) - 1, so the largest value is 1. With
// `below_full_scale` (LogNet's literal clip) every value is one step lower: the largest is 1/base.
// Nearest rounds in the log domain (thresholds are geometric means); below the smallest value /
// sqrt(base) it gives 0. The other roundings are by value.
struct Log {
  int bits = 0;  // 2..8
  bool is_signed = true;
  LogBase base = LogBase::kTwo;
  bool below_full_scale = false;
  bool operator==(const Log&) const = default;
};

// How a LevelSet takes its levels and decision boundaries from the data
// (engine/quantize/fit_levels.h).
enum class LevelFit {
  kKmeans,  // codebook: Lloyd's iteration on the values from evenly spaced levels over their range
            // (Han et al., ICLR 2016)
  kLloydMax,  // codebook: least mean squared error, to level changes below 1e-6 of the range (Lloyd
              // 1982, Max 1960)
  kUnit,      // binary -1, +1 (BinaryConnect, BNN); ternary -1, 0, +1 with thresholds at +-1/2
  kMeanAbs,   // binary -a, +a with a = mean|x| (BWN, XNOR-Net)
  kTwn,       // ternary: threshold 0.7 mean|x|, a = mean |x| beyond it (Li et al. 2016)
  kAbsMean,   // ternary: round(x / mean|x|) clipped to +-1, a = mean|x| (BitNet b1.58)
  kTtq,     // ternary: threshold 0.05 max|x|, two values: the means on each side (Zhu et al. 2017,
            // before training)
  kDorefa,  // 2 round_k(tanh x / (2 max|tanh x|) + 1/2) - 1 with 2^k levels (Zhou et al. 2016)
};

// Codebooks, binary, ternary: a handful of levels that each group's data decides. The fitted levels
// stand in Scaling::levels (codec.h); without them only sizes are known.
struct LevelSet {
  int levels = 0;  // 2..256
  LevelFit fit = LevelFit::kKmeans;
  // Codebooks: what an entry of the table is stored in. Integers are scaled to the largest level.
  std::variant<Minifloat, Integer> entries;
  bool operator==(const LevelSet&) const = default;
};

// Visits of this variant have no default branch: a new kind makes the compiler list every place.
using ElementType = std::variant<Minifloat, Integer, Log, LevelSet>;

// How a scale is stored.
enum class ScaleEncoding {
  kFloat32,     // any positive float32
  kPowerOfTwo,  // 2^k, k in [min_exponent, max_exponent]
  kFixed,       // 2^min_exponent: a constant of the format; takes no storage (fixedN.F: 2^-F)
  kE4m3,        // a positive fp8_e4m3 (NVFP4's block scale)
};

// Which power of two a group gets; amax is its largest magnitude, top =
// floor(log2(LargestFinite(element))).
enum class ScaleRule {
  kCover,  // the smallest under which no value of the group saturates once rounded
  kFloor,  // 2^(floor(log2 amax) - top): OCP MX v1.0, AdaptivFloat, block floating point
  kCeil,   // one more where amax is not a power of two
  kEven,   // floor, after amax was rounded to the element's mantissa bits
  kRceil,  // 2^ceil(log2(amax / LargestFinite)), the quotient in float32 as amax * (1 /
           // LargestFinite)
};

struct ScaleLevel {
  ScaleEncoding encoding = ScaleEncoding::kFloat32;
  int bits = 32;  // of storage
  int min_exponent = -126, max_exponent = 127;
  ScaleRule rule = ScaleRule::kCover;  // kPowerOfTwo
  bool has_nan = false;                // a code of the scale is NaN (E8M0, E4M3)
  bool operator==(const ScaleLevel&) const = default;
};

struct NumberFormat {
  // The family with the modifiers that change the set of values, canonical: "fp8_e4m3",
  // "e3m4:scaled", "int4", "uint8:asym", "fixed8.4". Permanent identity in protos and the database.
  std::string name;
  ElementType element;
  // `scale`: of the groups that the quantizer's granularity makes; none: codes are the values.
  // `tensor_scale` (NVFP4): a second one for the whole tensor; value = code * (scale *
  // tensor_scale), the product of scales rounded to float32.
  std::optional<ScaleLevel> scale, tensor_scale;
  bool zero_point = false;  // value = (code - zero_point) * scale
  int block_size =
      0;  // > 0: the granularity is blocks of this many unless the notation says otherwise
  std::string_view source;  // specification or paper
  bool operator==(const NumberFormat&) const = default;
};

// Bits of one code: what a memory holds for one element, scales aside.
int ElementBits(const ElementType& element);
inline int ElementBits(const NumberFormat& format) { return ElementBits(format.element); }

// LevelSet: of binary and ternary at scale 1; codebooks and dorefa are within [-1, 1].
bool IsSigned(const ElementType& element);
// Largest and smallest finite value of a code at scale 1 (smallest: most negative, or 0).
double LargestFinite(const ElementType& element);
double SmallestFinite(const ElementType& element);
// The smallest positive value at scale 1.
double SmallestPositive(const ElementType& element);

bool HasScale(const NumberFormat& format);   // something that depends on data: a scale or levels
bool IsFloat32(const NumberFormat& format);  // rounding to it changes nothing
// Values are (code - zero point) * scale with integer codes: integers, fixed, dfx, bfp, mxint8, and
// the level sets whose levels at scale 1 are -1, 0, +1 (not ttq).
bool IsIntegerLike(const NumberFormat& format);

}  // namespace bitscape::formats
