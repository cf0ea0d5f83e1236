#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "cost_models/mac/families.h"
#include "cost_models/validation/scalable_relations.h"
#include "tests/cost_models/scalable_macs.h"

namespace bitscape::cost_models {
namespace {

struct Figure {
  std::string key, what, unit;
  double published = 0, bound_percent = 0;
  bool fitted = false;
};
std::vector<Figure> Figures() {
  std::ifstream file(SCALABLE_RELATIONS);
  std::vector<Figure> figures;
  for (std::string line; std::getline(file, line);) {
    if (line[0] == '#' || line.starts_with("key,")) continue;
    std::stringstream cells(line);
    Figure figure;
    std::string published, bound, role;
    std::getline(cells, figure.key, ',');
    std::getline(cells, figure.what, ',');
    std::getline(cells, figure.unit, ',');
    std::getline(cells, published, ',');
    std::getline(cells, bound, ',');
    std::getline(cells, role, ',');
    figure.published = std::stod(published);
    figure.bound_percent = std::stod(bound);
    EXPECT_TRUE(role == "validation" || role == "fitted") << line;
    figure.fitted = role == "fitted";
    figures.push_back(figure);
  }
  return figures;
}

// No constant of the families was fitted on a figure that is not marked so.
TEST(PublishedScalable, FiguresAreWithinTheirBounds) {
  const Technology gates = *Technology::Make({.areas = AreaSource::kGateCounts});
  const Technology no_registers = *Technology::Make({.registers = RegisterSource::kNone});
  const std::vector<Figure> figures = Figures();
  EXPECT_EQ(figures.size(), ScalableRelationKeys().size());
  int counted = 0;
  for (const Figure& figure : figures) {
    const absl::StatusOr<double> model = ScalableRelation(figure.key, Node45());
    ASSERT_TRUE(model.ok()) << model.status();
    const double deviation = 100 * (*model / figure.published - 1);
    std::printf("%-72s %7.4g, model %7.4g (%+.0f %%)%s; gate counts %.3g, no registers %.3g\n",
                figure.what.c_str(), figure.published, *model, deviation,
                figure.fitted ? ", fitted" : "", *ScalableRelation(figure.key, gates),
                *ScalableRelation(figure.key, no_registers));
    EXPECT_LE(std::abs(deviation), figure.fitted ? 1 : figure.bound_percent) << figure.key;
    counted += figure.fitted ? 0 : 1;
  }
  EXPECT_EQ(counted, 16);
  EXPECT_EQ(ScalableRelation("camus", Node45()).status().code(), absl::StatusCode::kNotFound);
}

TEST(VoltageScaling, FullWidthsHaveNothingToGain) {
  const MacOperands full = Of(16, 16, 40);
  const MacCost scaled = Use("data_gated", full, full, {.scales_voltage = true});
  EXPECT_DOUBLE_EQ(scaled.energy_pj, Use("data_gated", full, full, {}).energy_pj);
  EXPECT_EQ(scaled.macs_per_cycle, 1);
}

TEST(VoltageScaling, SplitMultipliersSlowDownFurther) {
  const std::vector<int> steps = {2, 4, 8};
  MacDesign fixed{.weight_widths = steps, .activation_widths = steps};
  MacDesign scaled = fixed;
  scaled.scales_voltage = true;
  for (const int bits : {4, 2}) {
    const MacCost fast = On8("swp_sum_apart", bits, bits, fixed);
    const MacCost slow = On8("swp_sum_apart", bits, bits, scaled);
    EXPECT_LT(slow.energy_pj, fast.energy_pj);
    EXPECT_EQ(slow.macs_per_cycle, 1) << "throughput is that of 8 bits";
    EXPECT_GT(fast.macs_per_cycle, 1);
    const double gated = On8("data_gated", bits, bits, scaled).energy_pj /
                         On8("data_gated", bits, bits, fixed).energy_pj;
    EXPECT_LT(slow.energy_pj / fast.energy_pj, gated);
  }
  // A machine that is clocked below what it could reach may lower its supply at any width.
  scaled.clock_ghz = 0.2;
  EXPECT_LT(On8("data_gated", 8, 8, scaled).energy_pj, On8("data_gated", 8, 8, fixed).energy_pj);
}

// UNPU (Lee et al., JSSC 2019): 3.08 TOPS/W at 16-bit weights, 50.6 at 1, a chip with its memories:
// what its multipliers alone gain, by the products that share a sum.
TEST(Unpu, EnergyFalls) {
  const auto at = [](int bits, int lanes) {
    return Use("serial_weights", Of(16, 16, 40), Of(bits, 16, bits + 24),
               {.dot_length = lanes, .activation_widths = {16}});
  };
  for (const int lanes : {1, 4, 16, 64}) {
    const double gain = at(16, lanes).energy_pj / at(1, lanes).energy_pj;
    std::printf("energy, %d products a tree: published %.1f, model %.1f (%+.0f %%)\n", lanes,
                50.6 / 3.08, gain, 100 * (gain / (50.6 / 3.08) - 1));
    EXPECT_GT(gain, 7);
    EXPECT_LT(gain, 16);
  }
}

// AlexNet's convolutions at 10, 8, 8, 8, 8 bits over 16: an identity of cycles, not a validation.
TEST(Stripes, CyclesFollowTheActivations) {
  const double macs[] = {105.4, 223.9, 149.5, 112.1, 74.8};
  const int bits[] = {10, 8, 8, 8, 8};
  double serial = 0, fixed = 0;
  for (size_t i = 0; i < std::size(macs); ++i) {
    const auto cycles = [&](int activation) {
      return macs[i] /
             Use("serial_activations", Of(16, 16, 40), Of(16, activation, 40), {}).macs_per_cycle;
    };
    serial += cycles(bits[i]);
    fixed += cycles(16);
  }
  EXPECT_NEAR(fixed / serial, 1.92, 0.005);
}

}  // namespace
}  // namespace bitscape::cost_models
