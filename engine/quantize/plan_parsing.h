// Parsing of the parts of a plan, with columns of the whole text.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string_view>

#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {

// text[begin, end) without white space at its ends; where nothing else is there, empty at `end`.
struct TextSpan {
  size_t begin = 0, end = 0;
};
TextSpan Trimmed(std::string_view text, size_t begin, size_t end);

// Reads the accumulator in text[begin, end). Errors: kInvalidArgument with the column in `text`.
absl::StatusOr<Accumulator> ParseAccumulatorWithin(std::string_view text, size_t begin, size_t end);

// Reads the '+'-joined repairs in text[begin, end). Errors as above.
absl::StatusOr<Repairs> ParseRepairsWithin(std::string_view text, size_t begin, size_t end);

}  // namespace bitscape::quantize
