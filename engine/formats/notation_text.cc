// What the notation's messages are made of.
#include <fmt/format.h>

#include <charconv>

#include "engine/core/suggest.h"
#include "engine/formats/notation.h"

namespace bitscape::formats {
namespace {

bool StartsWithDigit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

// ASCII only, so that a cut never breaks a character and the caret stands where it should.
std::string Printable(std::string_view text) {
  std::string shown(text);
  for (char& character : shown) {
    if (character < 0x20 || character > 0x7e) character = '?';
  }
  return shown;
}

}  // namespace

absl::Status SyntaxError(std::string_view text, size_t offset, std::string_view problem) {
  constexpr size_t kContext = 60;  // characters shown on each side
  const size_t begin = offset > kContext ? offset - kContext : 0;
  return absl::InvalidArgumentError(
      fmt::format("column {}: {}\n  {}\n  {:>{}}", offset + 1, problem,
                  Printable(text.substr(begin, 2 * kContext)), '^', offset - begin + 1));
}

std::string Quoted(std::string_view token) {
  constexpr size_t kShown = 48;
  return fmt::format("'{}{}'", Printable(token.substr(0, kShown)),
                     token.size() > kShown ? "..." : "");
}

std::string Suggestion(std::string_view token, const std::vector<std::string>& names) {
  constexpr size_t kLongestName = 64, kShortestStem = 2;
  if (token.size() > kLongestName) return "";
  const std::string given = Lower(token);
  const std::string* longer = nullptr;
  for (const std::string& name : names) {
    const std::string lower = Lower(name);
    if (lower == given) return DidYouMean(name, {name});
    const bool begins = given.size() >= kShortestStem && lower.starts_with(given);
    if (begins && (longer == nullptr || name.size() < longer->size())) longer = &name;
  }
  return longer != nullptr ? DidYouMean(*longer, {*longer}) : DidYouMean(given, names);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& character : lower) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return lower;
}

std::optional<int> ParseCount(std::string_view digits, int max) {
  if (!StartsWithDigit(digits) || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value > max)
    return std::nullopt;
  return value;
}

}  // namespace bitscape::formats
