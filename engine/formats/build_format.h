// From the parts that a notation names to a number format with its canonical name.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string_view>

#include "engine/formats/number_format.h"

namespace bitscape::formats {

enum class FamilyKind { kFloat, kInt, kUint, kFixed, kDfx };

struct FormatDraft {
  FamilyKind kind = FamilyKind::kFloat;
  bool named = false;        // a catalogue name that stands for a float with its special values
  bool accumulator = false;  // NotationOptions::accumulator
  int exponent_bits = 0, mantissa_bits = 0;  // kFloat
  int bits = 0, fraction_bits = 0;           // the others
  std::optional<int> bias;
  SpecialValues specials = SpecialValues::kFinite;
  bool flush = false, scaled = false, full = false, asym = false, pow2 = false;
};

// Reads "fp16", "e4m3", "int8", "fixed8.4", ... into `draft`. False: no family has this form.
// Errors: kInvalidArgument for a family with sizes it doesn't have, saying which it has.
absl::StatusOr<bool> ReadFamily(std::string_view family, FormatDraft& draft);

// Errors: kInvalidArgument for a format without nonzero values or beyond float32.
absl::StatusOr<NumberFormat> BuildFormat(const FormatDraft& draft);

}  // namespace bitscape::formats
