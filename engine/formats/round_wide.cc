#include "engine/formats/round_wide.h"

#include "engine/core/status.h"
#include "engine/formats/minifloat.h"
#include "engine/formats/round_log.h"

namespace bitscape::formats {
namespace {

constexpr uint64_t kExponentBits = 0x7ff0000000000000u;

// The neighbours of a magnitude; `odd` is 1 where the code of `lower` is, else 0.
struct Neighbours {
  double lower, upper, odd;
};

// 1 for odd whole numbers, 0 for even ones.
BITSCAPE_INLINE double IsOdd(double whole) { return whole - 2 * std::floor(whole * 0.5); }

template <bool kDraws>
BITSCAPE_INLINE double Choose(const UpSteps& up, const DrawSteps& draw, uint64_t i,
                              const Neighbours& neighbours, double magnitude, bool negative) {
  double threshold = 0;
  if constexpr (kDraws) {
    threshold = Draw(draw, i);
  } else {
    threshold = (negative ? up.negative : up.positive) - neighbours.odd * up.odd;
  }
  const bool rises =
      threshold * (neighbours.upper - neighbours.lower) < magnitude - neighbours.lower;
  return rises ? neighbours.upper : neighbours.lower;
}

struct WideFloatSteps {
  uint64_t lowest_power;         // bits of the power of two whose grid goes down to 0
  uint64_t to_step, to_inverse;  // from the bits of a power of two to those of its grid's step
  // Magnitudes within have these neighbours: below AdaptivFloat's smallest, CFloat's gap.
  double gap_lower, gap_upper;
  double gap_odd;
  double largest, flush_below;
  uint32_t infinity, not_a_number, zero_signs;
};

WideFloatSteps StepsOf(const Minifloat& type) {
  WideFloatSteps steps{};
  const uint64_t mantissa = static_cast<uint64_t>(type.mantissa_bits);
  const bool ordinary =
      type.underflow == Underflow::kGradual || type.underflow == Underflow::kFlush;
  const uint32_t hidden = uint32_t{1} << type.mantissa_bits;
  const int lowest = MinExponent(type) - (ordinary ? 0 : 1);
  steps.lowest_power = std::bit_cast<uint64_t>(std::ldexp(1.0, lowest));
  steps.to_step = mantissa << 52;
  steps.to_inverse = (2046 + mantissa) << 52;
  if (type.underflow == Underflow::kAdaptiv) {
    steps.gap_upper = MagnitudeValue(type, 1);
    steps.gap_odd = 1;  // ties go up
  } else if (type.underflow == Underflow::kHalved) {
    steps.gap_lower = MagnitudeValue(type, hidden - 1);
    steps.gap_upper = MagnitudeValue(type, hidden);
    steps.gap_odd = 1;
  }
  steps.largest = LargestFinite(type);
  steps.flush_below = type.underflow == Underflow::kFlush ? MagnitudeValue(type, hidden) : 0;
  steps.infinity = type.specials == SpecialValues::kIeee
                       ? kInfinityBits
                       : std::bit_cast<uint32_t>(static_cast<float>(steps.largest));
  steps.not_a_number = type.specials == SpecialValues::kFinite ? 0 : kQuietNanBits;
  steps.zero_signs = type.specials == SpecialValues::kFnuz ? 0 : kSignBit;
  return steps;
}

template <bool kDraws>
BITSCAPE_INLINE void FloatLoop(const WideFloatSteps& given, UpSteps up, DrawSteps draw,
                               const float* values, float* rounded, size_t count) {
  const WideFloatSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(values[i]);
    const uint32_t sign = bits & kSignBit;
    const uint32_t magnitude_bits = bits & ~kSignBit;
    const double magnitude = double{std::bit_cast<float>(magnitude_bits)};
    uint64_t power = std::bit_cast<uint64_t>(magnitude) & kExponentBits;
    power = power > steps.lowest_power ? power : steps.lowest_power;
    const double step = std::bit_cast<double>(power - steps.to_step);
    const double whole = std::floor(magnitude * std::bit_cast<double>(steps.to_inverse - power));
    Neighbours neighbours{whole * step, whole * step + step, IsOdd(whole)};
    const bool in_gap = magnitude >= steps.gap_lower && magnitude < steps.gap_upper;
    neighbours.lower = in_gap ? steps.gap_lower : neighbours.lower;
    neighbours.upper = in_gap ? steps.gap_upper : neighbours.upper;
    neighbours.odd = in_gap ? steps.gap_odd : neighbours.odd;
    double result = Choose<kDraws>(up, draw, i, neighbours, magnitude, sign != 0);
    result = result < steps.largest ? result : steps.largest;
    result = result < steps.flush_below ? 0.0 : result;
    uint32_t result_bits = std::bit_cast<uint32_t>(static_cast<float>(result));
    result_bits = magnitude_bits == kInfinityBits ? steps.infinity : result_bits;
    result_bits |= result_bits == 0 ? sign & steps.zero_signs : sign;
    result_bits = magnitude_bits > kInfinityBits ? steps.not_a_number : result_bits;
    rounded[i] = std::bit_cast<float>(result_bits);
  }
}

struct WideIntegerSteps {
  double smallest, largest, zero_point;
  double modulus, inverse_modulus;
};

WideIntegerSteps StepsOf(const Integer& type, int32_t zero_point) {
  const ElementType element = type;
  return {SmallestFinite(element), LargestFinite(element), static_cast<double>(zero_point),
          std::ldexp(1.0, type.bits), std::ldexp(1.0, -type.bits)};
}

// How an integer is found: two that need no comparison with a threshold, and the others.
enum class Whole { kNearestEven, kTowardZero, kThreshold, kDraw };

template <Whole kWhole>
BITSCAPE_INLINE double RoundedMagnitude(const UpSteps& up, const DrawSteps& draw, uint64_t i,
                                        double magnitude, bool negative) {
  if constexpr (kWhole == Whole::kNearestEven) {
    // Beyond 2^51 every float32 is whole, and the sum would not be exact.
    constexpr double kToWhole = 0x1.8p52;
    return magnitude < 0x1p51 ? (magnitude + kToWhole) - kToWhole : magnitude;
  }
  const double whole = std::floor(magnitude);
  if constexpr (kWhole == Whole::kTowardZero) return whole;
  return Choose<kWhole == Whole::kDraw>(up, draw, i, {whole, whole + 1, IsOdd(whole)}, magnitude,
                                        negative);
}

template <Whole kWhole, bool kWraps>
BITSCAPE_INLINE void IntegerLoop(const WideIntegerSteps& given, UpSteps up, DrawSteps draw,
                                 const float* values, float* rounded, size_t count) {
  const WideIntegerSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    const double value = double{values[i]};
    const double magnitude = value < 0 ? -value : value;
    const double away = RoundedMagnitude<kWhole>(up, draw, i, magnitude, value < 0);
    const double integer = value < 0 ? -away : away;
    double code = integer + steps.zero_point;
    if constexpr (kWraps) {
      // Exact: a quotient by a power of two, and small integers. The zero point is a code, so one
      // modulus is all that can be too much. Infinities saturate.
      const double own = integer - steps.modulus * std::floor(integer * steps.inverse_modulus);
      double wrapped = own + steps.zero_point;
      wrapped -= wrapped - steps.smallest >= steps.modulus ? steps.modulus : 0.0;
      code = magnitude <= 0x1p128 ? wrapped : code;
    }
    code = code < steps.smallest ? steps.smallest : code;
    code = code > steps.largest ? steps.largest : code;
    code = value == value ? code : steps.zero_point;
    rounded[i] = static_cast<float>(code - steps.zero_point);
  }
}

