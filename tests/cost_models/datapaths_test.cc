// What a machine's datapaths take, and how layers run on them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "tests/cost_models/machines.h"
#include "tests/cost_models/prices.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;
using ::testing::HasSubstr;

constexpr std::string_view kInt8 = "weights=int8:channel,activations=int8,accumulator=int32";
constexpr std::string_view kFp16 = "weights=fp16,activations=fp16,accumulator=fp32";

CostReport Price(const std::vector<MacShape>& layers, std::string_view plan) {
  return Price(layers, plan, EyerissLike());
}

TEST(CostModelDatapaths, FixedDatapathsRefuseWhatTheyCannotTake) {
  const std::vector<MacShape> layers = SmallNetwork();
  EXPECT_EQ(Refused(layers, kInt8, Int8Array()), "feasible");
  EXPECT_EQ(Refused(layers, "weights=int4:channel,activations=int8,accumulator=int32", Int8Array()),
            "feasible");
  EXPECT_EQ(
      Refused(layers, std::string(kInt8) + ";[conv2]weights=int9:channel", Int8Array()),
      "layer conv2: int9:channel x int8 + int24, the machine int8_array takes up to int8 x int8 + "
      "int32");
  EXPECT_THAT(Refused(layers, kFp16, Int8Array()),
              HasSubstr("layer stem: fp16 (e5m10) x fp16 (e5m10) + fp32 (e8m23), the machine "
                        "int8_array takes"));
  EXPECT_THAT(Refused(layers, "weights=int8,activations=int8", Int8Array()),
              HasSubstr("layer stem: int8 x int8 + fp32 (e8m23)"));
  EXPECT_EQ(Refused(layers, "weights=int8,activations=uint8:asym,accumulator=int32", Int8Array()),
            "layer stem: int8 x uint8:asym + int20; zero points are not supported by the machine's "
            "datapath, the machine int8_array takes up to int8 x int8 + int32");
}

// 25 products of 7 x 127 are 22,225 at most, which 16 signed bits hold; 37 are 32,893 and do not.
TEST(CostModelDatapaths, FixedDatapathsTakeWhatHoldsTheExactSum) {
  Accelerator machine = Int8Array();
  machine.datapaths = {FixedDatapath("int8", "int8", "int16")};
  const std::string plan = "weights=int4,activations=int8,accumulator=int32";
  EXPECT_EQ(Refused({ConvLayer("k25", 1, 4, 5, 8)}, plan, machine), "feasible");
  EXPECT_EQ(Refused({GemmLayer("k36", 36, 4)}, plan, machine), "feasible");
  EXPECT_EQ(Refused({GemmLayer("k37", 37, 4)}, plan, machine),
            "layer k37: int4 x int8 + int17, the machine int8_array takes up to int8 x int8 + "
            "int16");
  EXPECT_THAT(Refused({GemmLayer("k4", 4, 4)},
                      "weights=int4,activations=fixed9.4,accumulator=int32", machine),
              HasSubstr("layer k4: int4 x fixed9.4 (int9) + int14"));
  // A register of the plan has the width that the plan says.
  EXPECT_THAT(
      Refused({GemmLayer("k4", 4, 4)}, "weights=int4,activations=int8,accumulator=int17", machine),
      HasSubstr("layer k4: int4 x int8 + int17"));
}

TEST(CostModelDatapaths, FixedDatapathsRunNarrowLayersAtFullCost) {
  const CostReport int8 = Price(SmallNetwork(), kInt8, Int8Array());
  const CostReport int4 =
      Price(SmallNetwork(), "weights=int4:channel,activations=int4,accumulator=int32", Int8Array());
  EXPECT_DOUBLE_EQ(Breakdown(int8)["mac"], Breakdown(int4)["mac"]);
  EXPECT_LT(int4.EnergyPj(), int8.EnergyPj()) << "narrower data moves for less";
  EXPECT_DOUBLE_EQ(int4.AreaUm2(), int8.AreaUm2());
}

TEST(CostModelDatapaths, FixedFloatDatapathsTakeWhatTheirBitsHold) {
  Accelerator machine = Int8Array();
  machine.datapaths.push_back(FixedDatapath("fp16", "fp16", "fp32"));
  const std::vector<MacShape> layers = SmallNetwork();
  EXPECT_EQ(Refused(layers, kFp16, machine), "feasible");
  EXPECT_EQ(Refused(layers, "weights=fp8_e4m3,activations=fp8_e5m2", machine), "feasible");
  EXPECT_THAT(
      Refused(layers, "weights=bf16,activations=bf16", machine),
      HasSubstr("bf16 (e8m7) x bf16 (e8m7) + fp32 (e8m23), the machine int8_array takes up to "
                "int8 x int8 + int32 or up to e5m10 x e5m10 + e8m23"));
}

// Rounding happens inside a chunk, wherever the native multiplier adds one product at a time.
TEST(CostModelDatapaths, WhatTheFamilyCannotSumIsInfeasible) {
  const std::vector<MacShape> layers = {GemmLayer("fc", 64, 10)};
  const std::string plan = "weights=mxfp4_e2m1,activations=mxfp4_e2m1,accumulator=fp16:chunk64";
  EXPECT_THAT(Refused(layers, plan, EyerissLike()),
              HasSubstr("layer fc: e2m1:block32 x e2m1:block32 + e5m10:chunk64, which the MAC "
                        "family native does not take: "));
}

