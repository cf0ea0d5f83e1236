// Every machine that ships: what it takes, what it refuses, its published throughput, and the
// question that machines are compared for.
#include "tests/cost_models/shipped_machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "engine/network/zoo.h"
#include "server/specs/convert.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;
using ::testing::HasSubstr;

constexpr std::string_view kInt8 = "weights=int8:channel,activations=int8,accumulator=int32";
constexpr std::string_view kInt4 = "weights=int4:channel,activations=int4,accumulator=int32";
constexpr std::string_view kInt2 = "weights=int2:channel,activations=int2,accumulator=int32";
constexpr std::string_view kInt16 = "weights=int16:channel,activations=int16,accumulator=int32";
constexpr std::string_view kFp16 = "weights=fp16,activations=fp16,accumulator=fp32";
constexpr std::string_view kFp8 = "weights=fp8_e4m3,activations=fp8_e4m3,accumulator=fp32";
constexpr std::string_view kTf32 = "weights=tf32,activations=tf32,accumulator=fp32";
constexpr std::string_view kBf16 = "weights=bf16,activations=bf16,accumulator=fp32";
constexpr std::string_view kMxfp8 = "weights=mxfp8_e4m3,activations=mxfp8_e4m3,accumulator=fp32";
constexpr std::string_view kBinary = "weights=binary,activations=binary,accumulator=int32";
constexpr std::string_view kBinaryWeights = "weights=binary,activations=int12,accumulator=int32";
constexpr std::string_view kTernary = "weights=ternary,activations=binary,accumulator=int32";

absl::StatusOr<CostOutcome> Outcome(const std::vector<MacShape>& layers, std::string_view plan,
                                    const Accelerator& machine,
                                    const CostModel& model = AnalyticCostModel()) {
  return model.Estimate(layers, PlanFor(layers, plan), machine);
}

CostReport Price(const std::vector<MacShape>& layers, std::string_view plan,
                 const Accelerator& machine, const CostModel& model = AnalyticCostModel()) {
  const absl::StatusOr<CostOutcome> outcome = Outcome(layers, plan, machine, model);
  EXPECT_TRUE(outcome.ok()) << machine.name << ": " << outcome.status();
  if (!outcome.ok()) return {};
  const CostReport* report = std::get_if<CostReport>(&*outcome);
  if (report == nullptr) {
    ADD_FAILURE() << machine.name << ": " << std::get<Infeasible>(*outcome).reason;
    return {};
  }
  return *report;
}

std::vector<MacShape> Resnet8() {
  const absl::StatusOr<network::Network> network = network::LoadZooNetwork("resnet8");
  EXPECT_TRUE(network.ok()) << network.status();
  return network.ok() ? network::MacShapes(*network) : std::vector<MacShape>{};
}

struct Taken {
  std::vector<std::string_view> plans;
  std::string_view refused;  // empty: built for the plan
};

// What each machine is for.
const std::map<std::string, Taken>& Plans() {
  static const std::map<std::string, Taken> kPlans = {
      {"a100_like", {{kInt8, kInt4, kBinary, kFp16, kBf16, kTf32}, kMxfp8}},
      {"bitfusion_like", {{kInt8, kInt4, kInt2}, kInt16}},
      {"brein_like", {{kBinary, kTernary}, kInt2}},
      {"dadiannao_like", {{kInt16, kInt8}, kFp16}},
      {"eyeriss_65nm", {{kInt16, kInt8}, kFp16}},
      {"eyeriss_like", {{kInt16, kInt8, kFp16, kMxfp8, kBinary}, ""}},
      {"h100_like", {{kInt8, kFp8, kFp16, kBf16, kTf32}, kMxfp8}},
      {"ideal", {{kInt8, kFp16, kMxfp8, kBinary}, ""}},
      {"int8_array", {{kInt8, kInt4}, kInt16}},
      {"int8_array_gated", {{kInt8, kInt4, kInt2}, kInt16}},
      {"int8_array_scalable", {{kInt8, kInt4, kInt2}, kInt16}},
      {"int8_array_serial", {{kInt8, kInt4, kInt2}, kInt16}},
      {"mx_tile",
       {{kMxfp8, "weights=mxfp6_e2m3,activations=mxfp6_e2m3",
         "weights=mxfp4_e2m1,activations=mxfp4_e2m1", "weights=mxint8,activations=mxint8"},
        kFp16}},
      {"nvdla_like", {{kInt8, kInt16, kFp16}, kBf16}},
      {"stripes", {{kInt16, kInt8, kInt4}, kFp16}},
      {"tpu_v1_like", {{kInt8, kInt4}, kInt16}},
      {"truenorth_like", {{kTernary, kBinary}, kInt2}},
      {"unpu", {{kInt16, kInt8, kInt4, kBinaryWeights}, kFp16}},
      {"v100_like", {{kFp16}, kInt8}},
      {"yodann", {{kBinaryWeights}, kInt8}},
  };
  return kPlans;
}

