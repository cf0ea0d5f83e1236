// Rounding to the fitted levels of a table. Internal to engine/formats.
#pragma once

#include <span>

#include "engine/formats/codec.h"
#include "engine/formats/round_vector.h"

namespace bitscape::formats {

// Equal to RoundReference of a LevelSet. In place is allowed.
void RoundLevels(const LevelTable& table, float scale, Rounding rounding,
                 std::span<const float> values, std::span<float> rounded, RandomKey key);

}  // namespace bitscape::formats
