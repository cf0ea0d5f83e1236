// Prices of layers for the tests of cost_models: the test fails where there is none.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "engine/network/mac_shape.h"

namespace bitscape::cost_models {

CostReport Price(const CostModel& model, const std::vector<network::MacShape>& layers,
                 std::string_view plan, const Accelerator& machine);
// By AnalyticCostModel().
CostReport Price(const std::vector<network::MacShape>& layers, std::string_view plan,
                 const Accelerator& machine);
// Why the machine can't run the plan, or "feasible".
std::string Refused(const std::vector<network::MacShape>& layers, std::string_view plan,
                    const Accelerator& machine);

// Energy in pJ by component.
std::map<std::string, double> Breakdown(const LayerCost& layer);
std::map<std::string, double> Breakdown(const CostReport& report);

}  // namespace bitscape::cost_models
