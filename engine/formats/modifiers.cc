#include "engine/formats/modifiers.h"

#include <array>

namespace bitscape::formats {
namespace {

constexpr std::string_view kSlotNames[] = {"the bias",
                                           "the special values",
                                           "the subnormals",
                                           "scaled",
                                           "full",
                                           "asym",
                                           "pow2",
                                           "the shared exponent",
                                           "the rule of scales",
                                           "the base",
                                           "unsigned",
                                           "the full scale",
                                           "the fit of levels",
                                           "the entries",
                                           "the granularity",
                                           "the range",
                                           "reciprocal",
                                           "the rounding",
                                           "the overflow",
                                           "static or dynamic"};
static_assert(std::size(kSlotNames) == static_cast<size_t>(Slot::kSlots));

using enum FamilyKind;
constexpr unsigned kAll = ~0U;
constexpr unsigned kFloats = FamilyBit(kFloat);
constexpr unsigned kInts = FamilyBit(kInt);
constexpr unsigned kIntegers = kInts | FamilyBit(kUint);
constexpr unsigned kBfps = FamilyBit(kBfp);
constexpr unsigned kMx = FamilyBit(kMxFloat) | FamilyBit(kMxInt);
constexpr unsigned kNvfp4s = FamilyBit(kNvfp4);
constexpr unsigned kCfloats = FamilyBit(kCfloat);
constexpr unsigned kLogs = FamilyBit(kLog);
constexpr unsigned kCodebooks = FamilyBit(kCodebook);
constexpr unsigned kBinaries = FamilyBit(kBinary);
constexpr unsigned kTernaries = FamilyBit(kTernary);
constexpr unsigned kLevelSets = kCodebooks | kBinaries | kTernaries | FamilyBit(kDorefa);
constexpr unsigned kRuled = kBfps | kMx | FamilyBit(kAdaptivFloat);
constexpr unsigned kRanged = kAll & ~kLevelSets;
constexpr unsigned kFreelyGrouped = kAll & ~(kMx | kNvfp4s);
constexpr unsigned kDynamic = kAll & ~(kMx | kCodebooks | FamilyBit(kDorefa));

constexpr unsigned kWrapping = kIntegers | FamilyBit(kFixed) | FamilyBit(kDfx);

template <auto kMember, auto kValue>
void Set(FormatDraft&, Quantizer& quantizer) {
  quantizer.*kMember = kValue;
}
template <auto kMember, auto kValue>
void SetFormat(FormatDraft& draft, Quantizer&) {
  draft.*kMember = kValue;
}
void SetByValue(FormatDraft&, Quantizer&) {}  // the parser reads these
// A value of the range that an alias brought is gone.
template <RangeMethod kMethod>
void SetRange(FormatDraft&, Quantizer& quantizer) {
  quantizer.range = kMethod;
  quantizer.range_value = 0;
}

using D = FormatDraft;
using Q = Quantizer;
constexpr Modifier kModifiers[] = {
    {"bias=N", Slot::kBias, kFloats | kCfloats, true, SetByValue},
    {"ieee", Slot::kSpecials, kFloats, true, SetFormat<&D::specials, SpecialValues::kIeee>},
    {"fn", Slot::kSpecials, kFloats, true, SetFormat<&D::specials, SpecialValues::kFn>},
    {"fnuz", Slot::kSpecials, kFloats, true, SetFormat<&D::specials, SpecialValues::kFnuz>},
    {"finite", Slot::kSpecials, kFloats, true, SetFormat<&D::specials, SpecialValues::kFinite>},
    {"ftz", Slot::kUnderflow, kFloats, true, SetFormat<&D::underflow, Underflow::kFlush>},
    {"literal", Slot::kUnderflow, kFloats | kCfloats, true,
     SetFormat<&D::underflow, Underflow::kHalved>},
    {"scaled", Slot::kScaled, kFloats, false, SetFormat<&D::scaled, true>},
    {"full", Slot::kFull, kInts | FamilyBit(kMxInt), false, SetFormat<&D::full, true>},
    {"asym", Slot::kAsym, kIntegers, false, SetFormat<&D::asym, true>},
    {"pow2", Slot::kPow2, kIntegers, false, SetFormat<&D::pow2, true>},
    {"expE", Slot::kSharedExponent, kBfps, false, SetByValue},
    {"ceil", Slot::kScaleRule, kRuled, false, SetFormat<&D::scale_rule, ScaleRule::kCeil>},
    {"even", Slot::kScaleRule, kRuled, false, SetFormat<&D::scale_rule, ScaleRule::kEven>},
    {"rceil", Slot::kScaleRule, kRuled, false, SetFormat<&D::scale_rule, ScaleRule::kRceil>},
    {"sqrt2", Slot::kBase, kLogs, false, SetFormat<&D::base, LogBase::kSqrtTwo>},
    {"radix4", Slot::kBase, kLogs, false, SetFormat<&D::base, LogBase::kFour>},
    {"unsigned", Slot::kUnsigned, kLogs, false, SetFormat<&D::is_unsigned, true>},
    {"fsr", Slot::kFullScale, kLogs, false, SetFormat<&D::below_full_scale, true>},
    {"fsr=K", Slot::kFullScale, kLogs, false, SetFormat<&D::below_full_scale, true>},
    {"kmeans", Slot::kFit, kCodebooks, false, SetFormat<&D::fit, LevelFit::kKmeans>},
    {"lloydmax", Slot::kFit, kCodebooks, false, SetFormat<&D::fit, LevelFit::kLloydMax>},
    {"l1", Slot::kFit, kBinaries, false, SetFormat<&D::fit, LevelFit::kMeanAbs>},
    {"twn", Slot::kFit, kTernaries, false, SetFormat<&D::fit, LevelFit::kTwn>},
    {"unit", Slot::kFit, kBinaries | kTernaries, false, SetFormat<&D::fit, LevelFit::kUnit>},
    {"absmean", Slot::kFit, kTernaries, false, SetFormat<&D::fit, LevelFit::kAbsMean>},
    {"ttq", Slot::kFit, kTernaries, false, SetFormat<&D::fit, LevelFit::kTtq>},
    {"entries=FORMAT", Slot::kEntries, kCodebooks, false, SetByValue},
    {"tensor", Slot::kGranularity, kFreelyGrouped, false,
     Set<&Q::granularity, Granularity::kTensor>},
    {"channel", Slot::kGranularity, kFreelyGrouped, false,
     Set<&Q::granularity, Granularity::kChannel>},
    {"token", Slot::kGranularity, kFreelyGrouped, false, Set<&Q::granularity, Granularity::kToken>},
    {"position", Slot::kGranularity, kFreelyGrouped, false,
     Set<&Q::granularity, Granularity::kPosition>},
    {"blockN", Slot::kGranularity, kAll, false, Set<&Q::granularity, Granularity::kBlock>},
    {"minmax", Slot::kRange, kRanged, false, SetRange<RangeMethod::kMinMax>},
    {"pN", Slot::kRange, kRanged, false, SetRange<RangeMethod::kPercentile>},
    {"mse", Slot::kRange, kRanged, false, SetRange<RangeMethod::kMse>},
    {"kl", Slot::kRange, kRanged, false, SetRange<RangeMethod::kKl>},
    {"aciq", Slot::kRange, kRanged, false, SetRange<RangeMethod::kAciq>},
    {"clip=V", Slot::kRange, kRanged, false, SetRange<RangeMethod::kClip>},
    {"pact", Slot::kRange, kIntegers, false, SetRange<RangeMethod::kPact>},
    {"pact=A", Slot::kRange, kIntegers, false, SetRange<RangeMethod::kPact>},
    {"reciprocal", Slot::kReciprocal, kFloats | kIntegers | kNvfp4s, false,
     Set<&Q::reciprocal, true>},
    {"nearest", Slot::kRounding, kAll, true, Set<&Q::rounding, Rounding::kNearestEven>},
    {"away", Slot::kRounding, kAll, true, Set<&Q::rounding, Rounding::kNearestAway>},
    {"stochastic", Slot::kRounding, kAll, true, Set<&Q::rounding, Rounding::kStochastic>},
    {"floor", Slot::kRounding, kAll, true, Set<&Q::rounding, Rounding::kFloor>},
    {"zero", Slot::kRounding, kAll, true, Set<&Q::rounding, Rounding::kTowardZero>},
    {"saturate", Slot::kOverflow, kAll, true, Set<&Q::overflow, Overflow::kSaturate>},
    {"wrap", Slot::kOverflow, kWrapping, true, Set<&Q::overflow, Overflow::kWrap>},
    {"static", Slot::kRanging, kDynamic, false, Set<&Q::dynamic_range, false>},
    {"dynamic", Slot::kRanging, kDynamic, false, Set<&Q::dynamic_range, true>},
};

bool StartsWithDigit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

}  // namespace

std::span<const Modifier> Modifiers() { return kModifiers; }

std::pair<const Modifier*, std::string_view> FindModifier(std::string_view token) {
  for (const Modifier& modifier : kModifiers) {
    if (!modifier.TakesValue()) {
      if (token == modifier.name) return {&modifier, {}};
      continue;
    }
    const size_t equals = modifier.name.find('=');
    const std::string_view stem = modifier.name.substr(
        0, equals == std::string_view::npos ? modifier.name.size() - 1 : equals + 1);
    if (!token.starts_with(stem)) continue;
    const std::string_view value = token.substr(stem.size());
    // Without '=' only a digit tells blockN and pN from other words.
    if (equals != std::string_view::npos || StartsWithDigit(value)) return {&modifier, value};
  }
  return {nullptr, {}};
}

std::string_view SlotName(Slot slot) { return kSlotNames[static_cast<size_t>(slot)]; }

std::string_view WhyRefused(const Modifier& modifier, FamilyKind kind) {
  const unsigned family = FamilyBit(kind);
  switch (modifier.slot) {
    case Slot::kRange:
      if ((family & kLevelSets) != 0) return " (its levels come from their own fit)";
      if (modifier.name.starts_with("pact")) return " (PACT is a clip of integers)";
      return "";
    case Slot::kGranularity:
      return " (its scales belong to blocks)";
    case Slot::kReciprocal:
      return (family & kLevelSets) != 0 ? " (nothing is divided by a scale)"
                                        : " (a power of two has an exact inverse)";
    case Slot::kOverflow:
      return " ('wrap' is for integers; this saturates)";
    case Slot::kRanging:
      return (family & kMx) != 0 ? " (a block's scale is always its own)"
                                 : " (its levels are fitted once)";
    default:
      return "";
  }
}

}  // namespace bitscape::formats
