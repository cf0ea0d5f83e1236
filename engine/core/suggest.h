// Nearest-name suggestions for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape {

// The candidate with the smallest edit distance to `name`, or "" if none is within a third of the
// longer length (at least 2 edits are always allowed). Ties: the first candidate.
std::string NearestName(std::string_view name, const std::vector<std::string>& candidates);

// "; did you mean 'X'?" or "" where NearestName finds none.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

// Whether `text` matches a glob of literal characters, '*' (any run) and '?' (any one).
bool GlobMatch(std::string_view glob, std::string_view text);

}  // namespace bitscape
