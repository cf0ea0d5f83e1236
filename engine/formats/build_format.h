// From the parts that a notation names to a number format with its canonical name.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/formats/catalog.h"
#include "engine/formats/number_format.h"

namespace bitscape::formats {

// What a modifier sets; each may be set once.
enum class Slot {
  kBias,
  kSpecials,
  kUnderflow,
  kScaled,
  kFull,
  kAsym,
  kPow2,
  kSharedExponent,
  kScaleRule,
  kBase,
  kUnsigned,
  kFullScale,
  kFit,
  kEntries,
  kGranularity,
  kRange,
  kReciprocal,
  kRounding,
  kOverflow,
  kRanging,
  kSlots  // how many; as the blame of an error: the family itself
};

struct FormatDraft {
  FamilyKind kind = FamilyKind::kFloat;
  bool named = false;        // a catalogue name that stands for a float with its special values
  bool accumulator = false;  // NotationOptions::accumulator
  int exponent_bits = 0, mantissa_bits = 0;  // floats of every kind
  int bits = 0, fraction_bits = 0;           // the others; bfp: the mantissa with its sign
  int levels = 0;                            // kCodebook
  std::optional<int> bias;
  SpecialValues specials = SpecialValues::kFinite;
  Underflow underflow = Underflow::kGradual;
  bool scaled = false, full = false, asym = false, pow2 = false;
  int shared_exponent_bits = 8;              // kBfp
  ScaleRule scale_rule = ScaleRule::kFloor;  // kBfp, MX, kAdaptivFloat
  LogBase base = LogBase::kTwo;
  bool is_unsigned = false, below_full_scale = false;  // kLog
  std::optional<int> full_scale;                       // kLog: K of fsr=K
  std::optional<LevelFit> fit;                         // none: the family's default
  // kCodebook. The name is canonical and one word.
  std::variant<Minifloat, Integer> entries = Minifloat{
      .exponent_bits = 5, .mantissa_bits = 10, .bias = 15, .specials = SpecialValues::kIeee};
  std::string entries_name = "fp16";
};

// Reads "e4m3", "int8", "fixed8.4", "bfp8", "mxfp4_e2m1", ... into `draft`; names that stand for
// another notation are left to the parser. False: no family has this form. Errors:
// kInvalidArgument for a family with sizes it doesn't have, saying which it has.
absl::StatusOr<bool> ReadFamily(std::string_view family, FormatDraft& draft);

// Errors: kInvalidArgument for a format without nonzero values or beyond float32; `blame` is then
// the modifier that the message is about.
absl::StatusOr<NumberFormat> BuildFormat(const FormatDraft& draft, Slot& blame);

}  // namespace bitscape::formats
