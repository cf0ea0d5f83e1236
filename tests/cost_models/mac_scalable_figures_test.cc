#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

#include "cost_models/mac/families.h"
#include "tests/cost_models/scalable_macs.h"

namespace bitscape::cost_models {
namespace {

// The figures of Camus et al. that were seen in a source, each beside the model's. No constant of
// the families was fitted on them. Their baseline: 8 x 8 bits, data-gated, two pipeline stages, 4
// bits of headroom. The operands of both change with each product, so the register that
// MacCost counts apart is loaded each time.
struct Relation {
  const char* what;
  double published, model, bound_percent;
};

class Camus {
 public:
  explicit Camus(const Technology& technology) : technology_(technology) {}

  std::vector<Relation> Relations() const {
    const std::vector<int> two = {2, 4, 8}, one = {4, 8};
    const MacDesign levels2{.weight_widths = two, .activation_widths = two, .pipeline_stages = 2};
    const MacDesign levels1{.weight_widths = one, .activation_widths = one, .pipeline_stages = 2};
    const MacDesign weights{.weight_widths = two, .activation_widths = {8}, .pipeline_stages = 2};
    // The shifted sum of a serial multiplier is its pipeline register.
    const MacDesign serial{.weight_widths = two, .activation_widths = two};
    MacDesign serial4 = levels1;
    serial4.serial_bits = 4;
    serial4.pipeline_stages = 1;
    const double area = Area("data_gated", levels2);
    const double at8 = Energy("data_gated", 8, 8, levels2);
    const double at2 = Energy("data_gated", 2, 2, levels2);
    const auto few8 = [&](std::string_view family, const MacDesign& design, bool both) {
      return 0.05 * Energy(family, 8, 8, design) + 0.475 * Energy(family, 4, both ? 4 : 8, design) +
             0.475 * Energy(family, 2, both ? 2 : 8, design);
    };
    const double slower = On8("dnc_sum_apart", 8, 8, levels2, technology_).delay_ns /
                          On8("data_gated", 8, 8, levels2, technology_).delay_ns;
    return {
        {"area, SWP sum together, 1 level", 1.10, Area("swp_sum_together", levels1) / area, 30},
        {"area, SWP sum together, 2 levels", 1.18, Area("swp_sum_together", levels2) / area, 30},
        {"area, 2-D D&C, at most", 4.4, Area("dnc_sum_apart", levels2) / area, 30},
        {"area, serial, at least", 0.6, Area("serial_weights", serial) / area, 30},
        {"energy at 8 b, 1-D serial", 3.3, Energy("serial_weights", 8, 8, serial) / at8, 30},
        {"energy at 8 b, 2-D serial", 14, Energy("serial_both", 8, 8, serial) / at8, 30},
        {"energy at 8 b, 1-D serial by 4 b", 1.5, Energy("serial_weights", 8, 8, serial4) / at8,
         30},
        {"energy at 2 b, SWP sum together", 0.32, Energy("swp_sum_together", 2, 2, levels2) / at2,
         30},
        {"energy at 2 b, D&C sum together", 0.32, Energy("dnc_sum_together", 2, 2, levels2) / at2,
         30},
        {"throughput at 2 b, D&C sum apart", 14.5, 16 / slower, 30},
        {"energy, 5 % at 8 b, SWP sum together", 0.68,
         few8("swp_sum_together", levels2, true) / few8("data_gated", levels2, true), 30},
        {"energy, 5 % at 8 b, 1-D D&C, weights", 0.85,
         few8("dnc_sum_together", weights, false) / few8("data_gated", weights, false), 30},
    };
  }

 private:
  double Energy(std::string_view family, int weight, int activation,
                const MacDesign& design) const {
    const MacCost cost = On8(family, weight, activation, design, technology_);
    return cost.energy_pj + cost.weight_register.energy_pj;
  }
  double Area(std::string_view family, const MacDesign& design) const {
    const MacCost cost = On8(family, 8, 8, design, technology_);
    return cost.area_um2 + cost.weight_register.area_um2;
  }

