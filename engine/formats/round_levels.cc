#include "engine/formats/round_levels.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "engine/core/status.h"

namespace bitscape::formats {
namespace {

constexpr size_t kFew = 32;  // levels that comparisons with each boundary do well
constexpr size_t kMany = 256;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A value passes boundary i where it is greater than passed[i]: one comparison for both kinds of
// tie. By value the boundaries are the levels themselves.
struct LevelSteps {
  std::vector<float> passed;  // ascending
  std::vector<float> values;  // of the levels, scaled; one more
  float not_a_number = 0;
  UpSteps up{};      // by value
  DrawSteps draw{};  // stochastic
};

// The next float32 down; of a finite value.
float Before(float value) {
  if (value == 0) return -0x1p-149F;
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>(value > 0 ? bits - 1 : bits + 1);
}

LevelSteps StepsOf(const LevelTable& table, float scale, Rounding rounding, const RandomKey& key) {
  LevelSteps steps;
  size_t nearest_zero = 0;
  steps.values.reserve(table.levels.size() + 1);
  steps.passed.reserve(table.levels.size());
  for (size_t i = 0; i < table.levels.size(); ++i) {
    if (std::fabs(table.levels[i]) < std::fabs(table.levels[nearest_zero])) nearest_zero = i;
    steps.values.push_back(scale == 1 ? table.levels[i] : table.levels[i] * scale);
  }
  steps.not_a_number = steps.values[nearest_zero];
  const bool nearest = rounding == Rounding::kNearestEven || rounding == Rounding::kNearestAway;
  for (size_t i = 0; i < table.boundaries.size(); ++i) {
    const float boundary = nearest ? table.boundaries[i] : table.levels[i + 1] * scale;
    steps.passed.push_back(!nearest || table.ties_up[i] != 0 ? Before(boundary) : boundary);
  }
  // Equal boundaries with different ties: how many are passed doesn't depend on their order.
  if (!std::is_sorted(steps.passed.begin(), steps.passed.end())) {
    std::sort(steps.passed.begin(), steps.passed.end());
  }
  steps.up = UpStepsOf(rounding);
  // Toward zero is by the value's sign even where no level lies between it and 0.
  if (rounding == Rounding::kFloor) steps.up = {1, 1, 0};
  if (rounding == Rounding::kTowardZero) steps.up = {1, 0, 0};
  steps.draw = bitscape::formats::StepsOf(key);
  return steps;
}

// Between the neighbours `lower` and `upper`, beyond the outer levels `lower` again.
template <bool kDraws>
BITSCAPE_INLINE float Between(const UpSteps& up, const DrawSteps& draw, size_t i, float value,
                              float lower, float upper) {
  const double threshold = kDraws ? Draw(draw, i) : value < 0 ? up.negative : up.positive;
  const double step = double{upper} - double{lower};
  return threshold * step < double{value} - double{lower} ? upper : lower;
}

// What the loops over few levels read: padded to a power of two with boundaries that nothing
// passes. Copied, so that the stores can't alias it.
template <size_t kBoundaries>
struct FewSteps {
  explicit FewSteps(const LevelSteps& steps)
      : not_a_number(steps.not_a_number), up(steps.up), draw(steps.draw) {
    passed.fill(kInfinity);
    values.fill(steps.values.back());
    std::copy(steps.passed.begin(), steps.passed.end(), passed.begin());
    std::copy(steps.values.begin(), steps.values.end(), values.begin());
  }
  std::array<float, kBoundaries> passed;
  std::array<float, kBoundaries + 2> values;
  float not_a_number;
  UpSteps up;
  DrawSteps draw;
};

template <size_t kBoundaries>
BITSCAPE_INLINE void FewLoop(const LevelSteps& given, const float* values, float* rounded,
                             size_t count) {
  const FewSteps<kBoundaries> steps(given);
  for (size_t i = 0; i < count; ++i) {
    const float value = values[i];
    float result = steps.values[0];
#pragma GCC unroll 32
    for (size_t k = 0; k < kBoundaries; ++k) {
      result = value > steps.passed[k] ? steps.values[k + 1] : result;
    }
    rounded[i] = value == value ? result : steps.not_a_number;
  }
}

template <bool kDraws, size_t kBoundaries>
BITSCAPE_INLINE void FewByValueLoop(const LevelSteps& given, const float* values, float* rounded,
                                    size_t count) {
  const FewSteps<kBoundaries> steps(given);
  for (size_t i = 0; i < count; ++i) {
    const float value = values[i];
    float lower = steps.values[0], upper = steps.values[1];
#pragma GCC unroll 32
    for (size_t k = 0; k < kBoundaries; ++k) {
      lower = value > steps.passed[k] ? steps.values[k + 1] : lower;
      upper = value > steps.passed[k] ? steps.values[k + 2] : upper;
    }
    const float result = Between<kDraws>(steps.up, steps.draw, i, value, lower, upper);
    rounded[i] = value == value ? result : steps.not_a_number;
  }
}

// Many levels: equal buckets over the range of the boundaries say how many boundaries lie in lower
// buckets; those in the value's own are searched. The bucket ascends with the value, so a value
// passes what lies in lower buckets, whatever float32 rounds.
struct BucketSteps {
  static constexpr size_t kBucketsALevel = 16;
  float lowest = 0, buckets_a_unit = 0;
  float last = 0;                                     // number of the last bucket
  int32_t first_jump = 0;                             // of the search in a bucket: a power of two
  std::array<uint8_t, kBucketsALevel * kMany> below;  // by bucket: boundaries in lower buckets
  std::array<float, 3 * kMany> passed;                // padded with boundaries that nothing passes
};

BITSCAPE_INLINE int32_t BucketOf(float value, float lowest, float buckets_a_unit, float last) {
  float bucket = (value - lowest) * buckets_a_unit;
  bucket = bucket > 0 ? bucket : 0;  // NaN, too
  return static_cast<int32_t>(bucket < last ? bucket : last);
}

void MakeBuckets(const LevelSteps& steps, BucketSteps& buckets) {
  const size_t count = BucketSteps::kBucketsALevel * std::bit_ceil(steps.passed.size());
  buckets.lowest = steps.passed.front();
  buckets.last = static_cast<float>(count - 1);
  const float range = steps.passed.back() - buckets.lowest;
  buckets.buckets_a_unit = range > 0 ? buckets.last / range : 0;
  if (!std::isfinite(buckets.buckets_a_unit)) buckets.buckets_a_unit = 0;
  // Boundaries ascend, and so do their buckets.
  size_t filled = 0, most = 0, first_in_bucket = 0;
  for (size_t i = 0; i < steps.passed.size(); ++i) {
    const auto bucket = static_cast<size_t>(
        BucketOf(steps.passed[i], buckets.lowest, buckets.buckets_a_unit, buckets.last));
    if (bucket >= filled) first_in_bucket = i;
    for (; filled <= bucket; ++filled) buckets.below[filled] = static_cast<uint8_t>(i);
    most = std::max(most, i + 1 - first_in_bucket);
  }
  std::fill(buckets.below.begin() + static_cast<std::ptrdiff_t>(filled),
            buckets.below.begin() + static_cast<std::ptrdiff_t>(count),
            static_cast<uint8_t>(steps.passed.size()));
  buckets.first_jump = static_cast<int32_t>(std::bit_floor(most));
  std::fill(std::copy(steps.passed.begin(), steps.passed.end(), buckets.passed.begin()),
            buckets.passed.end(), kInfinity);
}

BITSCAPE_VECTOR_CLONES
void FindBuckets(const BucketSteps& steps, const float* __restrict values,
                 int32_t* __restrict buckets, size_t count) {
  const float lowest = steps.lowest, buckets_a_unit = steps.buckets_a_unit, last = steps.last;
  for (size_t i = 0; i < count; ++i) {
    buckets[i] = BucketOf(values[i], lowest, buckets_a_unit, last);
  }
}

// The level of each value and, by value, the next one up. Jumps that halve: what ascends is passed
// in its order. Not vectorised: gathers are no faster than the loads that they stand for.
template <bool kUpper>
void SearchBuckets(const BucketSteps& steps, const float* __restrict levels,
                   const float* __restrict values, const int32_t* __restrict buckets,
                   float* __restrict lower, float* __restrict upper, size_t count) {
  const float* const boundaries = steps.passed.data() - 1;
  const int32_t first_jump = steps.first_jump;
  for (size_t i = 0; i < count; ++i) {
    int32_t passed = steps.below[static_cast<size_t>(buckets[i])];
    for (int32_t jump = first_jump; jump > 0; jump >>= 1) {
      passed += jump & -static_cast<int32_t>(values[i] > boundaries[passed + jump]);
    }
    lower[i] = levels[passed];
    if constexpr (kUpper) upper[i] = levels[passed + 1];
  }
}

BITSCAPE_VECTOR_CLONES
void ReplaceNans(float not_a_number, const float* taken, const float* values, float* rounded,
                 size_t count) {
  for (size_t i = 0; i < count; ++i) {
    rounded[i] = values[i] == values[i] ? taken[i] : not_a_number;
  }
}

template <bool kDraws>
BITSCAPE_INLINE void ChooseLoop(const LevelSteps& steps, const float* lower, const float* upper,
                                size_t first, const float* values, float* rounded, size_t count) {
  const UpSteps up = steps.up;
  const DrawSteps draw = steps.draw;
  const float not_a_number = steps.not_a_number;
  for (size_t i = 0; i < count; ++i) {
    const float result = Between<kDraws>(up, draw, first + i, values[i], lower[i], upper[i]);
    rounded[i] = values[i] == values[i] ? result : not_a_number;
  }
}

// A clone can't be a template.
#define BITSCAPE_LEVEL_LOOP(name, loop)                                                   \
  BITSCAPE_VECTOR_CLONES                                                                  \
  void name(const LevelSteps& steps, const float* values, float* rounded, size_t count) { \
    loop(steps, values, rounded, count);                                                  \
  }
BITSCAPE_LEVEL_LOOP(TwoLevels, FewLoop<1>)
BITSCAPE_LEVEL_LOOP(ThreeLevels, FewLoop<2>)
BITSCAPE_LEVEL_LOOP(FourLevels, FewLoop<3>)
BITSCAPE_LEVEL_LOOP(EightLevels, FewLoop<7>)
BITSCAPE_LEVEL_LOOP(SixteenLevels, FewLoop<15>)
BITSCAPE_LEVEL_LOOP(ThirtyTwoLevels, FewLoop<31>)
#define BITSCAPE_COMMA ,
BITSCAPE_LEVEL_LOOP(FewByValue, FewByValueLoop<false BITSCAPE_COMMA 15>)
BITSCAPE_LEVEL_LOOP(FewByDraw, FewByValueLoop<true BITSCAPE_COMMA 15>)
BITSCAPE_LEVEL_LOOP(MoreByValue, FewByValueLoop<false BITSCAPE_COMMA 31>)
BITSCAPE_LEVEL_LOOP(MoreByDraw, FewByValueLoop<true BITSCAPE_COMMA 31>)
#undef BITSCAPE_COMMA
#undef BITSCAPE_LEVEL_LOOP

BITSCAPE_VECTOR_CLONES
void ChooseByValue(const LevelSteps& steps, const float* lower, const float* upper, size_t first,
                   const float* values, float* rounded, size_t count) {
  ChooseLoop<false>(steps, lower, upper, first, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void ChooseByDraw(const LevelSteps& steps, const float* lower, const float* upper, size_t first,
                  const float* values, float* rounded, size_t count) {
  ChooseLoop<true>(steps, lower, upper, first, values, rounded, count);
}

void RoundFew(const LevelSteps& steps, bool nearest, bool draws, const float* values,
              float* rounded, size_t count) {
  const bool sixteen = steps.values.size() <= 16;
  if (!nearest) {
    const auto loop =
        draws ? (sixteen ? FewByDraw : MoreByDraw) : (sixteen ? FewByValue : MoreByValue);
    return loop(steps, values, rounded, count);
  }
  switch (steps.values.size()) {
    case 1:
    case 2:
      return TwoLevels(steps, values, rounded, count);
    case 3:
      return ThreeLevels(steps, values, rounded, count);
    case 4:
      return FourLevels(steps, values, rounded, count);
    default:
      if (steps.values.size() <= 8) return EightLevels(steps, values, rounded, count);
      return (sixteen ? SixteenLevels : ThirtyTwoLevels)(steps, values, rounded, count);
  }
}

void RoundMany(LevelSteps steps, bool nearest, bool draws, const float* values, float* rounded,
               size_t count) {
  BucketSteps buckets;
  MakeBuckets(steps, buckets);
  steps.values.push_back(steps.values.back());  // the upper neighbour of the largest
  constexpr size_t kStrip = 1024;
  std::array<int32_t, kStrip> found;
  std::array<float, kStrip> lower, upper;
  for (size_t first = 0; first < count; first += kStrip) {
    const size_t size = std::min(kStrip, count - first);
    const float* const strip = values + first;
    FindBuckets(buckets, strip, found.data(), size);
    const auto search = nearest ? SearchBuckets<false> : SearchBuckets<true>;
    search(buckets, steps.values.data(), strip, found.data(), lower.data(), upper.data(), size);
    if (nearest) {
      ReplaceNans(steps.not_a_number, lower.data(), strip, rounded + first, size);
    } else {
      const auto choose = draws ? ChooseByDraw : ChooseByValue;
      choose(steps, lower.data(), upper.data(), first, strip, rounded + first, size);
    }
  }
}

}  // namespace

void RoundLevels(const LevelTable& table, float scale, Rounding rounding,
                 std::span<const float> values, std::span<float> rounded, RandomKey key) {
  BITSCAPE_CHECK(table.levels.size() <= kMany, "a table has up to 256 levels");
  BITSCAPE_CHECK(!table.levels.empty() && table.boundaries.size() + 1 == table.levels.size() &&
                     table.ties_up.size() == table.boundaries.size(),
                 "a level table has one boundary between neighbours");
  const bool nearest = rounding == Rounding::kNearestEven || rounding == Rounding::kNearestAway;
  const bool draws = rounding == Rounding::kStochastic;
  const LevelSteps steps = StepsOf(table, scale, rounding, key);
  if (table.levels.size() <= kFew) {
    RoundFew(steps, nearest, draws, values.data(), rounded.data(), values.size());
  } else {
    RoundMany(steps, nearest, draws, values.data(), rounded.data(), values.size());
  }
}

}  // namespace bitscape::formats
