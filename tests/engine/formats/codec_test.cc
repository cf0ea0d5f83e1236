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
    if (!std::isfinite(value) || value < SmallestFinite(element)) continue;
    const uint32_t sign = AsFloat(element) ? 1U << (ElementBits(element) - 1) : 0;
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
  if (Minifloat* type = std::get_if<Minifloat>(&result)) type->underflow = Underflow::kGradual;
  return result;
}

bool PrefersUpper(const ElementType& element, const Value& lower, const Value& upper) {
  const Minifloat* type = AsFloat(element);
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

// Nearest value by search, ties to even, saturating; the sign of zero aside.
double Nearest(const ElementType& element, const std::vector<Value>& values, double x) {
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

// Every value, every midpoint, their neighbours, and the ends of float32.
std::vector<float> Inputs(const std::vector<Value>& values) {
  std::vector<float> inputs = {0.0F,    -0.0F,    FLT_MIN, -FLT_MIN, 0x1p-149F, -0x1p-149F,
                               FLT_MAX, -FLT_MAX, 1e30F,   -1e30F,   0.1F,      -0.1F};
  const auto add = [&inputs](double x) {
    const float value = static_cast<float>(x);
    inputs.insert(inputs.end(),
                  {value, std::nextafter(value, kInfinity), std::nextafter(value, -kInfinity)});
  };
  for (size_t i = 0; i < values.size(); ++i) {
    add(values[i].value);
    if (i > 0) add((values[i - 1].value + values[i].value) / 2);
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
    const bool keeps_sign = type != nullptr && type->specials != SpecialValues::kFnuz;
    if (actual == 0) {
      EXPECT_EQ(std::signbit(actual), keeps_sign && std::signbit(input)) << input;
    }
  }
}

TEST_P(Codec, DirectedRoundingsTakeTheNeighbourTheyName) {
  const std::vector<Value> grid = FiniteValues(WithSubnormals(element_));
  for (const float input : Inputs(grid)) {
    if (input > grid.back().value || input < grid.front().value) continue;
    double below = grid.front().value, above = grid.back().value;
    for (const Value& value : grid) {
      if (value.value <= input) below = value.value;
      if (value.value >= input) {
        above = value.value;
        break;
      }
    }
    const double inner = input < 0 ? above : below;
    const double outer = input < 0 ? below : above;
    const double middle = (below + above) / 2;
    const double away = std::fabs(input) >= std::fabs(middle) ? outer : inner;
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
            has_infinity ? kInfinity : LargestFinite(element_));
  EXPECT_EQ(Decode(element_, Encode(element_, -kInfinity)),
            has_infinity ? -kInfinity : SmallestFinite(element_));
}

TEST_P(Codec, PropertiesAgreeWithTheCodes) {
  const std::vector<Value> grid = FiniteValues(element_);
  EXPECT_EQ(grid.back().value, LargestFinite(element_));
  EXPECT_EQ(grid.front().value, SmallestFinite(element_));
  const auto positive =
      std::find_if(grid.begin(), grid.end(), [](const Value& v) { return v.value > 0; });
  ASSERT_NE(positive, grid.end());
  EXPECT_EQ(positive->value, SmallestPositive(element_));
}

INSTANTIATE_TEST_SUITE_P(SmallFormats, Codec, testing::ValuesIn(SmallTestFormats()),
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
