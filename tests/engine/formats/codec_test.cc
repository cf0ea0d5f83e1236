// Encode and Decode against a brute-force search over all values of a format.
#include "engine/formats/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A value and the code of its magnitude; ascending.
struct Value {
  double value;
  uint32_t magnitude;
};

const Minifloat* AsFloat(const ElementType& element) { return std::get_if<Minifloat>(&element); }

std::vector<Value> FiniteValues(const ElementType& element) {
  std::vector<Value> values;
  for (uint32_t code = 0; code < (1U << ElementBits(element)); ++code) {
    const float value = Decode(element, code);
    if (!std::isfinite(value) || value < static_cast<float>(SmallestFinite(element))) continue;
    const bool sign_bit = std::holds_alternative<Integer>(element) ? false : IsSigned(element);
    const uint32_t sign = sign_bit ? 1U << (ElementBits(element) - 1) : 0;
    const bool duplicate_zero = value == 0 && std::signbit(value);
    if (!duplicate_zero) values.push_back({value, code & ~sign});
  }
  std::sort(values.begin(), values.end(),
            [](const Value& a, const Value& b) { return a.value < b.value; });
  return values;
}

// The float type that rounds before subnormals are flushed.
ElementType WithSubnormals(const ElementType& element) {
  ElementType result = element;
  Minifloat* type = std::get_if<Minifloat>(&result);
  if (type != nullptr && type->underflow == Underflow::kFlush) {
    type->underflow = Underflow::kGradual;
  }
  return result;
}

bool PrefersUpper(const ElementType& element, const Value& lower, const Value& upper) {
  const Minifloat* type = AsFloat(element);
  if (type != nullptr && type->underflow == Underflow::kAdaptiv && lower.value == 0) return true;
  if (type != nullptr && type->underflow == Underflow::kAdaptiv && upper.value == 0) return false;
  if (type != nullptr && type->mantissa_bits == 0) {
    // One significant digit: no digit is even but zero's, so the larger magnitude wins (IEEE 754).
    const bool upper_is_larger = std::fabs(upper.value) > std::fabs(lower.value);
    if (lower.value == 0) return false;
    if (upper.value == 0) return true;
    return upper_is_larger;
  }
  return upper.magnitude % 2 == 0;
}

// What `ftz` makes of a result.
double Flushed(const ElementType& element, double value) {
  const Minifloat* type = AsFloat(element);
  const bool flushes = type != nullptr && type->underflow == Underflow::kFlush;
  return flushes && std::fabs(value) < std::ldexp(1.0, 1 - type->bias) ? 0 : value;
}

// In the log domain, ties up; long double tells all thresholds from their float32 neighbours.
double NearestPower(const Log& type, const std::vector<Value>& values, double x) {
  if (x == 0 || (x < 0 && !type.is_signed)) return 0;
  const long double logarithm = std::log2(std::fabs(static_cast<long double>(x)));
  const long double in_base = type.base == LogBase::kTwo       ? logarithm
                              : type.base == LogBase::kSqrtTwo ? 2 * logarithm
                                                               : logarithm / 2;
  const long largest = (1L << (type.bits - (type.is_signed ? 1 : 0))) - 1;
  const long code =
      static_cast<long>(std::floor(in_base + 0.5L)) + largest + (type.below_full_scale ? 1 : 0);
  const size_t zero = type.is_signed ? values.size() / 2 : 0;
  const double magnitude = values[zero + static_cast<size_t>(std::clamp(code, 0L, largest))].value;
  return x < 0 ? -magnitude : magnitude;
}

