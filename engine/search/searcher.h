// Ask/tell searchers. They see indices and numbers, never networks.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace bitscape::search {

// A point of the space: one choice for each axis.
using Choice = std::vector<int>;

struct Space {
  std::vector<int> axis_sizes;  // choices of each axis, each >= 1
};

struct Observation {
  Choice choice;
  std::vector<double> objectives;  // minimised; empty: infeasible or failed
};

class Searcher {
 public:
  virtual ~Searcher() = default;
  // Up to `count` new choices; fewer only where the search has nothing more to ask before it is
  // told more; none: it has ended.
  virtual std::vector<Choice> Ask(int count) = 0;
  virtual void Tell(const std::vector<Observation>& observations) = 0;
};

// Every point once, the last axis fastest. Errors: kInvalidArgument for an empty axis, or over 10^6
// points.
absl::StatusOr<std::unique_ptr<Searcher>> CreateGridSearcher(const Space& space);

// "grid", ... Errors: kInvalidArgument with the nearest name.
absl::StatusOr<std::unique_ptr<Searcher>> CreateSearcher(std::string_view algorithm,
                                                         const Space& space, uint64_t seed);
std::vector<std::string_view> SearcherNames();

}  // namespace bitscape::search
