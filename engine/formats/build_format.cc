#include "engine/formats/build_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/core/status.h"
#include "engine/formats/catalog.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/notation.h"

namespace bitscape::formats {
namespace {

constexpr int kAnyCount = 1 << 20;

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

// "e4m3" -> {4, 3}; "fixed8.4" -> {8, 4}.
struct TwoCounts {
  int first, second;
};
std::optional<TwoCounts> ReadTwoCounts(std::string_view text, std::string_view prefix,
                                       char separator) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  const size_t middle = text.find(separator);
  if (middle == std::string_view::npos) return std::nullopt;
  const std::optional<int> first = ParseCount(text.substr(0, middle), kAnyCount);
  const std::optional<int> second = ParseCount(text.substr(middle + 1), kAnyCount);
  if (!first.has_value() || !second.has_value()) return std::nullopt;
  return TwoCounts{*first, *second};
}

absl::Status SizeError(std::string_view family, std::string_view allowed) {
  return absl::InvalidArgumentError(fmt::format("'{}': {}", family, allowed));
}

absl::StatusOr<bool> ReadFloatFamily(std::string_view family, FormatDraft& draft) {
  const std::optional<TwoCounts> counts = ReadTwoCounts(family, "e", 'm');
  if (!counts.has_value()) return false;
  draft.kind = FamilyKind::kFloat;
  draft.exponent_bits = counts->first;
  draft.mantissa_bits = counts->second;
  if (draft.exponent_bits < 1 || draft.exponent_bits > 8 || draft.mantissa_bits > 23) {
    return SizeError(family, "a float eXmY has 1 to 8 exponent bits X and 0 to 23 mantissa bits Y");
  }
  return true;
}

absl::StatusOr<bool> ReadIntegerFamily(std::string_view family, FormatDraft& draft) {
  const int widest = draft.accumulator ? 32 : 16;
  if (const auto counts = ReadTwoCounts(family, "fixed", '.'); counts.has_value()) {
    draft.kind = FamilyKind::kFixed;
    draft.bits = counts->first;
    draft.fraction_bits = counts->second;
    if (draft.bits < 2 || draft.bits > widest || draft.fraction_bits > draft.bits) {
      return SizeError(
          family, fmt::format("fixedN.F has 2 to {} bits N, 0 to N of them fractional", widest));
    }
    return true;
  }
  struct Prefix {
    std::string_view name;
    FamilyKind kind;
    int narrowest;
  };
  for (const Prefix& prefix :
       {Prefix{"int", FamilyKind::kInt, 2}, Prefix{"uint", FamilyKind::kUint, 1},
        Prefix{"dfx", FamilyKind::kDfx, 2}}) {
    if (!family.starts_with(prefix.name)) continue;
    const std::optional<int> count = ParseCount(family.substr(prefix.name.size()), kAnyCount);
    if (!count.has_value()) continue;
    draft.kind = prefix.kind;
    draft.bits = *count;
    if (draft.accumulator && draft.kind != FamilyKind::kInt) {
      return SizeError(family, "an accumulator is an intN, a fixedN.F or a float");
    }
    if (*count < prefix.narrowest || *count > widest) {
      return SizeError(
          family, fmt::format("{}N has {} to {} bits{}", prefix.name, prefix.narrowest, widest,
                              family == "int1" ? " (one signed bit has no nonzero value)" : ""));
    }
    return true;
  }
  return false;
}

Minifloat FloatOf(const FormatDraft& draft) {
  return {.exponent_bits = draft.exponent_bits,
          .mantissa_bits = draft.mantissa_bits,
          .bias = draft.bias.value_or(DefaultBias(draft.exponent_bits, draft.specials)),
          .specials = draft.specials,
          .underflow = draft.flush ? Underflow::kFlush : Underflow::kGradual};
}

// Catalogue rows that name a float: those whose notation is another text.
struct NamedFloat {
  const CatalogRow* row;
  FormatDraft draft;
};

FormatDraft DraftOf(const CatalogRow& row) {
  FormatDraft draft;
  std::string_view rest = row.notation;
  const std::string_view family = rest.substr(0, rest.find(':'));
  const absl::StatusOr<bool> known = ReadFloatFamily(family, draft);
  BITSCAPE_CHECK(known.ok() && *known, "an alias in the catalogue stands for a float");
  while (rest.find(':') != std::string_view::npos) {
    rest.remove_prefix(rest.find(':') + 1);
    const std::string_view modifier = rest.substr(0, rest.find(':'));
    bool found = false;
    for (const SpecialValues specials :
         {SpecialValues::kIeee, SpecialValues::kFn, SpecialValues::kFnuz}) {
      if (modifier == SpecialsName(specials)) {
        draft.specials = specials;
        found = true;
      }
    }
    if (modifier.starts_with("bias=")) {
      draft.bias = ParseCount(modifier.substr(5), kAnyCount);
      found = draft.bias.has_value();
    }
    BITSCAPE_CHECK(found, "an alias in the catalogue has a bias and special values only");
  }
  draft.named = true;
  return draft;
}

const std::vector<NamedFloat>& NamedFloats() {
  static const std::vector<NamedFloat>* const named = [] {
    auto* floats = new std::vector<NamedFloat>;
    for (const CatalogRow& row : Catalog()) {
      if (row.name != row.notation) floats->push_back({&row, DraftOf(row)});
    }
    return floats;
  }();
  return *named;
}

absl::Status CheckFloat(const FormatDraft& draft, const Minifloat& type) {
  const std::string name = fmt::format("e{}m{}", type.exponent_bits, type.mantissa_bits);
  if (type.specials == SpecialValues::kIeee && type.mantissa_bits == 0) {
    return absl::InvalidArgumentError(
        fmt::format("'{}:ieee': a NaN needs a mantissa bit; fn, fnuz and finite need none", name));
  }
  // The largest magnitude, float32's limits aside: with bias 128 no exponent reaches them.
  Minifloat unlimited = type;
  unlimited.bias = 128;
  const uint32_t largest = LargestFiniteMagnitude(unlimited);
  const uint32_t smallest_normal = uint32_t{1} << type.mantissa_bits;
  if (largest == 0 || (draft.flush && largest < smallest_normal)) {
    return absl::InvalidArgumentError(fmt::format("'{}:{}{}' has no nonzero value", name,
                                                  SpecialsName(type.specials),
                                                  draft.flush ? ":ftz" : ""));
  }
  const int top_exponent = std::max(1, static_cast<int>(largest >> type.mantissa_bits));
  // With the default bias, codes beyond float32 are left unused instead.
  const int lowest = std::min(top_exponent - 127, DefaultBias(type.exponent_bits, type.specials));
  const int highest = 150 - type.mantissa_bits;
  if (lowest > highest) {
    return absl::InvalidArgumentError(
        fmt::format("'{}:{}' holds values below float32's smallest, 2^-149", name,
                    SpecialsName(type.specials)));
  }
  if (type.bias < lowest || type.bias > highest) {
    return absl::InvalidArgumentError(
        fmt::format("bias {} takes '{}' beyond float32 (2^-149 to 2^128); allowed: {} to {}",
                    type.bias, name, lowest, highest));
  }
  if (draft.scaled && LargestFinite(type) >= 0x1p127) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' needs no 'scaled': its largest value is float32's", name));
  }
  return absl::OkStatus();
}

