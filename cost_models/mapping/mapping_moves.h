// Random and systematic changes of one candidate mapping.
#pragma once

#include <cstdint>
#include <vector>

#include "cost_models/mapping/mapping_space.h"

namespace bitscape::cost_models {

// Draws depend on the seed and how many came before.
class MoveGenerator {
 public:
  MoveGenerator(const MappingSpace& space, uint64_t seed) : space_(space), seed_(seed) {}

  // Changes one thing, at times two: a bound, a factor from one level to another, an order, a
  // split, whether a level keeps a tensor. The result need not fit.
  void Change(Candidate* candidate);

  uint64_t Below(uint64_t bound);
  double Uniform();

 private:
  // Each says whether the candidate is another now.
  bool ChangeOne(Candidate* candidate);
  bool SetBound(const Slot& slot, Candidate* candidate);
  bool MoveFactor(Dim dim, Candidate* candidate);
  bool ExchangeFactors(Candidate* candidate);
  bool ChangeOrder(Candidate* candidate);

  const MappingSpace& space_;
  const uint64_t seed_;
  uint64_t draws_ = 0;
  std::vector<int64_t> values_;
};

}  // namespace bitscape::cost_models
