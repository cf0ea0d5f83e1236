#include "cost_models/technology/fits.h"

#include <fmt/format.h>

#include <deque>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/technology/node_scaling.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kHorowitz = "fit to Horowitz, ISSCC 2014";
constexpr std::string_view kCactiLop = "fit to a CACTI 7 sweep, 45 nm itrs-lop, 78 points";
constexpr std::string_view kCactiHp = "fit to a CACTI 7 sweep, 45 nm itrs-hp, ports of 64 bits";
constexpr std::string_view kBitFusion =
    "fit to BitFusion's CACTI sweep, 45 nm itrs-hp, its RAMs with one read and one write port";
constexpr std::string_view kAladdin = "Aladdin 40 nm library, used at 45 nm unscaled";
constexpr std::string_view kYosys = "fit to Yosys 0.23 netlists of least area";
constexpr std::string_view kShape =
    "uncalibrated shape, within two published designs: 16 bits at 500 MHz in 45 nm (BitFusion), 8 "
    "bits at 1 GHz in 28 nm";

using Fits = std::vector<FittedCost>;

template <size_t kCount>
std::vector<double> List(const double (&values)[kCount]) {
  return {std::begin(values), std::end(values)};
}

// Where there are as many coefficients as points, no residual is left to judge by.
void AddHorowitz(Fits* fits) {
  using namespace fits;
  const auto add = [&](std::string_view block, std::string_view formula, std::string_view unit,
                       std::vector<double> coefficients, double residual) {
    fits->push_back({block, formula, unit, std::move(coefficients), residual, kHorowitz});
  };
  add("adder_energy", "c0 n + c1", "pJ", List(kAdderEnergy), 4.16);
  add("adder_area", "c0 n + c1", "um2", List(kAdderArea), 2.50);
  add("multiplier_energy", "c0 a b + c1 (a + b)", "pJ", List(kMultiplierEnergy), 0);
  add("multiplier_area", "c0 a b + c1 (a + b)", "um2", List(kMultiplierArea), 0);
  add("float_adder_energy", "c0 L log2 L + adder(L) + adder(e)", "pJ", {kFloatAdderEnergy}, 0.75);
  add("float_adder_area", "c0 L log2 L + c1 L^2 + adder(L) + adder(e)", "um2",
      List(kFloatAdderArea), 0);
  add("float_multiplier_energy", "multiplier(m+1, m+1) + c0 (m+1) log2(m+1) + adder(e+1)", "pJ",
      {kFloatMultiplierEnergy}, 1.76);
  add("float_multiplier_area", "c0 multiplier(m+1, m+1) + adder(e+1)", "um2",
      {kFloatMultiplierArea}, 7.11);
  add("sram_energy", "c0 + c1 sqrt(KB), a 64-bit port", "pJ/bit", List(kSramEnergy), 4.43);
}

void AddAladdin(Fits* fits) {
  using namespace fits;
  fits->insert(fits->end(),
               {
                   {"register_energy", "c0 n", "pJ", {kRegisterEnergy}, 0, kAladdin},
                   {"register_area", "c0 n", "um2", {kRegisterArea}, 0, kAladdin},
                   {"shifter_energy", "c0 n stages", "pJ", {kShifterEnergy}, 0, kAladdin},
                   {"shifter_area", "c0 n stages", "um2", {kShifterArea}, 0, kAladdin},
               });
}

void AddNetlists(Fits* fits) {
  using namespace fits;
  const auto add = [&](std::string_view block, std::string_view formula,
                       std::vector<double> coefficients, double residual) {
    fits->push_back({block, formula, "transistors", std::move(coefficients), residual, kYosys});
  };
  add("adder_transistors", "c0 n", {kAdderTransistors}, 6.61);
  add("multiplier_transistors", "c0 a b + c1 (a-1) (b-1)", List(kMultiplierTransistors), 9.28);
  add("register_transistors", "c0 n", {kRegisterTransistors}, 0);
  add("float_adder_transistors", "c0 L log2 L + c1 e", List(kFloatAdderTransistors), 16.50);
  add("float_multiplier_transistors", "c0 multiplier(m+1, m+1) + c1 (e+1)",
      List(kFloatMultiplierTransistors), 21.17);
  add("shifter_transistors", "c0 n stages", {kShifterTransistors}, 6.46);
  add("multiplexer_transistors", "c0 n (ways - 1)", {kMultiplexerTransistors}, 12.18);
  add("leading_zeros_transistors", "c0 n", {kLeadingZerosTransistors}, 8.05);
  add("population_count_transistors", "c0 (n - 1 - log2 n) + c1 log2 n",
      List(kPopulationCountTransistors), 0.75);
  constexpr std::string_view kAdders = "Horowitz's adders by the transistors of Yosys's";
  fits->push_back(
      {"transistor_energy", "c0 transistors", "pJ", {kTransistorEnergy}, 17.87, kAdders});
  fits->push_back({"transistor_area", "c0 transistors", "um2", {kTransistorArea}, 9.55, kAdders});
  fits->push_back(
      {"nand2_transistors", "c0", "transistors", {kTransistorsPerNand2}, 0, "static CMOS"});
}

