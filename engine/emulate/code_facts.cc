#include "engine/emulate/code_facts.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <variant>
#include <vector>

#include "engine/quantize/sum_width.h"

namespace bitscape::emulate {
namespace {

using formats::ElementType;

constexpr int kBfloat16Significand = 8;  // bits, the hidden one counted

bool IsBfloat16(float value) { return (std::bit_cast<uint32_t>(value) & 0xFFFFU) == 0; }

bool IsPowerOfTwo(double value) {
  int exponent = 0;
  return std::frexp(value, &exponent) == 0.5;
}

// The largest power of two that divides a finite value; infinity for 0, which everything divides.
double LowestBit(float value) {
  if (value == 0) {
    return std::numeric_limits<double>::infinity();
  }
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(static_cast<double>(value)), &exponent);
  constexpr int kSignificand = 24;
  const auto significand = static_cast<uint32_t>(std::ldexp(fraction, kSignificand));
  return std::ldexp(1.0, exponent - kSignificand + std::countr_zero(significand));
}

double GridOf(double unit, std::span<const float> scales) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const float scale : scales) {
    if (!IsPowerOfTwo(static_cast<double>(scale))) {
      return 0;
    }
    smallest = std::min(smallest, static_cast<double>(scale));
  }
  return unit * smallest;
}

// Whether bf16 holds every value of a kind at scale 1.
struct FitsBfloat16 {
  bool operator()(const formats::Minifloat& type) const {
    return type.mantissa_bits < kBfloat16Significand;
  }
  bool operator()(const formats::Integer& type) const {
    return std::max(formats::LargestFinite(type), -formats::SmallestFinite(type)) <=
           1 << kBfloat16Significand;
  }
  bool operator()(const formats::Log& type) const {
    return type.base != formats::LogBase::kSqrtTwo;
  }
  bool operator()(const formats::LevelSet&) const { return false; }
};

CodeFacts FactsOfElement(const formats::Quantizer& quantizer, int32_t zero_point) {
  const ElementType& element = quantizer.format.element;
  CodeFacts facts;
  facts.integers = formats::IsIntegerLike(quantizer.format);
  facts.min = formats::SmallestFinite(element) - zero_point;
  facts.max = formats::LargestFinite(element) - zero_point;
  facts.smallest = formats::SmallestPositive(element);
  facts.unit = quantize::UnitInLastPlace(element).value_or(0);
  facts.fits_bfloat16 = std::visit(FitsBfloat16{}, element) &&
                        (!facts.integers || facts.largest() <= 1 << kBfloat16Significand);
  return facts;
}

// Of integer codes whose zero point is not known.
CodeFacts FactsOfImageCodes(const formats::Quantizer& quantizer) {
  if (std::holds_alternative<formats::LevelSet>(quantizer.format.element)) {
    return FactsOfCodes(std::vector<float>{-1, 0, 1}, true, {});
  }
  CodeFacts facts = FactsOfElement(quantizer, 0);
  if (quantizer.format.zero_point) {
    const double steps = facts.max - facts.min;
    facts.min = -steps;
    facts.max = steps;
    facts.fits_bfloat16 = steps <= 1 << kBfloat16Significand;
  }
  return facts;
}

}  // namespace

CodeFacts FactsOfCodes(std::span<const float> codes, bool integers, std::span<const float> scales) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CodeFacts facts;
  facts.integers = integers;
  facts.fits_bfloat16 = true;
  facts.smallest = kInfinity;
  facts.unit = integers ? 1 : kInfinity;
  for (const float code : codes) {
    const double magnitude = std::fabs(static_cast<double>(code));
    facts.min = std::min(facts.min, static_cast<double>(code));
    facts.max = std::max(facts.max, static_cast<double>(code));
    facts.smallest = code == 0 ? facts.smallest : std::min(facts.smallest, magnitude);
    facts.unit = std::min(facts.unit, LowestBit(code));
    facts.fits_bfloat16 = facts.fits_bfloat16 && IsBfloat16(code);
  }
  // All zeros: any step will do.
  facts.smallest = std::isinf(facts.smallest) ? 1 : facts.smallest;
  facts.unit = std::isinf(facts.unit) ? 1 : facts.unit;
  facts.grid = scales.empty() ? 0 : GridOf(facts.unit, scales);
  return facts;
}

CodeFacts FactsOfActivations(const formats::Quantizer& quantizer,
                             const quantize::ActivationScaling& calibrated, bool shares_scale) {
  if (quantize::IsDynamic(quantizer)) {
    return shares_scale && formats::IsIntegerLike(quantizer.format) ? FactsOfImageCodes(quantizer)
                                                                    : CodeFacts();
  }
  const formats::Scaling& scaling = calibrated.scaling;
  if (scaling.levels != nullptr) {
    return FactsOfCodes(scaling.levels->levels, formats::IsIntegerLike(quantizer.format),
                        {&scaling.scale, 1});
  }
  CodeFacts facts = FactsOfElement(quantizer, scaling.zero_point);
  facts.grid = GridOf(facts.unit, {&scaling.scale, 1});
  return facts;
}

}  // namespace bitscape::emulate
