#include "tests/server/scheduler/scheduler_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <sstream>

#include "engine/core/random.h"
#include "server/trials/identity.h"

namespace bitscape::server {
namespace {

uint64_t Seed(const quantize::ResolvedPlan& plan) {
  return std::hash<std::string>{}(plan.ToString());
}

uint8_t IsCorrect(uint64_t seed, int64_t image) {
  return RandomBelow(10, seed, 0, static_cast<uint64_t>(image)) < 8 ? 1 : 0;
}

double Loss(uint64_t seed, int64_t image) {
  return RandomUniform(seed, 1, static_cast<uint64_t>(image));
}

class FakeEvaluator final : public emulate::Evaluator {
 public:
  explicit FakeEvaluator(EvaluatorControl& control) : control_(control) {}

  absl::StatusOr<emulate::Captured> Capture(const quantize::ResolvedPlan&, data::Split,
                                            data::ImageRange, std::stop_token) override {
    return absl::UnimplementedError("sweeps keep no tensors");
  }

  absl::StatusOr<std::vector<emulate::PlanResult>> Evaluate(
      std::span<const quantize::ResolvedPlan> plans, data::Split, data::ImageRange range,
      emulate::Observer*, std::stop_token stop) override {
    EXPECT_EQ(range.begin % emulate::kBatchSize, 0);
    for (const quantize::ResolvedPlan& plan : plans) {
      if (const absl::Status status = Paths(plan).status(); !status.ok()) {
        return status;
      }
    }
    if (!control_.Begin(stop)) {
      return absl::CancelledError("evaluation cancelled");
    }
    EvaluatorControl::Call call{{}, range};
    std::vector<emulate::PlanResult> results;
    for (const quantize::ResolvedPlan& plan : plans) {
      const uint64_t seed = Seed(plan);
      emulate::PlanResult& result = results.emplace_back();
      for (int64_t image = range.begin; image < range.end; ++image) {
        result.correct.push_back(IsCorrect(seed, image));
        result.loss_sum += Loss(seed, image);
      }
      result.images = range.size();
      call.plans.push_back(plan.ToString());
    }
    control_.End(std::move(call));
    return results;
  }

  absl::StatusOr<std::vector<emulate::LayerPath>> Paths(
      const quantize::ResolvedPlan& plan) override {
    for (const quantize::LayerPrecision& layer : plan.layers) {
      if (layer.weights.ToString() == "int3") {
        return absl::UnimplementedError("layer fc1: int3 weights are not for this test");
      }
    }
    return std::vector<emulate::LayerPath>(plan.layers.size());
  }

 private:
  EvaluatorControl& control_;
};

network::TensorPtr Weights(int64_t outputs, int64_t inputs) {
  auto tensor = std::make_shared<network::Tensor>();
  tensor->shape = {outputs, inputs};
  for (int64_t i = 0; i < outputs * inputs; ++i) {
    tensor->values.push_back(
        static_cast<float>(RandomUniform(9, 0, static_cast<uint64_t>(i)) - 0.5));
  }
  return tensor;
}

absl::StatusOr<network::Network> TinyNetwork() {
  network::Network network;
  network.name = "tiny";
  network.nodes = {{"input", network::Input{}, {}, {1, 1, 4, 4}},
                   {"flat", network::Reshape{}, {0}, {1, 16}},
                   {"fc1", network::Gemm{Weights(8, 16), nullptr}, {1}, {1, 8}},
                   {"relu", network::Relu{}, {2}, {1, 8}},
                   {"fc2", network::Gemm{Weights(10, 8), nullptr}, {3}, {1, 10}}};
  network.output = 4;
  network.input_scaling = {{0.0F}, {1.0F}};
  const absl::Status valid = network::Validate(network);
  return valid.ok() ? absl::StatusOr<network::Network>(std::move(network)) : valid;
}

absl::StatusOr<data::Dataset> Noise() {
  const auto images = [](int64_t count, std::string digest) {
    data::ImageSet set;
    set.height = set.width = 4;
    set.classes = 10;
    set.labels.resize(static_cast<size_t>(count));
    set.pixels.resize(static_cast<size_t>(count * set.image_elements()));
    set.digest = std::move(digest);
    return set;
  };
  data::Dataset dataset;
  dataset.name = "noise";
  dataset.test = images(kTestImages, "test");
  dataset.validation = images(40, "validation");
  dataset.calibration = images(40, "calibration");
  dataset.digest = "noise";
  return dataset;
}

}  // namespace

void EvaluatorControl::AllowOnly(int calls) {
  std::lock_guard lock(mutex_);
  allowed_ = calls;
}

void EvaluatorControl::AllowAll() {
  std::lock_guard lock(mutex_);
  allowed_ = -1;
  changed_.notify_all();
}

void EvaluatorControl::AwaitWaiting() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_ > 0; });
}

std::vector<EvaluatorControl::Call> EvaluatorControl::Calls() {
  std::lock_guard lock(mutex_);
  return calls_;
}

