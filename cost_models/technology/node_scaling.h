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
  double lowest_v;  // of the fit below
  // Our fit of V / (V - threshold_v)^alpha to `delay` from the lowest voltage to the nominal one.
  double threshold_v, alpha;
  double largest_delay_residual_percent;
  std::string_view source;
};
std::span<const NodeRow> NodeRows();
const NodeRow* FindNode(std::string_view node);  // null if there is none

double AreaFactor(const NodeRow& node);
double EnergyFactor(const NodeRow& node, double supply_v);
double NominalDelayFactor(const NodeRow& node);
// Alpha-power law (Sakurai and Newton, 1990), in no unit.
double AlphaPowerDelay(const NodeRow& node, double supply_v);

}  // namespace bitscape::cost_models
