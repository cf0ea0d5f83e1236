// The modifiers of the notation: one list, which parser, messages and suggestions read.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "engine/formats/build_format.h"
#include "engine/formats/quantizer.h"

namespace bitscape::formats {

struct Modifier {
  // A trailing capital stands for a value: "blockN", "clip=V".
  std::string_view name;
  Slot slot;
  unsigned kinds;     // FamilyBit of each family that takes it
  bool accumulators;  // has a meaning for an accumulator
  void (*set)(FormatDraft& draft, Quantizer& quantizer);

  bool TakesValue() const { return name.back() >= 'A' && name.back() <= 'Z'; }
};

constexpr unsigned FamilyBit(FamilyKind kind) { return 1U << static_cast<unsigned>(kind); }

std::span<const Modifier> Modifiers();

// The row of `token`, and the value that follows its name ("" for plain ones); null for none.
std::pair<const Modifier*, std::string_view> FindModifier(std::string_view token);

// "the bias", "the granularity": for messages.
std::string_view SlotName(Slot slot);

// Why `modifier` has no meaning for the family, where that needs saying; else "".
std::string_view WhyRefused(const Modifier& modifier, FamilyKind kind);

}  // namespace bitscape::formats
