#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "google/rpc/error_details.pb.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// 2x2 images, two classes, one matrix product.
network::Network TinyNetwork() {
  network::Network network;
  network.name = "tiny";
  network.nodes.push_back({"image", network::Input{}, {}, {1, 1, 2, 2}});
  network.nodes.push_back({"flat", network::Reshape{}, {0}, {1, 4}});
  auto weights = std::make_shared<network::Tensor>();
  weights->shape = {2, 4};
  weights->values = {1, 2, 3, 4, -1, -2, -3, -4};
  network.nodes.push_back({"fc", network::Gemm{weights, nullptr}, {1}, {1, 2}});
  network.output = 2;
  network.input_scaling = {{0.5f}, {0.5f}};
  return network;
}

data::ImageSet Images(int64_t count, const char* digest) {
  data::ImageSet set;
  set.height = 2;
  set.width = 2;
  set.classes = 2;
  set.pixels.assign(static_cast<size_t>(count * 4), 7);
  set.labels.assign(static_cast<size_t>(count), 1);
  set.digest = digest;
  return set;
}

class ToSweepPlanTest : public ::testing::Test {
 protected:
  ToSweepPlanTest() {
    dataset_.name = "squares";
    dataset_.test = Images(100, "t");
    dataset_.validation = Images(50, "v");
    dataset_.calibration = Images(20, "c");
    first_.name = "one";
    second_.name = "two";
    second_.array_rows = 4;
    context_ = {&network_, &dataset_, {&first_}};
    spec_.set_network("tiny");
    spec_.set_dataset("squares");
    spec_.add_accelerators("one");
  }

