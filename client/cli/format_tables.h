// The tables of `bitscape format list` and `format accuracy`, narrow enough for a terminal.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bitscape/v1/evaluation.pb.h"
#include "bitscape/v1/format.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// Figures, what stores the scale, and a short source. At most 110 columns.
View FiguresOf(const v1::ListFormatsResponse& formats);
// Summaries and whole sources, as wide as they are.
View SourcesOf(const v1::ListFormatsResponse& formats);

// One row a network and family, one column for each of `bits`; the references (fp32, fp16, int8)
// stand above, a line a network.
View ViewOf(const v1::AccuracyTable& table, std::span<const int> bits);

// "Sun HFP8 2019": who, the acronym in parentheses where there is one, the first year, else the
// version. Sources without a figure: their first two words.
std::string ShortSource(std::string_view source);

// "2^k/32", "fp8_e4m3/16+": how Format.scale says what is stored, and for how many values; '+' for
// a second level.
std::string ShortScale(std::string_view scale);

}  // namespace bitscape::cli
