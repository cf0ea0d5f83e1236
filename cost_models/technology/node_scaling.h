// What a process node changes: factors on figures at 45 nm, 0.9 V.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace bitscape::cost_models {

// Stillmaker & Baas, Scaling equations for the accurate prediction of CMOS device performance from
// 180 nm to 7 nm, Integration 58 (2017) 74-81: high-performance transistors.
struct NodeRow {
  std::string_view node;
  double area;                   // relative to 45 nm
  std::array<double, 3> energy;  // of V^2, V, 1; only ratios have a meaning
  std::array<double, 4> delay;   // of V^3, V^2, V, 1; the same
  double nominal_v;
  // Our fit of V / (V - threshold_v)^alpha to `delay`, in steps of 0.05 V from the lowest to the
  // highest voltage of the fit, over thresholds in 2 mV and alphas of 1 to 2 in 0.05.
  double lowest_v, highest_fitted_v;
  double threshold_v, alpha;
  double largest_delay_residual_percent;
  std::string_view source;
};
std::span<const NodeRow> NodeRows();
const NodeRow* FindNode(std::string_view node);  // null if there is none

// Above the nominal voltage, factors are extrapolated.
inline constexpr double kMostOverNominal = 1.2;
inline double HighestVolts(const NodeRow& node) { return kMostOverNominal * node.nominal_v; }

double EnergyFactor(const NodeRow& node, double supply_v);
double NominalDelayFactor(const NodeRow& node);
// The cubic in the voltage, and our fit to it: only ratios have a meaning.
double PublishedDelay(const NodeRow& node, double supply_v);
// Alpha-power law (Sakurai and Newton, IEEE JSSC 25(2), 1990).
double AlphaPowerDelay(const NodeRow& node, double supply_v);

}  // namespace bitscape::cost_models
