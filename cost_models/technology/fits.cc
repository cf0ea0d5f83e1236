#include "cost_models/technology/fits.h"

#include <string_view>
#include <vector>

#include "cost_models/technology/node_scaling.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {
namespace {

using namespace fits;

constexpr std::string_view kHorowitz = "fit to Horowitz, ISSCC 2014";
constexpr std::string_view kCacti = "fit to a CACTI 7 sweep, 45 nm itrs-lop, 78 points";
constexpr std::string_view kBitFusion =
    "fit to BitFusion's CACTI sweep, 45 nm itrs-hp, its RAMs with one read and one write port";
constexpr std::string_view kAladdin = "Aladdin 40 nm library, used at 45 nm unscaled";

}  // namespace

std::span<const FittedCost> FittedCosts() {
  static const auto* const kFits = new std::vector<FittedCost>{
      {"adder_energy", "c0 n + c1", "pJ", {kAdderEnergy[0], kAdderEnergy[1]}, 4.16, kHorowitz},
      {"adder_area", "c0 n + c1", "um2", {kAdderArea[0], kAdderArea[1]}, 2.50, kHorowitz},
      // Two points, two coefficients: no residual is left to judge by.
      {"multiplier_energy",
       "c0 a b + c1 (a + b)",
       "pJ",
       {kMultiplierEnergy[0], kMultiplierEnergy[1]},
       0,
       kHorowitz},
      {"multiplier_area",
       "c0 a b + c1 (a + b)",
       "um2",
       {kMultiplierArea[0], kMultiplierArea[1]},
       0,
       kHorowitz},
      {"float_adder_energy",
       "c0 L log2 L + adder(L) + adder(e)",
       "pJ",
       {kFloatAdderEnergy},
       0.75,
       kHorowitz},
      {"float_adder_area",
       "c0 L log2 L + c1 L^2 + adder(L) + adder(e)",
       "um2",
       {kFloatAdderArea[0], kFloatAdderArea[1]},
       0,
       kHorowitz},
      {"float_multiplier_energy",
       "multiplier(m+1, m+1) + c0 (m+1) log2(m+1) + adder(e+1)",
       "pJ",
       {kFloatMultiplierEnergy},
       1.76,
       kHorowitz},
      {"float_multiplier_area",
       "c0 multiplier(m+1, m+1) + adder(e+1)",
       "um2",
       {kFloatMultiplierArea},
       7.11,
       kHorowitz},
      {"sram_energy",
       "c0 + c1 sqrt(KB), a 64-bit port",
       "pJ/bit",
       {kSramEnergy[0], kSramEnergy[1]},
       4.43,
       kHorowitz},
      {"sram_width", "(width / 64)^c0 above 64 bits", "1", {kCactiLopRead[2]}, 40.4, kCacti},
      {"sram_area", "c0 + c1 / sqrt(KB)", "um2/bit", {kSramArea[0], kSramArea[1]}, 44.2, kCacti},
      {"register_file_area",
       "c0 + c1 / sqrt(KB)",
       "um2/bit",
       {kRegisterFileArea[0], kRegisterFileArea[1]},
       4.52,
       kBitFusion},
      {"register_energy", "c0 n", "pJ", {kRegisterEnergy}, 0, kAladdin},
      {"register_area", "c0 n", "um2", {kRegisterArea}, 0, kAladdin},
      {"shifter_energy", "c0 n stages", "pJ", {kShifterEnergy}, 0, kAladdin},
      {"shifter_area", "c0 n stages", "um2", {kShifterArea}, 0, kAladdin},
  };
  return *kFits;
}

std::vector<std::string> TechnologyNodes() {
  std::vector<std::string> nodes;
  for (const NodeRow& row : NodeRows()) nodes.emplace_back(row.node);
  return nodes;
}

}  // namespace bitscape::cost_models
