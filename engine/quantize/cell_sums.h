// Sorted values with running sums: the mean and the squared error of any interval of them in O(1).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/quantize/ranges.h"

namespace bitscape::quantize {

class CellSums {
 public:
  // Equal values become one; values whose weight is not positive don't count.
  explicit CellSums(const Sample& sample);

  const std::vector<double>& values() const { return values_; }  // distinct, ascending
  double TotalWeight() const { return weight_.back(); }
  double WeightBelow(size_t index) const { return weight_[index]; }  // of values()[0, index)
  // Of values()[begin, end), begin < end.
  double Mean(size_t begin, size_t end) const;
  // Sum of weight * (value - level)^2 over values()[begin, end).
  double SquaredError(size_t begin, size_t end, double level) const;
  // Where the cells of ascending `levels` end if each value goes to its nearest (ties to the upper
  // level): level i has values()[ends[i - 1], ends[i]). Shape: as many as levels.
  void CellEnds(std::span<const double> levels, std::vector<size_t>& ends) const;
  // Mean squared error of those cells.
  double MeanSquaredError(std::span<const double> levels) const;

 private:
  // Sums are of value - center_: what cancels in them is small.
  double center_ = 0;
  std::vector<double> values_, weight_, first_, second_;
};

}  // namespace bitscape::quantize
