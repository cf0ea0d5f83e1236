#include "engine/formats/build_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/core/status.h"
#include "engine/formats/minifloat.h"

namespace bitscape::formats {
namespace {

constexpr int kNvfp4Block = 16, kMxBlock = 32, kBfpBlock = 16;
constexpr int kLargestCfloatBias = 63;  // 6 bits

std::string_view SpecialsName(SpecialValues specials) {
  switch (specials) {
    case SpecialValues::kFinite:
      return "finite";
    case SpecialValues::kIeee:
      return "ieee";
    case SpecialValues::kFn:
      return "fn";
    case SpecialValues::kFnuz:
      return "fnuz";
  }
  BITSCAPE_CHECK(false, "every SpecialValues has a case");
}

std::string_view UnderflowSuffix(Underflow underflow) {
  switch (underflow) {
    case Underflow::kGradual:
    case Underflow::kAdaptiv:  // the family says it
      return "";
    case Underflow::kFlush:
      return ":ftz";
    case Underflow::kHalved:
      return ":literal";
  }
  BITSCAPE_CHECK(false, "every Underflow has a case");
}

std::string_view RuleSuffix(ScaleRule rule) {
  switch (rule) {
    case ScaleRule::kCover:
    case ScaleRule::kFloor:
      return "";
    case ScaleRule::kCeil:
      return ":ceil";
    case ScaleRule::kEven:
      return ":even";
    case ScaleRule::kRceil:
      return ":rceil";
  }
  BITSCAPE_CHECK(false, "every ScaleRule has a case");
}

Minifloat FloatOf(const FormatDraft& draft) {
  return {.exponent_bits = draft.exponent_bits,
          .mantissa_bits = draft.mantissa_bits,
          .bias = draft.bias.value_or(DefaultBias(draft.exponent_bits, draft.specials)),
          .specials = draft.specials,
          .underflow = draft.underflow};
}

absl::Status CheckFloat(const FormatDraft& draft, const Minifloat& type, Slot& blame) {
  const std::string name = fmt::format("e{}m{}", type.exponent_bits, type.mantissa_bits);
  if (type.specials == SpecialValues::kIeee && type.mantissa_bits == 0) {
    blame = Slot::kSpecials;
    return absl::InvalidArgumentError(
        fmt::format("'{}:ieee': a NaN needs a mantissa bit; fn, fnuz and finite need none", name));
  }
  if (type.underflow == Underflow::kHalved && type.mantissa_bits == 0) {
    blame = Slot::kUnderflow;
    return absl::InvalidArgumentError(fmt::format(
        "'literal' is about subnormals, and '{}' has none without mantissa bits", name));
  }
  const bool flush = type.underflow == Underflow::kFlush;
  // The largest magnitude, float32's limits aside: with bias 128 no exponent reaches them.
  Minifloat unlimited = type;
  unlimited.bias = 128;
  const uint32_t largest = LargestFiniteMagnitude(unlimited);
  const uint32_t smallest_normal = uint32_t{1} << type.mantissa_bits;
  if (largest == 0 || (flush && largest < smallest_normal)) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}:{}{}' has no nonzero value", name, SpecialsName(type.specials), flush ? ":ftz" : ""));
  }
  const int top_exponent = std::max(1, static_cast<int>(largest >> type.mantissa_bits));
  // With the default bias, codes beyond float32 are left unused instead.
  const int lowest = std::min(top_exponent - 127, DefaultBias(type.exponent_bits, type.specials));
  const int highest = 150 - type.mantissa_bits - (type.underflow == Underflow::kHalved ? 1 : 0);
  if (lowest > highest) {
    return absl::InvalidArgumentError(
        fmt::format("'{}:{}{}' holds values below float32's smallest, 2^-149", name,
                    SpecialsName(type.specials), UnderflowSuffix(type.underflow)));
  }
  if (type.bias < lowest || type.bias > highest) {
    blame = Slot::kBias;
    return absl::InvalidArgumentError(
        fmt::format("bias {} takes '{}{}' beyond float32 (2^-149 to 2^128); allowed: {} to {}",
                    type.bias, name, UnderflowSuffix(type.underflow), lowest, highest));
  }
  if (draft.scaled && LargestFinite(type) >= 0x1p127) {
    blame = Slot::kScaled;
    return absl::InvalidArgumentError(
        fmt::format("'{}' needs no 'scaled': its largest value is float32's", name));
  }
  return absl::OkStatus();
}

