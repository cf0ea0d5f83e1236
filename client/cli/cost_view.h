// Costs as tables.
#pragma once

#include <string>
#include <vector>

#include "bitscape/v1/cost.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// A row a layer, and the energies by component of all layers below.
View ViewOf(const v1::CostEstimate& cost);
// A row for each component of each layer.
Table LayerTable(const v1::CostEstimate& cost);
// The loop nests that were found, layer by layer; empty where counts are of closed form.
std::string MappingText(const v1::CostEstimate& cost);
std::string LayerCsv(const v1::CostEstimate& cost);
// Components in the order in which they first occur, with their sum over layers.
std::vector<std::pair<std::string, double>> ComponentsOf(const v1::CostEstimate& cost);

// A row a plan and machine, with ratios to the first that has a price.
View ViewOf(const v1::CostComparison& comparison);
View ViewOf(const v1::CostSensitivity& sensitivity);
View ViewOf(const v1::CostValidation& validation);

}  // namespace bitscape::cli
