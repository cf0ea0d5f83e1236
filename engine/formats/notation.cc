#include "engine/formats/notation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "engine/core/status.h"
#include "engine/formats/build_format.h"
#include "engine/formats/catalog.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/modifiers.h"

namespace bitscape::formats {
namespace {

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
    BITSCAPE_RETURN_IF_ERROR(ReadTokens());
    BITSCAPE_RETURN_IF_ERROR(Build());
    BITSCAPE_RETURN_IF_ERROR(CheckUse());
    return std::move(quantizer_);
  }

 private:
  absl::Status Error(size_t offset, std::string_view problem) const {
    return SyntaxError(text_, offset, problem);
  }
  // Where a modifier of this slot stands; the family where none does.
  size_t OffsetOf(Slot slot) const {
    if (slot == Slot::kSlots) return begin_;
    return offsets_[static_cast<size_t>(slot)].value_or(begin_);
  }
  absl::Status ErrorAt(Slot slot, std::string_view problem) const {
    return Error(OffsetOf(slot), problem);
  }
  std::string_view FamilyToken() const {
    return text_.substr(begin_, std::min(text_.find(':', begin_), end_) - begin_);
  }

  absl::Status ReadTokens() {
    draft_.accumulator = options_.accumulator;
    const size_t space = text_.substr(0, end_).find_first_of(" \t", begin_);
    if (space != text_.npos) return Error(space, "a number format holds no spaces");
    BITSCAPE_RETURN_IF_ERROR(ParseFamily(FamilyToken()));
    size_t position = begin_ + FamilyToken().size();
    while (position < end_) {
      const size_t start = position + 1;
      position = std::min(text_.find(':', start), end_);
      BITSCAPE_RETURN_IF_ERROR(ParseModifier(text_.substr(start, position - start), start));
    }
    return absl::OkStatus();
  }

  absl::Status ParseFamily(std::string_view family) {
    if (family.empty()) return Error(begin_, "a number format is missing");
    bool known = ReadAlias(family);
    if (!known) {
      const absl::StatusOr<bool> read = ReadFamily(family, draft_);
      if (!read.ok()) return Error(begin_, std::string(read.status().message()));
      known = *read;
    }
    if (!known) {
      return Error(begin_, fmt::format("unknown number format {}{}; known: {}", Quoted(family),
                                       NearestFamily(family), fmt::join(KnownNames(), ", ")));
    }
    constexpr unsigned kAccumulators =
        FamilyBit(FamilyKind::kFloat) | FamilyBit(FamilyKind::kInt) | FamilyBit(FamilyKind::kFixed);
    if (options_.accumulator && (FamilyBit(draft_.kind) & kAccumulators) == 0) {
      return Error(begin_,
                   fmt::format("'{}': an accumulator is an intN, a fixedN.F or a float", family));
    }
    return absl::OkStatus();
  }

  // Sizes that have no row of the catalogue are found by reading the word in lower case.
  static std::string NearestFamily(std::string_view family) {
    const std::string lower = Lower(family);
    FormatDraft draft;
    const absl::StatusOr<bool> read = ReadFamily(lower, draft);
    return Suggestion(lower, read.ok() && *read ? std::vector{lower} : CatalogNames());
  }

  // Names that stand for another notation: what it sets is as if it stood here, and the modifiers
  // that follow may change it.
  bool ReadAlias(std::string_view family) {
    for (const CatalogRow& row : Catalog()) {
      if (row.name != family || row.name == row.notation) continue;
      const NotationOptions none;
      Parser parser(row.notation, 0, row.notation.size(), none);
      const absl::Status read = parser.ReadTokens();
      BITSCAPE_CHECK(read.ok(), "every row of the catalogue can be read");
      draft_ = parser.draft_;
      draft_.accumulator = options_.accumulator;
      draft_.named = draft_.kind == FamilyKind::kFloat;
      quantizer_ = parser.quantizer_;
      grouped_ = parser.grouped_;
      return true;
    }
    return false;
  }

