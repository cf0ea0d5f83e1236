#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "bitscape/v1/network.grpc.pb.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

class EvaluationServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }
  EvaluationServiceTest() : evaluation_(v1::EvaluationService::NewStub(running_->channel())) {}

  static v1::EvaluateRequest Request(const std::string& plan, int images) {
    v1::EvaluateRequest request;
    request.set_network("lenet5");
    request.set_dataset("fashion-mnist");
    request.set_plan(plan);
    request.set_images(images);
    return request;
  }
  grpc::Status Evaluate(const v1::EvaluateRequest& request, v1::Evaluation* result) {
    Call call;
    const auto reader = evaluation_->Evaluate(&call, request);
    v1::EvaluateResponse response;
    int32_t before = 0;
    while (reader->Read(&response)) {
      EXPECT_GE(response.images_evaluated(), before);
      EXPECT_GT(response.images(), 0);
      before = response.images_evaluated();
      if (response.has_result()) {
        EXPECT_EQ(response.images_evaluated(), response.images());
        *result = response.result();
      }
    }
    return reader->Finish();
  }
  grpc::Status Estimate(const std::string& accelerator, const std::string& plan,
                        v1::CostEstimate* cost) {
    v1::EstimateCostRequest request;
    request.set_network("lenet5");
    request.set_accelerator(accelerator);
    request.set_plan(plan);
    Call call;
    return evaluation_->EstimateCost(&call, request, cost);
  }

  static std::unique_ptr<RunningServer> running_;
  std::unique_ptr<v1::EvaluationService::Stub> evaluation_;
};
std::unique_ptr<RunningServer> EvaluationServiceTest::running_;

TEST_F(EvaluationServiceTest, MeasuresAPlan) {
  v1::Evaluation result;
  const grpc::Status status =
      Evaluate(Request("weights=int8:channel,activations=int8,accumulator=int32", 1000), &result);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(result.images(), 1000);
  EXPECT_GT(result.accuracy(), 0.88);
  EXPECT_EQ(result.accuracy(), result.correct() / 1000.0);
  EXPECT_LT(result.accuracy_low(), result.accuracy());
  EXPECT_GT(result.accuracy_high(), result.accuracy());
  EXPECT_GT(result.images_per_second(), 0);
  EXPECT_EQ(result.split(), "test");
  EXPECT_EQ(result.plan(), "weights=int8:channel,activations=int8,accumulator=int32");
  ASSERT_GT(result.layers_size(), 0);
  EXPECT_EQ(result.layers(0).weights(), "int8:channel");
  EXPECT_EQ(result.layers(0).accumulator(), "int32");
  EXPECT_TRUE(result.layers(0).exact());
  EXPECT_NE(result.layers(0).path(), "");
}

TEST_F(EvaluationServiceTest, MeasuresTheWholeSplitByDefault) {
  v1::EvaluateRequest request = Request("weights=fp32,activations=fp32", 0);
  v1::Evaluation result;
  ASSERT_TRUE(Evaluate(request, &result).ok());
  EXPECT_EQ(result.images(), 10000);
  EXPECT_NEAR(result.correct(), 9147, 2) << "the zoo's own count";
  request.set_split("validation");
  request.set_images(64);
  ASSERT_TRUE(Evaluate(request, &result).ok());
  EXPECT_EQ(result.images(), 64);
  EXPECT_EQ(result.split(), "validation");
}

TEST_F(EvaluationServiceTest, RefusesBadRequests) {
  const auto expect = [&](const v1::EvaluateRequest& request, const std::string& field,
                          const char* message) {
    v1::Evaluation result;
    const grpc::Status status = Evaluate(request, &result);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << message;
    EXPECT_THAT(status.error_message(), HasSubstr(message));
    ASSERT_EQ(FieldsOf(status).field_violations_size(), 1) << message;
    EXPECT_EQ(FieldsOf(status).field_violations(0).field(), field);
  };
  const std::string plan = "weights=int8,activations=int8";
  v1::Evaluation none;
  const grpc::Status narrow = Evaluate(Request(plan + ",accumulator=int16", 32), &none);
  EXPECT_EQ(narrow.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(narrow.error_message(), HasSubstr("narrow accumulators can't be emulated yet"));
  ASSERT_EQ(FieldsOf(narrow).field_violations_size(), 1);
  EXPECT_EQ(FieldsOf(narrow).field_violations(0).field(), "plan");
  expect(Request("", 32), "plan", "required");
  expect(Request("weights=int88", 32), "plan", "int88");
  expect(Request("weights=fp16,activations=fp16,accumulator=int32", 32), "plan", "int32");
  expect(Request(plan, -1), "images", "-1 is out of range");
  expect(Request(plan, 10001), "images", "10001 is out of range: 0 (for 10000) to 10000");
  v1::EvaluateRequest request = Request(plan, 32);
  request.set_split("train");
  expect(request, "split", "train");
  request = Request(plan, 32);
  request.set_calibration_images(513);
  expect(request, "calibration_images", "513");
  request = Request(plan, 32);
  request.set_seed(-1);
  expect(request, "seed", "-1 is negative");
  request = Request(plan, 32);
  request.clear_dataset();
  expect(request, "dataset", "'datasets/ID'");
  request = Request(plan, 32);
  request.set_network("letnet5");
  v1::Evaluation result;
  EXPECT_EQ(Evaluate(request, &result).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(EvaluationServiceTest, StopsWhenTheClientGoes) {
  v1::EvaluateRequest request = Request("weights=e3m4,activations=e3m4", 0);
  request.set_network("resnet8");
  // More rounds than there are slots: each must give its own back, or the last are refused.
  for (int i = 0; i < 20; ++i) {
    Call call;
    const auto reader = evaluation_->Evaluate(&call, request);
    v1::EvaluateResponse response;
    if (i == 0) {
      ASSERT_TRUE(reader->Read(&response)) << reader->Finish().error_message();
      EXPECT_LT(response.images_evaluated(), 10000);
    }
    call.TryCancel();
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED) << i;
  }
  v1::Evaluation result;
  grpc::Status status;
  const auto begin = std::chrono::steady_clock::now();
  do {  // the last cancelled calls may not have ended yet
    status = Evaluate(Request("weights=int8,activations=int8", 32), &result);
  } while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
           std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(EvaluationServiceTest, PricesAPlan) {
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

TEST_F(EvaluationServiceTest, TellsWhyAMachineCannot) {
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

}  // namespace
}  // namespace bitscape::server