  v1::SweepSpec::Space::Grid& AddGrid(std::vector<std::string> weights,
                                      std::vector<std::string> activations,
                                      std::vector<std::string> accumulators = {}) {
    v1::SweepSpec::Space::Grid& grid = *spec_.mutable_space()->add_grids();
    for (const std::string& text : weights) grid.add_weights(text);
    for (const std::string& text : activations) grid.add_activations(text);
    for (const std::string& text : accumulators) grid.add_accumulators(text);
    return grid;
  }
  void AddPlan(const std::string& plan) { spec_.mutable_space()->add_plans(plan); }
  void AddReference(const std::string& label, const std::string& plan) {
    v1::SweepSpec::Reference& reference = *spec_.add_references();
    reference.set_label(label);
    reference.set_plan(plan);
  }
  SweepPlan Plan() {
    absl::StatusOr<SweepPlan> plan = ToSweepPlan(spec_, context_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : SweepPlan{};
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    for (const TrialSpec& trial : Plan().trials) texts.push_back(trial.plan_text);
    return texts;
  }
  void ExpectFieldError(const std::string& field, const std::string& message,
                        absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    const absl::Status status = ToSweepPlan(spec_, context_).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith(field + ": "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    google::rpc::BadRequest details;
    const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
    ASSERT_TRUE(payload && details.ParseFromString(std::string(*payload)));
    EXPECT_EQ(details.field_violations(0).field(), field);
  }

  network::Network network_ = TinyNetwork();
  data::Dataset dataset_;
  cost_models::Accelerator first_, second_;
  SweepContext context_;
  v1::SweepSpec spec_;
};

TEST_F(ToSweepPlanTest, FillsInDefaults) {
  AddPlan("weights=int8,activations=int8");
  const SweepPlan plan = Plan();
  EXPECT_EQ(plan.network, "tiny");
  EXPECT_EQ(plan.dataset, "squares");
  EXPECT_THAT(plan.accelerators, ElementsAre("one"));
  EXPECT_THAT(plan.objectives,
              ElementsAre("accuracy", "energy_pj", "area_um2", "latency_seconds", "weight_bytes"));
  EXPECT_EQ(plan.evaluation.split, data::Split::kTest);
  EXPECT_EQ(plan.evaluation.images, 100);
  EXPECT_EQ(plan.evaluation.calibration_images, 20) << "512, capped by the split";
  EXPECT_EQ(plan.evaluation.seed, 1u);
  EXPECT_EQ(plan.evaluation.slice_images, 1024);
}

TEST_F(ToSweepPlanTest, TakesTheEvaluationAsGiven) {
  AddPlan("weights=int8,activations=int8");
  v1::SweepSpec::Evaluation& evaluation = *spec_.mutable_evaluation();
  evaluation.set_split("validation");
  evaluation.set_images(33);
  evaluation.set_calibration_images(8);
  evaluation.set_seed(5);
  evaluation.set_slice_images(33);
  const SweepPlan plan = Plan();
  EXPECT_EQ(plan.evaluation.split, data::Split::kValidation);
  EXPECT_EQ(plan.evaluation.images, 33);
  EXPECT_EQ(plan.evaluation.calibration_images, 8);
  EXPECT_EQ(plan.evaluation.seed, 5u);
  EXPECT_EQ(plan.evaluation.slice_images, 64) << "rounded up to whole batches of 32";
}

TEST_F(ToSweepPlanTest, ExpandsInTheOrderOfTheFile) {
  AddPlan("weights=fp16,activations=fp16");
  AddGrid({"int4", "int8"}, {"int8", "fp8_e4m3"});
  EXPECT_THAT(Texts(),
              ElementsAre("weights=fp16,activations=fp16", "weights=int4,activations=int8",
                          "weights=int4,activations=fp8_e4m3", "weights=int8,activations=int8",
                          "weights=int8,activations=fp8_e4m3"));
}

TEST_F(ToSweepPlanTest, ExpandsRepairs) {
  v1::SweepSpec::Space::Grid& grid = AddGrid({"int4", "int8"}, {"int8"});
  grid.add_repairs("none");
  grid.add_repairs("bias+equalize");
  EXPECT_THAT(Texts(), ElementsAre("weights=int4,activations=int8",
                                   "weights=int4,activations=int8,repair=equalize+bias",
                                   "weights=int8,activations=int8",
                                   "weights=int8,activations=int8,repair=equalize+bias"));
  const SweepPlan plan = Plan();
  EXPECT_NE(plan.trials[0].accuracy_key, plan.trials[1].accuracy_key);
  grid.add_repairs("adarond");
  ExpectFieldError("spec.space.grids[0].repairs[2]", "did you mean 'adaround'?");
}

TEST_F(ToSweepPlanTest, ExploresEqualPlansOnce) {
  AddPlan("weights=int8,activations=int8");
  AddPlan("activations=int8,weights=int8");
  AddGrid({"int8", "int4"}, {"int8"});
  EXPECT_EQ(Plan().trials.size(), 2u);
}

TEST_F(ToSweepPlanTest, PricesEachPlanOnEachAccelerator) {
  context_.accelerators.push_back(&second_);
  AddGrid({"int4", "int8"}, {"int8"});
  const SweepPlan plan = Plan();
  ASSERT_EQ(plan.trials.size(), 4u);
  EXPECT_EQ(plan.trials[0].accelerator, "one");
  EXPECT_EQ(plan.trials[1].accelerator, "two");
  EXPECT_EQ(plan.trials[0].accuracy_key, plan.trials[1].accuracy_key) << "accuracy is shared";
  EXPECT_NE(plan.trials[0].digest, plan.trials[1].digest);
  EXPECT_NE(plan.trials[0].accuracy_key, plan.trials[2].accuracy_key);
}

TEST_F(ToSweepPlanTest, MarksReferencesAndAddsThoseThatAreMissing) {
  AddGrid({"int8"}, {"int8"});
  AddReference("int8", "weights=int8,activations=int8");
  AddReference("fp16", "weights=fp16,activations=fp16");
  const SweepPlan plan = Plan();
  ASSERT_EQ(plan.trials.size(), 2u);
  EXPECT_EQ(plan.trials[0].reference, "int8");
  EXPECT_EQ(plan.trials[1].reference, "fp16");
  EXPECT_THAT(plan.trials[1].plan_text, StartsWith("weights=fp16"));
}

TEST_F(ToSweepPlanTest, RefusesBadPlacesByTheirPath) {
  AddGrid({"int8", "int4", "int4:chanel"}, {"int8"});
  ExpectFieldError("spec.space.grids[0].weights[2]", "chanel");
  spec_.clear_space();
  AddGrid({"int8"}, {"in8"});
  ExpectFieldError("spec.space.grids[0].activations[0]", "in8");
  spec_.clear_space();
  AddGrid({"int8"}, {"int8"}, {"fp32", "int33"});
  ExpectFieldError("spec.space.grids[0].accumulators[1]", "int33");
  spec_.clear_space();
  AddGrid({}, {"int8"});
  ExpectFieldError("spec.space.grids[0].weights", "required");
  spec_.clear_space();
  AddGrid({"int8"}, {});
  ExpectFieldError("spec.space.grids[0].activations", "required");
  spec_.clear_space();
  AddPlan("weights=int8,activations=int8");
  AddPlan("weigths=int8");
  ExpectFieldError("spec.space.plans[1]", "weigths");
  spec_.clear_space();
  AddPlan("");
  ExpectFieldError("spec.space.plans[0]", "required");
}

TEST_F(ToSweepPlanTest, RefusesCombinationsWithoutMeaning) {
  AddGrid({"int8", "fp16"}, {"int8"}, {"fp32", "int32"});
  ExpectFieldError("spec.space.grids[0]", "weights=fp16,activations=int8,accumulator=int32");
}

TEST_F(ToSweepPlanTest, RefusesWhatCannotBeEmulated) {
  const auto expect = [&](const std::string& field, const std::string& message) {
    ExpectFieldError(field, message, absl::StatusCode::kUnimplemented);
    spec_.clear_space();
    spec_.clear_references();
  };
  AddGrid({"int8"}, {"int8", "int8:pact"});
  expect("spec.space.grids[0].activations[1]", "the alpha of 'pact' comes from training");
  AddPlan("weights=int8,activations=int8");
  AddPlan("weights=int8,activations=int8;[fc]activations=int8:pact");
  expect("spec.space.plans[1]", "layer fc: activations int8:pact");
  AddPlan("weights=int8,activations=int8,vector=fp16:stochastic");
  expect("spec.space.plans[0]", "vector=fp16:stochastic: only formats");
  AddPlan("weights=int8,activations=int8");
  AddReference("dynamic", "weights=int8,activations=int8:dynamic,accumulator=int16");
  expect("spec.references[0].plan", "layer fc: accumulator=int16");
}

TEST_F(ToSweepPlanTest, RefusesWhatOperandsCannotBe) {
  AddGrid({"int8", "int8:token"}, {"int8"});
  ExpectFieldError("spec.space.grids[0].weights[1]", "tensor, channel or block");
  spec_.clear_space();
  AddGrid({"int8"}, {"int8:channel"});
  ExpectFieldError("spec.space.grids[0].activations[0]", "'channel' is for weights");
  spec_.clear_space();
  AddPlan("weights=int8,fold=always,repair=batchnorm");
  ExpectFieldError("spec.space.plans[0]", "repair=batchnorm");
}

TEST_F(ToSweepPlanTest, RefusesRulesForLayersThatAreNotThere) {
  AddPlan("weights=int8,activations=int8;[conv1]weights=fp16");
  ExpectFieldError("spec.space.plans[0]", "conv1");
}

TEST_F(ToSweepPlanTest, RefusesBadReferences) {
  AddGrid({"int8"}, {"int8"});
  AddReference("", "weights=fp16,activations=fp16");
  ExpectFieldError("spec.references[0].label", "required");
  spec_.clear_references();
  AddReference("a", "weights=fp16,activations=fp16");
  AddReference("a", "weights=bf16,activations=bf16");
  ExpectFieldError("spec.references[1].label", "'a' is given twice");
  spec_.clear_references();
  AddReference("a", "weights=int8,activations=int8");
  AddReference("b", "activations=int8,weights=int8");
  ExpectFieldError("spec.references[1].plan", "is the same work as reference 'a'");
  spec_.clear_references();
  AddReference("a", "weights=nope");
  ExpectFieldError("spec.references[0].plan", "nope");
}

TEST_F(ToSweepPlanTest, RefusesBadOptions) {
  AddGrid({"int8"}, {"int8"});
  const v1::SweepSpec good = spec_;
  const auto expect = [&](const std::function<void(v1::SweepSpec&)>& change,
                          const std::string& field, const std::string& message) {
    spec_ = good;
    change(spec_);
    ExpectFieldError(field, message);
  };
  expect([](auto& s) { s.mutable_evaluation()->set_split("calibration"); }, "spec.evaluation.split",
         "allowed: test, validation");
  expect([](auto& s) { s.mutable_evaluation()->set_split("tset"); }, "spec.evaluation.split",
         "'tset'");
  expect([](auto& s) { s.mutable_evaluation()->set_images(101); }, "spec.evaluation.images",
         "101 is out of range: 0 (for 100) to 100");
  expect([](auto& s) { s.mutable_evaluation()->set_images(-1); }, "spec.evaluation.images", "-1");
  expect([](auto& s) { s.mutable_evaluation()->set_calibration_images(21); },
         "spec.evaluation.calibration_images", "21 is out of range: 0 (for 20) to 20");
  expect([](auto& s) { s.mutable_evaluation()->set_seed(-1); }, "spec.evaluation.seed",
         "-1 is negative");
  expect([](auto& s) { s.mutable_evaluation()->set_slice_images(-32); },
         "spec.evaluation.slice_images", "-32");
  expect([](auto& s) { s.set_algorithm("gird"); }, "spec.algorithm", "did you mean 'grid'?");
  expect([](auto& s) { s.add_objectives("accuracy"); }, "spec.objectives", "1 objectives");
  expect(
      [](auto& s) {
        s.add_objectives("accuracy");
        s.add_objectives("energy");
      },
      "spec.objectives[1]", "unknown objective 'energy'; allowed: accuracy, ");
  expect(
      [](auto& s) {
        s.add_objectives("loss");
        s.add_objectives("loss");
      },
      "spec.objectives[1]", "'loss' is given twice");
  expect([](auto& s) { s.clear_space(); }, "spec.space", "required");
}

TEST_F(ToSweepPlanTest, RefusesWhatDoesNotFit) {
  AddGrid({"int8"}, {"int8"});
  dataset_.test.width = 3;
  ExpectFieldError("spec.dataset", "images of 'squares' are 1x1x2x3, network 'tiny' takes 1x1x2x2");
  dataset_.test.width = 2;
  dataset_.test.classes = 3;
  ExpectFieldError("spec.dataset", "'squares' has 3 classes, network 'tiny' tells 2 apart");
  dataset_.test.classes = 2;
  auto shape_only = std::make_shared<network::Tensor>();
  shape_only->shape = {2, 4};
  network_.nodes[2].op = network::Gemm{shape_only, nullptr};
  ExpectFieldError("spec.network", "no weights");
}

TEST_F(ToSweepPlanTest, RefusesWhatIsMissingOrDoubled) {
  AddGrid({"int8"}, {"int8"});
  context_.accelerators.push_back(&first_);
  ExpectFieldError("spec.accelerators[1]", "'one' is given twice");
  context_.accelerators.clear();
  ExpectFieldError("spec.accelerators", "required");
  context_.dataset = nullptr;
  ExpectFieldError("spec.dataset", "required");
  context_.network = nullptr;
  ExpectFieldError("spec.network", "required");
}

TEST_F(ToSweepPlanTest, RefusesTooManyTrials) {
  v1::SweepSpec::Space::Grid& grid = AddGrid({}, {});
  // e1m0..e8m22 makes 184 formats: 184 * 184 * 3 > 100,000.
  for (int e = 1; e <= 8; ++e) {
    for (int m = 0; m <= 22; ++m) {
      grid.add_weights(absl::StrCat("e", e, "m", m));
      grid.add_activations(absl::StrCat("e", e, "m", m));
    }
  }
  for (int i = 0; i < 5; ++i) {
    context_.accelerators.push_back(nullptr);
  }
  std::vector<cost_models::Accelerator> machines(5);
  for (size_t i = 0; i < machines.size(); ++i) {
    machines[i].name = absl::StrCat("m", i);
    machines[i].array_rows = static_cast<int>(i) + 10;
    context_.accelerators[i + 1] = &machines[i];
  }
  ExpectFieldError("spec.space.grids[0]", "more than 100000 trials");
}

TEST(TrialToProto, ShowsNamesStateAndMetrics) {
  Trial trial;
  trial.sweep = "s1";
  trial.ordinal = 3;
  trial.spec.plan_text = "weights=int8";
  trial.spec.accelerator = "one";
  trial.spec.reference = "int8";
  trial.spec.digest = "abc";
  trial.state = TrialState::kSucceeded;
  trial.images_evaluated = 100;
  trial.attempts = 2;
  trial.start_time_us = 1'500'000;
  trial.metrics = TrialMetrics{.accuracy = 0.5, .correct = 50, .images = 100, .energy_pj = 7};
  v1::SweepSpec spec;
  spec.set_network("tiny");
  spec.set_dataset("datasets/squares");
  v1::Trial proto = ToProto(trial, spec);
  EXPECT_EQ(proto.name(), "sweeps/s1/trials/t000003");
  EXPECT_EQ(proto.network(), "networks/tiny");
  EXPECT_EQ(proto.dataset(), "datasets/squares");
  EXPECT_EQ(proto.accelerator(), "accelerators/one");
  EXPECT_EQ(proto.state(), v1::Trial::SUCCEEDED);
  EXPECT_EQ(proto.attempts(), 2);
  EXPECT_EQ(proto.metrics().correct(), 50);
  EXPECT_EQ(proto.metrics().split(), "test");
  EXPECT_EQ(proto.start_time().seconds(), 1);
  EXPECT_EQ(proto.start_time().nanos(), 500'000'000);
  EXPECT_FALSE(proto.has_end_time());

  trial.metrics.reset();
  trial.cost = TrialCost{.energy_pj = 9};
  proto = ToProto(trial, spec);
  EXPECT_EQ(proto.metrics().energy_pj(), 9);
  EXPECT_EQ(proto.metrics().images(), 0);
}

}  // namespace
}  // namespace bitscape::server
