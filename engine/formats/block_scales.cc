#include "engine/formats/block_scales.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>

#include "engine/core/status.h"
#include "engine/formats/element_rounding.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/scale.h"

namespace bitscape::formats {
namespace {

constexpr uint64_t kMantissaBits = (uint64_t{1} << 52) - 1;

uint64_t MantissaOf(double value) { return std::bit_cast<uint64_t>(value) & kMantissaBits; }

// kCover: the smallest magnitude that saturates lies in the middle between the largest value and
// what would follow it; in the log domain for logs. True where the middle itself saturates.
double MiddleBeyondLargest(const ElementType& element) {
  struct Visitor {
    double operator()(const Minifloat& type) const {
      const uint32_t largest = LargestFiniteMagnitude(type);
      return (MagnitudeValue(type, largest) + MagnitudeValue(type, largest + 1)) / 2;
    }
    double operator()(const Integer& type) const { return LargestFinite(type) + 0.5; }
    double operator()(const Log& type) const {
      switch (type.base) {
        case LogBase::kTwo:
          return LargestFinite(type) * std::sqrt(2.0);
        case LogBase::kSqrtTwo:
          return LargestFinite(type) * std::sqrt(std::sqrt(2.0));
        case LogBase::kFour:
          return LargestFinite(type) * 2;
      }
      BITSCAPE_CHECK(false, "every LogBase has a case");
    }
    double operator()(const LevelSet&) const {
      BITSCAPE_CHECK(false, "blocks have no levels to fit");
    }
  };
  return std::visit(Visitor{}, element);
}

PowerSteps PowerStepsOf(const ScaleLevel& level, const ElementType& element) {
  constexpr uint64_t kNever = kMantissaBits + 1;
  PowerSteps steps{.quotient = 1,
                   .moved = -std::ilogb(LargestFinite(element)),
                   .one_more = kNever,
                   .lowest = std::max(level.min_exponent, -149),
                   .highest = level.max_exponent,
                   .of_zero = 1};
  const double largest = std::max(LargestFinite(element), -SmallestFinite(element));
  while (std::ldexp(largest, static_cast<int>(steps.highest)) > FLT_MAX) --steps.highest;
  if (level.rule != ScaleRule::kCover) {
    steps.of_zero = std::ldexp(1.0F, static_cast<int>(steps.lowest));
  }
  switch (level.rule) {
    case ScaleRule::kCover: {
      const double middle = MiddleBeyondLargest(element);
      steps.moved = -std::ilogb(middle);
      steps.one_more = MantissaOf(middle) + (Saturates(element, middle) ? 0 : 1);
      break;
    }
    case ScaleRule::kFloor:
      break;
    case ScaleRule::kCeil:
      steps.one_more = 1;
      break;
    case ScaleRule::kEven:
      steps.one_more = kNever - (uint64_t{1} << (51 - MantissaBits(element)));
      break;
    case ScaleRule::kRceil:
      steps.quotient = 1 / static_cast<float>(LargestFinite(element));
      steps.moved = 0;
      steps.one_more = 1;
      break;
  }
  return steps;
}

// A magnitude that is not finite: its block is NaN.
BITSCAPE_INLINE float OrNan(float scale, uint32_t magnitude) {
  return std::bit_cast<float>(magnitude < kInfinityBits ? std::bit_cast<uint32_t>(scale)
                                                        : kQuietNanBits);
}

BITSCAPE_VECTOR_CLONES
void PowerScales(const PowerSteps& given, const uint32_t* magnitudes, float* scales, size_t count) {
  const PowerSteps steps = given;  // a copy: the stores can't alias it
  for (size_t b = 0; b < count; ++b) {
    // Widened, since double has no subnormals there.
    const float quotient = std::bit_cast<float>(magnitudes[b]) * steps.quotient;
    const uint64_t bits = std::bit_cast<uint64_t>(double{quotient});
    int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023 + steps.moved;
    exponent += (bits & kMantissaBits) >= steps.one_more ? 1 : 0;
    exponent = exponent < steps.lowest ? steps.lowest : exponent;
    exponent = exponent > steps.highest ? steps.highest : exponent;
    const float scale =
        static_cast<float>(std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52));
    scales[b] = OrNan(magnitudes[b] == 0 ? steps.of_zero : scale, magnitudes[b]);
  }
}

BITSCAPE_VECTOR_CLONES
void Float32Scales(Float32Steps steps, const uint32_t* magnitudes, float* scales, size_t count) {
  for (size_t b = 0; b < count; ++b) {
    float scale = std::bit_cast<float>(magnitudes[b]) / steps.largest;
    scale = scale < steps.smallest_scale ? steps.smallest_scale : scale;
    scale = scale > steps.largest_scale ? steps.largest_scale : scale;
    scales[b] = OrNan(magnitudes[b] == 0 ? 1 : scale, magnitudes[b]);
  }
}

BITSCAPE_VECTOR_CLONES
void E4m3Scales(const E4m3Steps& given, const uint32_t* magnitudes, float* scales, size_t count) {
  const E4m3Steps steps = given;
  for (size_t b = 0; b < count; ++b) {
    const float scale = std::bit_cast<float>(magnitudes[b]) / steps.largest / steps.tensor_scale;
    float stored = RoundFloat<BelowNormals::kGrid>(steps.e4m3, scale);
    stored = stored < steps.smallest_scale ? steps.smallest_scale : stored;
    scales[b] = OrNan(stored * steps.tensor_scale, magnitudes[b]);
  }
}

}  // namespace

ScaleLoopSteps ScaleLoopStepsOf(const NumberFormat& format, float tensor_scale) {
  if (!format.scale.has_value()) return 1.0F;
  const ElementType& element = format.element;
  const float largest = static_cast<float>(LargestFinite(element));
  switch (format.scale->encoding) {
    case ScaleEncoding::kFloat32: {
      const double of_codes = std::max(LargestFinite(element), -SmallestFinite(element));
      return Float32Steps{largest, FLT_MIN, StoredFloat32Scale(DBL_MAX, of_codes)};
    }
    case ScaleEncoding::kPowerOfTwo:
      return PowerStepsOf(*format.scale, element);
    case ScaleEncoding::kFixed:
      return std::ldexp(1.0F, format.scale->min_exponent);
    case ScaleEncoding::kE4m3: {
      return E4m3Steps{largest, tensor_scale, static_cast<float>(SmallestPositive(kE4m3Scale)),
                       StepsOf(kE4m3Scale)};
    }
  }
  BITSCAPE_CHECK(false, "every ScaleEncoding has a case");
}

void FindScales(const ScaleLoopSteps& steps, const uint32_t* magnitudes, float* scales,
                size_t count) {
  struct Visitor {
    const uint32_t* magnitudes;
    float* scales;
    size_t count;
    void operator()(float scale) const {
      for (size_t b = 0; b < count; ++b) scales[b] = OrNan(scale, magnitudes[b]);
    }
    void operator()(const PowerSteps& own) const { PowerScales(own, magnitudes, scales, count); }
    void operator()(const Float32Steps& own) const {
      Float32Scales(own, magnitudes, scales, count);
    }
    void operator()(const E4m3Steps& own) const { E4m3Scales(own, magnitudes, scales, count); }
  };
  std::visit(Visitor{magnitudes, scales, count}, steps);
}

}  // namespace bitscape::formats
