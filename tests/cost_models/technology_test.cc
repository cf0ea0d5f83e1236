#include "cost_models/technology/technology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "cost_models/technology/netlists.h"
#include "cost_models/technology/node_scaling.h"
#include "cost_models/technology/published_rows.h"
#include "cost_models/technology/readings.h"

namespace bitscape::cost_models {
namespace {

// One equation of a fit: sum of coefficient[i] * terms[i] + known = target.
struct Equation {
  std::vector<double> terms;
  double known = 0;
  double target = 0;
};

// Least squares of the relative error, for one or two coefficients, by the normal equations.
std::vector<double> Fit(const std::vector<Equation>& equations) {
  double aa = 0, ab = 0, bb = 0, at = 0, bt = 0;
  for (const Equation& equation : equations) {
    const double a = equation.terms[0] / equation.target;
    const double b = equation.terms.size() > 1 ? equation.terms[1] / equation.target : 0;
    const double t = 1 - equation.known / equation.target;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    at += a * t;
    bt += b * t;
  }
  if (equations.front().terms.size() == 1) return {at / aa};
  const double determinant = aa * bb - ab * ab;
  return {(at * bb - bt * ab) / determinant, (bt * aa - at * ab) / determinant};
}

const Technology& Node45() {
  static const Technology node = *Technology::Make({});
  return node;
}

const FittedCost& FitNamed(std::string_view block) {
  for (const FittedCost& fit : FittedCosts()) {
    if (fit.block == block) return fit;
  }
  ADD_FAILURE() << "no fit is named " << block;
  return FittedCosts().front();
}

// The coefficients in the table are those of the fit, to the digits that they are written in.
void ExpectFitEqualsTable(std::string_view block, const std::vector<Equation>& equations) {
  const std::vector<double> fitted = Fit(equations);
  const FittedCost& table = FitNamed(block);
  ASSERT_EQ(fitted.size(), table.coefficients.size()) << block;
  for (size_t i = 0; i < fitted.size(); ++i) {
    EXPECT_NEAR(table.coefficients[i] / fitted[i], 1, 1e-4) << block << " coefficient " << i;
  }
  double largest = 0;
  for (const Equation& equation : equations) {
    double value = equation.known;
    for (size_t i = 0; i < fitted.size(); ++i) value += fitted[i] * equation.terms[i];
    largest = std::max(largest, std::abs(value / equation.target - 1) * 100);
  }
  EXPECT_NEAR(table.largest_residual_percent, largest, 0.01) << block;
}

double Pick(const BlockCost& cost, bool area) { return area ? cost.area_um2 : cost.energy_pj; }
double Published(const ArithmeticRow& row, bool area) {
  return area ? row.area_um2 : row.energy_pj;
}

std::vector<Equation> Equations(ArithmeticKind kind, bool area) {
  std::vector<Equation> equations;
  for (const ArithmeticRow& row : ArithmeticRows()) {
    if (row.kind != kind) continue;
    const double n = row.bits;
    const double significand = row.mantissa_bits + 1;
    const double aligned = row.mantissa_bits + 4;
    const Technology& node = Node45();
    Equation equation{.terms = {}, .known = 0, .target = Published(row, area)};
    switch (kind) {
      case ArithmeticKind::kIntegerAdd:
        equation.terms = {n, 1};
        break;
      case ArithmeticKind::kIntegerMultiply:
        equation.terms = {n * n, 2 * n};
        break;
      case ArithmeticKind::kFloatAdd:
        equation.terms = {aligned * std::log2(aligned)};
        if (area) equation.terms.push_back(aligned * aligned);
        equation.known =
            Pick(node.Adder(row.mantissa_bits + 4) + node.Adder(row.exponent_bits), area);
        break;
      case ArithmeticKind::kFloatMultiply: {
        const double array =
            Pick(node.Multiplier(row.mantissa_bits + 1, row.mantissa_bits + 1), area);
        equation.terms = {area ? array : significand * std::log2(significand)};
        equation.known = Pick(node.Adder(row.exponent_bits + 1), area) + (area ? 0 : array);
        break;
      }
    }
    equations.push_back(equation);
  }
  return equations;
}

TEST(Technology, CoefficientsAreTheLeastSquaresFitOfTheRows) {
  ExpectFitEqualsTable("adder_energy", Equations(ArithmeticKind::kIntegerAdd, false));
  ExpectFitEqualsTable("adder_area", Equations(ArithmeticKind::kIntegerAdd, true));
  ExpectFitEqualsTable("multiplier_energy", Equations(ArithmeticKind::kIntegerMultiply, false));
  ExpectFitEqualsTable("multiplier_area", Equations(ArithmeticKind::kIntegerMultiply, true));
  ExpectFitEqualsTable("float_adder_energy", Equations(ArithmeticKind::kFloatAdd, false));
  ExpectFitEqualsTable("float_adder_area", Equations(ArithmeticKind::kFloatAdd, true));
  ExpectFitEqualsTable("float_multiplier_energy", Equations(ArithmeticKind::kFloatMultiply, false));
  ExpectFitEqualsTable("float_multiplier_area", Equations(ArithmeticKind::kFloatMultiply, true));

  std::vector<Equation> sram;
  for (const SramRow& row : SramRows()) {
    if (row.width_bits != 64) continue;
    sram.push_back({.terms = {1, std::sqrt(row.capacity_bytes / 1024)},
                    .target = row.energy_pj / row.width_bits});
  }
  ExpectFitEqualsTable("sram_energy", sram);

  std::vector<Equation> register_files;
  for (const RegisterFileRow& row : RegisterFileRows()) {
    register_files.push_back({.terms = {1, 1 / std::sqrt(row.capacity_bytes / 1024)},
                              .target = row.area_um2 / (row.capacity_bytes * 8)});
  }
  ExpectFitEqualsTable("register_file_area", register_files);
}

double FittedMultiplierTransistors(double a, double b) {
  const std::vector<double>& c = FitNamed("multiplier_transistors").coefficients;
  return c[0] * a * b + c[1] * (a - 1) * (b - 1);
}

std::vector<double> NetlistTerms(const NetlistRow& row) {
  const double a = row.a;
  const double b = row.b;
  switch (row.block) {
    case NetlistBlock::kAdder:
    case NetlistBlock::kRegister:
    case NetlistBlock::kLeadingZeros:
      return {a};
    case NetlistBlock::kMultiplier:
      return {a * b, (a - 1) * (b - 1)};
    case NetlistBlock::kFloatAdder:
      return {(b + 4) * std::log2(b + 4), a};
    case NetlistBlock::kFloatMultiplier:
      return {FittedMultiplierTransistors(b + 1, b + 1), a + 1};
    case NetlistBlock::kShifter:
      return {a * b};
    case NetlistBlock::kMultiplexer:
      return {a * (b - 1)};
    case NetlistBlock::kPopulationCount:
      return {a - 1 - std::log2(a), std::log2(a)};
    case NetlistBlock::kXnorPopulation:
      break;
  }
  ADD_FAILURE() << "not fitted";
  return {};
}

std::vector<Equation> NetlistEquations(NetlistBlock block) {
  std::vector<Equation> equations;
  for (const NetlistRow& row : NetlistRows()) {
    if (row.block == block) {
      equations.push_back({.terms = NetlistTerms(row), .target = row.transistors});
    }
  }
  return equations;
}

TEST(Technology, TransistorsAreTheLeastSquaresFitOfNetlists) {
  const std::pair<std::string_view, NetlistBlock> fits[] = {
      {"adder_transistors", NetlistBlock::kAdder},
      {"multiplier_transistors", NetlistBlock::kMultiplier},
      {"register_transistors", NetlistBlock::kRegister},
      {"float_adder_transistors", NetlistBlock::kFloatAdder},
      {"float_multiplier_transistors", NetlistBlock::kFloatMultiplier},
      {"shifter_transistors", NetlistBlock::kShifter},
      {"multiplexer_transistors", NetlistBlock::kMultiplexer},
      {"leading_zeros_transistors", NetlistBlock::kLeadingZeros},
      {"population_count_transistors", NetlistBlock::kPopulationCount},
  };
  for (const auto& [name, block] : fits) ExpectFitEqualsTable(name, NetlistEquations(block));
}

TEST(Technology, ATransistorIsFittedToHorowitzsAdders) {
  std::vector<Equation> energy, area;
  for (const ArithmeticRow& row : ArithmeticRows()) {
    if (row.kind != ArithmeticKind::kIntegerAdd) continue;
    for (const NetlistRow& netlist : NetlistRows()) {
      if (netlist.block != NetlistBlock::kAdder || netlist.a != row.bits) continue;
      energy.push_back({.terms = {netlist.transistors}, .target = row.energy_pj});
      area.push_back({.terms = {netlist.transistors}, .target = row.area_um2});
    }
  }
  ASSERT_EQ(energy.size(), 3u);
  ExpectFitEqualsTable("transistor_energy", energy);
  ExpectFitEqualsTable("transistor_area", area);
}

// Netlists that were not fitted: XNORs of 12 transistors, the count, its sum in an accumulator.
TEST(Technology, XnorPopulationCountsAreTheSumOfTheirParts) {
  int rows = 0;
  for (const NetlistRow& row : NetlistRows()) {
    if (row.block != NetlistBlock::kXnorPopulation) continue;
    const double um2 = FitNamed("transistor_area").coefficients[0];
    const double model = Node45().Gates(3.0 * row.a).area_um2 / um2 +
                         Node45().PopulationCount(row.a).area_um2 / um2 +
                         (FitNamed("adder_transistors").coefficients[0] + 16) * row.b;
    EXPECT_NEAR(model / row.transistors, 1, 0.06) << row.a;
    ++rows;
  }
  EXPECT_EQ(rows, 2);
}

BlockCost Model(const ArithmeticRow& row) {
  const Technology& node = Node45();
  switch (row.kind) {
    case ArithmeticKind::kIntegerAdd:
      return node.Adder(row.bits);
    case ArithmeticKind::kIntegerMultiply:
      return node.Multiplier(row.bits, row.bits);
    case ArithmeticKind::kFloatAdd:
      return node.FloatAdder(row.exponent_bits, row.mantissa_bits);
    case ArithmeticKind::kFloatMultiply:
      return node.FloatMultiplier(row.exponent_bits, row.mantissa_bits + 1, row.mantissa_bits + 1);
  }
  return {};
}

double Deviation(std::string_view what, double model, double published) {
  const double percent = (model / published - 1) * 100;
  std::printf("%-22s published %10.4f model %10.4f deviation %+6.2f %%\n",
              std::string(what).c_str(), published, model, percent);
  return std::abs(percent);
}

TEST(Technology, ModelsEachPublishedPointWithinTenPercent) {
  for (const ArithmeticRow& row : ArithmeticRows()) {
    const std::string name(row.name);
    EXPECT_LT(Deviation(name + " pJ", Model(row).energy_pj, row.energy_pj), 10) << name;
    EXPECT_LT(Deviation(name + " um2", Model(row).area_um2, row.area_um2), 10) << name;
  }
  for (const SramRow& row : SramRows()) {
    const double model =
        Node45().SramReadPjPerBit(row.capacity_bytes, row.width_bits) * row.width_bits;
    EXPECT_LT(Deviation(std::string(row.name) + " pJ", model, row.energy_pj), 10) << row.name;
  }
  for (const RegisterFileRow& row : RegisterFileRows()) {
    const double model =
        Node45().RegisterFileAreaUm2PerBit(row.capacity_bytes) * 8 * row.capacity_bytes;
    EXPECT_LT(Deviation(std::string(row.name) + " um2", model, row.area_um2), 10) << row.name;
  }
}

TEST(Technology, UnitRowsAreWhatTheBlocksCharge) {
  const auto value = [](std::string_view name) {
    for (const UnitRow& row : UnitRows()) {
      if (row.name == name) return row.value;
    }
    ADD_FAILURE() << name;
    return 0.0;
  };
  EXPECT_DOUBLE_EQ(Node45().Register(1).energy_pj, value("register_energy"));
  EXPECT_DOUBLE_EQ(Node45().Register(10).area_um2, 10 * value("register_area"));
  EXPECT_DOUBLE_EQ(Node45().Shifter(32, 5).energy_pj, value("shifter32_energy"));
  EXPECT_DOUBLE_EQ(Node45().Shifter(32, 5).area_um2, value("shifter32_area"));
  EXPECT_DOUBLE_EQ(Node45().WirePjPerBitMm(), value("wire_energy"));
  EXPECT_DOUBLE_EQ(Node45().LogicLeakageMwPerUm2(), value("logic_leakage"));
}

// Two sources that were not fitted together: a float adder holds two shifters and little else.
TEST(Technology, FloatAdderIsAboutTwoOfAladdinsShifters) {
  const double per_cell = FitNamed("float_adder_energy").coefficients[0];
  const double shifter = FitNamed("shifter_energy").coefficients[0];
  EXPECT_NEAR(per_cell / (2 * shifter), 1.19, 0.05);
}

// One fixed-point element of n x n bits, its sum of 2n bits, and the registers of one operand and
// the sum. Source: systolic array of one element, 45 nm, 500 MHz, synthesis table published with
// BitFusion (Sharma et al., ISCA 2018).
struct Element {
  int bits;
  double dynamic_nw;
  double area_um2;
};
constexpr double kElementGhz = 0.5;
constexpr Element kElements[] = {{2, 28742, 124.8912},
                                 {4, 60101.7, 282.239998},
                                 {8, 148845, 687.6072},
                                 {16, 473688, 2203.236034}};
BlockCost ElementCost(int n) {
  return Node45().Multiplier(n, n) + Node45().Adder(2 * n) + Node45().Register(3 * n);
}

// Not fitted: only ratios between widths are compared, since the switching activity of a synthesis
// report differs from Horowitz's.
TEST(Technology, WidthRatiosAgreeWithASynthesisTable) {
  for (size_t i = 1; i < std::size(kElements); ++i) {
    const Element& narrow = kElements[i - 1];
    const Element& wide = kElements[i];
    const std::string step = std::to_string(narrow.bits) + " to " + std::to_string(wide.bits);
    const BlockCost from = ElementCost(narrow.bits);
    const BlockCost to = ElementCost(wide.bits);
    EXPECT_LT(Deviation(step + " bits, energy", to.energy_pj / from.energy_pj,
                        wide.dynamic_nw / narrow.dynamic_nw),
              15);
    EXPECT_LT(Deviation(step + " bits, area", to.area_um2 / from.area_um2,
                        wide.area_um2 / narrow.area_um2),
              15);
  }
}

// Fitted to the table, so no check of it: the activity that AllReadings uses.
TEST(Technology, SynthesisActivityIsAFitOfTheSynthesisTable) {
  const auto fitted = [](int register_words) {
    std::vector<Equation> equations;
    for (const Element& element : kElements) {
      const int n = element.bits;
      const BlockCost cost =
          Node45().Multiplier(n, n) + Node45().Adder(2 * n) + Node45().Register(register_words * n);
      equations.push_back(
          {.terms = {cost.energy_pj}, .target = element.dynamic_nw * 1e-6 / kElementGhz});
    }
    return Fit(equations)[0];
  };
  EXPECT_NEAR(fitted(6), kSynthesisActivity, 0.015);
  EXPECT_NEAR(fitted(3), 0.66, 0.005);
}

// Delays are not calibrated, but two published designs meet their clocks.
TEST(Technology, DelaysAreWithinPublishedDesigns) {
  EXPECT_LT(ElementCost(16).delay_ns, 1 / kElementGhz);
  // Multipliers of 8 x 8 bits with their sums in 28 nm at 1 GHz, as in Camus et al., JETCAS 2019.
  const Technology node = *Technology::Make({.node = "28nm"});
  const BlockCost element = node.Multiplier(8, 8) + node.Adder(20) + node.Register(20);
  EXPECT_LT(element.delay_ns, 1);
  EXPECT_GT(element.delay_ns, 0.3);
}

TEST(Technology, EveryRowHasASourceAndAPositiveValue) {
  for (const ArithmeticRow& row : ArithmeticRows()) {
    EXPECT_GT(row.energy_pj, 0) << row.name;
    EXPECT_GT(row.area_um2, 0) << row.name;
    EXPECT_FALSE(row.source.empty()) << row.name;
  }
  for (const SramRow& row : SramRows()) EXPECT_FALSE(row.source.empty()) << row.name;
  for (const RegisterFileRow& row : RegisterFileRows()) {
    EXPECT_FALSE(row.source.empty()) << row.name;
  }
  for (const DramRow& row : DramRows()) {
    EXPECT_GT(row.energy_pj_per_bit, 0) << row.primitive;
    EXPECT_FALSE(row.source.empty()) << row.primitive;
  }
  for (const UnitRow& row : UnitRows()) {
    EXPECT_GT(row.value, 0) << row.name;
    EXPECT_FALSE(row.unit.empty() || row.source.empty()) << row.name;
  }
  for (const NetlistRow& row : NetlistRows()) EXPECT_GT(row.transistors, 0);
  for (const NodeRow& row : NodeRows()) EXPECT_FALSE(row.source.empty()) << row.node;
  for (const FittedCost& fit : FittedCosts()) {
    EXPECT_FALSE(fit.formula.empty() || fit.unit.empty() || fit.source.empty()) << fit.block;
    EXPECT_FALSE(fit.coefficients.empty()) << fit.block;
    EXPECT_GE(fit.largest_residual_percent, 0) << fit.block;
  }
}

TEST(Technology, WidePortsCostLessForEachBit) {
  const Technology& node = Node45();
  EXPECT_DOUBLE_EQ(node.SramReadPjPerBit(8192, 32), node.SramReadPjPerBit(8192, 64));
  EXPECT_LT(node.SramReadPjPerBit(8192, 128), node.SramReadPjPerBit(8192, 64));
  EXPECT_GT(128 * node.SramReadPjPerBit(8192, 128), 64 * node.SramReadPjPerBit(8192, 64));
}

}  // namespace
}  // namespace bitscape::cost_models
