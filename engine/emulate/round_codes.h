// The codes of values: what formats::Round multiplies with the scale.
#pragma once

#include <span>
#include <string_view>

#include "engine/formats/codec.h"
#include "engine/formats/quantizer.h"

namespace bitscape::emulate {

// Integers: code - zero point; floats and logs: the element at scale 1; level sets: the level. In
// place is allowed. Shape: values.size() == codes.size().
void RoundToCodes(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
                  std::span<const float> values, std::span<float> codes,
                  formats::RandomKey key = {});

// The stream of random numbers that belongs to a tensor of a layer: "weights", "activations0", ...
uint64_t StreamOf(std::string_view layer, std::string_view tensor);

}  // namespace bitscape::emulate
