// The parser of the notation, for texts that hold it: plans and accumulators report columns of the
// whole text.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/quantizer.h"

namespace bitscape::formats {

// kInvalidArgument: "column C: PROBLEM", the text around `offset`, and a caret under it.
absl::Status SyntaxError(std::string_view text, size_t offset, std::string_view problem);

// `token` in quotes for a message: shortened, control characters replaced.
std::string Quoted(std::string_view token);

// "; did you mean 'X'?" for a token of sensible length: the name that equals it in another case,
// else the shortest that it begins, else the nearest.
std::string Suggestion(std::string_view token, const std::vector<std::string>& names);

// ASCII letters in lower case.
std::string Lower(std::string_view text);

// An unsigned decimal number without sign or leading zeros, at most `max`.
std::optional<int> ParseCount(std::string_view digits, int max);

// A modifier of the surrounding notation, asked before the quantizer's own: true if it was taken.
using ExtraModifier = std::function<absl::StatusOr<bool>(std::string_view modifier, size_t offset)>;

struct NotationOptions {
  // Accumulators hold codes: intN is two's complement without a scale, widths go to 32 bits, and
  // modifiers that need a scale are refused.
  bool accumulator = false;
  ExtraModifier extra;
  std::vector<std::string> extra_names;  // for suggestions
};

// Reads the notation in text[begin, end).
absl::StatusOr<Quantizer> ParseQuantizerWithin(std::string_view text, size_t begin, size_t end,
                                               const NotationOptions& options = {});

}  // namespace bitscape::formats
