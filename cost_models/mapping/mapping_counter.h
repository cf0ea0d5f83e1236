// Counts the mappings of one layer on one hierarchy, many thousands a second: everything that does
// not depend on the mapping is worked out once.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <vector>

#include "cost_models/mapping/loop_nest.h"

namespace bitscape::cost_models {

// Holds scratch memory: one counter a thread. The arguments must outlive the counter.
class MappingCounter {
 public:
  MappingCounter(const Problem& problem, const Hierarchy& hierarchy, const ElementWidths& widths);

  // Whether the mapping covers the problem, fits and was counted. Reuses the storage of `counts`;
  // allocates nothing when that has been used before. `counts` is unspecified if false.
  bool Count(const Mapping& mapping, MappingCounts* counts);

  // Why Count refuses a mapping: kInvalidArgument with the level, the value, what is there.
  absl::Status Check(const Mapping& mapping) const;

 private:
  const Problem& problem_;
  const Hierarchy& hierarchy_;
  const ElementWidths& widths_;
  std::vector<int64_t> scratch_;  // places of inner instances, where they forward
};

}  // namespace bitscape::cost_models
