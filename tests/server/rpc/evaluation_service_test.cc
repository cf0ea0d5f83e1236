#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

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
  static v1::EvaluatePlansRequest Plans(const std::vector<std::string>& plans, int images) {
    v1::EvaluatePlansRequest request;
    request.set_network("lenet5");
    request.set_dataset("fashion-mnist");
    request.mutable_plans()->Assign(plans.begin(), plans.end());
    request.set_images(images);
    return request;
  }
  // By index in the request.
  grpc::Status EvaluatePlans(const v1::EvaluatePlansRequest& request,
                             std::map<int, v1::EvaluatePlansResponse::Result>* results) {
    Call call;
    const auto reader = evaluation_->EvaluatePlans(&call, request);
    int read = 0;
    for (v1::EvaluatePlansResponse response; reader->Read(&response);) {
      read += response.results_size();
      EXPECT_EQ(response.plans(), request.plans_size());
      EXPECT_EQ(response.plans_evaluated(), read);
      for (const auto& result : response.results()) {
        EXPECT_TRUE(results->emplace(result.index(), result).second) << result.index();
      }
    }
    return reader->Finish();
  }
  grpc::Status Measure(const std::string& plan, int images, v1::QuantizationErrors* errors) {
    v1::MeasureErrorsRequest request;
    request.set_network("lenet5");
    request.set_dataset("fashion-mnist");
    request.set_plan(plan);
    request.set_images(images);
    Call call;
    return evaluation_->MeasureErrors(&call, request, errors);
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

TEST_F(EvaluationServiceTest, EmulatesNarrowAccumulators) {
  v1::Evaluation wide, narrow;
  const std::string plan = "weights=int8,activations=int8,accumulator=";
  ASSERT_TRUE(Evaluate(Request(plan + "int32", 96), &wide).ok());
  ASSERT_TRUE(Evaluate(Request(plan + "int12", 96), &narrow).ok());
  EXPECT_EQ(narrow.layers(0).path(), "narrow");
  EXPECT_LT(narrow.accuracy(), wide.accuracy() - 0.2) << "12 bits saturate";
}

TEST_F(EvaluationServiceTest, EvaluatesManyPlansAsEachAlone) {
  // More than one group, in no order, some twice.
  std::vector<std::string> plans;
  for (int bits = 8; bits >= 2; --bits) {
    plans.push_back(
        fmt::format("weights=int{0}:channel,activations=int{0},accumulator=int32", bits));
    plans.push_back(fmt::format("weights=bfp{},activations=fp8_e4m3", bits));
    plans.push_back(fmt::format("weights=fp32,activations=uint{}:p99.9", bits));
  }
  plans.push_back(plans[4]);
  v1::EvaluatePlansRequest request = Plans(plans, 96);
  request.set_split("validation");
  request.set_calibration_images(64);
  std::map<int, v1::EvaluatePlansResponse::Result> results;
  const grpc::Status status = EvaluatePlans(request, &results);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(results.size(), plans.size());
  for (const int i : {0, 1, 2, 4, 13, 20, 21}) {
    const v1::Evaluation& joint = results.at(i).evaluation();
    v1::EvaluateRequest single = Request(plans[static_cast<size_t>(i)], 96);
    single.set_split("validation");
    single.set_calibration_images(64);
    v1::Evaluation alone;
    ASSERT_TRUE(Evaluate(single, &alone).ok());
    EXPECT_EQ(results.at(i).error(), "");
    EXPECT_EQ(joint.plan(), alone.plan());
    EXPECT_EQ(joint.correct(), alone.correct()) << alone.plan();
    EXPECT_EQ(joint.loss(), alone.loss()) << alone.plan();
    EXPECT_EQ(joint.accuracy_low(), alone.accuracy_low());
    EXPECT_EQ(joint.images(), 96);
    EXPECT_EQ(joint.split(), "validation");
  }
}

TEST_F(EvaluationServiceTest, OneBadPlanStopsNoOther) {
  const std::string good = "weights=int8,activations=int8";
  std::map<int, v1::EvaluatePlansResponse::Result> results;
  const grpc::Status status =
      EvaluatePlans(Plans({good, "weights=int88", good, "weights=int8:dynamic",
                           "weights=int8;[nolayer]weights=int4", "",
                           "weights=fp16,activations=fp16,accumulator=int32"},
                          32),
                    &results);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(results.size(), 7u);
  for (const int i : {0, 2}) {
    EXPECT_EQ(results.at(i).error(), "");
    EXPECT_EQ(results.at(i).evaluation().images(), 32);
  }
  EXPECT_EQ(results.at(0).evaluation().loss(), results.at(2).evaluation().loss());
  const char* const messages[] = {"",        "'int88'",  "",     "'dynamic' is for activations",
                                  "nolayer", "required", "int32"};
  for (const int i : {1, 3, 4, 5, 6}) {
    EXPECT_THAT(results.at(i).error(), HasSubstr(messages[i])) << i;
    EXPECT_FALSE(results.at(i).has_evaluation()) << i;
  }
  // Nothing but bad plans.
  results.clear();
  EXPECT_TRUE(EvaluatePlans(Plans({"weights=int88"}, 32), &results).ok());
  EXPECT_THAT(results.at(0).error(), HasSubstr("int88"));
}

TEST_F(EvaluationServiceTest, RefusesBadRequestsForManyPlans) {
  std::map<int, v1::EvaluatePlansResponse::Result> results;
  const auto expect = [&](const v1::EvaluatePlansRequest& request, const char* message) {
    const grpc::Status status = EvaluatePlans(request, &results);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << message;
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  };
  const std::string plan = "weights=int8,activations=int8";
  expect(Plans({}, 32), "plans: 0 plans; allowed: 1 to 4096");
  expect(Plans(std::vector<std::string>(4097, plan), 32), "plans: 4097 plans");
  expect(Plans({plan}, 10001), "images: 10001 is out of range");
  v1::EvaluatePlansRequest request = Plans({plan}, 32);
  request.set_split("train");
  expect(request, "split: ");
  request = Plans({plan}, 32);
  request.set_network("letnet5");
  EXPECT_EQ(EvaluatePlans(request, &results).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(results.empty());
}

TEST_F(EvaluationServiceTest, StopsManyPlansWhenTheClientGoes) {
  std::vector<std::string> plans;
  for (int i = 0; i < 64; ++i) {
    plans.push_back(
        fmt::format("weights=e3m4,activations=e3m{}:scaled:p{}", 1 + i % 8, 60 + i / 8));
  }
  v1::EvaluatePlansRequest request = Plans(plans, 0);
  request.set_network("resnet8");
  const auto begin = std::chrono::steady_clock::now();
  // More rounds than there are slots: each must give its own back, or the last are refused.
  for (int i = 0; i < 10; ++i) {
    Call call;
    const auto reader = evaluation_->EvaluatePlans(&call, request);
    if (i == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until it is in work
    }
    call.TryCancel();
    v1::EvaluatePlansResponse response;
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED) << i;
  }
  std::map<int, v1::EvaluatePlansResponse::Result> results;
  grpc::Status status;
  do {  // the last cancelled calls may not have ended yet
    status = EvaluatePlans(Plans({"weights=int8,activations=int8"}, 32), &results);
  } while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
           std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(EvaluationServiceTest, MeasuresErrorsOfLayers) {
  v1::QuantizationErrors errors;
  const grpc::Status status =
      Measure("weights=int8:channel,activations=int8,accumulator=int32", 96, &errors);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(errors.images(), 96);
  EXPECT_EQ(errors.plan(), "weights=int8:channel,activations=int8,accumulator=int32");
  EXPECT_GT(errors.correct(), 80);
  EXPECT_GT(errors.logits_sqnr_db(), 25);
  ASSERT_EQ(errors.layers_size(), 5);
  std::set<int> ranks;
  std::map<int, double> increases;
  for (const v1::QuantizationErrors::Layer& layer : errors.layers()) {
    ranks.insert(layer.rank());
    increases[layer.rank()] = layer.loss_increase();
    EXPECT_TRUE(layer.has_weights_sqnr_db()) << layer.name();
    EXPECT_GT(layer.weights_sqnr_db(), 35) << layer.name();
    EXPECT_GT(layer.activations_sqnr_db(), 30) << layer.name();
    EXPECT_GT(layer.output_sqnr_db(), 25) << layer.name();
    EXPECT_EQ(layer.weights(), "int8:channel");
    EXPECT_EQ(layer.activations(), "int8");
    EXPECT_EQ(layer.accumulator(), "int32");
    EXPECT_LE(layer.tight_sum_bits(), layer.lecture_sum_bits()) << layer.name();
    EXPECT_LE(layer.weight_sum_bits(), layer.tight_sum_bits()) << layer.name();
    EXPECT_GT(layer.weight_sum_bits(), 15) << layer.name();
  }
  EXPECT_EQ(ranks, (std::set<int>{1, 2, 3, 4, 5}));
  for (int rank = 2; rank <= 5; ++rank) {
    EXPECT_GE(increases[rank - 1], increases[rank]);
  }
  // conv1 sums 5 * 5 products, conv2 6 * 5 * 5; codes within +-127: 25 * 127^2 < 2^19.
  EXPECT_EQ(errors.layers(0).lecture_sum_bits(), 8 + 8 + 5);
  EXPECT_EQ(errors.layers(0).tight_sum_bits(), 20);
  EXPECT_EQ(errors.layers(1).lecture_sum_bits(), 8 + 8 + 8);

  // The losses are Evaluate's.
  v1::EvaluateRequest request = Request(errors.plan(), 96);
  request.set_split("validation");
  v1::Evaluation whole;
  ASSERT_TRUE(Evaluate(request, &whole).ok());
  EXPECT_EQ(errors.loss(), whole.loss());
  EXPECT_EQ(errors.correct(), whole.correct());
}

TEST_F(EvaluationServiceTest, RanksTheOnlyQuantizedLayerFirst) {
  v1::QuantizationErrors errors;
  ASSERT_TRUE(Measure("weights=fp32,activations=fp32;[conv2]weights=int2", 64, &errors).ok());
  for (const v1::QuantizationErrors::Layer& layer : errors.layers()) {
    const bool quantized = layer.name() == "conv2";
    EXPECT_EQ(layer.rank() == 1, quantized) << layer.name();
    EXPECT_EQ(std::isinf(layer.weights_sqnr_db()), !quantized) << layer.name();
    EXPECT_EQ(layer.loss_increase() > 0, quantized) << layer.name();
    EXPECT_GT(layer.tight_sum_bits(), 250) << "a register for sums of float32";
  }
  EXPECT_TRUE(std::isinf(errors.layers(0).output_sqnr_db())) << "conv1 comes before";
  EXPECT_FALSE(std::isinf(errors.layers(2).output_sqnr_db())) << "fc1 takes conv2's errors";
}

TEST_F(EvaluationServiceTest, NothingRoundedIsNoError) {
  v1::QuantizationErrors errors;
  ASSERT_TRUE(Measure("weights=fp32,activations=fp32", 0, &errors).ok());
  EXPECT_EQ(errors.images(), 1000) << "the default";
  EXPECT_EQ(errors.loss(), errors.unquantized_loss());
  EXPECT_EQ(errors.correct(), errors.unquantized_correct());
  EXPECT_TRUE(std::isinf(errors.logits_sqnr_db()));
  for (const v1::QuantizationErrors::Layer& layer : errors.layers()) {
    EXPECT_TRUE(std::isinf(layer.activations_sqnr_db()));
    EXPECT_EQ(layer.loss_increase(), 0);
  }
}

TEST_F(EvaluationServiceTest, RefusesToMeasureErrorsOfBadPlans) {
  v1::QuantizationErrors errors;
  const auto expect = [&](const std::string& plan, int images, const char* field,
                          const char* message) {
    const grpc::Status status = Measure(plan, images, &errors);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << message;
    EXPECT_THAT(status.error_message(), HasSubstr(message));
    ASSERT_EQ(FieldsOf(status).field_violations_size(), 1) << message;
    EXPECT_EQ(FieldsOf(status).field_violations(0).field(), field);
  };
  expect("", 32, "plan", "required");
  expect("weights=int88", 32, "plan", "int88");
  expect("weights=int8", 5001, "images", "5001 is out of range: 0 (for 1000) to 5000");
}

}  // namespace
}  // namespace bitscape::server
