#include "cost_models/technology/technology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "cost_models/technology/published_rows.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

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
}

// Two sources that were not fitted together: a float adder holds two shifters and little else.
TEST(Technology, FloatAdderIsAboutTwoOfAladdinsShifters) {
  const double per_cell = FitNamed("float_adder_energy").coefficients[0];
  const double shifter = FitNamed("shifter_energy").coefficients[0];
  EXPECT_NEAR(per_cell / (2 * shifter), 1.19, 0.05);
}

// Not fitted: one fixed-point element of n x n bits, its sum of 2n bits, and the registers of one
// operand and the sum. Only ratios between widths are compared, since the switching activity of a
// synthesis report differs from Horowitz's. Source: systolic array of one element, 45 nm, 500 MHz,
// synthesis table published with BitFusion (Sharma et al., ISCA 2018).
TEST(Technology, WidthRatiosAgreeWithASynthesisTable) {
  struct Element {
    int bits;
    double dynamic_nw;
    double area_um2;
  };
  const Element published[] = {{2, 28742, 124.8912},
                               {4, 60101.7, 282.239998},
                               {8, 148845, 687.6072},
                               {16, 473688, 2203.236034}};
  const auto model = [](int n) {
    return Node45().Multiplier(n, n) + Node45().Adder(2 * n) + Node45().Register(3 * n);
  };
  for (size_t i = 1; i < std::size(published); ++i) {
    const Element& narrow = published[i - 1];
    const Element& wide = published[i];
    const std::string step = std::to_string(narrow.bits) + " to " + std::to_string(wide.bits);
    const BlockCost from = model(narrow.bits);
    const BlockCost to = model(wide.bits);
    EXPECT_LT(Deviation(step + " bits, energy", to.energy_pj / from.energy_pj,
                        wide.dynamic_nw / narrow.dynamic_nw),
              15);
    EXPECT_LT(Deviation(step + " bits, area", to.area_um2 / from.area_um2,
                        wide.area_um2 / narrow.area_um2),
              15);
  }
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
  for (const FittedCost& fit : FittedCosts()) {
    EXPECT_FALSE(fit.formula.empty() || fit.unit.empty() || fit.source.empty()) << fit.block;
    EXPECT_FALSE(fit.coefficients.empty()) << fit.block;
  }
}

TEST(Technology, WidePortsCostLessForEachBit) {
  const Technology& node = Node45();
  EXPECT_DOUBLE_EQ(node.SramReadPjPerBit(8192, 32), node.SramReadPjPerBit(8192, 64));
  EXPECT_LT(node.SramReadPjPerBit(8192, 128), node.SramReadPjPerBit(8192, 64));
  EXPECT_GT(128 * node.SramReadPjPerBit(8192, 128), 64 * node.SramReadPjPerBit(8192, 64));
}

TEST(Technology, UnknownNodeNamesTheKnownOnes) {
  const absl::Status status = Technology::Make({.node = "46nm"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("\"46nm\" is unknown; known: 65nm, 45nm, 32nm, 20nm, 16nm, 14nm, 10nm, 7nm"));
}

}  // namespace
}  // namespace bitscape::cost_models
