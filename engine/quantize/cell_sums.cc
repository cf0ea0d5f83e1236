#include "engine/quantize/cell_sums.h"

#include <algorithm>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::quantize {

CellSums::CellSums(const Sample& sample) {
  const bool weighted = !sample.weights.empty();
  BITSCAPE_CHECK(!weighted || sample.weights.size() == sample.values.size(),
                 "one weight for each value");
  std::vector<std::pair<float, double>> sorted;
  sorted.reserve(sample.values.size());
  for (size_t i = 0; i < sample.values.size(); ++i) {
    const double weight = weighted ? sample.weights[i] : 1;
    if (weight > 0) sorted.emplace_back(sample.values[i], weight);
  }
  // By weight, too: sums don't depend on the order in which equal values came.
  std::sort(sorted.begin(), sorted.end());
  weight_.push_back(0);
  first_.push_back(0);
  second_.push_back(0);
  if (sorted.empty()) return;
  center_ = (double{sorted.front().first} + sorted.back().first) / 2;
  for (size_t i = 0; i < sorted.size();) {
    const float value = sorted[i].first;
    double weight = 0;
    for (; i < sorted.size() && sorted[i].first == value; ++i) weight += sorted[i].second;
    const double offset = value - center_;
    values_.push_back(value);
    weight_.push_back(weight_.back() + weight);
    first_.push_back(first_.back() + weight * offset);
    second_.push_back(second_.back() + weight * offset * offset);
  }
}

double CellSums::Mean(size_t begin, size_t end) const {
  if (end - begin == 1) return values_[begin];
  const double mean = center_ + (first_[end] - first_[begin]) / (weight_[end] - weight_[begin]);
  return std::clamp(mean, values_[begin], values_[end - 1]);
}

double CellSums::SquaredError(size_t begin, size_t end, double level) const {
  const double offset = level - center_;
  const double error = (second_[end] - second_[begin]) -
                       2 * offset * (first_[end] - first_[begin]) +
                       offset * offset * (weight_[end] - weight_[begin]);
  return std::max(error, 0.0);
}

void CellSums::CellEnds(std::span<const double> levels, std::vector<size_t>& ends) const {
  ends.resize(levels.size());
  auto from = values_.begin();
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    from = std::lower_bound(from, values_.end(), (levels[i] + levels[i + 1]) / 2);
    ends[i] = static_cast<size_t>(from - values_.begin());
  }
  ends.back() = values_.size();
}

double CellSums::MeanSquaredError(std::span<const double> levels) const {
  std::vector<size_t> ends;
  CellEnds(levels, ends);
  double error = 0;
  for (size_t i = 0, begin = 0; i < levels.size(); begin = ends[i], ++i) {
    error += SquaredError(begin, ends[i], levels[i]);
  }
  return error / TotalWeight();
}

}  // namespace bitscape::quantize
