#include "client/cli/numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace bitscape::cli {
namespace {

// Whether the whole of `text` is a number of the type of `value`.
template <typename Number>
bool Parses(const std::string& text, Number& value) {
  const char* const end = text.data() + text.size();
  const char* const begin = text.data() + (text.size() > 1 && text[0] == '+' ? 1 : 0);
  const auto [rest, error] = std::from_chars(begin, end, value);
  return error == std::errc() && rest == end;
}

CLI::Validator WholeNumber(int64_t low, int64_t high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        int64_t value = 0;
        if (Parses(text, value) && value >= low && value <= high) return "";
        return fmt::format("'{}' is not a whole number from {} to {}", text, low, high);
      },
      "");
}

CLI::Validator Real(bool positive) {
  return CLI::Validator(
      [positive](std::string& text) -> std::string {
        double value = 0;
        if (Parses(text, value) && std::isfinite(value) && (!positive || value > 0)) return "";
        return fmt::format("'{}' is not a {}number{}", text, positive ? "" : "finite ",
                           positive ? " above 0" : "");
      },
      "");
}

}  // namespace

CLI::Validator Count32() { return WholeNumber(0, std::numeric_limits<int32_t>::max()); }

CLI::Validator Integer64() {
  return WholeNumber(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
}

CLI::Validator Positive() { return Real(true); }

CLI::Validator Finite() { return Real(false); }

CLI::Option* AddCount(CLI::App* verb, const std::string& name, int& count,
                      const std::string& description) {
  return verb->add_option(name, count, description)->check(Count32());
}

CLI::Option* AddLimit(CLI::App* list, int& limit) {
  return AddCount(list, "--limit", limit, "At most so many (0: all)");
}

}  // namespace bitscape::cli
