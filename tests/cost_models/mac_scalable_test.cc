#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/mac/families.h"
#include "cost_models/mac/scalable.h"
#include "tests/cost_models/scalable_macs.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;
using Kind = Operand::Kind;

constexpr std::string_view kFamilies[] = {
    "data_gated",       "dnc_sum_apart",  "dnc_sum_together",   "swp_sum_apart",
    "swp_sum_together", "serial_weights", "serial_activations", "serial_both"};

class Scalable : public ::testing::TestWithParam<std::string_view> {};

const std::vector<std::vector<int>>& Sets() {
  static const auto* const kSets =
      new std::vector<std::vector<int>>{{}, {2, 4, 8, 16}, {4, 8, 16}, {16}};
  return *kSets;
}

MacDesign AnyDesign(std::string_view family, std::vector<std::vector<int>> sets = Sets()) {
  MacDesign design;
  design.weight_widths = *rc::gen::elementOf(sets);
  design.activation_widths = *rc::gen::elementOf(sets);
  design.pipeline_stages = *rc::gen::inRange(1, 4);
  if (IsSerial(family)) {
    design.serial_bits = *rc::gen::inRange(1, 5);
    design.dot_length = 1 << *rc::gen::inRange(0, 5);
  }
  return design;
}

constexpr double kRounding = 1 + 1e-12;

TEST_P(Scalable, CostGrowsWithTheBuiltWidths) {
  const bool holds = rc::check(std::string(GetParam()) + " is monotone in what is built", [&] {
    std::vector<std::vector<int>> sets = Sets();
    // Where every width is a step, the places of products that are summed apart may be fewer for a
    // wider multiplier: 8 bits are cut into 8, 4, 2 and 1, 7 bits into 7, 3, 2 and 1.
    if (GetParam().ends_with("apart")) std::erase(sets, std::vector<int>{});
    const MacDesign design = AnyDesign(GetParam(), sets);
    const int weight = *rc::gen::inRange(2, 16), activation = *rc::gen::inRange(2, 16);
    const int headroom = *rc::gen::inRange(0, 17);
    const bool grows = *rc::gen::arbitrary<bool>();
    const MacOperands narrow = Of(weight, activation, weight + activation + headroom);
    const MacOperands wide = Of(weight + (grows ? 1 : 0), activation + (grows ? 0 : 1),
                                weight + activation + headroom + 1);
    const MacCost less = Use(GetParam(), narrow, narrow, design);
    const MacCost more = Use(GetParam(), wide, wide, design);
    RC_LOG() << ToString(narrow) << " and " << ToString(wide);
    for (const double value : {less.energy_pj, less.area_um2, less.delay_ns, less.macs_per_cycle,
                               less.weight_register.energy_pj, less.output.energy_pj}) {
      RC_ASSERT(std::isfinite(value) && value > 0);
    }
    RC_ASSERT(less.energy_pj <= more.energy_pj * kRounding);
    RC_ASSERT(less.area_um2 <= more.area_um2 * kRounding);
    // Where a second cycle is needed, a register cuts the path; where every width is a step, one
    // width more may need shifts of another kind.
    const bool cut = less.macs_per_cycle == 1 && more.macs_per_cycle < 1;
    const bool named = !design.weight_widths.empty() && !design.activation_widths.empty();
    if (named && !cut) RC_ASSERT(less.delay_ns <= more.delay_ns * kRounding);
    RC_ASSERT(less.macs_per_cycle >= more.macs_per_cycle);
  });
  EXPECT_TRUE(holds);
}

TEST_P(Scalable, CostGrowsWithTheUsedWidths) {
  const bool holds = rc::check(std::string(GetParam()) + " is monotone in what is used", [&] {
    std::vector<std::vector<int>> sets = Sets();
    sets.push_back({3, 5, 16});  // no chain: bricks of 1 bit
    MacDesign design = AnyDesign(GetParam(), sets);
    design.scales_voltage = *rc::gen::inRange(0, 4) == 0;
    const int weight = *rc::gen::inRange(3, 17), activation = *rc::gen::inRange(3, 17);
    const int headroom = *rc::gen::inRange(0, 17);
    const MacOperands built = Of(weight, activation, weight + activation + headroom);
    const int used_w = *rc::gen::inRange(2, weight), used_a = *rc::gen::inRange(2, activation);
    const MacOperands used = Of(used_w, used_a, used_w + used_a + headroom);
    const bool grows = *rc::gen::arbitrary<bool>();
    const MacOperands wider =
        Of(used_w + (grows ? 1 : 0), used_a + (grows ? 0 : 1), used_w + used_a + headroom + 1);
    RC_ASSERT(Fits(used, built));
    const MacCost less = Use(GetParam(), built, used, design);
    const MacCost more = Use(GetParam(), built, wider, design);
    const MacCost full = Use(GetParam(), built, built, design);
    RC_LOG() << ToString(built) << ": " << ToString(used) << " and " << ToString(wider);
    RC_ASSERT(less.energy_pj <= more.energy_pj * kRounding);
    RC_ASSERT(more.energy_pj <= full.energy_pj * kRounding);
    RC_ASSERT(less.area_um2 == full.area_um2);
    RC_ASSERT(less.delay_ns == full.delay_ns);
    RC_ASSERT(less.macs_per_cycle >= more.macs_per_cycle);
    RC_ASSERT(more.macs_per_cycle >= full.macs_per_cycle);
  });
  EXPECT_TRUE(holds);
}