absl::StatusOr<NumberFormat> BuildFloat(const FormatDraft& draft) {
  const Minifloat type = FloatOf(draft);
  BITSCAPE_RETURN_IF_ERROR(CheckFloat(draft, type));
  NumberFormat format;
  format.element = type;
  format.source = Families().front().source;
  Minifloat with_subnormals = type;
  with_subnormals.underflow = Underflow::kGradual;
  for (const NamedFloat& named : NamedFloats()) {
    if (FloatOf(named.draft) != with_subnormals) continue;
    format.name = named.row->name;
    format.source = named.row->source;
    break;
  }
  if (format.name.empty()) {
    format.name = fmt::format("e{}m{}", type.exponent_bits, type.mantissa_bits);
    if (type.bias != DefaultBias(type.exponent_bits, type.specials)) {
      format.name += fmt::format(":bias={}", type.bias);
    }
    if (type.specials != SpecialValues::kFinite) {
      format.name += fmt::format(":{}", SpecialsName(type.specials));
    }
  }
  if (draft.flush) format.name += ":ftz";
  if (draft.scaled) {
    format.name += ":scaled";
    format.scale = ScaleLevel{};
  }
  return format;
}

NumberFormat BuildInteger(const FormatDraft& draft) {
  const bool is_unsigned = draft.kind == FamilyKind::kUint;
  const bool is_fixed = draft.kind == FamilyKind::kFixed;
  // A zero point leaves no symmetry to keep, so `asym` takes every code.
  const bool full = draft.kind != FamilyKind::kInt || draft.full || draft.asym || draft.accumulator;
  const bool power_of_two = draft.pow2 || draft.kind == FamilyKind::kDfx;
  NumberFormat format;
  format.element =
      Integer{.bits = draft.bits, .is_signed = !is_unsigned, .full_range = !is_unsigned && full};
  format.zero_point = draft.asym;
  if (is_fixed) {
    format.scale = ScaleLevel{.encoding = ScaleEncoding::kFixed,
                              .bits = 0,
                              .min_exponent = -draft.fraction_bits,
                              .max_exponent = -draft.fraction_bits};
    format.name = fmt::format("fixed{}.{}", draft.bits, draft.fraction_bits);
    format.source = Families()[3].source;
    return format;
  }
  if (!draft.accumulator) {
    format.scale =
        power_of_two ? ScaleLevel{.encoding = ScaleEncoding::kPowerOfTwo, .bits = 8} : ScaleLevel{};
  }
  if (!is_unsigned && full && power_of_two && !draft.asym) {
    // intN:full:pow2 is dynamic fixed point: one name for one format.
    format.name = fmt::format("dfx{}", draft.bits);
    format.source = Families()[4].source;
    return format;
  }
  format.name = fmt::format("{}int{}{}{}{}", is_unsigned ? "u" : "", draft.bits,
                            draft.full && !draft.asym ? ":full" : "", draft.asym ? ":asym" : "",
                            draft.pow2 ? ":pow2" : "");
  format.source = Families()[is_unsigned ? 2 : 1].source;
  return format;
}

}  // namespace

absl::StatusOr<bool> ReadFamily(std::string_view family, FormatDraft& draft) {
  for (const NamedFloat& named : NamedFloats()) {
    if (family != named.row->name) continue;
    const bool accumulator = draft.accumulator;
    draft = named.draft;
    draft.accumulator = accumulator;
    return true;
  }
  BITSCAPE_ASSIGN_OR_RETURN(const bool is_float, ReadFloatFamily(family, draft));
  return is_float ? absl::StatusOr<bool>(true) : ReadIntegerFamily(family, draft);
}

absl::StatusOr<NumberFormat> BuildFormat(const FormatDraft& draft) {
  if (draft.kind == FamilyKind::kFloat) return BuildFloat(draft);
  return BuildInteger(draft);
}

}  // namespace bitscape::formats
