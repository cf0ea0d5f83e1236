// Nearest-name suggestions among the names of a schema. engine/core has the general helper; this
// folder is linked by clients and sees proto only, so it keeps its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitscape::spec {

// "; did you mean 'X'?" for the closest of `names` that at most max(2, length / 3) edits of letters
// separate from `name`, upper and lower case being equal; "" if there is none.
std::string Suggestion(std::string_view name, const std::vector<std::string>& names);

}  // namespace bitscape::spec
