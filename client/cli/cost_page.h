// A cost estimate as one self-contained HTML page.
#pragma once

#include <string>

#include "bitscape/v1/cost.pb.h"

namespace bitscape::cli {

// One bar a layer, stacked by component; as SVG.
std::string EnergyBarsSvg(const v1::CostEstimate& cost);
std::string RenderCostPage(const v1::CostEstimate& cost);

}  // namespace bitscape::cli
