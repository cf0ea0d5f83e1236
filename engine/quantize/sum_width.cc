#include "engine/quantize/sum_width.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/core/status.h"

namespace bitscape::quantize {
std::optional<double> UnitInLastPlace(const formats::ElementType& element) {
  using formats::Underflow;
  struct Visitor {
    std::optional<double> operator()(const formats::Minifloat& type) const {
      const bool normal_step =
          type.underflow == Underflow::kGradual || type.underflow == Underflow::kFlush;
      // The others have a code for E = 0 whose step is half of E = 1's.
      return std::ldexp(1.0, (normal_step ? 1 : 0) - type.bias - type.mantissa_bits);
    }
    std::optional<double> operator()(const formats::Integer&) const { return 1; }
    std::optional<double> operator()(const formats::Log& type) const {
      if (type.base == formats::LogBase::kSqrtTwo) return std::nullopt;
      return formats::SmallestPositive(type);
    }
    std::optional<double> operator()(const formats::LevelSet&) const { return std::nullopt; }
  };
  return std::visit(Visitor{}, element);
}

double CodeRange::LargestMagnitude() const { return std::max(largest, -smallest); }

std::optional<CodeRange> CodesOf(const formats::NumberFormat& format) {
  const bool integers = formats::IsIntegerLike(format);  // with the level sets -1, 1 and -1, 0, 1
  const std::optional<double> unit = integers ? 1 : UnitInLastPlace(format.element);
  if (!unit.has_value()) return std::nullopt;
  CodeRange codes;
  codes.unit = *unit;
  codes.smallest = formats::SmallestFinite(format.element) / *unit;
  codes.largest = formats::LargestFinite(format.element) / *unit;
  codes.bits = formats::ElementBits(format);
  if (!integers) codes.bits = SignedBits({codes.smallest, codes.largest});
  if (format.zero_point) {  // anywhere among the codes
    codes.largest -= codes.smallest;
    codes.smallest = -codes.largest;
    codes.bits += 1;
  }
  return codes;
}

SumRange SumsOf(const CodeRange& weights, const CodeRange& activations, int64_t reduction_length) {
  const double products[] = {
      weights.smallest * activations.smallest, weights.smallest * activations.largest,
      weights.largest * activations.smallest, weights.largest * activations.largest};
  const auto [smallest, largest] = std::minmax_element(std::begin(products), std::end(products));
  const double count = static_cast<double>(reduction_length);
  return {std::min(*smallest, 0.0) * count, std::max(*largest, 0.0) * count};
}

SumRange SumsOf(std::span<const double> weight_codes, int64_t channels,
                const CodeRange& activations) {
  BITSCAPE_CHECK(channels > 0 && weight_codes.size() % static_cast<size_t>(channels) == 0,
                 "every channel has as many weights");
  const size_t row = weight_codes.size() / static_cast<size_t>(channels);
  SumRange all;
  for (size_t first = 0; first < weight_codes.size(); first += row) {
    SumRange sums;
    for (const double weight : weight_codes.subspan(first, row)) {
      const double one = weight * activations.smallest;
      const double other = weight * activations.largest;
      sums.smallest += std::min({one, other, 0.0});
      sums.largest += std::max({one, other, 0.0});
    }
    all.smallest = std::min(all.smallest, sums.smallest);
    all.largest = std::max(all.largest, sums.largest);
  }
  return all;
}

int SignedBits(const SumRange& sums) {
  // [-2^(N-1), 2^(N-1) - 1] holds x >= 0 from N = ilogb(x) + 2 on, and x < 0 as -x - 1.
  const auto bits = [](double magnitude) { return magnitude < 1 ? 1 : std::ilogb(magnitude) + 2; };
  return std::max(bits(sums.largest), bits(std::max(-sums.smallest - 1, 0.0)));
}

int CeilLog2(int64_t value) {
  return value <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<uint64_t>(value - 1)));
}

LayerWidths WidthsOf(const formats::Quantizer& weights, const formats::Quantizer& activations,
                     int64_t reduction_length) {
  LayerWidths widths;
  widths.reduction_length = reduction_length;
  const std::optional<CodeRange> weight_codes = CodesOf(weights.format);
  const std::optional<CodeRange> activation_codes = CodesOf(activations.format);
  const bool blocks = weights.granularity == formats::Granularity::kBlock ||
                      activations.granularity == formats::Granularity::kBlock;
  if (!weight_codes.has_value() || !activation_codes.has_value() || blocks) return widths;
  widths.lecture_bits = weight_codes->bits + activation_codes->bits + CeilLog2(reduction_length);
  widths.tight_bits = SignedBits(SumsOf(*weight_codes, *activation_codes, reduction_length));
  widths.weight_bits = widths.tight_bits;
  return widths;
}

}  // namespace bitscape::quantize
