// What weights and activations can't be rounded with: the one place of these rules.
#include <fmt/format.h>

#include <string_view>
#include <variant>

#include "engine/core/status.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;
using formats::LevelFit;
using formats::LevelSet;
using formats::Quantizer;
using formats::RangeMethod;

const LevelSet* LevelsOf(const Quantizer& quantizer) {
  return std::get_if<LevelSet>(&quantizer.format.element);
}

bool IsCodebook(const LevelSet& levels) {
  return levels.fit == LevelFit::kKmeans || levels.fit == LevelFit::kLloydMax;
}

// What no operand can have; empty: nothing.
std::string_view ProblemOfRange(const Quantizer& quantizer) {
  if (LevelsOf(quantizer) != nullptr &&
      (quantizer.range == RangeMethod::kMse || quantizer.range == RangeMethod::kKl ||
       quantizer.range == RangeMethod::kAciq)) {
    return "levels are fitted to the data; ranges that cut it first are pN and clip=V";
  }
  if (quantizer.range == RangeMethod::kKl && quantizer.granularity == Granularity::kBlock) {
    return "'kl' compares histograms, which a block is too small for; allowed: minmax, pN, mse, "
           "aciq, clip=V";
  }
  return {};
}

std::string_view ProblemOfWeights(const Quantizer& quantizer) {
  if (quantizer.granularity == Granularity::kToken ||
      quantizer.granularity == Granularity::kPosition) {
    return "weights share scales by tensor, channel or block";
  }
  if (quantizer.dynamic_range) return "'dynamic' is for activations";
  if (quantizer.range == RangeMethod::kPact) return "'pact' is for activations";
  return formats::HasScale(quantizer.format) ? ProblemOfRange(quantizer) : std::string_view();
}

std::string_view ProblemOfPosition(const Quantizer& quantizer) {
  const LevelSet* levels = LevelsOf(quantizer);
  if (levels == nullptr || levels->levels != 2 || levels->fit != LevelFit::kMeanAbs) {
    return "'position' scales the product of signs; it is for 'binary'";
  }
  if (quantizer.dynamic_range) return "the scales of 'position' always come from the image";
  if (quantizer.range != RangeMethod::kMinMax) {
    return "the scales of 'position' are means of magnitudes, whatever the range";
  }
  return {};
}

std::string_view ProblemOfActivations(const Quantizer& quantizer) {
  if (quantizer.granularity == Granularity::kChannel) {
    return "'channel' is for weights; activations share scales by tensor, token, position or block";
  }
  if (quantizer.granularity == Granularity::kPosition) return ProblemOfPosition(quantizer);
  if (!formats::HasScale(quantizer.format)) return {};
  if (IsDynamic(quantizer)) {
    if (const LevelSet* levels = LevelsOf(quantizer); levels != nullptr && IsCodebook(*levels)) {
      return "a codebook isn't learned anew for each image; static ones are calibrated";
    }
    if (quantizer.range == RangeMethod::kKl) {
      return "'kl' is a calibration; dynamic ranges are minmax, pN, mse, aciq and clip=V";
    }
  }
  return ProblemOfRange(quantizer);
}

absl::Status Refuse(std::string_view operand, const Quantizer& quantizer,
                    std::string_view problem) {
  if (problem.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} {}: {}", operand, quantizer.ToString(), problem));
}

}  // namespace

bool IsDynamic(const Quantizer& quantizer) {
  if (!formats::HasScale(quantizer.format)) return false;
  return quantizer.dynamic_range || quantizer.granularity == Granularity::kToken ||
         quantizer.granularity == Granularity::kBlock;
}

absl::Status CheckWeights(const Quantizer& quantizer) {
  return Refuse("weights", quantizer, ProblemOfWeights(quantizer));
}

absl::Status CheckActivations(const Quantizer& quantizer) {
  BITSCAPE_RETURN_IF_ERROR(Refuse("activations", quantizer, ProblemOfActivations(quantizer)));
  if (quantizer.range == RangeMethod::kPact && quantizer.range_value == 0) {
    return absl::UnimplementedError(
        fmt::format("activations {}: the alpha of 'pact' comes from training; pact=A gives one",
                    quantizer.ToString()));
  }
  return absl::OkStatus();
}

}  // namespace bitscape::quantize
