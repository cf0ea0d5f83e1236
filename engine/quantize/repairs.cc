// The text form of repairs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/core/status.h"
#include "engine/formats/notation.h"
#include "engine/quantize/plan_parsing.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {
namespace {

constexpr double kDefaultAlpha = 0.5;  // SmoothQuant's balance of weights and activations
constexpr std::string_view kSmooth = "smooth";

const std::vector<std::string>& Names() {
  static const auto* const names =
      new std::vector<std::string>{"equalize", "smooth", "adaround", "bias", "batchnorm", "none"};
  return *names;
}

// "0.75": digits with at most two after the point, at most 1.
std::optional<double> ParseAlpha(std::string_view digits) {
  const bool plain = std::all_of(digits.begin(), digits.end(), [](char character) {
    return (character >= '0' && character <= '9') || character == '.';
  });
  double alpha = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), alpha);
  if (!plain || error != std::errc() || end != digits.data() + digits.size() || alpha > 1) {
    return std::nullopt;
  }
  const double rounded = std::round(alpha * 100) / 100;
  return rounded == alpha ? std::optional(alpha) : std::nullopt;
}

// Collects names.
class RepairParser {
 public:
  explicit RepairParser(std::string_view text) : text_(text) {}

  absl::Status Take(std::string_view name, size_t offset) {
    if (name == "none") return Set(none_, name, offset);
    if (name == "equalize") return Set(repairs_.equalize, name, offset);
    if (name == "adaround") return Set(repairs_.adaround, name, offset);
    if (name == "bias") return Set(repairs_.bias, name, offset);
    if (name == "batchnorm") return Set(repairs_.batchnorm, name, offset);
    const std::string_view digits = name.substr(std::min(kSmooth.size(), name.size()));
    const bool numeric =
        digits.empty() || digits.find_first_not_of("0123456789.-+e") == std::string_view::npos;
    if (name.starts_with(kSmooth) && numeric) return SetSmooth(digits, offset);
    return formats::SyntaxError(
        text_, offset,
        fmt::format("unknown repair {}{}; repairs: {}", formats::Quoted(name),
                    formats::Suggestion(std::string(name), Names()), fmt::join(Names(), ", ")));
  }

  absl::StatusOr<Repairs> Finish(size_t begin) const {
    if (none_ && repairs_.Any()) {
      return formats::SyntaxError(text_, begin, "'none' stands alone");
    }
    return repairs_;
  }

 private:
  absl::Status Twice(std::string_view name, size_t offset) const {
    return formats::SyntaxError(text_, offset, fmt::format("'{}' is given twice", name));
  }
  absl::Status Set(bool& repair, std::string_view name, size_t offset) const {
    if (repair) return Twice(name, offset);
    repair = true;
    return absl::OkStatus();
  }
  absl::Status SetSmooth(std::string_view digits, size_t offset) {
    if (repairs_.smooth.has_value()) return Twice(kSmooth, offset);
    repairs_.smooth = digits.empty() ? kDefaultAlpha : ParseAlpha(digits);
    if (repairs_.smooth.has_value()) return absl::OkStatus();
    return formats::SyntaxError(
        text_, offset + kSmooth.size(),
        fmt::format("smooth takes an alpha of 0 to 1 with at most two decimals, such as "
                    "'smooth0.75', not {}",
                    formats::Quoted(digits)));
  }

  std::string_view text_;
  Repairs repairs_;
  bool none_ = false;
};

}  // namespace

absl::StatusOr<Repairs> ParseRepairsWithin(std::string_view text, size_t begin, size_t end) {
  RepairParser parser(text);
  for (size_t at = begin; at <= end;) {
    const size_t plus = std::min(text.find('+', at), end);
    const TextSpan name = Trimmed(text, at, plus);
    BITSCAPE_RETURN_IF_ERROR(
        parser.Take(text.substr(name.begin, name.end - name.begin), name.begin));
    at = plus + 1;
  }
  return parser.Finish(begin);
}

absl::StatusOr<Repairs> ParseRepairs(std::string_view text) {
  return ParseRepairsWithin(text, 0, text.size());
}

std::string Repairs::ToString() const {
  std::vector<std::string> names;
  if (equalize) names.emplace_back("equalize");
  if (smooth.has_value()) {
    names.push_back(*smooth == kDefaultAlpha ? std::string(kSmooth)
                                             : fmt::format("{}{}", kSmooth, *smooth));
  }
  if (adaround) names.emplace_back("adaround");
  if (bias) names.emplace_back("bias");
  if (batchnorm) names.emplace_back("batchnorm");
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, "+"));
}

}  // namespace bitscape::quantize