// Nearest value by search, ties to even, saturating; the sign of zero aside.
double Nearest(const ElementType& element, const std::vector<Value>& values, double x) {
  if (const Log* type = std::get_if<Log>(&element)) return NearestPower(*type, values, x);
  const auto upper = std::lower_bound(values.begin(), values.end(), x,
                                      [](const Value& value, double y) { return value.value < y; });
  double nearest = 0;
  if (upper == values.end()) {
    nearest = values.back().value;
  } else if (upper == values.begin()) {
    nearest = values.front().value;
  } else {
    const Value& below = *(upper - 1);
    const double to_lower = x - below.value, to_upper = upper->value - x;
    const bool up =
        to_upper < to_lower || (to_upper == to_lower && PrefersUpper(element, below, *upper));
    nearest = up ? upper->value : below.value;
  }
  return Flushed(element, nearest);
}

// Every value, every midpoint, their neighbours, and the ends of float32; of long lists the ends
// and a part of the rest.
std::vector<float> Inputs(const std::vector<Value>& values) {
  std::vector<float> inputs = {0.0F,    -0.0F,    FLT_MIN, -FLT_MIN, 0x1p-149F, -0x1p-149F,
                               FLT_MAX, -FLT_MAX, 1e30F,   -1e30F,   0.1F,      -0.1F};
  const auto add = [&inputs](double x) {
    const float value = static_cast<float>(x);
    inputs.insert(inputs.end(),
                  {value, std::nextafter(value, kInfinity), std::nextafter(value, -kInfinity)});
  };
  const size_t middle = values.size() / 2;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t from_middle = i > middle ? i - middle : middle - i;
    const bool end = i < 300 || i + 300 > values.size() || from_middle < 300;
    if (!end && values.size() > 4096 && i % 37 != 0) continue;
    add(values[i].value);
    if (i > 0) add((values[i - 1].value + values[i].value) / 2);
    // Where logs change over: geometric means.
    if (i > 0 && values[i - 1].value > 0) add(std::sqrt(values[i - 1].value * values[i].value));
    if (i > 0 && values[i].value < 0) add(-std::sqrt(values[i - 1].value * values[i].value));
  }
  const double step = values.back().value - values[values.size() - 2].value;
  add(values.back().value + step / 2);
  add(values.front().value - step / 2);
  std::erase_if(inputs, [](float value) { return !std::isfinite(value); });
  return inputs;
}

class Codec : public testing::TestWithParam<std::string> {
 protected:
  const ElementType element_ = MustParse(GetParam()).format.element;
};

TEST_P(Codec, RoundTripsEveryCode) {
  for (uint32_t code = 0; code < (1U << ElementBits(element_)); ++code) {
    const float value = Decode(element_, code);
    const uint32_t again = Encode(element_, value);
    EXPECT_EQ(
        std::bit_cast<uint32_t>(Decode(element_, again)),
        std::bit_cast<uint32_t>(
            value < SmallestFinite(element_) && std::isfinite(value)
                ? static_cast<float>(
                      SmallestFinite(element_))  // the code that a symmetric range leaves out
            : std::isinf(value) && AsFloat(element_)->specials != SpecialValues::kIeee
                ? static_cast<float>(std::copysign(LargestFinite(element_), value))  // unused code
                : value))
        << "code " << code;
  }
}

TEST_P(Codec, EncodesTheNearestValueTiesToEven) {
  const std::vector<Value> grid = FiniteValues(WithSubnormals(element_));
  ASSERT_GE(grid.size(), 2U);
  for (const float input : Inputs(grid)) {
    const double expected = Nearest(element_, grid, input);
    const float actual = Decode(element_, Encode(element_, input));
    EXPECT_EQ(actual, expected) << "input " << input;
    const Minifloat* type = AsFloat(element_);
    const bool signed_log = std::holds_alternative<Log>(element_) && IsSigned(element_);
    const bool keeps_sign =
        signed_log || (type != nullptr && type->specials != SpecialValues::kFnuz);
    if (actual == 0) {
      EXPECT_EQ(std::signbit(actual), keeps_sign && std::signbit(input)) << input;
    }
  }
}