// "e4m3:bias=9:fn", or the name that the catalogue has for it.
std::string FloatName(const Minifloat& type) {
  std::string name = fmt::format("e{}m{}", type.exponent_bits, type.mantissa_bits);
  if (type.bias != DefaultBias(type.exponent_bits, type.specials)) {
    name += fmt::format(":bias={}", type.bias);
  }
  if (type.specials != SpecialValues::kFinite) {
    name += fmt::format(":{}", SpecialsName(type.specials));
  }
  for (const CatalogRow& row : Catalog()) {
    if (!row.preset && row.notation == name) return std::string(row.name);
  }
  return name;
}

std::string_view SourceOf(std::string_view name, FamilyKind kind) {
  for (const CatalogRow& row : Catalog()) {
    if (!row.preset && row.name == name) return row.source;
  }
  return FamilySource(kind);
}

absl::StatusOr<NumberFormat> BuildFloat(const FormatDraft& draft, Slot& blame) {
  const Minifloat type = FloatOf(draft);
  BITSCAPE_RETURN_IF_ERROR(CheckFloat(draft, type, blame));
  NumberFormat format;
  format.element = type;
  format.name = FloatName(type);
  // ftz and scaled use a named float in another way; its source stays.
  format.source = SourceOf(format.name, FamilyKind::kFloat);
  format.name += UnderflowSuffix(type.underflow);
  if (draft.scaled) {
    format.name += ":scaled";
    format.scale = ScaleLevel{};
  }
  return format;
}

NumberFormat BuildInteger(const FormatDraft& draft) {
  const bool is_unsigned = draft.kind == FamilyKind::kUint;
  // A zero point leaves no symmetry to keep, so `asym` takes every code.
  const bool full = draft.kind != FamilyKind::kInt || draft.full || draft.asym || draft.accumulator;
  const bool power_of_two = draft.pow2 || draft.kind == FamilyKind::kDfx;
  NumberFormat format;
  format.element =
      Integer{.bits = draft.bits, .is_signed = !is_unsigned, .full_range = !is_unsigned && full};
  format.zero_point = draft.asym;
  if (draft.kind == FamilyKind::kFixed) {
    format.scale = ScaleLevel{.encoding = ScaleEncoding::kFixed,
                              .bits = 0,
                              .min_exponent = -draft.fraction_bits,
                              .max_exponent = -draft.fraction_bits};
    format.name = fmt::format("fixed{}.{}", draft.bits, draft.fraction_bits);
    return format;
  }
  if (!draft.accumulator) {
    format.scale =
        power_of_two ? ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo, .bits = 8} : ScaleLevel{};
  }
  if (!is_unsigned && full && power_of_two && !draft.asym) {
    // intN:full:pow2 is dynamic fixed point: one name for one format.
    format.name = fmt::format("dfx{}", draft.bits);
    format.source = FamilySource(FamilyKind::kDfx);
    return format;
  }
  format.name = fmt::format("{}int{}{}{}{}", is_unsigned ? "u" : "", draft.bits,
                            draft.full && !draft.asym ? ":full" : "", draft.asym ? ":asym" : "",
                            draft.pow2 ? ":pow2" : "");
  return format;
}

// The exponent of a group's largest magnitude is stored in excess 2^(E-1) - 1, as IEEE 754 stores
// one, with every code a number; the scale of the codes is 2^(M-2) below it.
NumberFormat BuildBfp(const FormatDraft& draft) {
  const int half = 1 << (draft.shared_exponent_bits - 1);
  const int below = draft.bits - 2;
  NumberFormat format;
  format.element = Integer{.bits = draft.bits};
  format.scale = ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo,
                            .bits = draft.shared_exponent_bits,
                            .min_exponent = 1 - half - below,
                            .max_exponent = std::min(half, 127) - below,
                            .rule = draft.scale_rule};
  format.block_size = kBfpBlock;
  format.name = fmt::format("bfp{}", draft.bits);
  if (draft.shared_exponent_bits != FormatDraft().shared_exponent_bits) {
    format.name += fmt::format(":exp{}", draft.shared_exponent_bits);
  }
  format.name += RuleSuffix(draft.scale_rule);
  return format;
}

