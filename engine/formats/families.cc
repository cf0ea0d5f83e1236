// The first word of a notation.
#include <fmt/format.h>

#include <array>
#include <string>

#include "engine/core/status.h"
#include "engine/formats/build_format.h"
#include "engine/formats/notation.h"

namespace bitscape::formats {
namespace {

constexpr int kAnyCount = 1 << 20;

// "e4m3" -> {4, 3}; "fixed8.4" -> {8, 4}; "af8_3" -> {8, 3}.
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

absl::StatusOr<bool> ReadFloat(std::string_view family, FormatDraft& draft) {
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

// Floats whose name says everything: the element formats of MX, NVFP4, and CFloat.
struct FixedFloat {
  std::string_view name;
  FamilyKind kind;
  int exponent_bits, mantissa_bits;
  SpecialValues specials = SpecialValues::kFinite;
};
constexpr FixedFloat kFixedFloats[] = {
    {"mxfp8_e4m3", FamilyKind::kMxFloat, 4, 3, SpecialValues::kFn},
    {"mxfp8_e5m2", FamilyKind::kMxFloat, 5, 2, SpecialValues::kIeee},
    {"mxfp6_e3m2", FamilyKind::kMxFloat, 3, 2},
    {"mxfp6_e2m3", FamilyKind::kMxFloat, 2, 3},
    {"mxfp4_e2m1", FamilyKind::kMxFloat, 2, 1},
    {"nvfp4", FamilyKind::kNvfp4, 2, 1},
    {"cfloat8_1_4_3", FamilyKind::kCfloat, 4, 3},
    {"cfloat8_1_5_2", FamilyKind::kCfloat, 5, 2},
    {"cfloat16_1_5_10", FamilyKind::kCfloat, 5, 10},
    {"cfloat16_1_6_9", FamilyKind::kCfloat, 6, 9},
};

bool ReadFixedName(std::string_view family, FormatDraft& draft) {
  for (const FixedFloat& row : kFixedFloats) {
    if (family != row.name) continue;
    draft.kind = row.kind;
    draft.exponent_bits = row.exponent_bits;
    draft.mantissa_bits = row.mantissa_bits;
    draft.specials = row.specials;
    return true;
  }
  struct Plain {
    std::string_view name;
    FamilyKind kind;
    int bits;
  };
  for (const Plain& row :
       {Plain{"mxint8", FamilyKind::kMxInt, 8}, Plain{"binary", FamilyKind::kBinary, 1},
        Plain{"ternary", FamilyKind::kTernary, 2}}) {
    if (family != row.name) continue;
    draft.kind = row.kind;
    draft.bits = row.bits;
    return true;
  }
  return false;
}

absl::StatusOr<bool> ReadTwoSizes(std::string_view family, FormatDraft& draft) {
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
  if (const auto counts = ReadTwoCounts(family, "af", '_'); counts.has_value()) {
    draft.kind = FamilyKind::kAdaptivFloat;
    draft.bits = counts->first;
    draft.exponent_bits = counts->second;
    draft.mantissa_bits = draft.bits - 1 - draft.exponent_bits;
    // 8 exponent bits below the largest magnitude would pass float32's smallest value.
    if (draft.bits < 3 || draft.bits > 16 || draft.exponent_bits < 1 || draft.exponent_bits > 7 ||
        draft.mantissa_bits < 0) {
      return SizeError(family,
                       "AdaptivFloat afN_E has 3 to 16 bits N, of them 1 to 7 (and at most N - 1) "
                       "exponent bits E");
    }
    return true;
  }
  return false;
}

absl::StatusOr<bool> ReadOneSize(std::string_view family, FormatDraft& draft) {
  struct Sized {
    std::string_view name;
    FamilyKind kind;
    int smallest, largest;
    std::string_view pattern, unit;
  };
  const int widest = draft.accumulator ? 32 : 16;
  for (const Sized& row : {Sized{"int", FamilyKind::kInt, 2, widest, "intN", "bits"},
                           Sized{"uint", FamilyKind::kUint, 1, widest, "uintN", "bits"},
                           Sized{"dfx", FamilyKind::kDfx, 2, widest, "dfxN", "bits"},
                           Sized{"bfp", FamilyKind::kBfp, 2, 16, "bfpM", "mantissa bits"},
                           Sized{"log", FamilyKind::kLog, 2, 8, "logN", "bits"},
                           Sized{"codebook", FamilyKind::kCodebook, 2, 256, "codebookL", "levels"},
                           Sized{"dorefa", FamilyKind::kDorefa, 1, 8, "dorefaN", "bits"}}) {
    if (!family.starts_with(row.name)) continue;
    const std::optional<int> count = ParseCount(family.substr(row.name.size()), kAnyCount);
    if (!count.has_value()) continue;
    draft.kind = row.kind;
    (row.kind == FamilyKind::kCodebook ? draft.levels : draft.bits) = *count;
    if (*count < row.smallest || *count > row.largest) {
      return SizeError(
          family,
          fmt::format("{} has {} to {} {}{}", row.pattern, row.smallest, row.largest, row.unit,
                      family == "int1" ? " (one signed bit has no nonzero value)" : ""));
    }
    return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<bool> ReadFamily(std::string_view family, FormatDraft& draft) {
  if (ReadFixedName(family, draft)) return true;
  for (const auto read : {ReadFloat, ReadTwoSizes, ReadOneSize}) {
    BITSCAPE_ASSIGN_OR_RETURN(const bool known, read(family, draft));
    if (known) return true;
  }
  return false;
}

}  // namespace bitscape::formats
