// Level sets that were fitted to a group.
#include <algorithm>
#include <cmath>

#include "engine/core/status.h"
#include "engine/formats/element_rounding.h"

namespace bitscape::formats {
namespace {

uint32_t LevelOfNan(const LevelTable& table) {
  size_t nearest = 0;
  for (size_t i = 1; i < table.levels.size(); ++i) {
    if (std::fabs(table.levels[i]) < std::fabs(table.levels[nearest])) nearest = i;
  }
  return static_cast<uint32_t>(nearest);
}

uint32_t ByBoundaries(const LevelTable& table, float value) {
  const auto passes = [&](size_t i) {
    return table.ties_up[i] != 0 ? value >= table.boundaries[i] : value > table.boundaries[i];
  };
  uint32_t index = 0;
  for (size_t i = 0; i < table.boundaries.size(); ++i) index += passes(i) ? 1 : 0;
  return index;
}

// Between the neighbouring values levels[i] * scale; beyond the outer ones it saturates.
uint32_t ByValue(const LevelTable& table, float scale, float value, Rounding rounding,
                 uint64_t random) {
  const auto value_of = [&](size_t i) { return table.levels[i] * scale; };
  const size_t last = table.levels.size() - 1;
  if (value <= value_of(0)) return 0;
  if (value >= value_of(last)) return static_cast<uint32_t>(last);
  size_t below = 0;
  while (value_of(below + 1) <= value) ++below;
  const float lower = value_of(below), upper = value_of(below + 1);
  bool up = false;
  switch (rounding) {
    case Rounding::kStochastic:
      up = UnitDraw(random) * (double{upper} - double{lower}) < double{value} - double{lower};
      break;
    case Rounding::kTowardZero:
      up = value < 0 && value > lower;
      break;
    case Rounding::kFloor:
    case Rounding::kNearestEven:
    case Rounding::kNearestAway:
      break;
  }
  return static_cast<uint32_t>(up ? below + 1 : below);
}

}  // namespace

uint32_t EncodeLevel(const LevelTable& table, float scale, float value, Rounding rounding,
                     uint64_t random) {
  BITSCAPE_CHECK(!table.levels.empty() && table.boundaries.size() + 1 == table.levels.size() &&
                     table.ties_up.size() == table.boundaries.size(),
                 "a level table has one boundary between neighbours");
  if (std::isnan(value)) return LevelOfNan(table);
  switch (rounding) {
    case Rounding::kNearestEven:
    case Rounding::kNearestAway:
      return ByBoundaries(table, value);
    case Rounding::kStochastic:
    case Rounding::kFloor:
    case Rounding::kTowardZero:
      return ByValue(table, scale, value, rounding, random);
  }
  BITSCAPE_CHECK(false, "every Rounding has a case");
}

}  // namespace bitscape::formats