// Scales are E8M0: 2^-127 to 2^127. MXINT8's elements have six fractional bits, which the scale of
// its codes takes over.
NumberFormat BuildMx(const FormatDraft& draft) {
  const bool integer = draft.kind == FamilyKind::kMxInt;
  constexpr int kMxint8Fraction = 6;
  const int below = integer ? kMxint8Fraction : 0;
  NumberFormat format;
  if (integer) {
    format.element = Integer{.bits = draft.bits, .full_range = draft.full};
    format.name = draft.full ? "mxint8:full" : "mxint8";
  } else {
    format.element = FloatOf(draft);
    format.name = fmt::format("mxfp{}_e{}m{}", ElementBits(format.element), draft.exponent_bits,
                              draft.mantissa_bits);
  }
  format.scale = ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo,
                            .bits = 8,
                            .min_exponent = -127 - below,
                            .max_exponent = 127 - below,
                            .rule = draft.scale_rule,
                            .has_nan = true};
  format.block_size = kMxBlock;
  format.name += RuleSuffix(draft.scale_rule);
  return format;
}

NumberFormat BuildNvfp4(const FormatDraft& draft) {
  NumberFormat format;
  format.element = FloatOf(draft);
  format.scale = ScaleLevel{.encoding = ScaleEncoding::kE4m3, .bits = 8, .has_nan = true};
  format.tensor_scale = ScaleLevel{};
  format.block_size = kNvfp4Block;
  format.name = "nvfp4";
  return format;
}

// The largest value at scale 1 is in [1, 2), so the scale is 2^floor(log2 amax); the paper's
// exponent bias is 2^E - 1 below its exponent.
NumberFormat BuildAdaptivFloat(const FormatDraft& draft) {
  NumberFormat format;
  format.element = Minifloat{.exponent_bits = draft.exponent_bits,
                             .mantissa_bits = draft.mantissa_bits,
                             .bias = (1 << draft.exponent_bits) - 1,
                             .underflow = Underflow::kAdaptiv};
  format.scale =
      ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo, .bits = 8, .rule = draft.scale_rule};
  format.name =
      fmt::format("af{}_{}{}", draft.bits, draft.exponent_bits, RuleSuffix(draft.scale_rule));
  return format;
}

// Without a bias of its own the tensor's bias B, 0 to 63, is the scale 2^-B of values of bias 0.
absl::StatusOr<NumberFormat> BuildCfloat(const FormatDraft& draft, Slot& blame) {
  FormatDraft fixed = draft;
  fixed.bias = draft.bias.value_or(0);
  if (*fixed.bias < 0 || *fixed.bias > kLargestCfloatBias) {
    blame = Slot::kBias;
    return absl::InvalidArgumentError(fmt::format("bias {}: CFloat stores 6 bits; allowed: 0 to {}",
                                                  *fixed.bias, kLargestCfloatBias));
  }
  if (draft.bias.has_value()) return BuildFloat(fixed, blame);
  NumberFormat format;
  format.element = FloatOf(fixed);
  format.scale = ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo,
                            .bits = 6,
                            .min_exponent = -kLargestCfloatBias,
                            .max_exponent = 0};
  format.name = fmt::format("cfloat{}_1_{}_{}{}", ElementBits(format.element), draft.exponent_bits,
                            draft.mantissa_bits, UnderflowSuffix(draft.underflow));
  return format;
}

absl::StatusOr<NumberFormat> BuildLog(const FormatDraft& draft, Slot& blame) {
  const Log type{.bits = draft.bits,
                 .is_signed = !draft.is_unsigned,
                 .base = draft.base,
                 .below_full_scale = draft.below_full_scale};
  NumberFormat format;
  format.element = type;
  format.name = fmt::format("log{}", draft.bits);
  if (draft.base == LogBase::kSqrtTwo) format.name += ":sqrt2";
  if (draft.base == LogBase::kFour) format.name += ":radix4";
  if (draft.is_unsigned) format.name += ":unsigned";
  // log2 of code 1's value: the codes' exponents end at 0, or a step below.
  const double step = draft.base == LogBase::kSqrtTwo ? 0.5 : draft.base == LogBase::kFour ? 2 : 1;
  const int exponent_codes = 1 << (draft.bits - (draft.is_unsigned ? 0 : 1));
  const double smallest = step * (2 - exponent_codes - (draft.below_full_scale ? 1 : 0));
  if (smallest < -149) {
    blame = draft.base == LogBase::kFour ? Slot::kBase : Slot::kUnsigned;
    return absl::InvalidArgumentError(fmt::format(
        "'{}' holds 2^{}, below float32's smallest, 2^-149; fewer bits or ':sqrt2' do not",
        format.name, smallest));
  }
  if (draft.below_full_scale) format.name += ":fsr";
  format.scale = ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo, .bits = 8};
  if (draft.full_scale.has_value()) {
    const int lowest = std::max(-126, static_cast<int>(std::ceil(-149 - smallest)));
    if (*draft.full_scale < lowest || *draft.full_scale > 127) {
      blame = Slot::kFullScale;
      return absl::InvalidArgumentError(fmt::format(
          "a full scale of 2^{} takes '{}' beyond float32 (2^-149 to 2^128); allowed: {} to 127",
          *draft.full_scale, format.name, lowest));
    }
    format.scale = ScaleLevel{.encoding = ScaleEncoding::kFixed,
                              .bits = 0,
                              .min_exponent = *draft.full_scale,
                              .max_exponent = *draft.full_scale};
    format.name += fmt::format("={}", *draft.full_scale);
  }
  return format;
}

