// CostService: estimates, comparisons, sensitivity, machines; and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bitscape/v1/cost.grpc.pb.h"
#include "bitscape/v1/sweep.grpc.pb.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kInt8[] = "weights=int8,activations=int8,accumulator=int32";
constexpr char kInt4[] = "weights=int4,activations=int4,accumulator=int32";

class CostServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }
  void SetUp() override { cost_ = v1::CostService::NewStub(running_->channel()); }

  grpc::Status Estimate(const std::string& accelerator, const std::string& plan,
                        v1::CostEstimate* cost, const v1::CostReading& reading = {}) {
    v1::EstimateCostRequest request;
    request.set_network("lenet5");
    request.set_accelerator(accelerator);
    request.set_plan(plan);
    *request.mutable_reading() = reading;
    Call call;
    return cost_->EstimateCost(&call, request, cost);
  }
  static void ExpectField(const grpc::Status& status, const std::string& field,
                          const std::string& message) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(message));
    ASSERT_EQ(FieldsOf(status).field_violations_size(), 1) << status.error_message();
    EXPECT_EQ(FieldsOf(status).field_violations(0).field(), field);
  }
  // A sweep's name, once it has ended.
  static std::string Sweep(const v1::SweepSpec& spec) {
    const auto stub = v1::SweepService::NewStub(running_->channel());
    v1::CreateSweepRequest create;
    *create.mutable_spec() = spec;
    v1::Sweep sweep;
    {
      Call call;
      const grpc::Status status = stub->CreateSweep(&call, create, &sweep);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    v1::GetSweepRequest get;
    get.set_name(sweep.name());
    for (int i = 0; i < 600 && sweep.state() != v1::Sweep::SUCCEEDED; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      Call call;
      EXPECT_TRUE(stub->GetSweep(&call, get, &sweep).ok());
    }
    EXPECT_EQ(sweep.state(), v1::Sweep::SUCCEEDED) << sweep.DebugString();
    return sweep.name();
  }

  static std::unique_ptr<RunningServer> running_;
  std::unique_ptr<v1::CostService::Stub> cost_;
};
std::unique_ptr<RunningServer> CostServiceTest::running_;

TEST_F(CostServiceTest, PricesAPlan) {
  v1::CostEstimate cost;
  const grpc::Status status =
      Estimate("accelerators/eyeriss_like", "weights=int8,activations=int8", &cost);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(cost.accelerator(), "accelerators/eyeriss_like");
  double energy_pj = 0;
  double cycles = 0;
  for (const v1::CostEstimate::Layer& layer : cost.layers()) {
    double items = 0;
    for (const v1::CostEstimate::Energy& item : layer.energy()) {
      items += item.energy_pj();
    }
    EXPECT_NEAR(items, layer.energy_pj(), 1e-9 * items) << layer.name();
    energy_pj += layer.energy_pj();
    cycles += layer.latency_cycles();
  }
  EXPECT_GT(cost.energy_pj(), 0);
  EXPECT_NEAR(energy_pj, cost.energy_pj(), 1e-9 * energy_pj);
  EXPECT_NEAR(cycles, cost.latency_cycles(), 1e-9 * cycles);
  EXPECT_NEAR(cost.latency_seconds(), cycles / 0.2e9, 1e-9);
  double area_um2 = 0;
  for (const v1::CostEstimate::Area& item : cost.area()) {
    area_um2 += item.area_um2();
  }
  EXPECT_NEAR(area_um2, cost.area_um2(), 1e-9 * area_um2);
  EXPECT_GT(cost.weight_bytes(), 61470) << "61,470 weights of a byte, and their scales";
  EXPECT_NE(cost.cost_model_version(), "");
}

TEST_F(CostServiceTest, TellsWhyAMachineCannot) {
  v1::CostEstimate cost;
  grpc::Status status = Estimate("int8_array", "weights=fp16,activations=fp16", &cost);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("accelerator 'int8_array' can't run the plan: "));
  status = Estimate("eyeris_like", "weights=int8,activations=int8", &cost);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean 'eyeriss_like'?"));
  status = Estimate("eyeriss_like", "weights=int8;[conv9*]weights=int4", &cost);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "plan");
}

