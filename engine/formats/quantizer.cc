#include "engine/formats/quantizer.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/core/status.h"
#include "engine/formats/notation.h"

namespace bitscape::formats {
namespace {

std::string GranularityText(const Quantizer& quantizer) {
  switch (quantizer.granularity) {
    case Granularity::kTensor:
      return "";
    case Granularity::kChannel:
      return ":channel";
    case Granularity::kToken:
      return ":token";
    case Granularity::kPosition:
      return ":position";
    case Granularity::kBlock:
      return fmt::format(":block{}", quantizer.block_size);
  }
  BITSCAPE_CHECK(false, "every Granularity has a case");
}

std::string RangeText(const Quantizer& quantizer) {
  switch (quantizer.range) {
    case RangeMethod::kMinMax:
      return "";
    case RangeMethod::kPercentile:
      return fmt::format(":p{}", quantizer.range_value);
    case RangeMethod::kMse:
      return ":mse";
    case RangeMethod::kKl:
      return ":kl";
    case RangeMethod::kAciq:
      return ":aciq";
    case RangeMethod::kClip:
      return fmt::format(":clip={}", quantizer.range_value);
    case RangeMethod::kPact:
      return ":pact";
  }
  BITSCAPE_CHECK(false, "every RangeMethod has a case");
}

std::string_view RoundingText(Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearestEven:
      return "";
    case Rounding::kNearestAway:
      return ":away";
    case Rounding::kStochastic:
      return ":stochastic";
    case Rounding::kFloor:
      return ":floor";
    case Rounding::kTowardZero:
      return ":zero";
  }
  BITSCAPE_CHECK(false, "every Rounding has a case");
}

}  // namespace

std::string Quantizer::ToString() const {
  return fmt::format("{}{}{}{}{}{}", format.name, GranularityText(*this), RangeText(*this),
                     RoundingText(rounding), overflow == Overflow::kWrap ? ":wrap" : "",
                     dynamic_range ? ":dynamic" : "");
}

absl::StatusOr<Quantizer> ParseQuantizer(std::string_view notation) {
  return ParseQuantizerWithin(notation, 0, notation.size());
}

Quantizer Float32() {
  static const Quantizer* const float32 = [] {
    absl::StatusOr<Quantizer> parsed = ParseQuantizer("fp32");
    BITSCAPE_CHECK(parsed.ok(), "fp32 stands in the catalogue");
    return new Quantizer(*std::move(parsed));
  }();
  return *float32;
}

double BitsPerElement(const Quantizer& quantizer, double group_elements) {
  BITSCAPE_CHECK(group_elements > 0, "a group has elements");
  const double scales = quantizer.granularity == Granularity::kBlock
                            ? std::ceil(group_elements / quantizer.block_size)
                            : 1;
  return ElementBits(quantizer.format) + scales * ScaleBits(quantizer.format) / group_elements;
}

int ScaleBits(const NumberFormat& format) {
  int bits = format.zero_point ? ElementBits(format) : 0;
  for (const std::optional<ScaleLevel>& level : format.scales) {
    if (!level.has_value()) continue;
    switch (level->encoding) {
      case ScaleEncoding::kFloat32:
        bits += 32;
        break;
      case ScaleEncoding::kPowerOfTwo:
        bits += 8;
        break;
      case ScaleEncoding::kFixed:
        break;
    }
  }
  return bits;
}

}  // namespace bitscape::formats
