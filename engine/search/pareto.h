// Pareto fronts and hypervolume over plain numbers; every objective is minimised.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <span>
#include <vector>

namespace bitscape::search {

using Point = std::vector<double>;  // one value an objective

// a is no worse in every objective and better in one.
bool Dominates(std::span<const double> a, std::span<const double> b);

// Indices of the points that no other dominates, ascending; of equal points all are kept. O(n^2) at
// worst, near n log n for two objectives. All points have the same number of objectives.
std::vector<size_t> ParetoFront(const std::vector<Point>& points);

// Nadir of the front plus 10% of its range in each objective (10% of |value| where the range is 0;
// 1 where that is 0, too).
Point DefaultReferencePoint(const std::vector<Point>& front);

// Exact dominated hypervolume (pagmo). Points that do not dominate the reference point add nothing.
// Errors: kInvalidArgument for fewer than 2 objectives or lengths that differ.
absl::StatusOr<double> Hypervolume(const std::vector<Point>& front, const Point& reference);

// A front that grows by one point at a time. Not thread-safe.
class IncrementalFront {
 public:
  // True if `point` is on the front now. `id` is the caller's.
  bool Add(size_t id, Point point);
  std::vector<size_t> Ids() const;  // ascending
  const std::vector<Point>& Points() const { return points_; }

 private:
  std::vector<size_t> ids_;
  std::vector<Point> points_;
};

}  // namespace bitscape::search