  const Technology& technology_;
};

TEST(CamusRelations, HoldWithinTheirBounds) {
  const Technology gates = *Technology::Make({.areas = AreaSource::kGateCounts});
  const Technology no_registers = *Technology::Make({.registers = RegisterSource::kNone});
  const std::vector<Relation> rows = Camus(Node45()).Relations();
  const std::vector<Relation> by_gates = Camus(gates).Relations();
  const std::vector<Relation> without = Camus(no_registers).Relations();
  for (size_t i = 0; i < rows.size(); ++i) {
    const double deviation = 100 * (rows[i].model / rows[i].published - 1);
    std::printf(
        "%-38s published %5.2f, model %5.2f (%+.0f %%); gate counts %5.2f, no registers "
        "%5.2f\n",
        rows[i].what, rows[i].published, rows[i].model, deviation, by_gates[i].model,
        without[i].model);
    EXPECT_LE(std::abs(deviation), rows[i].bound_percent) << rows[i].what;
  }
}

// BitFusion (Sharma et al., ISCA 2018), its published synthesis at 45 nm, 500 MHz: one element of
// n bits that also takes 2 bits (bitfusion_systolic_synth_45nm.csv, N = M = 1), a sum of 2 n bits.
TEST(BitFusion, AreaOfItsScalableElements) {
  struct Row {
    std::vector<int> widths;
    double area_um2;
  };
  for (const Row& row :
       {Row{{2, 4}, 431.474398}, Row{{2, 4, 8}, 1733.129989}, Row{{2, 4, 8, 16}, 7492.413585}}) {
    const int bits = row.widths.back();
    const MacOperands operands = Of(bits, bits, 2 * bits);
    const MacCost cost = Use("dnc_sum_together", operands, operands,
                             {.weight_widths = row.widths, .activation_widths = row.widths});
    const double deviation = 100 * (cost.area_um2 / row.area_um2 - 1);
    std::printf("%2d down to 2 bits: published %.0f um2, model %.0f (%+.0f %%)\n", bits,
                row.area_um2, cost.area_um2, deviation);
    EXPECT_LE(std::abs(deviation), 30);
  }
}

TEST(VoltageScaling, MoonsFactorIsReproducedByItsFittedShare) {
  const MacDesign scaled{.scales_voltage = true};
  const auto at = [](int bits, const MacDesign& design) {
    return Use("data_gated", Of(16, 16, 40), Of(bits, bits, 2 * bits + 8), design);
  };
  const double full = at(16, scaled).energy_pj;
  EXPECT_DOUBLE_EQ(full, at(16, {}).energy_pj) << "nothing to gain at full width";
  std::printf("7 of 16 bits: gated %.2f, with voltage %.3f\n", full / at(7, {}).energy_pj,
              full / at(7, scaled).energy_pj);
  EXPECT_NEAR(full / at(7, scaled).energy_pj, 2.5, 0.02);
  EXPECT_EQ(at(7, scaled).macs_per_cycle, 1);
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

// UNPU (Lee et al., JSSC 2019): 345.6 GOPS and 3.08 TOPS/W at 16-bit weights, 7372 and 50.6 at 1.
TEST(Unpu, GainsFrom16To1Bits) {
  const auto at = [](int bits, int lanes) {
    return Use("serial_weights", Of(16, 16, 40), Of(bits, 16, bits + 24),
               {.dot_length = lanes, .activation_widths = {16}});
  };
  const double faster = at(1, 1).macs_per_cycle / at(16, 1).macs_per_cycle;
  std::printf("throughput: published %.1f, model %.1f (%+.0f %%)\n", 7372 / 345.6, faster,
              100 * (faster / (7372 / 345.6) - 1));
  EXPECT_EQ(faster, 16);
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
