#include "engine/formats/round_levels.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "engine/core/status.h"

namespace bitscape::formats {
namespace {

constexpr size_t kFew = 16;  // levels that comparisons with each boundary do well
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

float Before(float value) { return std::nextafter(value, -kInfinity); }

LevelSteps StepsOf(const LevelTable& table, float scale, Rounding rounding, const RandomKey& key) {
  LevelSteps steps;
  size_t nearest_zero = 0;
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
#pragma GCC unroll 16
    for (size_t k = 0; k < kBoundaries; ++k) {
      result = value > steps.passed[k] ? steps.values[k + 1] : result;
    }
    rounded[i] = value == value ? result : steps.not_a_number;
  }
}

template <bool kDraws>
BITSCAPE_INLINE void FewByValueLoop(const LevelSteps& given, const float* values, float* rounded,
                                    size_t count) {
  const FewSteps<kFew - 1> steps(given);
  for (size_t i = 0; i < count; ++i) {
    const float value = values[i];
    float lower = steps.values[0], upper = steps.values[1];
#pragma GCC unroll 16
    for (size_t k = 0; k < kFew - 1; ++k) {
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
  static constexpr int kBuckets = 2048;
  float lowest = 0, buckets_a_unit = 0;
  int32_t first_jump = 0;      // of the search in a bucket: a power of two
  std::vector<int32_t> below;  // by bucket: boundaries in lower buckets
  std::vector<float> passed;   // padded with boundaries that nothing passes
};

BITSCAPE_INLINE int32_t BucketOf(float value, float lowest, float buckets_a_unit) {
  float bucket = (value - lowest) * buckets_a_unit;
  bucket = bucket > 0 ? bucket : 0;  // NaN, too
  bucket = bucket < BucketSteps::kBuckets - 1 ? bucket : BucketSteps::kBuckets - 1;
  return static_cast<int32_t>(bucket);
}

BucketSteps BucketsOf(const LevelSteps& steps) {
  BucketSteps buckets;
  buckets.lowest = steps.passed.front();
  const float range = steps.passed.back() - buckets.lowest;
  buckets.buckets_a_unit = range > 0 ? (BucketSteps::kBuckets - 1) / range : 0;
  if (!std::isfinite(buckets.buckets_a_unit)) buckets.buckets_a_unit = 0;
  std::vector<int32_t> counts(BucketSteps::kBuckets);
  for (const float boundary : steps.passed) {
    ++counts[static_cast<size_t>(BucketOf(boundary, buckets.lowest, buckets.buckets_a_unit))];
  }
  int32_t below = 0, most = 0;
  for (const int32_t own : counts) {
    buckets.below.push_back(below);
    below += own;
    most = std::max(most, own);
  }
  const size_t jumps = std::bit_floor(static_cast<uint32_t>(most));
  buckets.first_jump = static_cast<int32_t>(jumps);
  buckets.passed = steps.passed;
  buckets.passed.resize(buckets.passed.size() + 2 * jumps, kInfinity);
  return buckets;
}

// Writes how many boundaries each value passes.
BITSCAPE_VECTOR_CLONES
void CountPassed(const BucketSteps& buckets, const float* values, int32_t* passed, size_t count) {
  const float lowest = buckets.lowest, buckets_a_unit = buckets.buckets_a_unit;
  const int32_t* const below = buckets.below.data();
  for (size_t i = 0; i < count; ++i) {
    passed[i] = below[BucketOf(values[i], lowest, buckets_a_unit)];
  }
  // Jumps that halve: what ascends is passed in its order.
  for (int32_t jump = buckets.first_jump; jump > 0; jump /= 2) {
    const float* const boundaries = buckets.passed.data() + (jump - 1);
    for (size_t i = 0; i < count; ++i) {
      passed[i] += values[i] > boundaries[passed[i]] ? jump : 0;
    }
  }
}

BITSCAPE_VECTOR_CLONES
void TakeLevels(const float* levels, float not_a_number, const int32_t* passed, const float* values,
                float* rounded, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float result = levels[passed[i]];
    rounded[i] = values[i] == values[i] ? result : not_a_number;
  }
}

template <bool kDraws>
BITSCAPE_INLINE void ManyByValueLoop(const LevelSteps& steps, const int32_t* passed, size_t first,
                                     const float* values, float* rounded, size_t count) {
  const float* const levels = steps.values.data();
  const UpSteps up = steps.up;
  const DrawSteps draw = steps.draw;
  const float not_a_number = steps.not_a_number;
  for (size_t i = 0; i < count; ++i) {
    const float result =
        Between<kDraws>(up, draw, first + i, values[i], levels[passed[i]], levels[passed[i] + 1]);
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
BITSCAPE_LEVEL_LOOP(FewByValue, FewByValueLoop<false>)
BITSCAPE_LEVEL_LOOP(FewByDraw, FewByValueLoop<true>)
#undef BITSCAPE_LEVEL_LOOP

BITSCAPE_VECTOR_CLONES
void ManyByValue(const LevelSteps& steps, const int32_t* passed, size_t first, const float* values,
                 float* rounded, size_t count) {
  ManyByValueLoop<false>(steps, passed, first, values, rounded, count);
}
BITSCAPE_VECTOR_CLONES
void ManyByDraw(const LevelSteps& steps, const int32_t* passed, size_t first, const float* values,
                float* rounded, size_t count) {
  ManyByValueLoop<true>(steps, passed, first, values, rounded, count);
}

void RoundFew(const LevelSteps& steps, bool nearest, bool draws, const float* values,
              float* rounded, size_t count) {
  if (!nearest) return (draws ? FewByDraw : FewByValue)(steps, values, rounded, count);
  switch (steps.values.size()) {
    case 1:
    case 2:
      return TwoLevels(steps, values, rounded, count);
    case 3:
      return ThreeLevels(steps, values, rounded, count);
    case 4:
      return FourLevels(steps, values, rounded, count);
    default:
      return (steps.values.size() <= 8 ? EightLevels : SixteenLevels)(steps, values, rounded,
                                                                      count);
  }
}

void RoundMany(LevelSteps steps, bool nearest, bool draws, const float* values, float* rounded,
               size_t count) {
  const BucketSteps buckets = BucketsOf(steps);
  steps.values.push_back(steps.values.back());  // the upper neighbour of the largest
  constexpr size_t kStrip = 1024;
  std::array<int32_t, kStrip> passed;
  for (size_t first = 0; first < count; first += kStrip) {
    const size_t size = std::min(kStrip, count - first);
    CountPassed(buckets, values + first, passed.data(), size);
    if (nearest) {
      TakeLevels(steps.values.data(), steps.not_a_number, passed.data(), values + first,
                 rounded + first, size);
    } else {
      const auto loop = draws ? ManyByDraw : ManyByValue;
      loop(steps, passed.data(), first, values + first, rounded + first, size);
    }
  }
}

}  // namespace

void RoundLevels(const LevelTable& table, float scale, Rounding rounding,
                 std::span<const float> values, std::span<float> rounded, RandomKey key) {
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