template <bool kDraws>
BITSCAPE_INLINE void LogLoop(const LogLoopSteps& given, UpSteps up, DrawSteps draw,
                             const float* values, float* rounded, size_t count) {
  const LogLoopSteps steps = given;  // a copy: the stores can't alias it
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(values[i]);
    const uint32_t sign = bits & kSignBit;
    const uint32_t magnitude = bits & ~kSignBit;
    const uint32_t aligned = magnitude + steps.align;
    const bool second = (aligned & steps.period_mask) >= steps.middle;
    const uint32_t begin = (aligned & ~steps.period_mask) - steps.align;
    uint32_t lower = second ? begin + steps.middle : begin;
    uint32_t upper = second ? begin + steps.period_mask + 1 : begin + steps.middle;
    const bool small = magnitude < steps.smallest;
    lower = small ? 0 : lower;
    upper = small ? steps.smallest : upper;
    lower = lower < steps.largest ? lower : steps.largest;
    upper = upper < steps.largest ? upper : steps.largest;
    const Neighbours neighbours{double{std::bit_cast<float>(lower)},
                                double{std::bit_cast<float>(upper)}, 0};
    const double result =
        Choose<kDraws>(up, draw, i, neighbours, double{std::bit_cast<float>(magnitude)}, sign != 0);
    const uint32_t result_bits =
        std::bit_cast<uint32_t>(static_cast<float>(result)) | (sign & steps.signs);
    const bool gone = magnitude > kInfinityBits || (sign & ~steps.signs) != 0;
    rounded[i] = std::bit_cast<float>(gone ? 0 : result_bits);
  }
}

// A clone can't be a template.
#define BITSCAPE_WIDE_LOOP(name, loop, Steps)                                                    \
  BITSCAPE_VECTOR_CLONES                                                                         \
  void name(const Steps& steps, UpSteps up, DrawSteps draw, const float* values, float* rounded, \
            size_t count) {                                                                      \
    loop(steps, up, draw, values, rounded, count);                                               \
  }
