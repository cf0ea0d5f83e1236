// Costs as protos.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <variant>
#include <vector>

#include "bitscape/v1/cost.pb.h"
#include "cost_models/accelerators/accelerator.h"
#include "cost_models/accelerators/machine.h"
#include "cost_models/cost_report.h"
#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::server {

// Everything but names and reading. `layers` and `plan` are what was priced.
v1::CostEstimate ToProto(const cost_models::CostReport& report,
                         std::span<const network::MacShape> layers,
                         const quantize::ResolvedPlan& plan);

// Energies by component over all layers, in the order in which they first occur.
std::vector<cost_models::EnergyItem> EnergyByComponent(const cost_models::CostReport& report);

// The machine under the plan of the request, or of its own. Errors: field errors;
// kFailedPrecondition where no plan that it could be priced for runs on it.
absl::StatusOr<v1::MachinePrice> PriceOfMachine(const v1::PriceMachineRequest& request,
                                                const cost_models::Accelerator& accelerator);

}  // namespace bitscape::server