TEST(ShippedMachines, EveryFileIsAMachineWithSources) {
  std::vector<std::string> tested;
  for (const auto& [name, plans] : Plans()) tested.push_back(name);
  EXPECT_EQ(ShippedNames(), tested);
  for (const std::string& name : ShippedNames()) {
    const Accelerator machine = Shipped(name);
    EXPECT_EQ(machine.name, name);
    EXPECT_FALSE(machine.description.empty()) << name;
    EXPECT_FALSE(machine.sources.empty()) << name;
    const absl::StatusOr<Accelerator> again = server::ToAccelerator(server::ToProto(machine));
    ASSERT_TRUE(again.ok()) << name << ": " << again.status();
    EXPECT_EQ(again->Digest(), machine.Digest()) << name;
    for (const Datapath& datapath : machine.datapaths) {
      EXPECT_EQ(datapath.macs_per_cycle > 0, !datapath.source.empty())
          << name << ": a published rate has a source";
    }
  }
}

// Sums of parts, and the bound of the roofline, layer by layer.
void CheckReport(const CostReport& report, const CostReport& bound, const std::string& what) {
  ASSERT_EQ(report.layers.size(), bound.layers.size()) << what;
  const double tolerance = 1 + 1e-9;
  double energy = 0, cycles = 0;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const LayerCost& layer = report.layers[i];
    const std::string where = what + ", " + layer.layer;
    double parts = 0;
    for (const EnergyItem& item : layer.energy) {
      EXPECT_TRUE(std::isfinite(item.energy_pj) && item.energy_pj >= 0)
          << where << ": " << item.component;
      parts += item.energy_pj;
    }
    EXPECT_DOUBLE_EQ(layer.EnergyPj(), parts) << where;
    EXPECT_GE(layer.EnergyPj() * tolerance, bound.layers[i].EnergyPj()) << where;
    EXPECT_GE(layer.latency_cycles * tolerance, bound.layers[i].latency_cycles) << where;
    EXPECT_GE(layer.off_chip_bits * tolerance, bound.layers[i].off_chip_bits) << where;
    EXPECT_GE(layer.latency_cycles, layer.compute_cycles) << where;
    EXPECT_GE(layer.compute_cycles * tolerance, bound.layers[i].compute_cycles) << where;
    EXPECT_GT(layer.utilization, 0) << where;
    EXPECT_LE(layer.utilization, tolerance) << where;
    EXPECT_DOUBLE_EQ(layer.weight_bits, bound.layers[i].weight_bits) << where;
    energy += layer.EnergyPj();
    cycles += layer.latency_cycles;
  }
  EXPECT_NEAR(report.EnergyPj() / energy, 1, 1e-12) << what;
  EXPECT_DOUBLE_EQ(report.LatencyCycles(), cycles) << what;
  EXPECT_DOUBLE_EQ(report.AreaUm2(), bound.AreaUm2()) << what;
}

TEST(ShippedMachines, PriceWhatTheyTakeAndNeverBeatTheRoofline) {
  const std::vector<MacShape> layers = Resnet8();
  for (const auto& [name, taken] : Plans()) {
    const Accelerator machine = Shipped(name);
    for (const std::string_view plan : taken.plans) {
      CheckReport(Price(layers, plan, machine), Price(layers, plan, machine, RooflineCostModel()),
                  name + ": " + std::string(plan));
    }
  }
}

TEST(ShippedMachines, RefuseTheRestByName) {
  const std::vector<MacShape> layers = SmallNetwork();
  for (const auto& [name, taken] : Plans()) {
    const Accelerator machine = Shipped(name);
    EXPECT_EQ(taken.refused.empty(), machine.datapaths.empty()) << name;
    if (taken.refused.empty()) continue;
    const absl::StatusOr<CostOutcome> outcome = Outcome(layers, taken.refused, machine);
    ASSERT_TRUE(outcome.ok()) << name << ": " << outcome.status();
    const Infeasible* infeasible = std::get_if<Infeasible>(&*outcome);
    ASSERT_NE(infeasible, nullptr) << name << " takes " << taken.refused;
    EXPECT_THAT(infeasible->reason, HasSubstr("layer stem: "));
    EXPECT_THAT(infeasible->reason, HasSubstr("the machine " + name + " takes up to "));
  }
}