NumberFormat BuildLevelSet(const FormatDraft& draft) {
  NumberFormat format;
  switch (draft.kind) {
    case FamilyKind::kCodebook: {
      const LevelFit fit = draft.fit.value_or(LevelFit::kKmeans);
      format.element = LevelSet{.levels = draft.levels, .fit = fit, .entries = draft.entries};
      format.name =
          fmt::format("codebook{}{}", draft.levels, fit == LevelFit::kLloydMax ? ":lloydmax" : "");
      if (draft.entries_name != FormatDraft().entries_name) {
        format.name += fmt::format(":entries={}", draft.entries_name);
      }
      return format;
    }
    case FamilyKind::kDorefa:
      // One bit of DoReFa is sign(w) mean|w|, which is BWN's binary: one name for one format.
      if (draft.bits > 1) {
        format.element =
            LevelSet{.levels = 1 << draft.bits, .fit = LevelFit::kDorefa, .entries = {}};
        format.name = fmt::format("dorefa{}", draft.bits);
        return format;
      }
      [[fallthrough]];
    case FamilyKind::kBinary: {
      const LevelFit fit = draft.fit.value_or(LevelFit::kMeanAbs);
      format.element = LevelSet{.levels = 2, .fit = fit, .entries = {}};
      format.name = fit == LevelFit::kUnit ? "binary:unit" : "binary";
      return format;
    }
    case FamilyKind::kTernary: {
      const LevelFit fit = draft.fit.value_or(LevelFit::kTwn);
      format.element = LevelSet{.levels = 3, .fit = fit, .entries = {}};
      format.name = fit == LevelFit::kUnit      ? "ternary:unit"
                    : fit == LevelFit::kAbsMean ? "ternary:absmean"
                    : fit == LevelFit::kTtq     ? "ternary:ttq"
                                                : "ternary";
      return format;
    }
    default:
      BITSCAPE_CHECK(false, "a family of level sets");
  }
}

absl::StatusOr<NumberFormat> BuildByKind(const FormatDraft& draft, Slot& blame) {
  switch (draft.kind) {
    case FamilyKind::kFloat:
      return BuildFloat(draft, blame);
    case FamilyKind::kInt:
    case FamilyKind::kUint:
    case FamilyKind::kFixed:
    case FamilyKind::kDfx:
      return BuildInteger(draft);
    case FamilyKind::kBfp:
      return BuildBfp(draft);
    case FamilyKind::kMxFloat:
    case FamilyKind::kMxInt:
      return BuildMx(draft);
    case FamilyKind::kNvfp4:
      return BuildNvfp4(draft);
    case FamilyKind::kAdaptivFloat:
      return BuildAdaptivFloat(draft);
    case FamilyKind::kCfloat:
      return BuildCfloat(draft, blame);
    case FamilyKind::kLog:
      return BuildLog(draft, blame);
    case FamilyKind::kCodebook:
    case FamilyKind::kBinary:
    case FamilyKind::kTernary:
    case FamilyKind::kDorefa:
      return BuildLevelSet(draft);
  }
  BITSCAPE_CHECK(false, "every FamilyKind has a case");
}

}  // namespace

absl::StatusOr<NumberFormat> BuildFormat(const FormatDraft& draft, Slot& blame) {
  blame = Slot::kSlots;
  BITSCAPE_ASSIGN_OR_RETURN(NumberFormat format, BuildByKind(draft, blame));
  if (format.source.empty()) format.source = SourceOf(format.name, draft.kind);
  return format;
}

}  // namespace bitscape::formats
