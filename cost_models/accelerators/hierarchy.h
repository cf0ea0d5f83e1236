// A machine as the hierarchy of memories that mappings are searched on, and its prices.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cost_models/accelerators/machine.h"
#include "cost_models/mapping/loop_nest.h"
#include "cost_models/mapping/search.h"

namespace bitscape::cost_models {

// Level 0 are the registers of the multipliers, free here since a multiply-accumulate's cost has
// them: they hold one element a multiplier of each tensor that has no memory in the processing
// element. Level i + 1 is accelerator.memories[i].
inline constexpr size_t kFirstMemoryLevel = 1;

// `products`: multiply-accumulates that one element computes in a cycle: its dot product's length
// times what a scalable multiplier splits into.
Hierarchy HierarchyOf(const Accelerator& accelerator, int64_t products);

// What mapping one layer takes: everything that its best mapping depends on.
struct MappingTask {
  Problem problem;
  ElementWidths widths;
  int64_t products = 1;
  bool adds_products = false;            // they end in one sum
  double cycles_per_mac = 1;             // of all `products`
  Tensor stationary = Tensor::kWeights;  // its register's loads have a price
  double register_load_pj = 0;
  double reduction_pj = 0;  // one addition of two elements' sums
  double mac_pj = 0;
};

AccessPrices PricesOf(const Machine& machine, const MappingTask& task);

struct SearchedMapping {
  MappingResult best;
  std::vector<double> transfer_cycles;  // of each level of the hierarchy
  double reductions = 0;                // additions of different elements' sums
  double lanes_used = 1;                // share of an element's products, 0..1
  std::string loop_nest;
};

// The searched mapping, from the cache where the same task was searched before. Thread-safe.
// Errors: kNotFound where no mapping fits.
absl::StatusOr<std::shared_ptr<const SearchedMapping>> BestMapping(const Machine& machine,
                                                                   const MappingTask& task);

}  // namespace bitscape::cost_models
