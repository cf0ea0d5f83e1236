// Chooses the loop that rounds: float32 arithmetic for nearest, double for what is left.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/core/status.h"
#include "engine/formats/codec.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/round_float.h"
#include "engine/formats/round_integer.h"
#include "engine/formats/round_levels.h"
#include "engine/formats/round_log.h"
#include "engine/formats/round_wide.h"

namespace bitscape::formats {
namespace {

// Whether a loop did it.
struct RoundFast {
  const RoundRequest& request;
  std::span<const float> values;
  std::span<float> rounded;

  bool Nearest() const { return request.rounding == Rounding::kNearestEven; }

  bool Widely(const ElementType& element) const {
    constexpr size_t kStrip = 1024;
    std::array<float, kStrip> quotients;
    const ScaleSteps scale = StepsOf(request.scaling);
    for (size_t first = 0; first < values.size(); first += kStrip) {
      const size_t size = std::min(kStrip, values.size() - first);
      const float* strip = values.data() + first;
      float* const results = rounded.data() + first;
      if (scale.unscale != Unscale::kNone) {
        Unscale32(scale, strip, quotients.data(), size);
        strip = quotients.data();
      }
      RoundWide(element, request, first, strip, results, size);
      if (scale.unscale != Unscale::kNone) Rescale32(scale.scale, results, size);
    }
    return true;
  }

  bool operator()(const Minifloat& type) const {
    if (IsFloat32Element(type)) {
      if (request.scaling.scale != 1) return false;
      std::memmove(rounded.data(), values.data(), values.size_bytes());
      return true;
    }
    if (!Nearest() || !FitsFloatLoop(type)) return Widely(type);
    RoundFloats(StepsOf(type), StepsOf(request.scaling), values.data(), rounded.data(),
                values.size());
    return true;
  }

  bool operator()(const Integer& type) const {
    if (!Nearest() || request.overflow == Overflow::kWrap || !FitsIntegerLoop(type)) {
      return Widely(type);
    }
    RoundIntegers(StepsOf(type, request.scaling.zero_point), StepsOf(request.scaling),
                  values.data(), rounded.data(), values.size());
    return true;
  }

  bool operator()(const Log& type) const {
    if (!FitsLogLoop(type)) return false;
    if (!Nearest() && request.rounding != Rounding::kNearestAway) return Widely(type);
    RoundLogs(StepsOf(type), StepsOf(request.scaling), values.data(), rounded.data(),
              values.size());
    return true;
  }

  bool operator()(const LevelSet&) const {
    BITSCAPE_CHECK(request.scaling.levels != nullptr, "a level set rounds by its fitted levels");
    RoundLevels(*request.scaling.levels, request.scaling.scale, request.rounding, values, rounded,
                request.key);
    return true;
  }
};

}  // namespace

void Round(const ElementType& element, Rounding rounding, Overflow overflow, const Scaling& scaling,
           std::span<const float> values, std::span<float> rounded, RandomKey key) {
  BITSCAPE_CHECK(values.size() == rounded.size(), "one result for each value");
  if (values.empty()) return;
  if (std::isnan(scaling.scale)) {
    std::fill(rounded.begin(), rounded.end(), std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const RoundRequest request{rounding, overflow, scaling, key};
  if (std::visit(RoundFast{request, values, rounded}, element)) return;
  RoundReference(element, rounding, overflow, scaling, values, rounded, key);
}

}  // namespace bitscape::formats
