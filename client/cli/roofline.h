// The roofline of a plan on a machine, as table, in characters and as a page.
#pragma once

#include <string>

#include "bitscape/v1/cost.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

v1::CostRoofline RooflineOf(const v1::CostEstimate& cost);

std::string MacRate(double macs_per_second);  // "1.23 GMAC/s"
// The letter of layer `index` in the plot: a..z, A..Z, then '*'.
char LayerMark(int index);

View ViewOf(const v1::CostRoofline& roofline);
// Both axes logarithmic; `width` and `height` are those of the plot's inside. Empty without a layer
// that moves data.
std::string RooflineText(const v1::CostRoofline& roofline, int width, int height);
// As SVG; empty likewise.
std::string RooflineSvg(const v1::CostRoofline& roofline);
std::string RenderRooflinePage(const v1::CostRoofline& roofline);

}  // namespace bitscape::cli
