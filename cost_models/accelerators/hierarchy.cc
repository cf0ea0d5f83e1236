#include "cost_models/accelerators/hierarchy.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/core/digest.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// Layer shapes times widths times machines of a long-lived server, some 3 KB each; above it the
// cache starts anew.
constexpr size_t kMaxCachedMappings = 30'000;
// Mappings counted for one layer and dataflow: more find little (tests/bench/bench_cost prints
// both).
constexpr int64_t kEvaluations = 20'000;

constexpr size_t kWeights = static_cast<size_t>(Tensor::kWeights);
constexpr size_t kOutputs = static_cast<size_t>(Tensor::kOutputs);

struct Instances {
  int64_t x = 1, y = 1;
  double Count() const { return static_cast<double>(x) * static_cast<double>(y); }
};

Instances GridOf(const Accelerator& accelerator, const MemoryLevel& level) {
  if (level.per_pe) return {accelerator.array_columns, accelerator.array_rows};
  return {level.instances_x, level.instances_y};
}

// Registers hold what no memory in the element holds.
PerTensor<bool> HeldByRegisters(const Accelerator& accelerator) {
  PerTensor<bool> held = {true, true, true};
  for (const MemoryLevel& level : accelerator.memories) {
    if (!level.per_pe) continue;
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      if (level.Holds(static_cast<Tensor>(tensor))) held[tensor] = false;
    }
  }
  return held;
}

HierarchyLevel LevelOf(const Accelerator& accelerator, const MemoryLevel& memory,
                       const Instances& inner) {
  const Instances instances = GridOf(accelerator, memory);
  HierarchyLevel level;
  level.name = memory.name;
  level.capacity_bits = memory.capacity_bytes * 8;
  level.shared_bits_per_cycle = memory.bandwidth_bits_per_cycle / instances.Count();
  level.read_bits_per_cycle = memory.read_bits_per_cycle / instances.Count();
  level.write_bits_per_cycle = memory.write_bits_per_cycle / instances.Count();
  level.fanout_x = inner.x / instances.x;
  level.fanout_y = inner.y / instances.y;
  level.double_buffered = memory.double_buffered;
  for (size_t i = 0; i < kTensors; ++i) {
    level.may_hold[i] = memory.Holds(static_cast<Tensor>(i));
    level.multicast[i] = !memory.IsUnicast(static_cast<Tensor>(i));
  }
  return level;
}

// The dataflow's constraints; registers hold a tile without loops, and products side by side
// in an element belong to one sum, or each to one of its own.
MappingConstraints ConstraintsFor(Dataflow dataflow, const MappingTask& task,
                                  const Hierarchy& hierarchy) {
  MappingConstraints constraints = ConstraintsOf(dataflow, task.problem, hierarchy);
  constraints.levels.resize(hierarchy.levels.size());
  LevelConstraint& registers = constraints.levels.front();
  registers.temporal.fill(1);
  for (const Dim dim : {Dim::kG, Dim::kN, Dim::kM, Dim::kP, Dim::kQ, Dim::kC, Dim::kR, Dim::kS}) {
    if (Indexes(dim, Tensor::kOutputs) == task.adds_products) {
      registers.spatial[static_cast<size_t>(dim)] = 1;
    }
  }
  for (size_t i = 0; i < kTensors; ++i) registers.keeps[i] = hierarchy.levels.front().may_hold[i];
  return constraints;
}

// Of the counted additions, those in the elements' own adder trees, which a multiply-accumulate's
// cost has.
double AdditionsInElements(const Hierarchy& hierarchy, const MappingResult& result) {
  if (!hierarchy.levels.front().multicast[kOutputs]) return 0;
  const LevelMapping& registers = result.mapping.levels.front();
  double places = 1, sums = 1;
  for (const std::vector<Loop>* loops : {&registers.spatial_x, &registers.spatial_y}) {
    for (const Loop& loop : *loops) {
      places *= static_cast<double>(loop.bound);
      if (Indexes(loop.dim, Tensor::kOutputs)) sums *= static_cast<double>(loop.bound);
    }
  }
  return result.counts.macs * (places - sums) / places;
}

absl::StatusOr<MappingResult> SearchDataflow(Dataflow dataflow, const Machine& machine,
                                             const MappingTask& task, const Hierarchy& hierarchy) {
  return SearchMapping(task.problem, hierarchy, ConstraintsFor(dataflow, task, hierarchy),
                       task.widths, PricesOf(machine, task),
                       {.objective = MappingObjective::kEnergyDelay,
                        .max_evaluations = kEvaluations,
                        .cycles_per_mac = task.cycles_per_mac});
}

// A search finds less where a dataflow leaves it less to try: a machine that is free to take any
// never does worse than one that is bound to one of them.
absl::StatusOr<MappingResult> SearchAll(const Machine& machine, const MappingTask& task,
                                        const Hierarchy& hierarchy) {
  const Dataflow own = machine.accelerator->dataflow;
  BITSCAPE_ASSIGN_OR_RETURN(MappingResult best, SearchDataflow(own, machine, task, hierarchy));
  if (own != Dataflow::kAny) return best;
  const auto product = [](const MappingResult& result) {
    return result.energy_pj * result.latency.cycles;
  };
  for (const Dataflow dataflow : {Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                  Dataflow::kInputStationary, Dataflow::kRowStationary}) {
    absl::StatusOr<MappingResult> found = SearchDataflow(dataflow, machine, task, hierarchy);
    if (absl::IsNotFound(found.status())) continue;  // what has to stay there does not fit
    BITSCAPE_RETURN_IF_ERROR(found.status());
    if (product(*found) < product(best)) best = *std::move(found);
  }
  return best;
}

