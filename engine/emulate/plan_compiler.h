// From plans to one program.
#pragma once

#include <absl/status/statusor.h>

#include <vector>

#include "engine/emulate/evaluator.h"
#include "engine/emulate/mac_layer.h"
#include "engine/emulate/program.h"

namespace bitscape::emulate {

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
