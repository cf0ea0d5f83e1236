#include "engine/search/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace bitscape::search {
namespace {

// By the first objective, then the second, and so on: a point comes after all that dominate it.
std::vector<size_t> LexicographicOrder(const std::vector<Point>& points) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return points[a] < points[b]; });
  return order;
}

// One sweep: within equal first values only the smallest second value stays, and it must be below
// everything seen at smaller first values.
std::vector<size_t> PlanarFront(const std::vector<Point>& points) {
  const std::vector<size_t> order = LexicographicOrder(points);
  std::vector<size_t> front;
  double lowest = std::numeric_limits<double>::infinity();
  bool any = false;
  for (size_t i = 0; i < order.size();) {
    const Point& head = points[order[i]];
    const bool kept = !any || head[1] < lowest;
    for (; i < order.size() && points[order[i]][0] == head[0]; ++i) {
      if (kept && points[order[i]][1] == head[1]) {
        front.push_back(order[i]);
      }
    }
    lowest = std::min(lowest, head[1]);
    any = true;
  }
  return front;
}

// A point is compared with the front so far only: whatever dominates it came earlier, and is on the
// front or dominated by one that is.
std::vector<size_t> GeneralFront(const std::vector<Point>& points) {
  std::vector<size_t> front;
  for (size_t candidate : LexicographicOrder(points)) {
    const bool dominated = std::any_of(front.begin(), front.end(), [&](size_t member) {
      return Dominates(points[member], points[candidate]);
    });
    if (!dominated) {
      front.push_back(candidate);
    }
  }
  return front;
}

}  // namespace

bool Dominates(std::span<const double> a, std::span<const double> b) {
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) {
      return false;
    }
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<size_t> ParetoFront(const std::vector<Point>& points) {
  if (points.empty()) {
    return {};
  }
  std::vector<size_t> front =
      points.front().size() == 2 ? PlanarFront(points) : GeneralFront(points);
  std::sort(front.begin(), front.end());
  return front;
}

Point DefaultReferencePoint(const std::vector<Point>& front) {
  if (front.empty()) {
    return {};
  }
  Point ideal = front.front();
  Point nadir = front.front();
  for (const Point& point : front) {
    for (size_t i = 0; i < point.size(); ++i) {
      ideal[i] = std::min(ideal[i], point[i]);
      nadir[i] = std::max(nadir[i], point[i]);
    }
  }
  constexpr double kMargin = 0.1;
  Point reference = nadir;
  for (size_t i = 0; i < nadir.size(); ++i) {
    const double range = nadir[i] - ideal[i];
    const double margin = kMargin * (range > 0 ? range : std::abs(nadir[i]));
    reference[i] += margin > 0 ? margin : 1.0;
  }
  return reference;
}

bool IncrementalFront::Add(size_t id, Point point) {
  for (const Point& member : points_) {
    if (Dominates(member, point)) {
      return false;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < points_.size(); ++i) {
    if (Dominates(point, points_[i])) {
      continue;
    }
    if (kept != i) {
      points_[kept] = std::move(points_[i]);
      ids_[kept] = ids_[i];
    }
    ++kept;
  }
  points_.resize(kept);
  ids_.resize(kept);
  points_.push_back(std::move(point));
  ids_.push_back(id);
  return true;
}

std::vector<size_t> IncrementalFront::Ids() const {
  std::vector<size_t> ids = ids_;
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace bitscape::search