int64_t EvaluatorControl::PlanImages() {
  std::lock_guard lock(mutex_);
  int64_t images = 0;
  for (const Call& call : calls_) {
    images += static_cast<int64_t>(call.plans.size()) * call.range.size();
  }
  return images;
}

bool EvaluatorControl::Begin(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (allowed_ == 0) {
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, stop, [&] { return allowed_ != 0; });
    --waiting_;
  }
  if (stop.stop_requested()) {
    return false;
  }
  allowed_ -= allowed_ > 0 ? 1 : 0;
  return true;
}

void EvaluatorControl::End(Call call) {
  std::lock_guard lock(mutex_);
  calls_.push_back(std::move(call));
}

LibrarySources FakeSources(EvaluatorControl& control) {
  return {.network_names = [] { return std::vector<std::string>{"tiny"}; },
          .load_network = [](std::string_view) { return TinyNetwork(); },
          .dataset_names = [] { return std::vector<std::string>{"noise"}; },
          .load_dataset = [](std::string_view) { return Noise(); },
          .create_evaluator = [&control](const network::Network&, const data::Dataset&,
                                         const emulate::EvaluateOptions&)
              -> absl::StatusOr<std::unique_ptr<emulate::Evaluator>> {
            return std::make_unique<FakeEvaluator>(control);
          }};
}

Expected ExpectedResult(const quantize::ResolvedPlan& plan, int64_t images, int64_t slice) {
  Expected expected;
  const uint64_t seed = Seed(plan);
  for (int64_t begin = 0; begin < images; begin += slice) {
    double loss_sum = 0;
    for (int64_t image = begin; image < std::min(begin + slice, images); ++image) {
      expected.correct += IsCorrect(seed, image);
      loss_sum += Loss(seed, image);
    }
    expected.loss_sum += loss_sum;
  }
  return expected;
}

SweepPlan MakePlan(Library& library, const SweepRequest& request) {
  const auto network = library.GetNetwork(request.network).value();
  const auto dataset = library.GetDataset(request.dataset).value();
  std::vector<quantize::LayerIdentity> layers;
  for (const int index : network::MacLayers(*network)) {
    const network::Node& node = network->nodes[static_cast<size_t>(index)];
    layers.push_back({node.name, std::string(network::OperatorName(node.op))});
  }
  SweepPlan sweep;
  sweep.network = request.network;
  sweep.dataset = request.dataset;
  sweep.accelerators = request.machines;
  sweep.objectives = {"accuracy", "energy_pj"};
  sweep.evaluation.images = request.images;
  sweep.evaluation.calibration_images = 32;
  sweep.evaluation.slice_images = request.slice_images;
  for (const std::string& text : request.plans) {
    for (const std::string& machine : request.machines) {
      TrialSpec spec;
      const quantize::PrecisionPlan plan = quantize::ParsePlan(text).value();
      spec.plan_text = plan.ToString();
      spec.plan = quantize::ResolvePlan(plan, layers).value();
      spec.accelerator = machine;
      if (std::find(request.references.begin(), request.references.end(), text) !=
          request.references.end()) {
        spec.reference = text;
      }
      spec.accuracy_key = AccuracyKey(network->Digest(), *dataset, sweep.evaluation, spec.plan);
      spec.digest =
          TrialDigest(spec.accuracy_key, library.GetAccelerator(machine).value()->Digest());
      sweep.trials.push_back(std::move(spec));
    }
  }
  return sweep;
}

std::vector<std::string> UniformPlans(const std::vector<std::string>& weights,
                                      const std::vector<std::string>& activations) {
  std::vector<std::string> plans;
  for (const std::string& w : weights) {
    for (const std::string& a : activations) {
      plans.push_back("weights=" + w + ",activations=" + a);
    }
  }
  return plans;
}

Sweep AwaitState(Store& store, const std::string& id, SweepState state) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (true) {
    const int64_t revision = store.Revision();
    const absl::StatusOr<Sweep> sweep = store.GetSweep(id);
    if (!sweep.ok() || sweep->state == state) {
      EXPECT_TRUE(sweep.ok()) << sweep.status();
      return sweep.ok() ? *sweep : Sweep{};
    }
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "sweep " << id << " is " << ToString(sweep->state) << ", not "
                    << ToString(state) << ": " << sweep->error;
      return *sweep;
    }
    store.WaitForChange(revision, 1000);
  }
}

std::string Describe(Store& store, const std::string& id) {
  std::ostringstream text;
  text.precision(17);
  const std::vector<Trial> trials = store.ListTrials({.sweep = id, .limit = 100'000}).value();
  for (const Trial& trial : trials) {
    text << trial.ordinal << ' ' << trial.spec.plan_text << ' ' << trial.spec.accelerator << ' '
         << ToString(trial.state) << ' ' << trial.reason << ' ' << trial.images_evaluated;
    if (trial.metrics.has_value()) {
      text << ' ' << trial.metrics->correct << '/' << trial.metrics->images << ' '
           << trial.metrics->loss << ' ' << trial.metrics->energy_pj;
    }
    text << '\n';
  }
  return text.str();
}

}  // namespace bitscape::server