// 16 x 16 multipliers, 128 products of each of 32 sums: 8 row folds and 2 column folds.
TEST(CostModelDatapaths, SplitMultipliersFillTheArrayLikeSeveral) {
  const std::vector<MacShape> layers = {GemmLayer("fc", 128, 32)};
  Accelerator machine = Int8Array();
  machine.design.weight_widths = machine.design.activation_widths = {2, 4, 8};
  machine.datapaths[0].design = machine.design;
  const auto layer = [&](std::string_view family, std::string_view plan) {
    machine.mac_family = std::string(family);
    return Price(layers, plan, machine).layers.at(0);
  };
  constexpr std::string_view kInt4 = "weights=int4,activations=int4,accumulator=int32";
  EXPECT_EQ(layer("dnc_sum_together", kInt8).compute_cycles, 16);
  EXPECT_EQ(layer("dnc_sum_together", kInt4).compute_cycles, 4) << "64 rows";
  EXPECT_EQ(layer("dnc_sum_together", kInt4).utilization, 1);
  EXPECT_EQ(layer("dnc_sum_apart", kInt4).compute_cycles, 8) << "64 columns, half of them idle";
  EXPECT_EQ(layer("dnc_sum_apart", kInt4).utilization, 0.5);
}

// A multiplier that takes weights bit by bit holds an input, another one for each product.
TEST(CostModelDatapaths, SerialWeightsLoadAnInputForEachProduct) {
  const std::vector<MacShape> layers = {GemmLayer("fc", 64, 10)};
  Accelerator machine = Int8Array();
  machine.mac_family = "serial_weights";
  const LayerCost layer = Price(layers, kInt8, machine).layers.at(0);
  EXPECT_EQ(layer.macs_per_cycle, 1.0 / 8);
  const CostReport report = Price(layers, kInt8, machine);
  EXPECT_NEAR(Breakdown(report).at("input_registers"), 640 * 8 * 0.009, 1e-9);
  EXPECT_EQ(Breakdown(report).count("weight_registers"), 0u);
}

TEST(CostModelDatapaths, MixedArithmeticPaysForBothDatapaths) {
  const auto array_um2 = [](std::string_view plan) {
    return Price(SmallNetwork(), plan).area.front().area_um2;
  };
  const std::string mixed =
      std::string(kInt8) + ";[first]weights=fp16,activations=fp16,accumulator=fp32";
  // The widest integer layer is not the first, so that both parts are as in the uniform plans.
  EXPECT_DOUBLE_EQ(array_um2(mixed), array_um2(kInt8) + array_um2(kFp16));
}

TEST(CostModelDatapaths, BuiltForThePlanIsAsWideAsItsWidestLayer) {
  const auto mac_pj = [](std::string_view plan) {
    return Price(SmallNetwork(), plan).layers[1].energy.front().energy_pj;
  };
  const std::string mixed = std::string(kInt8) + ";[conv1]weights=int4:channel,activations=int4";
  EXPECT_DOUBLE_EQ(mac_pj(mixed), mac_pj(kInt8)) << "a native array has no narrow mode";
}

TEST(CostModelDatapaths, FloatProductsInIntegerSumsHaveNoMeaning) {
  const std::vector<MacShape> layers = {GemmLayer("fc", 64, 10)};
  quantize::ResolvedPlan plan = PlanFor(layers, "weights=fp16,activations=fp16");
  plan.layers[0].accumulator.kind = quantize::Accumulator::Kind::kInt32;
  const absl::Status status = AnalyticCostModel().Estimate(layers, plan, EyerissLike()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("layer fc: accumulator int32 adds integer codes, and the weights are fp16"));
}

// A tree of four adds and accumulates once a cycle, for four products or for one.
TEST(CostModelDatapaths, TreesThatAreNotFullPayForTheWhole) {
  Accelerator tree = EyerissLike();
  tree.mac_family = "dot_product";
  tree.design.dot_length = 4;
  const auto idle = [&](int64_t length) {
    const CostReport report = Price({GemmLayer("fc", length, 8)}, kInt8, tree);
    const auto energy = Breakdown(report);
    const auto found = energy.find("idle_lanes");
    return found == energy.end() ? 0 : found->second / report.layers.front().macs;
  };
  EXPECT_EQ(idle(4), 0);
  EXPECT_EQ(idle(12), 0);
  EXPECT_GT(idle(3), 0);
  // The accumulator has a bit more for each doubling of the sum: lengths with as many bits.
  EXPECT_NEAR(idle(5) / idle(7), (8.0 / 5 - 1) / (8.0 / 7 - 1), 1e-9);
}

// 16 elements of 4 multipliers and 4 weights: as many weights as 64 elements of one multiplier and
// one weight hold.
TEST(CostModelDatapaths, MultipliersOfAnElementShareItsMemory) {
  Accelerator tree = EyerissLike();
  tree.mac_family = "dot_product";
  tree.array_rows = 4;
  tree.array_columns = 1;
  tree.design.dot_length = 4;
  tree.memories[0].primitive = "register";
  tree.memories[0].capacity_bytes = 4;
  tree.memories[1].capacity_bytes = 64;  // sums that wait have no room
  const auto sums = [&](int64_t length) {
    MacShape layer = GemmLayer("fc", length, 1);
    layer.p = layer.in_h = 64;
    return Breakdown(Price({layer}, kInt8, tree)).at("dram_outputs");
  };
  EXPECT_NEAR(sums(16), 20 * 64 * 32, 1e-6) << "one fold";
  EXPECT_GT(sums(17), sums(16)) << "two folds";
}

}  // namespace
}  // namespace bitscape::cost_models
