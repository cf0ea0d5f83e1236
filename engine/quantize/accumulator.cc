#include <fmt/format.h>

#include <optional>

#include "engine/core/status.h"
#include "engine/formats/notation.h"
#include "engine/quantize/plan_parsing.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {
namespace {

constexpr int kLargestChunk = 1 << 20;
constexpr int kWidestAlignment = 64;

// The modifiers that accumulators add to the notation of formats.
struct AccumulatorModifiers {
  std::string_view text;
  std::optional<int> chunk = std::nullopt;
  std::optional<int> align_bits = std::nullopt;
  bool exact = false;

  absl::StatusOr<bool> Take(std::string_view modifier, size_t offset) {
    if (modifier == "exact") {
      if (exact || align_bits.has_value()) {
        return formats::SyntaxError(text, offset,
                                    "'exact' comes second: the alignment is given once");
      }
      exact = true;
      return true;
    }
    const auto starts = [&](std::string_view stem) {
      return modifier.starts_with(stem) && modifier.size() > stem.size();
    };
    if (starts("chunk")) return TakeCount(modifier, 5, kLargestChunk, offset, chunk);
    if (starts("align")) {
      if (exact) {
        return formats::SyntaxError(text, offset,
                                    fmt::format("'{}' contradicts 'exact'", modifier));
      }
      return TakeCount(modifier, 5, kWidestAlignment, offset, align_bits);
    }
    return false;
  }

 private:
  absl::StatusOr<bool> TakeCount(std::string_view modifier, size_t stem, int max, size_t offset,
                                 std::optional<int>& target) const {
    const std::optional<int> count = formats::ParseCount(modifier.substr(stem), max);
    if (!count.has_value() || *count == 0) {
      return formats::SyntaxError(
          text, offset,
          fmt::format("'{}': {} takes 1 to {}", modifier, modifier.substr(0, stem), max));
    }
    if (target.has_value()) {
      return formats::SyntaxError(
          text, offset,
          fmt::format("'{}' comes second: {} is given once", modifier, modifier.substr(0, stem)));
    }
    target = *count;
    return true;
  }
};

// A plain register of these formats has a kind of its own.
bool IsPlain(const formats::Quantizer& format, std::string_view name) {
  return format.ToString() == name;
}

}  // namespace

absl::StatusOr<Accumulator> ParseAccumulatorWithin(std::string_view text, size_t begin,
                                                   size_t end) {
  AccumulatorModifiers modifiers{.text = text};
  formats::NotationOptions options;
  options.accumulator = true;
  options.extra_names = {"chunkC", "alignW", "exact"};
  options.extra = [&modifiers](std::string_view modifier, size_t offset) {
    return modifiers.Take(modifier, offset);
  };
  BITSCAPE_ASSIGN_OR_RETURN(formats::Quantizer format,
                            formats::ParseQuantizerWithin(text, begin, end, options));
  Accumulator accumulator;
  // `chunk` makes fp32 and int32 registers that round after each chunk.
  const bool plain = !modifiers.chunk.has_value() && !modifiers.align_bits.has_value();
  if (plain && IsPlain(format, "fp32")) return accumulator;
  if (plain && IsPlain(format, "int32")) {
    accumulator.kind = Accumulator::Kind::kInt32;
    return accumulator;
  }
  accumulator.kind = Accumulator::Kind::kNarrow;
  accumulator.format = std::move(format);
  accumulator.chunk = modifiers.chunk.value_or(1);
  accumulator.align_bits = modifiers.align_bits.value_or(0);
  return accumulator;
}

absl::StatusOr<Accumulator> ParseAccumulator(std::string_view text) {
  return ParseAccumulatorWithin(text, 0, text.size());
}

std::string Accumulator::ToString() const {
  switch (kind) {
    case Kind::kFloat32:
      return "fp32";
    case Kind::kInt32:
      return "int32";
    case Kind::kNarrow: {
      std::string result = format->ToString();
      // The chunk of 1 is written where the text would name another kind without it.
      const bool ambiguous = (result == "fp32" || result == "int32") && align_bits == 0;
      if (chunk != 1 || ambiguous) result += fmt::format(":chunk{}", chunk);
      if (align_bits != 0) result += fmt::format(":align{}", align_bits);
      return result;
    }
  }
  BITSCAPE_CHECK(false, "every Kind has a case");
}

int AccumulatorBits(const Accumulator& accumulator) {
  if (accumulator.kind != Accumulator::Kind::kNarrow) return 32;
  return formats::ElementBits(accumulator.format->format);
}

}  // namespace bitscape::quantize