void AddMemories(Fits* fits) {
  using namespace fits;
  constexpr std::string_view kPower = "c0 KB^c1 (width / 64)^c2";
  constexpr std::string_view kRoot = "c0 + c1 / sqrt(KB)";
  constexpr std::string_view kAccess = "c0 + c1 sqrt(KB)";
  // The widths of ports of hp cells were not swept: their exponents are those of lop cells.
  fits->insert(
      fits->end(),
      {
          {"sram_width", "(width / 64)^c0 above 64 bits", "1", {kCactiLopRead[2]}, 40.4, kCactiLop},
          {"sram_cacti_lop_read", kPower, "pJ/bit", List(kCactiLopRead), 40.4, kCactiLop},
          {"sram_cacti_lop_write", kPower, "pJ/bit", List(kCactiLopWrite), 33.3, kCactiLop},
          {"sram_cacti_hp_read", kPower, "pJ/bit", List(kCactiHpRead), 34.9, kCactiHp},
          {"sram_cacti_hp_write", kPower, "pJ/bit", List(kCactiHpWrite), 20.4, kCactiHp},
          {"sram_area", kRoot, "um2/bit", List(kSramArea), 44.2, kCactiLop},
          {"sram_cacti_hp_area", kRoot, "um2/bit", List(kSramHpArea), 9.0, kCactiHp},
          {"sram_access", kAccess, "ns", List(kSramLopAccess), 50.8, kCactiLop},
          {"sram_cacti_hp_access", kAccess, "ns", List(kSramHpAccess), 31.8, kCactiHp},
          {"sram_leakage",
           "c0 KB",
           "mW",
           {kSramLopLeakage},
           0,
           "median of a CACTI 7 sweep, itrs-lop"},
          {"sram_cacti_hp_leakage",
           "c0 KB",
           "mW",
           {kSramHpLeakage},
           0,
           "median of a CACTI 7 sweep, itrs-hp"},
          {"register_file_area", kRoot, "um2/bit", List(kRegisterFileArea), 4.52, kBitFusion},
          {"logic_leakage",
           "c0 um2",
           "mW",
           {kLogicLeakage},
           0,
           "median of 105 synthesised arrays at 45 nm published with BitFusion"},
          {"wire_energy",
           "c0 mm",
           "pJ/bit",
           {kWire},
           0,
           "Keckler et al., IEEE Micro 31(5), 2011, 40 nm 0.9 V, used at 45 nm unscaled"},
      });
}

void AddDelays(Fits* fits) {
  using namespace fits;
  const auto add = [&](std::string_view block, std::string_view formula,
                       std::vector<double> coefficients) {
    fits->push_back({block, formula, "ns", std::move(coefficients), 0, kShape});
  };
  add("adder_delay", "c0 + c1 log2 n", List(kAdderDelay));
  add("multiplier_delay", "c0 + c1 (a + b)", List(kMultiplierDelay));
  add("register_delay", "c0", {kRegisterDelay});
  add("multiplexer_delay", "c0 stages", {kMultiplexerDelay});
  add("gate_delay", "c0", {kGateDelay});
  add("leading_zeros_delay", "c0 log2 n", {kLeadingZerosDelay});
  add("population_count_delay", "c0 log2 n", {kPopulationCountDelay});
}

void AddNodes(Fits* fits) {
  static auto* const kNames = new std::deque<std::string>;  // what string_views point to
  for (const NodeRow& row : NodeRows()) {
    kNames->push_back(fmt::format("delay_{}", row.node));
    fits->push_back({kNames->back(),
                     "V / (V - c0)^c1, relative",
                     "1",
                     {row.threshold_v, row.alpha},
                     row.largest_delay_residual_percent,
                     "fit to the cubic of Stillmaker & Baas, Integration 58 (2017)"});
  }
}

}  // namespace

std::span<const FittedCost> FittedCosts() {
  static const Fits* const kFits = [] {
    auto* fits = new Fits;
    AddHorowitz(fits);
    AddAladdin(fits);
    AddNetlists(fits);
    AddMemories(fits);
    AddDelays(fits);
    AddNodes(fits);
    return fits;
  }();
  return *kFits;
}

}  // namespace bitscape::cost_models
