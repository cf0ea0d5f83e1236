// Where a field that was found wrong later stands in the file that it was read from.
#pragma once

#include <string>
#include <string_view>

#include "proto/spec/reader.h"

namespace bitscape::spec {

// "FILE:LINE:COLUMN" of `path`, such as "memories[1].width_bits", in a text that ReadSpec takes; of
// the innermost part that is there for one that is left out. FILE alone for text format.
std::string Locate(std::string_view text, std::string_view file, Syntax syntax,
                   std::string_view path);

}  // namespace bitscape::spec