TEST_F(CostServiceTest, TellsWhatTheReportHolds) {
  v1::CostEstimate cost;
  ASSERT_TRUE(Estimate("eyeriss_like", kInt8, &cost).ok());
  EXPECT_EQ(cost.network(), "networks/lenet5");
  EXPECT_EQ(cost.clock_ghz(), 0.2);
  EXPECT_EQ(cost.multipliers(), 168);
  EXPECT_EQ(cost.off_chip_bits_per_cycle(), 64);
  EXPECT_EQ(cost.reading().node(), "45nm");
  EXPECT_GT(cost.reading().supply_v(), 0.5);
  EXPECT_EQ(cost.reading().activity(), 1);
  EXPECT_EQ(cost.reading().registers(), "aladdin");
  EXPECT_EQ(cost.reading().areas(), "horowitz");
  EXPECT_EQ(cost.reading().sram(), "horowitz");
  EXPECT_FALSE(cost.reading().leakage());
  for (const v1::CostEstimate::Layer& layer : cost.layers()) {
    EXPECT_THAT(layer.operands(), HasSubstr("int8 x int8 + int")) << layer.name();
    EXPECT_EQ(layer.macs_per_cycle(), 1);
    EXPECT_GE(layer.off_chip_bits(), 8 * layer.weight_bytes()) << "each weight is read once";
    EXPECT_EQ(layer.mapping(), "") << "counts are of closed form";
    EXPECT_FALSE(layer.has_codebook());
    EXPECT_LE(layer.macs() / layer.latency_cycles(), cost.multipliers());
  }
}

TEST_F(CostServiceTest, TellsTheLecturesInequalityOfCodebooks) {
  v1::CostEstimate cost;
  const grpc::Status status =
      Estimate("eyeriss_like", "weights=codebook16,activations=fp16,accumulator=fp32", &cost);
  ASSERT_TRUE(status.ok()) << status.error_message();
  bool holds = false;
  for (const v1::CostEstimate::Layer& layer : cost.layers()) {
    ASSERT_TRUE(layer.has_codebook()) << layer.name();
    const v1::CostEstimate::CodebookStorage& codebook = layer.codebook();
    EXPECT_EQ(codebook.index_bits() * 4, codebook.baseline_bits()) << "4 bits for 16";
    EXPECT_GT(codebook.table_bits(), 0);
    EXPECT_EQ(codebook.holds(),
              codebook.index_bits() + codebook.table_bits() < codebook.baseline_bits());
    holds = holds || codebook.holds();
  }
  EXPECT_TRUE(holds);
}

TEST_F(CostServiceTest, ReadsSourcesAsAsked) {
  v1::CostEstimate base;
  ASSERT_TRUE(Estimate("eyeriss_like", kInt8, &base).ok());
  const auto priced = [&](const v1::CostReading& reading) {
    v1::CostEstimate cost;
    const grpc::Status status = Estimate("eyeriss_like", kInt8, &cost, reading);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return cost;
  };
  v1::CostReading reading;
  reading.set_node("7nm");
  v1::CostEstimate cost = priced(reading);
  EXPECT_LT(cost.energy_pj(), base.energy_pj());
  EXPECT_LT(cost.area_um2(), base.area_um2());
  EXPECT_EQ(cost.reading().node(), "7nm");
  EXPECT_NE(cost.reading().supply_v(), base.reading().supply_v());
  reading.Clear();
  reading.set_activity(0.45);
  EXPECT_LT(priced(reading).energy_pj(), base.energy_pj());
  reading.Clear();
  reading.set_registers("none");
  EXPECT_LT(priced(reading).energy_pj(), base.energy_pj());
  reading.Clear();
  reading.set_areas("gate_counts");
  EXPECT_NE(priced(reading).area_um2(), base.area_um2());
  reading.Clear();
  reading.set_sram("cacti_lop");
  EXPECT_NE(priced(reading).energy_pj(), base.energy_pj());
  reading.Clear();
  reading.set_leakage(true);
  EXPECT_GT(priced(reading).energy_pj(), base.energy_pj());
  reading.Clear();
  reading.set_supply_v(0.8);
  cost = priced(reading);
  EXPECT_LT(cost.energy_pj(), base.energy_pj());
  EXPECT_EQ(cost.reading().supply_v(), 0.8);
}

