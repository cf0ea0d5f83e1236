#include "engine/formats/codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/core/random.h"
#include "engine/core/status.h"
#include "engine/formats/minifloat.h"

namespace bitscape::formats {
namespace {

// Rounds |v| = `magnitude`, exact in double, to an integer. `negative` is the sign of v, which
// floor needs.
double RoundMagnitude(double magnitude, bool negative, Rounding rounding, uint64_t random) {
  const double whole = std::floor(magnitude);
  const double fraction = magnitude - whole;
  bool up = false;
  switch (rounding) {
    case Rounding::kNearestEven:
      up = fraction > 0.5 || (fraction == 0.5 && std::fmod(whole, 2.0) == 1.0);
      break;
    case Rounding::kNearestAway:
      up = fraction >= 0.5;
      break;
    case Rounding::kStochastic:
      up = std::ldexp(static_cast<double>(random >> 11), -53) < fraction;
      break;
    case Rounding::kFloor:
      up = negative && fraction > 0;
      break;
    case Rounding::kTowardZero:
      break;
  }
  return up ? whole + 1 : whole;
}

uint32_t EncodeNotANumber(const Minifloat& type) {
  switch (type.specials) {
    case SpecialValues::kFinite:
      return 0;
    case SpecialValues::kIeee:  // quiet: the first mantissa bit set
      return ((uint32_t{1} << (type.exponent_bits + 1)) - 1) << (type.mantissa_bits - 1);
    case SpecialValues::kFn:
      return SignBit(type) - 1;
    case SpecialValues::kFnuz:
      return SignBit(type);
  }
  BITSCAPE_CHECK(false, "every SpecialValues has a case");
}

// The magnitude of finite |v| = `value` > 0, rounded.
uint32_t EncodeMagnitude(const Minifloat& type, double value, bool negative, Rounding rounding,
                         uint64_t random) {
  const int exponent = std::max(std::ilogb(value), MinExponent(type));
  const double units = std::ldexp(value, type.mantissa_bits - exponent);
  // `units` below the hidden bit: subnormal. A carry to the next power of two runs on into the
  // exponent.
  const double rounded = RoundMagnitude(units, negative, rounding, random);
  const double steps = std::ldexp(exponent - MinExponent(type), type.mantissa_bits) + rounded;
  const uint32_t largest = LargestFiniteMagnitude(type);
  if (steps > largest) return largest;
  const uint32_t magnitude = static_cast<uint32_t>(steps);
  const bool subnormal = magnitude < (uint32_t{1} << type.mantissa_bits);
  return subnormal && type.underflow == Underflow::kFlush ? 0 : magnitude;
}

uint32_t EncodeFloat(const Minifloat& type, float value, Rounding rounding, uint64_t random) {
  if (IsFloat32Element(type)) return std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return EncodeNotANumber(type);
  const bool negative = std::signbit(value);
  uint32_t magnitude = 0;
  if (std::isinf(value)) {
    magnitude = LargestFiniteMagnitude(type);
    if (type.specials == SpecialValues::kIeee) magnitude += 1;
  } else if (value != 0) {
    magnitude =
        EncodeMagnitude(type, std::fabs(static_cast<double>(value)), negative, rounding, random);
  }
  if (magnitude == 0 && type.specials == SpecialValues::kFnuz) return 0;
  return negative ? magnitude | SignBit(type) : magnitude;
}

float DecodeFloat(const Minifloat& type, uint32_t code) {
  if (IsFloat32Element(type)) return std::bit_cast<float>(code);
  const uint32_t sign = code & SignBit(type);
  const uint32_t magnitude = code & (SignBit(type) - 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  if (type.specials == SpecialValues::kFnuz && sign != 0 && magnitude == 0) return nan;
  const uint32_t largest = LargestFiniteMagnitude(type);
  float value = 0;
  if (magnitude <= largest) {
    value = static_cast<float>(MagnitudeValue(type, magnitude));
  } else if (type.specials == SpecialValues::kFn && magnitude == SignBit(type) - 1) {
    return nan;
  } else if (type.specials == SpecialValues::kIeee && magnitude != largest + 1) {
    return nan;
  } else {
    value = std::numeric_limits<float>::infinity();
  }
  // A flushed code of fnuz is +0, the only zero there is.
  const bool negative = sign != 0 && !(value == 0 && type.specials == SpecialValues::kFnuz);
  return negative ? -value : value;
}

// The code as a number: overflow(round(value) + zero_point).
int64_t EncodeInteger(const Integer& type, float value, Rounding rounding, Overflow overflow,
                      uint64_t random, int64_t zero_point) {
  const double smallest = SmallestFinite(type);
  const double largest = LargestFinite(type);
  if (std::isnan(value)) return zero_point;
  if (std::isinf(value)) return static_cast<int64_t>(value < 0 ? smallest : largest);
  const double magnitude =
      RoundMagnitude(std::fabs(static_cast<double>(value)), value < 0, rounding, random);
  double code = value < 0 ? -magnitude : magnitude;
  if (overflow == Overflow::kWrap) {
    // Exact: a remainder by a power of two, and small integers.
    const double modulus = std::ldexp(1.0, type.bits);
    code = std::fmod(code, modulus) + static_cast<double>(zero_point);
    code -= modulus * std::floor((code - smallest) / modulus);
  }
  // Under wrap only the code that a symmetric range leaves out is still beyond it.
  return static_cast<int64_t>(
      std::clamp(overflow == Overflow::kWrap ? code : code + static_cast<double>(zero_point),
                 smallest, largest));
}

// A group's arithmetic for one element. A scale of 1 leaves even a signalling NaN alone.
struct RoundOne {
  Rounding rounding;
  Overflow overflow;
  const Scaling& scaling;

  float Unscaled(float value) const {
    if (scaling.scale == 1) return value;
    return scaling.reciprocal ? value * (1 / scaling.scale) : value / scaling.scale;
  }
  float Scaled(float value) const { return scaling.scale == 1 ? value : value * scaling.scale; }

  float operator()(const Minifloat& type, float value, uint64_t random) const {
    return Scaled(DecodeFloat(type, EncodeFloat(type, Unscaled(value), rounding, random)));
  }
  float operator()(const Integer& type, float value, uint64_t random) const {
    const int64_t code =
        EncodeInteger(type, Unscaled(value), rounding, overflow, random, scaling.zero_point);
    return Scaled(static_cast<float>(code - scaling.zero_point));
  }
  float operator()(const Log&, float, uint64_t) const {
    BITSCAPE_CHECK(false, "no notation gives a log format yet");
  }
  float operator()(const LevelSet&, float, uint64_t) const {
    BITSCAPE_CHECK(false, "no notation gives a level set yet");
  }
};

}  // namespace

bool Scaling::operator==(const Scaling& other) const {
  const bool same_levels =
      levels == other.levels ||
      (levels != nullptr && other.levels != nullptr && *levels == *other.levels);
  return scale == other.scale && zero_point == other.zero_point && reciprocal == other.reciprocal &&
         same_levels;
}

uint32_t Encode(const ElementType& element, float value, Rounding rounding, Overflow overflow,
                uint64_t random) {
  struct Visitor {
    float value;
    Rounding rounding;
    Overflow overflow;
    uint64_t random;
    uint32_t operator()(const Minifloat& type) const {
      return EncodeFloat(type, value, rounding, random);
    }
    uint32_t operator()(const Integer& type) const {
      const int64_t code = EncodeInteger(type, value, rounding, overflow, random, 0);
      const uint64_t mask = (uint64_t{1} << type.bits) - 1;
      return static_cast<uint32_t>(static_cast<uint64_t>(code) & mask);
    }
    uint32_t operator()(const Log&) const {
      BITSCAPE_CHECK(false, "no notation gives a log format yet");
    }
    uint32_t operator()(const LevelSet&) const {
      BITSCAPE_CHECK(false, "no notation gives a level set yet");
    }
  };
  return std::visit(Visitor{value, rounding, overflow, random}, element);
}

float Decode(const ElementType& element, uint32_t code) {
  struct Visitor {
    uint32_t code;
    float operator()(const Minifloat& type) const { return DecodeFloat(type, code); }
    float operator()(const Integer& type) const {
      const int64_t modulus = int64_t{1} << type.bits;
      int64_t value = static_cast<int64_t>(code) & (modulus - 1);
      if (type.is_signed && value >= modulus / 2) value -= modulus;
      return static_cast<float>(value);
    }
    float operator()(const Log&) const {
      BITSCAPE_CHECK(false, "no notation gives a log format yet");
    }
    float operator()(const LevelSet&) const {
      BITSCAPE_CHECK(false, "no notation gives a level set yet");
    }
  };
  return std::visit(Visitor{code}, element);
}

void RoundReference(const ElementType& element, Rounding rounding, Overflow overflow,
                    const Scaling& scaling, std::span<const float> values, std::span<float> rounded,
                    RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  const RoundOne round_one{rounding, overflow, scaling};
  const bool draws = rounding == Rounding::kStochastic;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t random = draws ? RandomBits(key.seed, key.stream, key.first + i) : 0;
    rounded[i] =
        std::visit([&](const auto& type) { return round_one(type, values[i], random); }, element);
  }
}

}  // namespace bitscape::formats
