// Rounding to powers of a base by the bits of a float32. Internal to engine/formats.
#pragma once

#include "engine/formats/number_format.h"
#include "engine/formats/round_vector.h"

namespace bitscape::formats {

// A base as numbers. Levels repeat every `period` of the bits: an octave, two for base 4, whose
// levels have even exponents; `align` makes a period begin at a level.
struct LogLoopSteps {
  uint32_t period_mask, align;
  uint32_t first, second;            // nearest: from here in a period one level up, two
  uint32_t first_step, second_step;  // by so many bits
  uint32_t middle;                   // the second level in a period, or its end
  uint32_t smallest, largest;        // levels
  uint32_t zero_below;               // nearest: less gives 0
  uint32_t signs;                    // kSignBit, or 0 where unsigned
};

// Whether every level is a normal float32.
bool FitsLogLoop(const Log& type);
LogLoopSteps StepsOf(const Log& type);

// Nearest in the log domain. In place is allowed.
void RoundLogs(const LogLoopSteps& steps, ScaleSteps scale, const float* values, float* rounded,
               size_t count);
// The same with a scale for each element, and its inverse (or the scale where `divide`).
void RoundLogs(const LogLoopSteps& steps, ScaleOfEach scale, bool divide, const float* values,
               float* rounded, size_t count);

}  // namespace bitscape::formats
