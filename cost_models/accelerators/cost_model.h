// Prices a network under a plan on a machine.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cost_models/accelerators/accelerator.h"
#include "cost_models/cost_report.h"
#include "cost_models/technology/technology.h"
#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::cost_models {

// Changes whenever any figure could: part of every trial's identity.
std::string_view CostModelVersion();

using CostOutcome = std::variant<CostReport, Infeasible>;

// The machine's node and supply under the default reading of the sources: the base of AllReadings
// (cost_models/technology/readings.h).
TechnologyOptions TechnologyOf(const Accelerator& accelerator);

class CostModel {
 public:
  virtual ~CostModel() = default;
  // `layers[i]` is computed in `plan.layers[i]`. Pure and thread-safe.
  // Errors: kInvalidArgument where there is no layer, the numbers of layers differ, or the
  // accelerator is invalid; kUnimplemented for a format without a cost (an unknown cost is never
  // zero).
  absl::StatusOr<CostOutcome> Estimate(std::span<const network::MacShape> layers,
                                       const quantize::ResolvedPlan& plan,
                                       const Accelerator& accelerator,
                                       const TechnologyOptions& options) const {
    return DoEstimate(layers, plan, accelerator, options);
  }
  absl::StatusOr<CostOutcome> Estimate(std::span<const network::MacShape> layers,
                                       const quantize::ResolvedPlan& plan,
                                       const Accelerator& accelerator) const {
    return DoEstimate(layers, plan, accelerator, TechnologyOf(accelerator));
  }

 private:
  virtual absl::StatusOr<CostOutcome> DoEstimate(std::span<const network::MacShape> layers,
                                                 const quantize::ResolvedPlan& plan,
                                                 const Accelerator& accelerator,
                                                 const TechnologyOptions& options) const = 0;
};

// Access counts of the machine's dataflow: closed form, or of the best mapping that is found.
const CostModel& AnalyticCostModel();
// Compute and off-chip traffic only, each operand moved once: no model may report less energy or
// latency.
const CostModel& RooflineCostModel();

}  // namespace bitscape::cost_models
