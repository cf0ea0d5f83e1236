#include "engine/formats/codec.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/random.h"
#include "engine/core/status.h"
#include "engine/formats/element_rounding.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/scale.h"

namespace bitscape::formats {
namespace {

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
  float operator()(const Log& type, float value, uint64_t random) const {
    return Scaled(DecodeLog(type, EncodeLog(type, Unscaled(value), rounding, random)));
  }
  float operator()(const LevelSet&, float value, uint64_t random) const {
    BITSCAPE_CHECK(scaling.levels != nullptr, "a level set rounds by its fitted levels");
    const LevelTable& table = *scaling.levels;
    return Scaled(table.levels[EncodeLevel(table, scaling.scale, value, rounding, random)]);
  }
};

// The magnitude that the scale of a block is found from: NaN where a value is not finite and the
// scale can say so, else the largest finite one.
float LargestMagnitude(std::span<const float> values, bool scale_has_nan) {
  float largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) {
      largest = std::max(largest, std::fabs(value));
    } else if (scale_has_nan) {
      return std::numeric_limits<float>::quiet_NaN();
    }
  }
  return largest;
}

}  // namespace

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
      up = UnitDraw(random) < fraction;
      break;
    case Rounding::kFloor:
      up = negative && fraction > 0;
      break;
    case Rounding::kTowardZero:
      break;
  }
  return up ? whole + 1 : whole;
}

bool RoundsUpInGap(double lower, double upper, double magnitude, bool upper_is_even, bool negative,
                   Rounding rounding, uint64_t random) {
  const double middle = (lower + upper) / 2;
  switch (rounding) {
    case Rounding::kNearestEven:
      return magnitude > middle || (magnitude == middle && upper_is_even);
    case Rounding::kNearestAway:
      return magnitude >= middle;
    case Rounding::kStochastic:
      return UnitDraw(random) * (upper - lower) < magnitude - lower;
    case Rounding::kFloor:
      return negative;
    case Rounding::kTowardZero:
      return false;
  }
  BITSCAPE_CHECK(false, "every Rounding has a case");
}

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

float DecodeInteger(const Integer& type, uint32_t code) {
  const int64_t modulus = int64_t{1} << type.bits;
  int64_t value = static_cast<int64_t>(code) & (modulus - 1);
  if (type.is_signed && value >= modulus / 2) value -= modulus;
  return static_cast<float>(value);
}

bool Saturates(const ElementType& element, double magnitude) {
  struct Visitor {
    double magnitude;
    bool operator()(const Minifloat& type) const {
      return magnitude > 0 && FloatSteps(type, magnitude, false, Rounding::kNearestEven, 0) >
                                  LargestFiniteMagnitude(type);
    }
    bool operator()(const Integer& type) const {
      return RoundMagnitude(magnitude, false, Rounding::kNearestEven, 0) > LargestFinite(type);
    }
    bool operator()(const Log& type) const {
      return magnitude > 0 && NearestLogCode(type, magnitude) > LargestLogCode(type);
    }
    bool operator()(const LevelSet&) const { return false; }
  };
  return std::visit(Visitor{magnitude}, element);
}

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
    uint32_t operator()(const Log& type) const { return EncodeLog(type, value, rounding, random); }
    uint32_t operator()(const LevelSet&) const {
      BITSCAPE_CHECK(false, "a level set has codes through EncodeLevel only");
    }
  };
  return std::visit(Visitor{value, rounding, overflow, random}, element);
}

float Decode(const ElementType& element, uint32_t code) {
  struct Visitor {
    uint32_t code;
    float operator()(const Minifloat& type) const { return DecodeFloat(type, code); }
    float operator()(const Integer& type) const { return DecodeInteger(type, code); }
    float operator()(const Log& type) const { return DecodeLog(type, code); }
    float operator()(const LevelSet&) const {
      BITSCAPE_CHECK(false, "the values of a level set stand in its table");
    }
  };
  return std::visit(Visitor{code}, element);
}

void RoundReference(const ElementType& element, Rounding rounding, Overflow overflow,
                    const Scaling& scaling, std::span<const float> values, std::span<float> rounded,
                    RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  if (std::isnan(scaling.scale)) {
    std::fill(rounded.begin(), rounded.end(), std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const RoundOne round_one{rounding, overflow, scaling};
  const bool draws = rounding == Rounding::kStochastic;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t random = draws ? RandomBits(key.seed, key.stream, key.first + i) : 0;
    rounded[i] =
        std::visit([&](const auto& type) { return round_one(type, values[i], random); }, element);
  }
}

void RoundBlocksReference(const NumberFormat& format, const BlockRounding& options,
                          std::span<const float> values, std::span<float> rounded,
                          std::span<float> scales, RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  BITSCAPE_CHECK(options.block > 0, "blocks hold values");
  const size_t block = static_cast<size_t>(options.block);
  BITSCAPE_CHECK(scales.empty() || scales.size() == (values.size() + block - 1) / block,
                 "one scale for each block");
  const bool has_nan = ScaleHasNan(format);
  for (size_t begin = 0; begin < values.size(); begin += block) {
    const size_t size = std::min(block, values.size() - begin);
    const std::span<const float> own = values.subspan(begin, size);
    const Scaling scaling{
        .scale = ScaleForMagnitude(format, LargestMagnitude(own, has_nan), options.tensor_scale),
        .reciprocal = options.reciprocal};
    if (!scales.empty()) scales[begin / block] = scaling.scale;
    RandomKey own_key = key;
    own_key.first += begin;
    RoundReference(format.element, options.rounding, options.overflow, scaling, own,
                   rounded.subspan(begin, size), own_key);
  }
}

}  // namespace bitscape::formats