BITSCAPE_WIDE_LOOP(Floats, FloatLoop<false>, WideFloatSteps)
BITSCAPE_WIDE_LOOP(FloatDraws, FloatLoop<true>, WideFloatSteps)
#define BITSCAPE_COMMA ,
#define BITSCAPE_INTEGER_LOOPS(name, whole)                                                  \
  BITSCAPE_WIDE_LOOP(name, IntegerLoop<Whole::whole BITSCAPE_COMMA false>, WideIntegerSteps) \
  BITSCAPE_WIDE_LOOP(name##Wrap, IntegerLoop<Whole::whole BITSCAPE_COMMA true>, WideIntegerSteps)
BITSCAPE_INTEGER_LOOPS(IntegersNearest, kNearestEven)
BITSCAPE_INTEGER_LOOPS(IntegersTowardZero, kTowardZero)
BITSCAPE_INTEGER_LOOPS(Integers, kThreshold)
BITSCAPE_INTEGER_LOOPS(IntegerDraws, kDraw)
#undef BITSCAPE_INTEGER_LOOPS
#undef BITSCAPE_COMMA
BITSCAPE_WIDE_LOOP(Logs, LogLoop<false>, LogLoopSteps)
BITSCAPE_WIDE_LOOP(LogDraws, LogLoop<true>, LogLoopSteps)
#undef BITSCAPE_WIDE_LOOP

struct Wide {
  const RoundRequest& request;
  uint64_t first;
  const float* values;
  float* rounded;
  size_t count;

  bool Draws() const { return request.rounding == Rounding::kStochastic; }
  UpSteps Up() const { return UpStepsOf(request.rounding); }
  DrawSteps OwnDraws() const {
    DrawSteps draw = bitscape::formats::StepsOf(request.key);
    draw.first += first;
    return draw;
  }

  void operator()(const Minifloat& type) const {
    const auto loop = Draws() ? FloatDraws : Floats;
    loop(StepsOf(type), Up(), OwnDraws(), values, rounded, count);
  }
  void operator()(const Integer& type) const {
    const auto loop = IntegerLoopOf(request.overflow == Overflow::kWrap);
    loop(StepsOf(type, request.scaling.zero_point), Up(), OwnDraws(), values, rounded, count);
  }
  decltype(&Integers) IntegerLoopOf(bool wraps) const {
    switch (request.rounding) {
      case Rounding::kNearestEven:
        return wraps ? IntegersNearestWrap : IntegersNearest;
      case Rounding::kTowardZero:
        return wraps ? IntegersTowardZeroWrap : IntegersTowardZero;
      case Rounding::kNearestAway:
      case Rounding::kFloor:
        return wraps ? IntegersWrap : Integers;
      case Rounding::kStochastic:
        return wraps ? IntegerDrawsWrap : IntegerDraws;
    }
    BITSCAPE_CHECK(false, "every Rounding has a case");
  }
  void operator()(const Log& type) const {
    const auto loop = Draws() ? LogDraws : Logs;
    loop(bitscape::formats::StepsOf(type), Up(), OwnDraws(), values, rounded, count);
  }
  void operator()(const LevelSet&) const {
    BITSCAPE_CHECK(false, "level sets have loops of their own");
  }
};

}  // namespace

bool FitsWideLoop(const ElementType& element) {
  if (std::holds_alternative<LevelSet>(element)) return false;
  const Log* const log = std::get_if<Log>(&element);
  return log == nullptr || FitsLogLoop(*log);
}

void RoundWide(const ElementType& element, const RoundRequest& request, uint64_t first,
               const float* values, float* rounded, size_t count) {
  std::visit(Wide{request, first, values, rounded, count}, element);
}

BITSCAPE_VECTOR_CLONES
void Unscale32(ScaleSteps scale, const float* values, float* quotients, size_t count) {
  if (scale.unscale == Unscale::kDivide) {
    for (size_t i = 0; i < count; ++i) quotients[i] = values[i] / scale.factor;
  } else {
    for (size_t i = 0; i < count; ++i) quotients[i] = values[i] * scale.factor;
  }
}

BITSCAPE_VECTOR_CLONES
void Rescale32(float scale, float* values, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] *= scale;
}

BITSCAPE_VECTOR_CLONES
void Unscale32(ScaleOfEach scale, bool divide, const float* values, float* quotients,
               size_t count) {
  if (divide) {
    for (size_t i = 0; i < count; ++i) quotients[i] = values[i] / scale.factors[i];
  } else {
    for (size_t i = 0; i < count; ++i) quotients[i] = values[i] * scale.factors[i];
  }
}

BITSCAPE_VECTOR_CLONES
void Rescale32(const float* scales, float* values, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] *= scales[i];
}

}  // namespace bitscape::formats