// Tera-operations a second, two for a multiply-accumulate, with every multiplier in use.
double PeakTops(const std::string& name, std::string_view plan) {
  const CostReport report = Price({GemmLayer("fc", 256, 256)}, plan, Shipped(name));
  return report.layers.empty()
             ? 0
             : 2 * report.multipliers * report.layers[0].macs_per_cycle * report.clock_ghz / 1000;
}

// The figures are inputs of the files (sizes, clocks, rates by format): this says that they are
// typed in as published, and validates nothing.
TEST(ShippedMachines, PeakThroughputIsThePublished) {
  const auto expect = [](const std::string& name, std::string_view plan, double tops,
                         double percent) {
    EXPECT_NEAR(PeakTops(name, plan) / tops, 1, percent / 100) << name << ": " << plan;
  };
  expect("v100_like", kFp16, 125, 0.5);
  expect("a100_like", kTf32, 156, 0.1);
  expect("a100_like", kBf16, 312, 0.1);
  expect("a100_like", kFp16, 312, 0.1);
  expect("a100_like", kInt8, 624, 0.1);
  expect("a100_like", kInt4, 1248, 0.1);
  expect("a100_like", kBinary, 4992, 0.1);
  expect("h100_like", kTf32, 494.7, 0.1);
  expect("h100_like", kFp16, 989.4, 0.1);
  expect("h100_like", kFp8, 1978.9, 0.1);
  expect("h100_like", kInt8, 1978.9, 0.1);
  expect("tpu_v1_like", kInt8, 92, 0.5);
  expect("yodann", kBinaryWeights, 1.51, 0.5);
  expect("brein_like", kBinary, 1.4, 2);
  expect("unpu", kInt16, 0.3456, 0.1);
  expect("unpu", kBinaryWeights, 7.372, 0.1);
  expect("eyeriss_65nm", kInt16, 0.0672, 0.1);
}

// One bit of an activation a cycle beside 16 windows: as fast as the baseline at 16 bits, and
// inversely to the width below.
TEST(ShippedMachines, StripesIsDaDianNaoTimes16OverBits) {
  const double baseline = PeakTops("dadiannao_like", kInt16);
  EXPECT_DOUBLE_EQ(PeakTops("stripes", kInt16), baseline);
  EXPECT_DOUBLE_EQ(PeakTops("stripes", kInt8), 2 * baseline);
  EXPECT_DOUBLE_EQ(PeakTops("stripes", kInt4), 4 * baseline);
  EXPECT_DOUBLE_EQ(PeakTops("dadiannao_like", kInt4), baseline);
}

TEST(ShippedMachines, AnIdealMachineSpendsOnArithmeticAlone) {
  for (const LayerCost& layer : Price(Resnet8(), kInt8, Shipped("ideal")).layers) {
    for (const EnergyItem& item : layer.energy) {
      if (item.component == "mac" || item.component == "output_stage" ||
          item.component == "weight_registers") {
        EXPECT_GT(item.energy_pj, 0) << item.component;
      } else {
        EXPECT_EQ(item.energy_pj, 0) << item.component;
      }
    }
    EXPECT_EQ(layer.bound, "compute");
    EXPECT_EQ(layer.latency_cycles, layer.compute_cycles);
  }
}

// Does flexible hardware cost more than it saves? Both: it depends on the plan.
TEST(ShippedMachines, AFlexibleMultiplierSavesOnNarrowPlansAndCostsOnWideOnes) {
  const std::vector<MacShape> layers = Resnet8();
  const Accelerator native = Shipped("int8_array");
  for (const char* name : {"int8_array_scalable", "int8_array_serial"}) {
    const Accelerator flexible = Shipped(name);
    EXPECT_GT(Price(layers, kInt8, flexible).EnergyPj(),
              1.05 * Price(layers, kInt8, native).EnergyPj())
        << name;
    EXPECT_LT(Price(layers, kInt2, flexible).EnergyPj(),
              0.95 * Price(layers, kInt2, native).EnergyPj())
        << name;
  }
  // Everything but the multiplier is the same.
  const auto dram_pj = [&](const Accelerator& machine) {
    double sum = 0;
    for (const LayerCost& layer : Price(layers, kInt4, machine).layers) {
      for (const EnergyItem& item : layer.energy) {
        if (item.component.starts_with("dram_weights")) sum += item.energy_pj;
      }
    }
    return sum;
  };
  EXPECT_DOUBLE_EQ(dram_pj(native), dram_pj(Shipped("int8_array_scalable")));
}

}  // namespace
}  // namespace bitscape::cost_models
