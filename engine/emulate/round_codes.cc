#include "engine/emulate/round_codes.h"

#include <algorithm>
#include <string>

#include "engine/core/digest.h"
#include "engine/core/random.h"

namespace bitscape::emulate {
namespace {

using formats::Rounding;

// Roundings by value look at the scaled levels, so they take values as they are.
bool RoundsByValue(Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearestEven:
    case Rounding::kNearestAway:
      return false;
    case Rounding::kStochastic:
    case Rounding::kFloor:
    case Rounding::kTowardZero:
      return true;
  }
  return true;
}

}  // namespace

void RoundToCodes(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
                  std::span<const float> values, std::span<float> codes, formats::RandomKey key) {
  const auto round = [&](const formats::Scaling& unscaled, std::span<const float> from) {
    formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow, unscaled, from,
                   codes, key);
  };
  if (scaling.levels == nullptr) {
    // The division first, as Round does it, then rounding at scale 1.
    const float scale = scaling.scale;
    const float inverse = 1.0F / scale;
    if (scaling.reciprocal) {
      std::transform(values.begin(), values.end(), codes.begin(),
                     [inverse](float value) { return value * inverse; });
    } else {
      std::transform(values.begin(), values.end(), codes.begin(),
                     [scale](float value) { return value / scale; });
    }
    round({.scale = 1, .zero_point = scaling.zero_point}, codes);
    return;
  }
  if (!RoundsByValue(quantizer.rounding)) {
    formats::Scaling unscaled = scaling;  // boundaries are in units of the values
    unscaled.scale = 1;
    round(unscaled, values);
    return;
  }
  const formats::LevelTable& table = *scaling.levels;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t random = quantizer.rounding == Rounding::kStochastic
                                ? RandomBits(key.seed, key.stream, key.first + i)
                                : 0;
    codes[i] = table.levels[formats::EncodeLevel(table, scaling.scale, values[i],
                                                 quantizer.rounding, random)];
  }
}

uint64_t StreamOf(std::string_view layer, std::string_view tensor) {
  Digest digest;
  digest.Add(layer).Add(tensor);
  return std::stoull(digest.Hex().substr(0, 16), nullptr, 16);
}

}  // namespace bitscape::emulate
