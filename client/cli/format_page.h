// What `bitscape format` shows of formats: on the terminal and as a page.
#pragma once

#include <string>

#include "bitscape/v1/format.pb.h"
#include "client/cli/number_line.h"
#include "client/cli/output.h"

namespace bitscape::cli {

View ViewOf(const v1::Format& format);
View ViewOf(const v1::FormatComparison& comparison);

// A line for each format that has no negative values where a tensor has some; empty without any.
std::string CutNote(const v1::FormatComparison& comparison);

// A self-contained page: facts, fields drawn as bits, number line, levels with their boundaries,
// decode table.
std::string RenderFormatPage(const v1::Format& format);

// Empty levels where they are not known (codebooks, more than 256).
NumberLine NumberLineOf(const v1::Format& format);

}  // namespace bitscape::cli