  static std::vector<std::string_view> KnownNames() {
    std::vector<std::string_view> names;
    for (const CatalogRow& row : Catalog()) {
      if (row.name != row.notation && !row.preset) names.push_back(row.name);
    }
    for (const Family& family : Families()) names.push_back(family.name);
    return names;
  }

  bool Applies(const Modifier& modifier) const {
    if (options_.accumulator && !modifier.accumulators) return false;
    if (modifier.slot == Slot::kSpecials && draft_.named) return false;
    return (modifier.kinds & FamilyBit(draft_.kind)) != 0;
  }

  // What may follow what has been read.
  std::vector<std::string> Allowed() const {
    std::vector<std::string> names = options_.extra_names;
    for (const Modifier& modifier : Modifiers()) {
      if (CanFollow(modifier)) names.emplace_back(modifier.name);
    }
    return names;
  }

  // Whether the modifier would be taken and say something: alone, or with one that gives a scale or
  // every code.
  bool CanFollow(const Modifier& modifier) const {
    if (!Applies(modifier) || IsGiven(modifier.slot)) return false;
    for (const std::string_view companion : {"", "scaled", "full"}) {
      Parser trial = *this;
      if (!companion.empty()) {
        const Modifier& with = *FindModifier(companion).first;
        if (!Applies(with) || IsGiven(with.slot)) continue;
        trial.Set(with);
      }
      trial.Set(modifier);
      trial.SetExample(modifier.slot);
      if (!trial.Build().ok() || !trial.CheckUse().ok()) continue;
      if (!IsOfScales(modifier.slot) || trial.ScaleFromData()) return true;
    }
    return false;
  }

  static bool IsOfScales(Slot slot) {
    return slot == Slot::kGranularity || slot == Slot::kRange || slot == Slot::kReciprocal ||
           slot == Slot::kRanging;
  }
  bool IsGiven(Slot slot) const { return offsets_[static_cast<size_t>(slot)].has_value(); }

  void Set(const Modifier& modifier) {
    modifier.set(draft_, quantizer_);
    if (modifier.slot == Slot::kGranularity) grouped_ = true;
  }

  // Values that modifiers take wherever they are taken at all.
  void SetExample(Slot slot) {
    const int bias = DefaultBias(draft_.exponent_bits, draft_.specials);
    if (slot == Slot::kBias) draft_.bias = bias;
    if (slot == Slot::kFullScale) draft_.full_scale = 0;
    if (slot == Slot::kGranularity) quantizer_.block_size = 1;
    if (slot == Slot::kRange) quantizer_.range_value = 1;
  }

  absl::Status ParseModifier(std::string_view token, size_t offset) {
    if (token.empty()) {
      return Error(offset, fmt::format("a modifier is missing after ':'; '{}' takes: {}",
                                       FamilyToken(), fmt::join(Allowed(), ", ")));
    }
    if (options_.extra) {
      BITSCAPE_ASSIGN_OR_RETURN(const bool taken, options_.extra(token, offset));
      if (taken) return absl::OkStatus();
    }
    const auto [modifier, value] = FindModifier(token);
    if (modifier == nullptr) {
      const std::vector<std::string> allowed = Allowed();
      return Error(
          offset, fmt::format("unknown modifier {}{}; '{}' takes: {}", Quoted(token),
                              Suggestion(token, allowed), FamilyToken(), fmt::join(allowed, ", ")));
    }
    if (!Applies(*modifier)) {
      return Error(offset,
                   fmt::format("{} has no meaning for {}'{}'{}; it takes: {}", Quoted(token),
                               options_.accumulator ? "the accumulator " : "", FamilyToken(),
                               options_.accumulator ? "" : WhyRefused(*modifier, draft_.kind),
                               fmt::join(Allowed(), ", ")));
    }
    std::optional<size_t>& given = offsets_[static_cast<size_t>(modifier->slot)];
    if (given.has_value()) {
      return Error(offset, fmt::format("{} comes second: {} is given once, and stands in column {}",
                                       Quoted(token), SlotName(modifier->slot), *given + 1));
    }
    given = offset;
    Set(*modifier);
    return modifier->TakesValue() ? SetValue(modifier->slot, token, value, offset)
                                  : absl::OkStatus();
  }

