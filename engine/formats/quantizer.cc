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
      return quantizer.format.block_size > 0 ? ":tensor" : "";
    case Granularity::kChannel:
      return ":channel";
    case Granularity::kToken:
      return ":token";
    case Granularity::kPosition:
      return ":position";
    case Granularity::kBlock:
      if (quantizer.block_size == quantizer.format.block_size) return "";
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
      return quantizer.range_value > 0 ? fmt::format(":pact={}", quantizer.range_value) : ":pact";
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
  return fmt::format("{}{}{}{}{}{}{}", format.name, GranularityText(*this), RangeText(*this),
                     reciprocal ? ":reciprocal" : "", RoundingText(rounding),
                     overflow == Overflow::kWrap ? ":wrap" : "", dynamic_range ? ":dynamic" : "");
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

int ScaleBits(const NumberFormat& format) {
  struct TableBits {
    int operator()(const Minifloat&) const { return 0; }
    int operator()(const Integer&) const { return 0; }
    int operator()(const Log&) const { return 0; }
    int operator()(const LevelSet& type) const {
      switch (type.fit) {
        case LevelFit::kKmeans:
        case LevelFit::kLloydMax: {
          const bool scaled = std::holds_alternative<Integer>(type.entries);
          const int entry = std::visit([](const auto& e) { return ElementBits(e); }, type.entries);
          return type.levels * entry + (scaled ? 32 : 0);
        }
        case LevelFit::kUnit:
        case LevelFit::kDorefa:
          return 0;
        case LevelFit::kMeanAbs:
        case LevelFit::kTwn:
        case LevelFit::kAbsMean:
          return 32;
        case LevelFit::kTtq:
          return 64;
      }
      BITSCAPE_CHECK(false, "every LevelFit has a case");
    }
  };
  return (format.zero_point ? ElementBits(format) : 0) +
         (format.scale.has_value() ? format.scale->bits : 0) +
         std::visit(TableBits{}, format.element);
}

int TensorScaleBits(const NumberFormat& format) {
  return format.tensor_scale.has_value() ? format.tensor_scale->bits : 0;
}

double StorageBits(const Quantizer& quantizer, double rows, double row) {
  BITSCAPE_CHECK(rows > 0 && row > 0, "a tensor has elements");
  double groups = 0;
  switch (quantizer.granularity) {
    case Granularity::kTensor:
      groups = 1;
      break;
    case Granularity::kChannel:
    case Granularity::kToken:
    case Granularity::kPosition:
      groups = rows;
      break;
    case Granularity::kBlock:
      groups = rows * std::ceil(row / quantizer.block_size);
      break;
  }
  return rows * row * ElementBits(quantizer.format) + groups * ScaleBits(quantizer.format) +
         TensorScaleBits(quantizer.format);
}

}  // namespace bitscape::formats
