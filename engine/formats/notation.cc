#include "engine/formats/notation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/formats/build_format.h"
#include "engine/formats/catalog.h"

namespace bitscape::formats {
namespace {

// What a modifier sets; each may be set once.
enum Slot {
  kBias,
  kSpecials,
  kFlush,
  kScaled,
  kFull,
  kAsym,
  kPow2,
  kGranularity,
  kRange,
  kRounding,
  kOverflow,
  kRanging,
  kSlots
};

constexpr std::string_view kSlotNames[kSlots] = {"the bias",     "the special values",
                                                 "ftz",          "scaled",
                                                 "full",         "asym",
                                                 "pow2",         "the granularity",
                                                 "the range",    "the rounding",
                                                 "the overflow", "static or dynamic"};

constexpr unsigned Bit(FamilyKind kind) { return 1U << static_cast<unsigned>(kind); }
constexpr unsigned kFloats = Bit(FamilyKind::kFloat);
constexpr unsigned kInts = Bit(FamilyKind::kInt);
constexpr unsigned kIntegers = kInts | Bit(FamilyKind::kUint);
constexpr unsigned kAll = ~0U;

struct Modifier {
  std::string_view name;  // a trailing '=' or letter N: a value follows
  Slot slot;
  unsigned kinds;
  bool accumulators;  // has a meaning for an accumulator
  void (*set)(FormatDraft& draft, Quantizer& quantizer);
};

template <auto kMember, auto kValue>
void Set(FormatDraft&, Quantizer& quantizer) {
  quantizer.*kMember = kValue;
}
template <SpecialValues kValue>
void SetSpecials(FormatDraft& draft, Quantizer&) {
  draft.specials = kValue;
}
template <bool FormatDraft::*kFlag>
void SetFlag(FormatDraft& draft, Quantizer&) {
  draft.*kFlag = true;
}
void SetByValue(FormatDraft&, Quantizer&) {}  // SetValue reads these

constexpr Modifier kModifiers[] = {
    {"bias=N", kBias, kFloats, true, SetByValue},
    {"ieee", kSpecials, kFloats, true, SetSpecials<SpecialValues::kIeee>},
    {"fn", kSpecials, kFloats, true, SetSpecials<SpecialValues::kFn>},
    {"fnuz", kSpecials, kFloats, true, SetSpecials<SpecialValues::kFnuz>},
    {"finite", kSpecials, kFloats, true, SetSpecials<SpecialValues::kFinite>},
    {"ftz", kFlush, kFloats, true, SetFlag<&FormatDraft::flush>},
    {"scaled", kScaled, kFloats, false, SetFlag<&FormatDraft::scaled>},
    {"full", kFull, kInts, false, SetFlag<&FormatDraft::full>},
    {"asym", kAsym, kIntegers, false, SetFlag<&FormatDraft::asym>},
    {"pow2", kPow2, kIntegers, false, SetFlag<&FormatDraft::pow2>},
    {"tensor", kGranularity, kAll, false, Set<&Quantizer::granularity, Granularity::kTensor>},
    {"channel", kGranularity, kAll, false, Set<&Quantizer::granularity, Granularity::kChannel>},
    {"token", kGranularity, kAll, false, Set<&Quantizer::granularity, Granularity::kToken>},
    {"position", kGranularity, kAll, false, Set<&Quantizer::granularity, Granularity::kPosition>},
    {"blockN", kGranularity, kAll, false, Set<&Quantizer::granularity, Granularity::kBlock>},
    {"minmax", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kMinMax>},
    {"pN", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kPercentile>},
    {"mse", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kMse>},
    {"kl", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kKl>},
    {"aciq", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kAciq>},
    {"clip=V", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kClip>},
    {"pact", kRange, kAll, false, Set<&Quantizer::range, RangeMethod::kPact>},
    {"nearest", kRounding, kAll, true, Set<&Quantizer::rounding, Rounding::kNearestEven>},
    {"away", kRounding, kAll, true, Set<&Quantizer::rounding, Rounding::kNearestAway>},
    {"stochastic", kRounding, kAll, true, Set<&Quantizer::rounding, Rounding::kStochastic>},
    {"floor", kRounding, kAll, true, Set<&Quantizer::rounding, Rounding::kFloor>},
    {"zero", kRounding, kAll, true, Set<&Quantizer::rounding, Rounding::kTowardZero>},
    {"saturate", kOverflow, kAll, true, Set<&Quantizer::overflow, Overflow::kSaturate>},
    {"wrap", kOverflow, kAll, true, Set<&Quantizer::overflow, Overflow::kWrap>},
    {"static", kRanging, kAll, false, Set<&Quantizer::dynamic_range, false>},
    {"dynamic", kRanging, kAll, false, Set<&Quantizer::dynamic_range, true>},
};

bool StartsWithDigit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

// The row of `token`, and the value that follows its name ("" for plain ones).
std::pair<const Modifier*, std::string_view> FindModifier(std::string_view token) {
  for (const Modifier& modifier : kModifiers) {
    const char last = modifier.name.back();
    if (last != 'N' && last != 'V') {
      if (token == modifier.name) return {&modifier, {}};
      continue;
    }
    const std::string_view stem = modifier.name.substr(0, modifier.name.size() - 1);
    if (!token.starts_with(stem)) continue;
    const std::string_view value = token.substr(stem.size());
    // Without '=' only a digit tells blockN and pN from other words.
    if (stem.back() == '=' || StartsWithDigit(value)) return {&modifier, value};
  }
  return {nullptr, {}};
}

// ASCII only, so that a cut never breaks a character and the caret stands where it should.
std::string Printable(std::string_view text) {
  std::string shown(text);
  for (char& character : shown) {
    if (character < 0x20 || character > 0x7e) character = '?';
  }
  return shown;
}

std::optional<double> ParseDecimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Floats whose range is float32's have no use for a scale.
bool CanBeScaled(const NumberFormat& format) {
  return std::holds_alternative<Minifloat>(format.element) &&
         LargestFinite(format.element) < 0x1p127;
}

class Parser {
 public:
  Parser(std::string_view text, size_t begin, size_t end, const NotationOptions& options)
      : text_(text), begin_(begin), end_(end), options_(options) {}