TEST_P(Codec, DirectedRoundingsTakeTheNeighbourTheyName) {
  const std::vector<Value> grid = FiniteValues(WithSubnormals(element_));
  for (const float input : Inputs(grid)) {
    if (input > grid.back().value || input < grid.front().value) continue;
    const auto at_or_above =
        std::lower_bound(grid.begin(), grid.end(), double{input},
                         [](const Value& value, double y) { return value.value < y; });
    const double above = at_or_above->value;
    const double below = above == input ? above : (at_or_above - 1)->value;
    const double inner = input < 0 ? above : below;
    const double outer = input < 0 ? below : above;
    const double middle = (below + above) / 2;
    // Logs have ties in their own domain, where nearest sends them up, too.
    const double away = std::holds_alternative<Log>(element_)   ? Nearest(element_, grid, input)
                        : std::fabs(input) >= std::fabs(middle) ? outer
                                                                : inner;
    const auto rounded = [&](Rounding rounding, uint64_t random = 0) {
      return Decode(element_, Encode(element_, input, rounding, Overflow::kSaturate, random));
    };
    EXPECT_EQ(rounded(Rounding::kFloor), Flushed(element_, below)) << input;
    EXPECT_EQ(rounded(Rounding::kTowardZero), Flushed(element_, inner)) << input;
    EXPECT_EQ(rounded(Rounding::kNearestAway), Flushed(element_, away)) << input;
    // The smallest draw rounds up whatever has a fraction.
    EXPECT_EQ(rounded(Rounding::kStochastic, 0), Flushed(element_, outer)) << input;
  }
}

TEST_P(Codec, NonFiniteInputsAreDefined) {
  const Minifloat* type = AsFloat(element_);
  const float of_nan = Decode(element_, Encode(element_, kNan));
  if (type == nullptr || type->specials == SpecialValues::kFinite) {
    EXPECT_EQ(Encode(element_, kNan), 0U);
    EXPECT_EQ(Encode(element_, -kNan), 0U);
  } else {
    EXPECT_TRUE(std::isnan(of_nan));
  }
  const bool has_infinity = type != nullptr && type->specials == SpecialValues::kIeee;
  EXPECT_EQ(Decode(element_, Encode(element_, kInfinity)),
            has_infinity ? kInfinity : static_cast<float>(LargestFinite(element_)));
  EXPECT_EQ(Decode(element_, Encode(element_, -kInfinity)),
            has_infinity ? -kInfinity : static_cast<float>(SmallestFinite(element_)));
}

TEST_P(Codec, PropertiesAgreeWithTheCodes) {
  const std::vector<Value> grid = FiniteValues(element_);
  // Odd powers of sqrt 2 are rounded to float32.
  EXPECT_EQ(grid.back().value, static_cast<float>(LargestFinite(element_)));
  EXPECT_EQ(grid.front().value, static_cast<float>(SmallestFinite(element_)));
  const auto positive =
      std::find_if(grid.begin(), grid.end(), [](const Value& v) { return v.value > 0; });
  ASSERT_NE(positive, grid.end());
  EXPECT_EQ(positive->value, static_cast<float>(SmallestPositive(element_)));
}

// Formats whose codes can be listed.
std::vector<std::string> ListableFormats() {
  std::vector<std::string> names;
  for (const std::string& name : TestFormats()) {
    if (ElementBits(MustParse(name).format) <= 16) names.push_back(name);
  }
  return names;
}

