#include "engine/formats/round_log.h"

#include "engine/core/status.h"
#include "engine/formats/codec.h"
#include "engine/formats/element_rounding.h"

namespace bitscape::formats {
namespace {

// The mantissas of the smallest float32 beyond 2^(1/4), 2^(1/2), 2^(3/4), and of the float32
// nearest to sqrt 2.
constexpr uint32_t kFourthRoot = 0x1837f1;
constexpr uint32_t kSquareRoot = 0x3504f4;
constexpr uint32_t kThreeFourths = 0x5744fd;
constexpr uint32_t kSquareRootLevel = 0x3504f3;
constexpr uint32_t kOctave = 0x00800000;

BITSCAPE_INLINE float RoundLog(const LogLoopSteps& steps, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & ~kSignBit;
  const uint32_t sign = bits & kSignBit;
  const uint32_t aligned = magnitude + steps.align;
  const uint32_t within = aligned & steps.period_mask;
  uint32_t result = (aligned & ~steps.period_mask) - steps.align;
  result += within >= steps.first ? steps.first_step : 0;
  result += within >= steps.second ? steps.second_step : 0;
  result = result < steps.largest ? result : steps.largest;
  result = magnitude < steps.zero_below ? 0 : result;
  result |= sign & steps.signs;
  const bool gone = magnitude > kInfinityBits || (sign & ~steps.signs) != 0;
  return std::bit_cast<float>(gone ? 0 : result);
}

template <Unscale kUnscale, typename Scales>
BITSCAPE_INLINE void Loop(const LogLoopSteps& given, Scales scales, const float* values,
                          float* rounded, size_t count) {
  const LogLoopSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    rounded[i] = RoundLog(steps, Unscaled<kUnscale>(values[i], scales.Factor(i))) * scales.Scale(i);
  }
}

// A clone can't be a template.
#define BITSCAPE_LOG_LOOP(name, unscale, scales)                                          \
  BITSCAPE_VECTOR_CLONES                                                                  \
  void name(const LogLoopSteps& steps, scales given, const float* values, float* rounded, \
            size_t count) {                                                               \
    Loop<Unscale::unscale, scales>(steps, given, values, rounded, count);                 \
  }
BITSCAPE_LOG_LOOP(Multiply, kMultiply, ScaleOfAll)
BITSCAPE_LOG_LOOP(Divide, kDivide, ScaleOfAll)
BITSCAPE_LOG_LOOP(MultiplyEach, kMultiply, ScaleOfEach)
BITSCAPE_LOG_LOOP(DivideEach, kDivide, ScaleOfEach)
#undef BITSCAPE_LOG_LOOP

}  // namespace

bool FitsLogLoop(const Log& type) { return DecodeLog(type, 1) >= 0x1p-126F; }

LogLoopSteps StepsOf(const Log& type) {
  LogLoopSteps steps{.period_mask = kOctave - 1,
                     .align = 0,
                     .first = kSquareRoot,
                     .second = kOctave,
                     .first_step = kOctave,
                     .second_step = 0,
                     .middle = kOctave,
                     .smallest = 0,
                     .largest = 0,
                     .zero_below = 0,
                     .signs = type.is_signed ? kSignBit : 0};
  const float smallest = DecodeLog(type, 1);
  steps.smallest = std::bit_cast<uint32_t>(smallest);
  steps.largest =
      std::bit_cast<uint32_t>(DecodeLog(type, static_cast<uint32_t>(LargestLogCode(type))));
  // The smallest float32 from smallest / sqrt(base) on.
  double half_step = std::sqrt(0.5);
  switch (type.base) {
    case LogBase::kTwo:
      break;
    case LogBase::kSqrtTwo:
      steps.first = kFourthRoot;
      steps.second = kThreeFourths;
      steps.first_step = kSquareRootLevel;
      steps.second_step = kOctave - kSquareRootLevel;
      steps.middle = kSquareRootLevel;
      half_step = std::sqrt(std::sqrt(0.5));
      break;
    case LogBase::kFour:
      steps.period_mask = 2 * kOctave - 1;
      steps.align = kOctave;
      steps.first = kOctave;
      steps.second = 2 * kOctave;
      steps.first_step = 2 * kOctave;
      steps.middle = 2 * kOctave;
      half_step = 0.5;
      break;
  }
  // An odd power of sqrt 2 is rounded to float32, which its threshold is not.
  const double exact = type.base == LogBase::kSqrtTwo
                           ? std::exp2(std::round(2 * std::log2(smallest)) / 2)
                           : double{smallest};
  const double threshold = exact * half_step;
  float zero_below = static_cast<float>(threshold);
  if (zero_below < threshold) zero_below = std::nextafter(zero_below, 1.0F);
  steps.zero_below = std::bit_cast<uint32_t>(zero_below);
  return steps;
}

void RoundLogs(const LogLoopSteps& steps, ScaleSteps scale, const float* values, float* rounded,
               size_t count) {
  const auto loop = scale.unscale == Unscale::kDivide ? Divide : Multiply;
  loop(steps, {scale}, values, rounded, count);
}

void RoundLogs(const LogLoopSteps& steps, ScaleOfEach scale, bool divide, const float* values,
               float* rounded, size_t count) {
  const auto loop = divide ? DivideEach : MultiplyEach;
  loop(steps, scale, values, rounded, count);
}

}  // namespace bitscape::formats