std::string KeyOf(const Machine& machine, const MappingTask& task) {
  Digest digest;
  digest.Add(machine.digest);
  for (const int64_t size : task.problem.size) digest.Add(size);
  for (const int64_t value :
       {task.problem.stride_h, task.problem.stride_w, task.problem.dilation_h,
        task.problem.dilation_w, task.products, int64_t{task.adds_products}}) {
    digest.Add(value);
  }
  for (const double bits : task.widths.bits) digest.Add(bits);
  digest.Add(task.cycles_per_mac).Add(static_cast<int64_t>(task.stationary));
  digest.Add(task.register_load_pj);
  digest.Add(task.reduction_pj).Add(task.mac_pj);
  return digest.Hex();
}

class MappingCache {
 public:
  std::shared_ptr<const SearchedMapping> Find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = results_.find(key);
    return found == results_.end() ? nullptr : found->second;
  }
  void Add(const std::string& key, std::shared_ptr<const SearchedMapping> result) {
    const std::lock_guard lock(mutex_);
    if (results_.size() >= kMaxCachedMappings) results_.clear();
    results_.emplace(key, std::move(result));
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const SearchedMapping>> results_;
};

MappingCache& Cache() {
  static auto* const kCache = new MappingCache;
  return *kCache;
}

// A dimension fills its lanes but for the last time that it is taken.
double LanesUsed(const Problem& problem, const Mapping& mapping, int64_t products) {
  double used = 1;
  for (const Loop& loop : mapping.levels.front().spatial_x) {
    const int64_t size = problem.size[static_cast<size_t>(loop.dim)];
    used *= static_cast<double>(size) / static_cast<double>((size + loop.bound - 1) / loop.bound);
  }
  return used / static_cast<double>(products);
}

}  // namespace

Hierarchy HierarchyOf(const Accelerator& accelerator, int64_t products) {
  Hierarchy hierarchy;
  HierarchyLevel registers;
  registers.name = "registers";
  registers.may_hold = HeldByRegisters(accelerator);
  registers.fanout_x = products;
  // The tree's additions are in the multiply-accumulate's cost: here they are none. Where sums wait
  // in a memory of the element, one leaves the tree.
  registers.multicast[kOutputs] = !registers.may_hold[kOutputs];
  hierarchy.levels.push_back(std::move(registers));
  Instances inner = {accelerator.array_columns, accelerator.array_rows};
  for (const MemoryLevel& memory : accelerator.memories) {
    hierarchy.levels.push_back(LevelOf(accelerator, memory, inner));
    inner = GridOf(accelerator, memory);
  }
  return hierarchy;
}

AccessPrices PricesOf(const Machine& machine, const MappingTask& task) {
  AccessPrices prices;
  prices.mac = task.mac_pj;
  prices.spatial_reduction = task.reduction_pj;
  prices.levels.resize(machine.memories.size() + kFirstMemoryLevel);
  prices.levels.front()[static_cast<size_t>(task.stationary)].fill = task.register_load_pj;
  // A sum on its way out is read where it was: once for each that arrives here, which is a bound
  // where several are added on the way (EstimateSearched counts them).
  double inner_output_read = 0;
  for (size_t i = 0; i < machine.memories.size(); ++i) {
    const PricedMemory& memory = machine.memories[i];
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      if (!memory.level->Holds(static_cast<Tensor>(tensor))) continue;
      AccessPrices::Price& price = prices.levels[i + kFirstMemoryLevel][tensor];
      const double bits = task.widths.bits[tensor];
      price.read = bits * memory.cost.read_pj_per_bit;
      price.fill = price.update = bits * memory.cost.write_pj_per_bit;
      price.delivery = bits * memory.level->network_pj_per_bit;
      if (tensor == kOutputs) {
        price.update += inner_output_read;
        inner_output_read = price.read;
      }
    }
  }
  return prices;
}

absl::StatusOr<std::shared_ptr<const SearchedMapping>> BestMapping(const Machine& machine,
                                                                   const MappingTask& task) {
  const std::string key = KeyOf(machine, task);
  if (std::shared_ptr<const SearchedMapping> known = Cache().Find(key)) return known;
  const Hierarchy hierarchy = HierarchyOf(*machine.accelerator, task.products);
  auto result = std::make_shared<SearchedMapping>();
  BITSCAPE_ASSIGN_OR_RETURN(result->best, SearchAll(machine, task, hierarchy));
  for (size_t level = 0; level < hierarchy.levels.size(); ++level) {
    result->transfer_cycles.push_back(
        TransferCycles(result->best.counts, hierarchy, task.widths, level));
  }
  result->reductions =
      result->best.counts.spatial_reductions - AdditionsInElements(hierarchy, result->best);
  result->lanes_used = LanesUsed(task.problem, result->best.mapping, task.products);
  result->loop_nest = result->best.mapping.ToString(hierarchy);
  Cache().Add(key, result);
  return result;
}

}  // namespace bitscape::cost_models