  absl::Status SetValue(Slot slot, std::string_view token, std::string_view value, size_t offset) {
    switch (slot) {
      case Slot::kBias:
        return SetCount(value, 999, draft_.bias, offset,
                        fmt::format("{}: the bias is an integer such as bias=7", Quoted(token)));
      case Slot::kFullScale:
        return SetCount(
            value, 999, draft_.full_scale, offset,
            fmt::format("{}: the full scale is an exponent of two such as fsr=3", Quoted(token)));
      case Slot::kSharedExponent: {
        const std::optional<int> bits = ParseCount(value, 8);
        if (!bits.has_value() || *bits < 2) {
          return Error(offset, fmt::format("{}: a shared exponent has 2 to 8 bits", Quoted(token)));
        }
        draft_.shared_exponent_bits = *bits;
        return absl::OkStatus();
      }
      case Slot::kEntries:
        return SetEntries(token, value, offset);
      case Slot::kGranularity: {
        const std::optional<int> count = ParseCount(value, 1 << 20);
        if (!count.has_value() || *count == 0) {
          return Error(offset, fmt::format("{}: a block has 1 to {} elements, written without "
                                           "leading zeros, such as block32",
                                           Quoted(token), 1 << 20));
        }
        quantizer_.block_size = *count;
        return absl::OkStatus();
      }
      default:
        return SetRange(token, value, offset);
    }
  }

  // An integer that may be negative.
  absl::Status SetCount(std::string_view value, int max, std::optional<int>& target, size_t offset,
                        std::string_view problem) const {
    const bool negative = value.starts_with('-');
    const std::optional<int> count = ParseCount(negative ? value.substr(1) : value, max);
    if (!count.has_value()) return Error(offset, problem);
    target = negative ? -*count : *count;
    return absl::OkStatus();
  }

  // Values of pN, clip=V and pact=A.
  absl::Status SetRange(std::string_view token, std::string_view value, size_t offset) {
    const std::optional<double> number = ParseDecimal(value);
    const bool percentile = quantizer_.range == RangeMethod::kPercentile;
    // A bound is a normal float32, as scales are.
    const double smallest = percentile ? 0 : 0x1p-126;
    const double largest = percentile ? 100 : 3.4028234663852886e38;
    if (!number.has_value() || !(*number > 0 && *number >= smallest && *number <= largest)) {
      return Error(offset,
                   percentile
                       ? fmt::format("{}: a percentile is above 0 and at most 100, such as p99.9",
                                     Quoted(token))
                       : fmt::format("{}: the bound is a positive number such as {}6, of {:.3g} to "
                                     "{:.3g} (float32's normal numbers)",
                                     Quoted(token), token.substr(0, token.size() - value.size()),
                                     smallest, largest));
    }
    quantizer_.range_value = *number;
    return absl::OkStatus();
  }

  // Entries are an element format alone: their value is what is stored.
  absl::Status SetEntries(std::string_view token, std::string_view value, size_t offset) {
    const size_t begin = offset + token.size() - value.size();
    BITSCAPE_ASSIGN_OR_RETURN(const Quantizer entries,
                              ParseQuantizerWithin(text_, begin, offset + token.size()));
    const NumberFormat& format = entries.format;
    const Minifloat* const minifloat = std::get_if<Minifloat>(&format.element);
    const Integer* const integer = std::get_if<Integer>(&format.element);
    const bool one_word = format.name.find(':') == std::string::npos;
    if (minifloat != nullptr && !format.scale.has_value() && one_word) {
      draft_.entries = *minifloat;
    } else if (integer != nullptr && one_word && format.name.starts_with("int")) {
      draft_.entries = *integer;
    } else {
      return Error(begin, fmt::format("{}: entries are stored in a float without modifiers, such "
                                      "as fp16, bf16 or e4m3, or in an intN",
                                      Quoted(value)));
    }
    draft_.entries_name = format.name;
    return absl::OkStatus();
  }

