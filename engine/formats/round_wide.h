// Every rounding in double arithmetic: directed and stochastic, wrap-around, and types that float32
// arithmetic doesn't do. Internal to engine/formats.
#pragma once

#include "engine/formats/number_format.h"
#include "engine/formats/round_vector.h"

namespace bitscape::formats {

// Whether RoundWide does the type: all but logs with levels below float32's normals.
bool FitsWideLoop(const ElementType& element);

// Rounds `values`, already unscaled, at scale 1; zero points included. Element i takes draw first +
// i. In place is allowed.
void RoundWide(const ElementType& element, const RoundRequest& request, uint64_t first,
               const float* values, float* rounded, size_t count);

// values[i] / scale as `scale` says, and back.
void Unscale32(ScaleSteps scale, const float* values, float* quotients, size_t count);
void Rescale32(float scale, float* values, size_t count);
void Unscale32(ScaleOfEach scale, bool divide, const float* values, float* quotients, size_t count);
void Rescale32(const float* scales, float* values, size_t count);

}  // namespace bitscape::formats
