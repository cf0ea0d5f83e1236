// The text form of plans.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/core/status.h"
#include "engine/formats/notation.h"
#include "engine/quantize/plan_parsing.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {
namespace {

const std::vector<std::string>& RuleKeys() {
  static const auto* const keys =
      new std::vector<std::string>{"weights", "activations", "accumulator"};
  return *keys;
}
const std::vector<std::string>& PlanKeys() {
  static const auto* const keys = new std::vector<std::string>{
      "weights", "activations", "accumulator", "vector", "fold", "repair"};
  return *keys;
}

std::string ToText(const LayerOverride& values) {
  std::vector<std::string> parts;
  if (values.weights) parts.push_back("weights=" + values.weights->ToString());
  if (values.activations) parts.push_back("activations=" + values.activations->ToString());
  if (values.accumulator) parts.push_back("accumulator=" + values.accumulator->ToString());
  return fmt::format("{}", fmt::join(parts, ","));
}

class PlanParser {
 public:
  explicit PlanParser(std::string_view text) : text_(text) {}

  absl::StatusOr<PrecisionPlan> Parse() {
    size_t begin = 0;
    while (begin <= text_.size()) {
      const size_t first = Trimmed(text_, begin, text_.size()).begin;
      const bool is_rule = first < text_.size() && text_[first] == '[';
      // A layer's name may hold ';'.
      const size_t close = is_rule ? text_.find(']', first) : first;
      const size_t end = std::min(text_.find(';', std::min(close, text_.size())), text_.size());
      if (is_rule) {
        BITSCAPE_RETURN_IF_ERROR(ParseRule(first, end));
      } else if (begin == 0) {
        // Without defaults the text is empty, or begins with a rule.
        if (first < end)
          BITSCAPE_RETURN_IF_ERROR(ParseAssignments(first, end, plan_.defaults, PlanKeys()));
      } else {
        return Error(first, "after ';' a rule '[match]key=value' is expected");
      }
      begin = end + 1;
    }
    return std::move(plan_);
  }

 private:
  absl::Status Error(size_t offset, std::string_view problem) const {
    return formats::SyntaxError(text_, offset, problem);
  }

  absl::Status ParseRule(size_t begin, size_t end) {
    const size_t close = text_.find(']', begin);
    if (close >= end) return Error(begin, "this '[' has no ']'");
    PlanRule rule;
    rule.match = text_.substr(begin + 1, close - begin - 1);
    if (rule.match.empty()) {
      return Error(begin + 1,
                   "a rule matches 'first', 'last', 'op:conv', or layer names such as 'conv*'");
    }
    if (Trimmed(text_, close + 1, end).begin == end)
      return Error(end, fmt::format("the rule '[{}]' sets nothing", rule.match));
    BITSCAPE_RETURN_IF_ERROR(ParseAssignments(close + 1, end, rule.values, RuleKeys()));
    plan_.rules.push_back(std::move(rule));
    return absl::OkStatus();
  }

  absl::Status ParseAssignments(size_t begin, size_t end, LayerOverride& values,
                                const std::vector<std::string>& keys) {
    std::vector<std::string> seen;
    while (begin <= end) {
      begin = Trimmed(text_, begin, end).begin;
      const size_t comma = std::min(text_.find(',', begin), end);
      const size_t equals = text_.find('=', begin);
      if (equals >= comma) {
        return Error(begin, fmt::format("{} is no key=value; keys: {}",
                                        formats::Quoted(text_.substr(begin, comma - begin)),
                                        fmt::join(keys, ", ")));
      }
      const TextSpan word = Trimmed(text_, begin, equals);
      const std::string key(text_.substr(word.begin, word.end - word.begin));
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        return Error(begin, fmt::format("unknown key {}{}; keys: {}", formats::Quoted(key),
                                        formats::Suggestion(key, keys), fmt::join(keys, ", ")));
      }
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
        return Error(begin, fmt::format("'{}' is given twice", key));
      }
      seen.push_back(key);
      const TextSpan value = Trimmed(text_, equals + 1, comma);
      BITSCAPE_RETURN_IF_ERROR(ParseValue(key, value.begin, value.end, values));
      begin = comma + 1;
    }
    return absl::OkStatus();
  }

  absl::Status ParseValue(std::string_view key, size_t begin, size_t end, LayerOverride& values) {
    if (key == "weights") {
      BITSCAPE_ASSIGN_OR_RETURN(values.weights, formats::ParseQuantizerWithin(text_, begin, end));
    } else if (key == "activations") {
      BITSCAPE_ASSIGN_OR_RETURN(values.activations,
                                formats::ParseQuantizerWithin(text_, begin, end));
    } else if (key == "accumulator") {
      BITSCAPE_ASSIGN_OR_RETURN(values.accumulator, ParseAccumulatorWithin(text_, begin, end));
    } else if (key == "vector") {
      BITSCAPE_ASSIGN_OR_RETURN(plan_.vector_format,
                                formats::ParseQuantizerWithin(text_, begin, end));
      if (formats::HasScale(plan_.vector_format.format)) {
        return Error(begin,
                     fmt::format("vector operations take a format without a scale from the data, "
                                 "such as fp32 or bf16, not '{}'",
                                 plan_.vector_format.ToString()));
      }
    } else if (key == "repair") {
      BITSCAPE_ASSIGN_OR_RETURN(plan_.repairs, ParseRepairsWithin(text_, begin, end));
    } else {
      return ParseFold(begin, end);
    }
    return absl::OkStatus();
  }

  absl::Status ParseFold(size_t begin, size_t end) {
    const std::string_view fold = text_.substr(begin, end - begin);
    if (fold == "always") {
      plan_.fold = BatchNormFold::kAlways;
    } else if (fold == "never") {
      plan_.fold = BatchNormFold::kNever;
    } else if (fold != "auto") {
      const std::string token(fold);
      return Error(
          begin, fmt::format("fold is 'auto', 'always' or 'never', not {}{}", formats::Quoted(fold),
                             formats::Suggestion(token, {"auto", "always", "never"})));
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  PrecisionPlan plan_;
};

}  // namespace

TextSpan Trimmed(std::string_view text, size_t begin, size_t end) {
  const auto is_space = [text](size_t at) {
    return std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos;
  };
  while (begin < end && is_space(begin)) ++begin;
  while (end > begin && is_space(end - 1)) --end;
  return {.begin = begin, .end = end};
}

absl::StatusOr<PrecisionPlan> ParsePlan(std::string_view text) { return PlanParser(text).Parse(); }

std::string PrecisionPlan::ToString() const {
  std::vector<std::string> parts;
  if (std::string text = ToText(defaults); !text.empty()) parts.push_back(std::move(text));
  if (vector_format != formats::Float32()) parts.push_back("vector=" + vector_format.ToString());
  if (fold.has_value()) {
    parts.emplace_back(*fold == BatchNormFold::kAlways ? "fold=always" : "fold=never");
  }
  if (repairs.Any()) parts.push_back("repair=" + repairs.ToString());
  std::vector<std::string> sections;
  if (!parts.empty()) sections.push_back(fmt::format("{}", fmt::join(parts, ",")));
  for (const PlanRule& rule : rules) {
    sections.push_back(fmt::format("[{}]{}", rule.match, ToText(rule.values)));
  }
  return fmt::format("{}", fmt::join(sections, ";"));
}

}  // namespace bitscape::quantize