  absl::Status Build() {
    Slot blame = Slot::kSlots;
    absl::StatusOr<NumberFormat> format = BuildFormat(draft_, blame);
    if (!format.ok()) return ErrorAt(blame, std::string(format.status().message()));
    quantizer_.format = *std::move(format);
    if (!grouped_ && quantizer_.format.block_size > 0) {
      quantizer_.granularity = Granularity::kBlock;
      quantizer_.block_size = quantizer_.format.block_size;
    }
    if (quantizer_.granularity != Granularity::kBlock) quantizer_.block_size = 0;
    return absl::OkStatus();
  }

  // Combinations that name no use of the format.
  absl::Status CheckUse() const {
    BITSCAPE_RETURN_IF_ERROR(CheckScale());
    const bool fixed_range =
        quantizer_.range == RangeMethod::kClip || quantizer_.range == RangeMethod::kPact;
    if (fixed_range && quantizer_.dynamic_range) {
      return ErrorAt(Slot::kRanging, "'dynamic' contradicts a range that is given or learned");
    }
    return quantizer_.overflow == Overflow::kWrap ? CheckWrap() : absl::OkStatus();
  }

  bool ScaleFromData() const {
    const LevelSet* const levels = std::get_if<LevelSet>(&quantizer_.format.element);
    return HasScale(quantizer_.format) && (levels == nullptr || levels->fit != LevelFit::kUnit);
  }

  absl::Status CheckScale() const {
    const NumberFormat& format = quantizer_.format;
    const bool from_data = ScaleFromData();
    const bool default_use = quantizer_.granularity == Granularity::kTensor &&
                             quantizer_.range == RangeMethod::kMinMax &&
                             !quantizer_.dynamic_range && !quantizer_.reciprocal;
    if (!from_data && !default_use) {
      size_t offset = end_;
      for (const Slot slot :
           {Slot::kGranularity, Slot::kRange, Slot::kReciprocal, Slot::kRanging}) {
        offset = std::min(offset, offsets_[static_cast<size_t>(slot)].value_or(end_));
      }
      return Error(
          offset == end_ ? begin_ : offset,
          fmt::format("'{}' has no scale from the data, so no group shares one and no "
                      "range is sought{}",
                      format.name, CanBeScaled(format) ? " (':scaled' gives it one)" : ""));
    }
    if (quantizer_.reciprocal && format.scale.has_value() &&
        format.scale->encoding == ScaleEncoding::kPowerOfTwo) {
      return ErrorAt(Slot::kReciprocal,
                     fmt::format("'reciprocal' changes nothing for '{}': a power of two has an "
                                 "exact inverse",
                                 format.name));
    }
    return absl::OkStatus();
  }

  absl::Status CheckWrap() const {
    const auto& integer = std::get<Integer>(quantizer_.format.element);
    if (integer.is_signed && !integer.full_range) {
      return ErrorAt(
          Slot::kOverflow,
          fmt::format("'wrap' needs the code -2^{}, which a symmetric range lacks: int{}:full:wrap",
                      integer.bits - 1, integer.bits));
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t begin_, end_;
  const NotationOptions& options_;
  FormatDraft draft_;
  Quantizer quantizer_;
  bool grouped_ = false;  // a granularity was given
  std::array<std::optional<size_t>, static_cast<size_t>(Slot::kSlots)> offsets_;  // of each given
};

}  // namespace

absl::StatusOr<Quantizer> ParseQuantizerWithin(std::string_view text, size_t begin, size_t end,
                                               const NotationOptions& options) {
  return Parser(text, begin, end, options).Parse();
}

}  // namespace bitscape::formats