  absl::StatusOr<Quantizer> Parse() {
    size_t position = std::min(text_.find(':', begin_), end_);
    BITSCAPE_RETURN_IF_ERROR(ParseFamily(text_.substr(begin_, position - begin_)));
    while (position < end_) {
      const size_t start = position + 1;
      position = std::min(text_.find(':', start), end_);
      BITSCAPE_RETURN_IF_ERROR(ParseModifier(text_.substr(start, position - start), start));
    }
    BITSCAPE_RETURN_IF_ERROR(Build());
    BITSCAPE_RETURN_IF_ERROR(CheckUse());
    return std::move(quantizer_);
  }

 private:
  absl::Status Error(size_t offset, std::string_view problem) const {
    return SyntaxError(text_, offset, problem);
  }
  std::string_view Family() const {
    return text_.substr(begin_, std::min(text_.find(':', begin_), end_) - begin_);
  }

  absl::Status ParseFamily(std::string_view family) {
    if (family.empty()) return Error(begin_, "a number format is missing");
    draft_.accumulator = options_.accumulator;
    const absl::StatusOr<bool> known = ReadFamily(family, draft_);
    if (!known.ok()) return Error(begin_, std::string(known.status().message()));
    if (*known) return absl::OkStatus();
    std::vector<std::string_view> known_names;
    for (const CatalogRow& row : Catalog()) {
      if (row.name != row.notation) known_names.push_back(row.name);
    }
    for (const CatalogRow& row : Families()) known_names.push_back(row.name);
    return Error(begin_,
                 fmt::format("unknown number format {}{}; known: {}", Quoted(family),
                             Suggestion(family, CatalogNames()), fmt::join(known_names, ", ")));
  }

  bool Applies(const Modifier& modifier) const {
    if (options_.accumulator && !modifier.accumulators) return false;
    if (modifier.slot == kSpecials && draft_.named) return false;
    return (modifier.kinds & Bit(draft_.kind)) != 0;
  }

  std::vector<std::string> Allowed() const {
    std::vector<std::string> names = options_.extra_names;
    for (const Modifier& modifier : kModifiers) {
      if (Applies(modifier)) names.emplace_back(modifier.name);
    }
    return names;
  }

  absl::Status ParseModifier(std::string_view token, size_t offset) {
    const std::vector<std::string> allowed = Allowed();
    if (token.empty()) {
      return Error(offset, fmt::format("a modifier is missing after ':'; '{}' takes: {}", Family(),
                                       fmt::join(allowed, ", ")));
    }
    if (options_.extra) {
      BITSCAPE_ASSIGN_OR_RETURN(const bool taken, options_.extra(token, offset));
      if (taken) return absl::OkStatus();
    }
    const auto [modifier, value] = FindModifier(token);
    if (modifier == nullptr) {
      return Error(offset,
                   fmt::format("unknown modifier {}{}; '{}' takes: {}", Quoted(token),
                               Suggestion(token, allowed), Family(), fmt::join(allowed, ", ")));
    }
    if (!Applies(*modifier)) {
      return Error(offset, fmt::format("'{}' has no meaning for {}'{}'; it takes: {}", token,
                                       options_.accumulator ? "the accumulator " : "", Family(),
                                       fmt::join(allowed, ", ")));
    }
    if (offsets_[modifier->slot].has_value()) {
      return Error(
          offset, fmt::format("'{}' comes second: {} is given once, and stands in column {}", token,
                              kSlotNames[modifier->slot], *offsets_[modifier->slot] + 1));
    }
    offsets_[modifier->slot] = offset;
    modifier->set(draft_, quantizer_);
    const char last = modifier->name.back();
    return last == 'N' || last == 'V' ? SetValue(modifier->slot, token, value, offset)
                                      : absl::OkStatus();
  }

