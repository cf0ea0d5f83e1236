// Lloyd's iteration (Lloyd 1982, Max 1960) on a sorted sample.
#include "engine/quantize/lloyd_max.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::quantize {

LloydMaxResult LloydMax(const CellSums& sums, std::vector<double> initial, double tolerance,
                        int iterations) {
  BITSCAPE_CHECK(!initial.empty() && !sums.values().empty(), "levels and values to place them on");
  LloydMaxResult result;
  result.levels = std::move(initial);
  std::sort(result.levels.begin(), result.levels.end());
  const double width = sums.values().back() - sums.values().front();
  std::vector<size_t> ends;
  while (result.iterations < iterations) {
    sums.CellEnds(result.levels, ends);
    double move = 0;
    for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i], ++i) {
      if (begin == ends[i]) continue;
      const double mean = sums.Mean(begin, ends[i]);
      move = std::max(move, std::fabs(mean - result.levels[i]));
      result.levels[i] = mean;
    }
    ++result.iterations;
    result.largest_move = width > 0 ? move / width : 0;
    if (result.largest_move <= tolerance) break;
  }
  result.mean_squared_error = sums.MeanSquaredError(result.levels);
  return result;
}

LloydMaxResult LloydMax(const Sample& sample, std::vector<double> initial, double tolerance,
                        int iterations) {
  return LloydMax(CellSums(sample), std::move(initial), tolerance, iterations);
}

std::vector<double> EvenLevels(const CellSums& sums, int count) {
  const double min = sums.values().front();
  const double width = sums.values().back() - min;
  std::vector<double> levels;
  for (int i = 0; i < count; ++i) levels.push_back(min + width * i / (count - 1));
  return levels;
}

std::vector<double> QuantileLevels(const CellSums& sums, int count) {
  const std::vector<double>& values = sums.values();
  std::vector<double> levels;
  size_t index = 0;
  for (int i = 0; i < count; ++i) {
    const double rank = (i + 0.5) / count * sums.TotalWeight();
    while (index + 1 < values.size() && sums.WeightBelow(index + 1) < rank) ++index;
    if (levels.empty() || levels.back() < values[index]) levels.push_back(values[index]);
  }
  // Values that stand for several quantiles leave levels over: they split the worst cells.
  std::vector<size_t> ends;
  while (levels.size() < static_cast<size_t>(count)) {
    sums.CellEnds(levels, ends);
    size_t worst = 0;
    double largest = -1;
    for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i], ++i) {
      if (ends[i] - begin < 2) continue;
      const double error = sums.SquaredError(begin, ends[i], levels[i]);
      if (error > largest) {
        largest = error;
        worst = i;
      }
    }
    if (largest < 0) break;  // every value has a level
    const size_t begin = worst == 0 ? 0 : ends[worst - 1];
    const double mean = sums.Mean(begin, ends[worst]);
    const auto middle = std::clamp(std::lower_bound(values.begin(), values.end(), mean),
                                   values.begin() + static_cast<int64_t>(begin) + 1,
                                   values.begin() + static_cast<int64_t>(ends[worst]) - 1);
    const auto split = static_cast<size_t>(middle - values.begin());
    levels[worst] = sums.Mean(begin, split);
    levels.insert(levels.begin() + static_cast<int64_t>(worst) + 1, sums.Mean(split, ends[worst]));
  }
  return levels;
}

}  // namespace bitscape::quantize