TEST_F(CostServiceTest, RefusesReadingsThatDoNotExist) {
  const auto refused = [&](const v1::CostReading& reading) {
    v1::CostEstimate cost;
    return Estimate("eyeriss_like", kInt8, &cost, reading);
  };
  v1::CostReading reading;
  reading.set_node("8nm");
  ExpectField(refused(reading), "reading.node", "there is no '8nm': known are 65nm, ");
  reading.Clear();
  reading.set_registers("aladin");
  ExpectField(refused(reading), "reading.registers", "did you mean 'aladdin'?");
  reading.Clear();
  reading.set_areas("gates");
  ExpectField(refused(reading), "reading.areas", "known are horowitz, gate_counts");
  reading.Clear();
  reading.set_sram("cacti");
  ExpectField(refused(reading), "reading.sram", "known are horowitz, cacti_lop, cacti_hp");
  reading.Clear();
  reading.set_activity(1.5);
  ExpectField(refused(reading), "reading.activity", "1.5");
  reading.Clear();
  reading.set_supply_v(3);
  ExpectField(refused(reading), "reading.supply_v", "3");
}

TEST_F(CostServiceTest, ComparesPlansAndMachines) {
  v1::CompareCostsRequest request;
  request.set_network("lenet5");
  request.add_plans(kInt8);
  request.add_plans("weights=fp16,activations=fp16");
  request.add_accelerators("eyeriss_like");
  request.add_accelerators("accelerators/int8_array");
  v1::CostComparison comparison;
  Call call;
  const grpc::Status status = cost_->CompareCosts(&call, request, &comparison);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(comparison.rows_size(), 4);
  EXPECT_EQ(comparison.rows(1).plan(), kInt8);
  EXPECT_EQ(comparison.rows(1).accelerator(), "accelerators/int8_array");
  EXPECT_EQ(comparison.rows(3).energy_pj(), 0);
  EXPECT_THAT(comparison.rows(3).infeasible(), AllOf(HasSubstr("layer "), HasSubstr("int8_array")));
  for (int i = 0; i < 3; ++i) {
    const v1::CostComparison::Row& row = comparison.rows(i);
    EXPECT_EQ(row.infeasible(), "");
    double sum = 0;
    for (const v1::CostEstimate::Energy& energy : row.energy()) {
      sum += energy.energy_pj();
    }
    EXPECT_NEAR(sum, row.energy_pj(), 1e-9 * sum);
    v1::CostEstimate alone;
    ASSERT_TRUE(Estimate(row.accelerator(), row.plan(), &alone).ok());
    EXPECT_EQ(row.energy_pj(), alone.energy_pj());
    EXPECT_EQ(row.area_um2(), alone.area_um2());
    EXPECT_EQ(row.weight_bytes(), alone.weight_bytes());
    EXPECT_EQ(row.latency_seconds(), alone.latency_seconds());
  }
}