TEST_P(Scalable, MoreSupportedWidthsCostMoreArea) {
  const auto area = [](std::vector<int> widths) {
    const MacDesign design{.weight_widths = widths, .activation_widths = widths};
    return Use(GetParam(), Of(16, 16, 40), Of(16, 16, 40), design).area_um2;
  };
  const double one = area({16}), two = area({8, 16}), four = area({2, 4, 8, 16}), any = area({});
  std::printf("%-18s of 16 x 16, area over {16}: {8, 16} %.2f, {2, 4, 8, 16} %.2f, any %.2f\n",
              std::string(GetParam()).c_str(), two / one, four / one, any / one);
  EXPECT_LT(one, two);
  EXPECT_LT(two, four);
  EXPECT_LT(four, any);
}

TEST_P(Scalable, TakesIntegersThatItsWidthsHold) {
  const MacFamily& family = **FindMacFamily(GetParam());
  const auto message = [&](const MacOperands& operands, const MacDesign& design = {}) {
    const absl::Status status = family.check(operands, design);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    return std::string(status.message());
  };
  MacOperands floats = Of(8, 8, 20);
  floats.activation = {.kind = Kind::kFloat, .bits = 8, .exponent_bits = 4, .significand_bits = 4};
  EXPECT_THAT(message(floats), HasSubstr("activation e4m3"));
  MacOperands coded = Of(8, 8, 20);
  coded.weight.table_entries = 16;
  coded.weight.entry_bits = 8;
  EXPECT_THAT(message(coded), HasSubstr("table"));
  MacOperands blocks = Of(8, 8, 20);
  blocks.weight.block = 32;
  blocks.weight.block_scale = Operand::BlockScale::kPowerOfTwo;
  EXPECT_THAT(message(blocks), HasSubstr("scale inside the sum"));
  EXPECT_THAT(message(Of(9, 8, 21), {.weight_widths = {2, 4, 8}}),
              HasSubstr("takes 9 bits; the datapath has 2, 4, 8"));
  EXPECT_THAT(message(Of(8, 8, 20), {.activation_widths = {8, 4}}), HasSubstr("must ascend"));
  EXPECT_THAT(message(Of(8, 8, 20), {.weight_widths = {1, 100'000}}), HasSubstr("up to 64"));
  EXPECT_THAT(message(Of(8, 8, 20), {.zero_share = 0.5}), HasSubstr("holds zeros"));
  for (const int stages : {-1, 0, 65}) {
    EXPECT_EQ(family.check(Of(8, 8, 20), {.pipeline_stages = stages}).code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(family.check(Of(8, 8, 20), {.scales_voltage = true, .clock_ghz = -1}).code(),
            absl::StatusCode::kInvalidArgument);
  MacOperands float_sum = Of(8, 8, 20);
  float_sum.accumulator = {
      .kind = Kind::kFloat, .bits = 32, .exponent_bits = 8, .significand_bits = 24};
  EXPECT_THAT(message(float_sum), HasSubstr("accumulator"));
  MacOperands chunks = Of(8, 8, 20);
  chunks.any_order = false;
  chunks.chunk = 5;
  EXPECT_THAT(message(chunks), HasSubstr("fixes the order"));
  EXPECT_THAT(message(Of(8, 8, 20), {.dot_length = IsSerial(GetParam()) ? 1 << 20 : 2}),
              HasSubstr("dot_length"));
  MacOperands signs = Of(8, 8, 20);
  signs.weight = {.kind = Kind::kBinary, .bits = 1, .significand_bits = 1};
  EXPECT_TRUE(family.check(signs, {}).ok());
}

INSTANTIATE_TEST_SUITE_P(Families, Scalable, ::testing::ValuesIn(kFamilies),
                         [](const auto& tested) { return std::string(tested.param); });

// Camus et al.: products a cycle at each pair of widths (weight x activation).
TEST(ScalableThroughput, FollowsTheTaxonomy) {
  const std::vector<int> steps = {2, 4, 8};
  const MacDesign both{.weight_widths = steps, .activation_widths = steps};
  const MacDesign weights{.weight_widths = steps, .activation_widths = {8}};
  const auto rate = [](std::string_view family, int weight, int activation,
                       const MacDesign& design) {
    return On8(family, weight, activation, design).macs_per_cycle;
  };
  struct Row {
    int weight, activation;
    double subwords, bricks, bricks_1d;
  };
  for (const Row& row : {Row{8, 8, 1, 1, 1},
                         {4, 8, 1, 2, 2},
                         {2, 8, 1, 4, 4},
                         {4, 4, 2, 4, 2},
                         {2, 4, 2, 8, 4},
                         {2, 2, 4, 16, 4}}) {
    const int w = row.weight, a = row.activation;
    EXPECT_EQ(rate("data_gated", w, a, both), 1);
    for (const std::string_view sums : {"apart", "together"}) {
      EXPECT_EQ(rate("swp_sum_" + std::string(sums), w, a, both), row.subwords) << w << " x " << a;
      EXPECT_EQ(rate("dnc_sum_" + std::string(sums), w, a, both), row.bricks) << w << " x " << a;
      EXPECT_EQ(rate("dnc_sum_" + std::string(sums), w, a, weights), row.bricks_1d);
    }
    for (const int bits : {1, 2}) {
      MacDesign serial = both;
      serial.serial_bits = bits;
      EXPECT_DOUBLE_EQ(rate("serial_weights", w, a, serial), 1.0 * bits / w);
      EXPECT_DOUBLE_EQ(rate("serial_activations", w, a, serial), 1.0 * bits / a);
      EXPECT_DOUBLE_EQ(rate("serial_both", w, a, serial), 1.0 * bits * bits / (w * a));
    }
  }
  EXPECT_EQ(rate("swp_sum_apart", 3, 3, both), 2) << "runs as 4 x 4";
  EXPECT_EQ(rate("dnc_sum_together", 5, 2, both), 4) << "runs as 8 x 2";
  // A sign takes one cycle, and two bits of a multiplier.
  MacOperands signs = Of(8, 8, 20);
  signs.weight = {.kind = Kind::kBinary, .bits = 1, .significand_bits = 1};
  EXPECT_EQ(Use("serial_weights", Of(8, 8, 20), signs, {}).macs_per_cycle, 1);
  EXPECT_EQ(Use("dnc_sum_together", Of(8, 8, 20), signs, both).macs_per_cycle, 4);
}

TEST(DataGated, IsTheSumOfItsParts) {
  const MacDesign design{.weight_widths = {2, 4, 8}, .activation_widths = {2, 4, 8}};
  const MacCost cost = On8("data_gated", 4, 4, design);
  const double idle = kIdleRegisterShare * 0.009;
  // 4 of 8 bits of the input, and 12 of 20 of the sum, change.
  const double expected = Node45().Multiplier(4, 4).energy_pj +
                          Node45().Gates(kGateOfAnd * 8).energy_pj + Node45().Adder(12).energy_pj +
                          0.009 * (4 + 12) + idle * (4 + 8);
  EXPECT_NEAR(cost.energy_pj, expected, 1e-9);
  EXPECT_DOUBLE_EQ(cost.weight_register.energy_pj, Node45().Register(4).energy_pj);
  EXPECT_DOUBLE_EQ(cost.weight_register.area_um2, Node45().Register(8).area_um2);
}

TEST(SerialWeights, IsTheSumOfItsParts) {
  const MacDesign design{.weight_widths = {8}, .activation_widths = {8}};
  const MacCost cost = On8("serial_weights", 8, 8, design);
  const double cycle = Node45().Register(1).energy_pj + Node45().Gates(kGateOfAnd * 8).energy_pj +
                       Node45().Gates(kGateOfXor * 8).energy_pj + Node45().Adder(9).energy_pj +
                       Node45().Register(16).energy_pj;
  const double product = Node45().Adder(20).energy_pj +
                         Node45().Register(20).energy_pj * (1 + 7 * kGatedRegisterShare);
  EXPECT_NEAR(cost.energy_pj, 8 * cycle + product, 1e-9);
}

TEST(SumApart, NeedsAnAccumulatorForEachProduct) {
  const std::vector<int> steps = {2, 4, 8};
  const MacDesign design{.weight_widths = steps, .activation_widths = steps};
  for (const std::string kind : {"swp", "dnc"}) {
    EXPECT_GT(On8(kind + "_sum_apart", 8, 8, design).area_um2,
              On8(kind + "_sum_together", 8, 8, design).area_um2);
    EXPECT_GT(On8(kind + "_sum_apart", 2, 2, design).energy_pj,
              On8(kind + "_sum_together", 2, 2, design).energy_pj);
  }
}

TEST(Serial, ATreeSharesTheShiftedSum) {
  MacDesign one{.weight_widths = {16}, .activation_widths = {16}};
  MacDesign sixteen = one;
  sixteen.dot_length = 16;
  for (const std::string_view family : {"serial_weights", "serial_activations", "serial_both"}) {
    const MacCost alone = Use(family, Of(16, 16, 40), Of(16, 16, 40), one);
    const MacCost shared = Use(family, Of(16, 16, 40), Of(16, 16, 40), sixteen);
    EXPECT_LT(shared.energy_pj, alone.energy_pj / 2) << family;
    EXPECT_LT(shared.area_um2, alone.area_um2) << family;
    EXPECT_EQ(shared.macs_per_cycle, alone.macs_per_cycle);
  }
}

}  // namespace
}  // namespace bitscape::cost_models
