// From plans to one program.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/emulate/evaluator.h"
#include "engine/emulate/graph.h"
#include "engine/emulate/kernels.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/program.h"
#include "engine/emulate/rounded_weights.h"

namespace bitscape::emulate {

// What plans of one network share; outlives compilers and programs.
struct SharedState {
  std::shared_ptr<Engine> engine = MakeEngine();  // oneDNN counts its owners
  PackCache packs;
  RoundedWeightsCache weights;
  CalibrationRanges ranges;
  std::map<std::pair<std::string, ElementKind>, bool> fast_macs;  // by graph and layer: HasFastMac
};

// A graph under the name that keys use for it.
struct NamedGraph {
  std::string name;
  Graph graph;
};

class PlanCompiler {
 public:
  PlanCompiler(SharedState& shared, const Shape& images);

  struct CompiledPlan {
    int logits = -1;                // value, plain
    std::vector<int> node_values;   // by node, -1 where it was not computed
    std::vector<LayerPath> layers;  // by MAC layer
  };
  // Steps that earlier plans have are not repeated. The plan must have passed CheckPlan.
  absl::StatusOr<CompiledPlan> Add(const NamedGraph& graph, const quantize::ResolvedPlan& plan);

  ProgramBuilder& builder() { return builder_; }

 private:
  class PlanVisit;

  SharedState& shared_;
  int64_t images_;
  ProgramBuilder builder_;
};

}  // namespace bitscape::emulate