TEST_F(CostServiceTest, RefusesComparisonsOfNothingOrTooMuch) {
  v1::CostComparison comparison;
  const auto refused = [&](const v1::CompareCostsRequest& request) {
    Call call;
    return cost_->CompareCosts(&call, request, &comparison);
  };
  v1::CompareCostsRequest request;
  request.set_network("lenet5");
  ExpectField(refused(request), "plans", "0 are given, 1 to 64 are allowed");
  for (int i = 0; i < 65; ++i) {
    request.add_plans(kInt8);
  }
  ExpectField(refused(request), "plans", "65 are given");
  request.clear_plans();
  request.add_plans(kInt8);
  request.add_plans("weights=int88");
  ExpectField(refused(request), "accelerators", "1 to 16 are allowed");
  request.add_accelerators("eyeriss_like");
  ExpectField(refused(request), "plans[1]", "int88");
  request.set_plans(1, kInt4);
  request.add_accelerators("eyeriss");
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(CostServiceTest, SaysWhichPlansStayOnTheFrontUnderAllReadings) {
  v1::AnalyzeSensitivityRequest request;
  request.set_network("lenet5");
  for (const char* plan : {kInt8, kInt4, "weights=fp32,activations=fp32"}) {
    request.add_plans(plan);
  }
  request.add_accelerators("eyeriss_like");
  v1::CostSensitivity sensitivity;
  Call call;
  const grpc::Status status = cost_->AnalyzeSensitivity(&call, request, &sensitivity);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(sensitivity.candidates(), 3);
  EXPECT_EQ(sensitivity.objectives_size(), 4);
  ASSERT_GT(sensitivity.readings_size(), 10);
  EXPECT_EQ(sensitivity.readings(0).label(), "base");
  // int4 is cheaper in everything, however the sources are read.
  ASSERT_EQ(sensitivity.points_size(), 1) << sensitivity.DebugString();
  const v1::CostSensitivity::Point& point = sensitivity.points(0);
  EXPECT_EQ(point.plan(), kInt4);
  EXPECT_TRUE(point.on_every_front());
  EXPECT_TRUE(point.off_under().empty());
  ASSERT_EQ(point.costs_size(), sensitivity.readings_size());
  v1::CostEstimate alone;
  ASSERT_TRUE(Estimate("eyeriss_like", kInt4, &alone).ok());
  EXPECT_EQ(point.costs(0).energy_pj(), alone.energy_pj());
  int differ = 0;
  for (const v1::CostSensitivity::Cost& cost : point.costs()) {
    differ += cost.energy_pj() != alone.energy_pj() || cost.area_um2() != alone.area_um2();
  }
  EXPECT_GE(differ, sensitivity.readings_size() - 2) << "the base and what it says already";
}

TEST_F(CostServiceTest, PricesTheTrialsOfASweepAgain) {
  const std::string sweep = Sweep(SmallSweep(64, {"int8", "int4", "int2"}));
  v1::AnalyzeSensitivityRequest request;
  request.add_sweeps(sweep);
  request.add_objectives("accuracy");
  request.add_objectives("energy_pj");
  v1::CostSensitivity sensitivity;
  {
    Call call;
    const grpc::Status status = cost_->AnalyzeSensitivity(&call, request, &sensitivity);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(sensitivity.candidates(), 3);
  ASSERT_GE(sensitivity.points_size(), 2);
  int on_base = 0;
  double accuracy = 1;
  for (const v1::CostSensitivity::Point& point : sensitivity.points()) {
    EXPECT_THAT(point.trial(), HasSubstr(sweep + "/trials/"));
    EXPECT_LE(point.accuracy(), accuracy) << "best first";
    accuracy = point.accuracy();
    on_base += point.on_base_front() ? 1 : 0;
    int off = 0;
    for (const v1::CostSensitivity::Cost& cost : point.costs()) {
      off += cost.on_front() ? 0 : 1;
    }
    EXPECT_EQ(off, point.off_under_size());
    EXPECT_EQ(point.on_every_front(), off == 0);
  }
  EXPECT_EQ(on_base, sensitivity.readings(0).front_size());
  request.clear_objectives();
  Call call;
  ASSERT_TRUE(cost_->AnalyzeSensitivity(&call, request, &sensitivity).ok());
  EXPECT_GT(sensitivity.objectives_size(), 2) << "the sweep's own";
}

TEST_F(CostServiceTest, RefusesSensitivityOfNothing) {
  v1::CostSensitivity sensitivity;
  const auto refused = [&](const v1::AnalyzeSensitivityRequest& request) {
    Call call;
    return cost_->AnalyzeSensitivity(&call, request, &sensitivity);
  };
  v1::AnalyzeSensitivityRequest request;
  ExpectField(refused(request), "sweeps", "required: sweeps, or else");
  request.set_network("lenet5");
  ExpectField(refused(request), "plans", "0 are given");
  request.add_plans(kInt8);
  request.add_accelerators("eyeriss_like");
  request.add_objectives("accuracy");
  ExpectField(refused(request), "objectives", "1 objectives, 2 to 6 are allowed");
  request.add_objectives("energy_pj");
  ExpectField(refused(request), "objectives", "'accuracy' is measured by sweeps");
  request.set_objectives(0, "power");
  ExpectField(refused(request), "objectives", "unknown objective 'power': known are accuracy");
  request.set_objectives(0, "energy_pj");
  ExpectField(refused(request), "objectives", "'energy_pj' is given twice");
  request.mutable_reading()->set_node("1nm");
  request.clear_objectives();
  ExpectField(refused(request), "reading.node", "1nm");
  request.add_sweeps("none-such");
  ExpectField(refused(request), "sweeps", "give either sweeps or these");
  request.Clear();
  request.add_sweeps("none-such");
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(CostServiceTest, PricesMachinesWithoutANetwork) {
  const auto price = [&](const std::string& accelerator, const std::string& plan) {
    v1::PriceMachineRequest request;
    request.set_accelerator(accelerator);
    request.set_plan(plan);
    Call call;
    v1::MachinePrice machine;
    const grpc::Status status = cost_->PriceMachine(&call, request, &machine);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return machine;
  };
  const v1::MachinePrice fixed = price("int8_array", "");
  ASSERT_EQ(fixed.datapaths_size(), 1);
  EXPECT_THAT(fixed.datapaths(0).operands(), HasSubstr("int8 x int8 + int32"));
  EXPECT_GT(fixed.datapaths(0).energy_pj(), 0);
  EXPECT_NE(fixed.datapaths(0).source(), "");
  EXPECT_EQ(fixed.peak_macs_per_second(), 256 * 0.5e9);
  double sum = 0;
  for (const v1::CostEstimate::Area& area : fixed.area()) {
    sum += area.area_um2();
  }
  EXPECT_NEAR(sum, fixed.area_um2(), 1e-9 * sum);
  v1::CostEstimate cost;
  ASSERT_TRUE(Estimate("int8_array", kInt8, &cost).ok());
  EXPECT_EQ(fixed.area_um2(), cost.area_um2()) << "whatever it computes";
  const v1::MachinePrice built = price("eyeriss_like", "");
  EXPECT_EQ(built.plan(), kInt8);
  EXPECT_EQ(built.reduction_length(), 512);
  EXPECT_LT(built.area_um2(), price("eyeriss_like", "weights=fp32,activations=fp32").area_um2());
}

TEST_F(CostServiceTest, TellsWhyAMachineHasNoPrice) {
  v1::PriceMachineRequest request;
  v1::MachinePrice machine;
  const auto refused = [&] {
    Call call;
    return cost_->PriceMachine(&call, request, &machine);
  };
  request.set_accelerator("int8_array");
  request.set_plan("weights=fp16,activations=fp16");
  EXPECT_EQ(refused().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused().error_message(), HasSubstr("can't be priced"));
  request.set_plan("weights=int88");
  ExpectField(refused(), "plan", "int88");
  request.clear_plan();
  request.mutable_reading()->set_node("2nm");
  ExpectField(refused(), "reading.node", "2nm");
  request.set_accelerator("int9_array");
  EXPECT_EQ(refused().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(CostServiceTest, ShowsPublishedFiguresBesideTheModels) {
  v1::ValidateCostModelRequest request;
  v1::CostValidation all;
  {
    Call call;
    const grpc::Status status = cost_->ValidateCostModel(&call, request, &all);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  int validations = 0, failures = 0;
  for (const v1::CostValidation::Row& row : all.rows()) {
    EXPECT_NE(row.group(), "");
    EXPECT_NE(row.name(), "");
    EXPECT_NE(row.source(), "") << row.name();
    validations += row.role() == "validation" ? 1 : 0;
    failures += row.passes() ? 0 : 1;
    if (row.published() > 0 && row.deviation_percent() != 0) {
      EXPECT_NEAR(row.deviation_percent(), 100 * (row.model() / row.published() - 1), 1e-6)
          << row.group() << " " << row.name();
    }
  }
  EXPECT_GT(validations, 20);
  EXPECT_EQ(all.validations(), validations);
  EXPECT_EQ(all.failures(), failures);
  EXPECT_EQ(all.passes(), failures == 0);
  request.set_group("horowitz");
  v1::CostValidation one;
  {
    Call call;
    ASSERT_TRUE(cost_->ValidateCostModel(&call, request, &one).ok());
  }
  EXPECT_GT(one.rows_size(), 0);
  EXPECT_LT(one.rows_size(), all.rows_size());
  EXPECT_EQ(one.rows(0).group(), "horowitz");
  request.set_group("horowits");
  Call call;
  ExpectField(cost_->ValidateCostModel(&call, request, &all), "group", "did you mean 'horowitz'?");
}

}  // namespace
}  // namespace bitscape::server
