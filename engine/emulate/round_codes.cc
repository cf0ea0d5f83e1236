#include "engine/emulate/round_codes.h"

#include <algorithm>
#include <string>

#include "engine/core/digest.h"

namespace bitscape::emulate {
void RoundToCodes(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
                  std::span<const float> values, std::span<float> codes, formats::RandomKey key) {
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
  formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                 {.scale = 1, .zero_point = scaling.zero_point}, codes, codes, key);
}

uint64_t StreamOf(std::string_view layer, std::string_view tensor) {
  Digest digest;
  digest.Add(layer).Add(tensor);
  return std::stoull(digest.Hex().substr(0, 16), nullptr, 16);
}

}  // namespace bitscape::emulate
