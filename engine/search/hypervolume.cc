// pagmo's headers are heavy: only this file includes them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <pagmo/utils/hypervolume.hpp>

#include "engine/search/pareto.h"

namespace bitscape::search {
namespace {

absl::Status CheckPoint(const Point& point, size_t objectives, const std::string& what) {
  if (point.size() != objectives) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} values, the reference point has {}", what, point.size(), objectives));
  }
  if (!std::all_of(point.begin(), point.end(), [](double value) { return std::isfinite(value); })) {
    return absl::InvalidArgumentError(fmt::format("{}: every value must be finite", what));
  }
  return absl::OkStatus();
}

bool StrictlyBelow(const Point& point, const Point& reference) {
  for (size_t i = 0; i < point.size(); ++i) {
    if (point[i] >= reference[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<double> Hypervolume(const std::vector<Point>& front, const Point& reference) {
  if (reference.size() < 2) {
    return absl::InvalidArgumentError(
        fmt::format("hypervolume: {} objectives, at least 2 are needed", reference.size()));
  }
  if (absl::Status status = CheckPoint(reference, reference.size(), "reference point");
      !status.ok()) {
    return status;
  }
  std::vector<Point> inside;
  for (size_t i = 0; i < front.size(); ++i) {
    if (absl::Status status =
            CheckPoint(front[i], reference.size(), fmt::format("point {} of the front", i));
        !status.ok()) {
      return status;
    }
    // A box without extent along one objective has no volume.
    if (StrictlyBelow(front[i], reference)) {
      inside.push_back(front[i]);
    }
  }
  if (inside.empty()) {
    return 0.0;
  }
  try {
    return pagmo::hypervolume(inside).compute(reference);
  } catch (const std::exception& error) {
    return absl::InternalError(fmt::format("hypervolume: {}", error.what()));
  }
}

}  // namespace bitscape::search
