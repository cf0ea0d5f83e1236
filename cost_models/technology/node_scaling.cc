#include "cost_models/technology/node_scaling.h"

#include <cmath>
#include <cstddef>

#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kScaled =
    "Horowitz's 45 nm scaled by Stillmaker & Baas, Integration 58 (2017), high-performance "
    "transistors; coefficients as in UCLA NanoCAD's nodeScale; nominal voltage of the PTM model";
constexpr std::string_view kInterpolated =
    "Horowitz's 45 nm scaled by Stillmaker & Baas, Integration 58 (2017), interpolated linearly in "
    "the node between 32 nm and 20 nm, as accelergy-library-plug-in does";

// Nominal voltages of 65, 32, 20 and 16 nm are from memory. The cubics of 32 and 28 nm turn upwards
// above 0.85 V: the last step is left out of their fits.
constexpr NodeRow kNodes[] = {
    {"65nm",
     1.5,
     {3.755, -4.398, 1.975},
     {-53.3, 230.4, -333.9, 178.6},
     1.1,
     0.6,
     1.1,
     0.19,
     2.0,
     3.56,
     kScaled},
    // Horowitz's figures are at 0.9 V: PTM's nominal voltage would be 1.0 V.
    {"45nm",
     1,
     {1.018, -0.3107, 0.1539},
     {-501.6, 1567, -1619, 566.1},
     0.9,
     0.6,
     0.9,
     0.4,
     2.0,
     4.73,
     "Horowitz, ISSCC 2014, 45 nm 0.9 V; registers and shifters from Aladdin's 40 nm library"},
    {"32nm",
     0.46,
     {0.8367, -0.4341, 0.1701},
     {-1047, 2982, -2797, 873.5},
     0.9,
     0.6,
     0.85,
     0.466,
     2.0,
     13.04,
     kScaled},
    {"28nm",
     0.376667,
     {0.682133, -0.342133, 0.12708},
     {-698, 1999.5433, -1886.79, 596.05},
     0.9,
     0.6,
     0.85,
     0.488,
     1.5,
     8.95,
     kInterpolated},
    {"20nm",
     0.21,
     {0.373, -0.1582, 0.04104},
     {0, 34.63, -66.37, 41.15},
     0.9,
     0.5,
     0.9,
     0.19,
     1.4,
     1.87,
     kScaled},
    {"16nm",
     0.19,
     {0.2958, -0.1241, 0.03024},
     {0, 24.8, -47.52, 28.87},
     0.85,
     0.5,
     0.85,
     0.104,
     1.75,
     1.11,
     kScaled},
    {"14nm",
     0.17,
     {0.2363, -0.09675, 0.02239},
     {-40.66, 109.2, -100.6, 35.92},
     0.8,
     0.5,
     0.8,
     0.264,
     1.25,
     0.93,
     kScaled},
    {"10nm",
     0.1,
     {0.2068, -0.09311, 0.02375},
     {-34.95, 93.65, -85.99, 30.4},
     0.75,
     0.5,
     0.75,
     0.234,
     1.4,
     0.66,
     kScaled},
    {"7nm",
     0.059,
     {0.1776, -0.09097, 0.02447},
     {-28.58, 76.6, -70.26, 24.69},
     0.7,
     0.5,
     0.7,
     0.204,
     1.55,
     0.36,
     kScaled},
};
constexpr const NodeRow& kReference = kNodes[1];
static_assert(kReference.node == "45nm");

template <size_t kTerms>
double Polynomial(const std::array<double, kTerms>& coefficients, double x) {
  double value = 0;
  for (const double coefficient : coefficients) value = value * x + coefficient;
  return value;
}

}  // namespace

std::span<const NodeRow> NodeRows() { return kNodes; }

std::vector<std::string> TechnologyNodes() {
  std::vector<std::string> nodes;
  for (const NodeRow& row : kNodes) nodes.emplace_back(row.node);
  return nodes;
}

const NodeRow* FindNode(std::string_view node) {
  for (const NodeRow& row : kNodes) {
    if (row.node == node) return &row;
  }
  return nullptr;
}

double EnergyFactor(const NodeRow& node, double supply_v) {
  return Polynomial(node.energy, supply_v) / Polynomial(kReference.energy, kReference.nominal_v);
}

double NominalDelayFactor(const NodeRow& node) {
  return PublishedDelay(node, node.nominal_v) / PublishedDelay(kReference, kReference.nominal_v);
}

double PublishedDelay(const NodeRow& node, double supply_v) {
  return Polynomial(node.delay, supply_v);
}

double AlphaPowerDelay(const NodeRow& node, double supply_v) {
  return supply_v / std::pow(supply_v - node.threshold_v, node.alpha);
}

}  // namespace bitscape::cost_models