  // Values of bias=N, blockN, pN and clip=V.
  absl::Status SetValue(Slot slot, std::string_view token, std::string_view value, size_t offset) {
    if (slot == kBias) {
      const bool negative = value.starts_with('-');
      const std::optional<int> count = ParseCount(negative ? value.substr(1) : value, 999);
      if (!count.has_value()) {
        return Error(offset,
                     fmt::format("{}: the bias is an integer such as bias=7", Quoted(token)));
      }
      draft_.bias = negative ? -*count : *count;
    } else if (slot == kGranularity) {
      const std::optional<int> count = ParseCount(value, 1 << 20);
      if (!count.has_value() || *count == 0) {
        return Error(offset,
                     fmt::format("{}: a block has 1 to {} elements", Quoted(token), 1 << 20));
      }
      quantizer_.block_size = *count;
    } else {
      const std::optional<double> number = ParseDecimal(value);
      const bool clip = quantizer_.range == RangeMethod::kClip;
      // A bound is a normal float32, as scales are.
      const double smallest = clip ? 0x1p-126 : 0;
      const double largest = clip ? 3.4028234663852886e38 : 100;
      if (!number.has_value() || !(*number > 0 && *number >= smallest && *number <= largest)) {
        return Error(
            offset,
            clip ? fmt::format("{}: the bound is a positive number such as clip=6", Quoted(token))
                 : fmt::format("{}: a percentile is above 0 and at most 100", Quoted(token)));
      }
      quantizer_.range_value = *number;
    }
    return absl::OkStatus();
  }

  absl::Status Build() {
    absl::StatusOr<NumberFormat> format = BuildFormat(draft_);
    if (!format.ok()) {
      const std::optional<size_t> bias = offsets_[kBias];
      return Error(bias.value_or(begin_), std::string(format.status().message()));
    }
    quantizer_.format = *std::move(format);
    return absl::OkStatus();
  }

  // Combinations that name no use of the format.
  absl::Status CheckUse() const {
    const NumberFormat& format = quantizer_.format;
    const bool default_use = quantizer_.granularity == Granularity::kTensor &&
                             quantizer_.range == RangeMethod::kMinMax && !quantizer_.dynamic_range;
    if (!HasScale(format) && !default_use) {
      size_t offset = end_;
      for (const Slot slot : {kGranularity, kRange, kRanging}) {
        offset = std::min(offset, offsets_[slot].value_or(end_));
      }
      return Error(
          offset, fmt::format("'{}' has no scale from the data, so no group shares one and no "
                              "range is sought{}",
                              format.name, CanBeScaled(format) ? " (':scaled' gives it one)" : ""));
    }
    const bool fixed_range =
        quantizer_.range == RangeMethod::kClip || quantizer_.range == RangeMethod::kPact;
    if (fixed_range && quantizer_.dynamic_range) {
      return Error(*offsets_[kRanging], "'dynamic' contradicts a range that is given or learned");
    }
    if (quantizer_.overflow == Overflow::kWrap) {
      const Integer* integer = std::get_if<Integer>(&format.element);
      if (integer == nullptr)
        return Error(*offsets_[kOverflow], "'wrap' is for integers; floats saturate");
      if (integer->is_signed && !integer->full_range) {
        return Error(
            *offsets_[kOverflow],
            fmt::format(
                "'wrap' needs the code -2^{}, which a symmetric range lacks: int{}:full:wrap",
                integer->bits - 1, integer->bits));
      }
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t begin_, end_;
  const NotationOptions& options_;
  FormatDraft draft_;
  Quantizer quantizer_;
  std::array<std::optional<size_t>, kSlots> offsets_;  // where each was set
};

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
  constexpr size_t kLongestName = 64;
  return token.size() <= kLongestName ? DidYouMean(token, names) : "";
}

std::optional<int> ParseCount(std::string_view digits, int max) {
  if (!StartsWithDigit(digits) || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value > max)
    return std::nullopt;
  return value;
}

absl::StatusOr<Quantizer> ParseQuantizerWithin(std::string_view text, size_t begin, size_t end,
                                               const NotationOptions& options) {
  return Parser(text, begin, end, options).Parse();
}

}  // namespace bitscape::formats