TEST_P(Codec, IsMonotoneAndIdempotentAndSignSymmetric) {
  const bool symmetric = SmallestFinite(element_) == -LargestFinite(element_);
  std::vector<float> inputs = Inputs(FiniteValues(WithSubnormals(element_)));
  std::sort(inputs.begin(), inputs.end());
  for (const Rounding rounding :
       {Rounding::kNearestEven, Rounding::kNearestAway, Rounding::kFloor, Rounding::kTowardZero}) {
    const auto round = [&](float value) {
      return Decode(element_, Encode(element_, value, rounding));
    };
    float last = -kInfinity;
    for (const float input : inputs) {
      const float rounded = round(input);
      EXPECT_GE(rounded, last) << input;
      last = rounded;
      EXPECT_EQ(round(rounded), rounded) << input;
      if (symmetric && rounding != Rounding::kFloor) {
        EXPECT_EQ(round(-input), -rounded) << input;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Listable, Codec, testing::ValuesIn(ListableFormats()),
                         [](const auto& test) { return TestName(test.param); });

TEST(CodecWrap, TakesRemaindersOfTheCodeRange) {
  const Integer int8{.bits = 8, .is_signed = true, .full_range = true};
  const Integer uint4{.bits = 4, .is_signed = false, .full_range = false};
  const auto wrapped = [](const ElementType& element, float value) {
    return Decode(element, Encode(element, value, Rounding::kNearestEven, Overflow::kWrap));
  };
  for (int value = -1000; value <= 1000; ++value) {
    EXPECT_EQ(wrapped(int8, static_cast<float>(value)),
              static_cast<float>(static_cast<int8_t>(value)));
    EXPECT_EQ(wrapped(uint4, static_cast<float>(value)), static_cast<float>(value & 15));
  }
  EXPECT_EQ(wrapped(int8, 1e30F), 0.0F);  // a multiple of 256
  EXPECT_EQ(wrapped(int8, kInfinity), 127.0F);
}

LevelTable FourLevels() {
  return {.levels = {-2, -0.5F, 1, 4}, .boundaries = {-1.25F, 0.25F, 2.5F}, .ties_up = {0, 1, 1}};
}

TEST(CodecLevels, NearestCountsTheBoundariesThatAValuePasses) {
  const LevelTable table = FourLevels();
  const auto index = [&](float value, Rounding rounding = Rounding::kNearestEven) {
    return EncodeLevel(table, 1, value, rounding);
  };
  EXPECT_EQ(index(-1e30F), 0U);
  EXPECT_EQ(index(-1.25F), 0U);  // this tie stays below
  EXPECT_EQ(index(std::nextafter(-1.25F, 0.0F)), 1U);
  EXPECT_EQ(index(std::nextafter(0.25F, 0.0F)), 1U);
  EXPECT_EQ(index(0.25F), 2U);
  EXPECT_EQ(index(2.5F, Rounding::kNearestAway), 3U);
  EXPECT_EQ(index(kInfinity), 3U);
  EXPECT_EQ(index(-kInfinity), 0U);
  EXPECT_EQ(index(kNan), 1U);                                 // -0.5 is nearest to 0
  EXPECT_EQ(EncodeLevel({{-1, 1}, {0}, {1}}, 1, kNan), 0U);   // the lower of two
  EXPECT_EQ(EncodeLevel({{-1, 1}, {0}, {1}}, 1, -0.0F), 1U);  // sign(0) = 1
}

TEST(CodecLevels, OtherRoundingsAreByValue) {
  const LevelTable table = FourLevels();
  const auto index = [&](float value, Rounding rounding, uint64_t random = 0) {
    return EncodeLevel(table, 2, value, rounding, random);  // values -4, -1, 2, 8
  };
  EXPECT_EQ(index(-1.5F, Rounding::kFloor), 0U);
  EXPECT_EQ(index(-1.5F, Rounding::kTowardZero), 1U);
  EXPECT_EQ(index(-1.0F, Rounding::kTowardZero), 1U);
  EXPECT_EQ(index(7.9F, Rounding::kTowardZero), 2U);
  EXPECT_EQ(index(7.9F, Rounding::kFloor), 2U);
  EXPECT_EQ(index(8.0F, Rounding::kFloor), 3U);
  EXPECT_EQ(index(-9.0F, Rounding::kFloor), 0U);
  // A third of the way from -1 to 2: up for draws below 1/3.
  EXPECT_EQ(index(0.0F, Rounding::kStochastic, uint64_t{0x5500} << 48), 2U);
  EXPECT_EQ(index(0.0F, Rounding::kStochastic, uint64_t{0x5600} << 48), 1U);
  EXPECT_EQ(index(kInfinity, Rounding::kStochastic), 3U);
}

TEST(CodecLevels, RoundsThroughTheTableOfTheScaling) {
  Scaling scaling{.scale = 2};
  scaling.levels = std::make_shared<const LevelTable>(FourLevels());
  const std::vector<float> values = {-3, 0.25F, 9, kNan};
  std::vector<float> rounded(4);
  RoundReference(MustParse("codebook4").format.element, Rounding::kNearestEven, Overflow::kSaturate,
                 scaling, values, rounded);
  EXPECT_THAT(rounded, testing::ElementsAre(-4, 2, 8, -1));
}

TEST(CodecScale, ANanScaleMakesEveryValueNan) {
  const Scaling scaling{.scale = kNan};
  const std::vector<float> values = {0, 1, -kInfinity};
  const Minifloat e2m1{.exponent_bits = 2, .mantissa_bits = 1, .bias = 1};
  for (const ElementType& element :
       {ElementType(e2m1), ElementType(Integer{.bits = 8}), ElementType(Log{.bits = 4})}) {
    std::vector<float> rounded(3);
    RoundReference(element, Rounding::kNearestEven, Overflow::kSaturate, scaling, values, rounded);
    EXPECT_THAT(rounded, testing::Each(testing::IsNan()));
  }
}

TEST(CodecScale, ReciprocalMultipliesByTheRoundedInverse) {
  const Integer int8{.bits = 8};
  int different = 0;
  for (int k = 1; k < 200; ++k) {
    const float scale = 0.01F * static_cast<float>(k);
    for (int tie = 0; tie < 20; ++tie) {
      const float value = scale * (static_cast<float>(tie) + 0.5F);
      float divided = 0, multiplied = 0;
      RoundReference(int8, Rounding::kNearestEven, Overflow::kSaturate, {.scale = scale},
                     {&value, 1}, {&divided, 1});
      RoundReference(int8, Rounding::kNearestEven, Overflow::kSaturate,
                     {.scale = scale, .reciprocal = true}, {&value, 1}, {&multiplied, 1});
      EXPECT_EQ(divided, std::nearbyint(value / scale) * scale);
      EXPECT_EQ(multiplied, std::nearbyint(value * (1 / scale)) * scale);
      different += divided != multiplied ? 1 : 0;
    }
  }
  EXPECT_GT(different, 0);
}

TEST(CodecStochastic, RoundsUpAsOftenAsTheFractionSays) {
  const Integer int8{.bits = 8, .is_signed = true, .full_range = false};
  std::vector<float> values(100000, 2.3F), rounded(values.size());
  Round(int8, Rounding::kStochastic, Overflow::kSaturate, {}, values, rounded,
        {.seed = 7, .stream = 3, .first = 0});
  double sum = 0;
  for (const float value : rounded) {
    ASSERT_TRUE(value == 2 || value == 3);
    sum += value;
  }
  // Standard deviation of the mean: sqrt(.3 * .7 / 1e5) = 0.00145.
  EXPECT_NEAR(sum / 1e5, 2.3, 5 * 0.00145);
}

TEST(CodecStochastic, DrawsDependOnTheElementAlone) {
  const Integer int8{.bits = 8, .is_signed = true, .full_range = false};
  std::vector<float> values(1000, 0.5F), whole(1000), parts(1000);
  Round(int8, Rounding::kStochastic, Overflow::kSaturate, {}, values, whole);
  const std::span<const float> all(values);
  Round(int8, Rounding::kStochastic, Overflow::kSaturate, {}, all.subspan(400),
        std::span(parts).subspan(400), {.first = 400});
  Round(int8, Rounding::kStochastic, Overflow::kSaturate, {}, all.first(400),
        std::span(parts).first(400));
  EXPECT_EQ(whole, parts);
  EXPECT_THAT(whole, testing::Contains(0.0F));
  EXPECT_THAT(whole, testing::Contains(1.0F));
}

}  // namespace
}  // namespace bitscape::formats
