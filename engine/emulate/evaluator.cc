#include "engine/emulate/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "engine/core/status.h"
#include "engine/core/thread_pool.h"
#include "engine/emulate/batch_runner.h"
#include "engine/emulate/calibration.h"
#include "engine/emulate/capture.h"
#include "engine/emulate/plan_compiler.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/program.h"
#include "engine/emulate/repair.h"
#include "engine/emulate/scoring.h"

namespace bitscape::emulate {
namespace {

using quantize::ResolvedPlan;

// Batches between two looks of the observer: the same whatever the number of threads, so that
// retirement is, too.
constexpr int64_t kBatchesPerGroup = 16;

// Plans compiled into one program, and what each one takes from it.
struct Compiled {
  std::string key;  // the plans' text
  Program program;
  std::vector<size_t> output_of;  // by plan: index of Program::outputs()
  std::vector<std::vector<LayerPath>> layers;
};

class OneDnnEvaluator : public Evaluator {
 public:
  OneDnnEvaluator(const network::Network& network, const data::Dataset& dataset,
                  const EvaluateOptions& options)
      : network_(network),
        dataset_(dataset),
        options_(options),
        runner_(*shared_.engine, PixelScaler(network.input_scaling, dataset.test.channels),
                Threads(options)),
        repairer_(network_,
                  {&dataset.calibration,
                   std::min(options.calibration_images, dataset.calibration.size())},
                  shared_, runner_, Threads(options)) {
    shared_.seed = options.seed;
  }

  absl::StatusOr<std::vector<PlanResult>> Evaluate(std::span<const ResolvedPlan> plans,
                                                   data::Split split, data::ImageRange range,
                                                   Observer* observer,
                                                   std::stop_token stop) override;
  absl::StatusOr<std::vector<LayerPath>> Paths(const ResolvedPlan& plan) override {
    const std::lock_guard lock(mutex_);
    BITSCAPE_ASSIGN_OR_RETURN(const std::shared_ptr<const Compiled> compiled,
                              Compile({&plan, 1}, {}));
    return compiled->layers[0];
  }

  absl::StatusOr<Captured> Capture(const ResolvedPlan& plan, data::Split split,
                                   data::ImageRange range, std::stop_token stop) override;

 private:
  class Run;
  static int Threads(const EvaluateOptions& options) {
    return options.threads > 0 ? options.threads : AvailableProcessors();
  }
  absl::StatusOr<std::shared_ptr<const Compiled>> Compile(std::span<const ResolvedPlan> plans,
                                                          const std::stop_token& stop);
  absl::StatusOr<Compiled> CompileAnew(std::span<const ResolvedPlan> plans,
                                       const std::stop_token& stop);
  Shape BatchShape() const {
    Shape shape = network_.nodes[0].shape;
    shape[0] = kBatchSize;
    return shape;
  }

  const network::Network& network_;
  const data::Dataset& dataset_;
  const EvaluateOptions options_;
  std::mutex mutex_;  // guards all below
  SharedState shared_;
  std::shared_ptr<const Compiled>
      last_compiled_;  // slices of one sweep ask for the same plans again and again
  BatchRunner runner_;
  Repairer repairer_;
};

absl::StatusOr<std::shared_ptr<const Compiled>> OneDnnEvaluator::Compile(
    std::span<const ResolvedPlan> plans, const std::stop_token& stop) {
  std::string key;
  for (const ResolvedPlan& plan : plans) {
    BITSCAPE_RETURN_IF_ERROR(CheckPlan(network_, plan));
    key += plan.ToString() + '\n';
  }
  if (last_compiled_ == nullptr || last_compiled_->key != key) {
    BITSCAPE_ASSIGN_OR_RETURN(Compiled compiled, CompileAnew(plans, stop));
    compiled.key = std::move(key);
    last_compiled_ = std::make_shared<const Compiled>(std::move(compiled));
  }
  return last_compiled_;
}

absl::StatusOr<Compiled> OneDnnEvaluator::CompileAnew(std::span<const ResolvedPlan> plans,
                                                      const std::stop_token& stop) {
  // First of all: calibration and repairs use every thread.
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<const NamedGraph*> graphs,
                            repairer_.GraphsFor(plans, stop));
  const SingleThreaded single;
  // Plans that share a prefix of layers stand side by side, so that what they share is dropped
  // soonest.
  std::vector<std::string> texts;
  for (const ResolvedPlan& plan : plans) {
    texts.push_back(plan.ToString());
  }
  std::vector<size_t> order(plans.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return texts[a] < texts[b]; });

  Compiled compiled;
  compiled.output_of.resize(plans.size());
  compiled.layers.resize(plans.size());
  PlanCompiler compiler(shared_, BatchShape());
  std::vector<int> outputs;
  for (const size_t index : order) {
    const ResolvedPlan& plan = plans[index];
    BITSCAPE_ASSIGN_OR_RETURN(PlanCompiler::CompiledPlan added, compiler.Add(*graphs[index], plan));
    const auto known = std::find(outputs.begin(), outputs.end(), added.logits);
    compiled.output_of[index] = static_cast<size_t>(known - outputs.begin());
    if (known == outputs.end()) {
      outputs.push_back(added.logits);
    }
    compiled.layers[index] = std::move(added.layers);
  }
  compiled.program = std::move(compiler.builder()).Finish(std::move(outputs));
  return compiled;
}

// One call of Evaluate: its results as they grow.
class OneDnnEvaluator::Run {
 public:
  Run(OneDnnEvaluator& evaluator, const Compiled& compiled, const data::ImageSet& images,
      data::ImageRange range)
      : evaluator_(evaluator),
        compiled_(compiled),
        program_(compiled.program),
        images_(images),
        range_(range),
        results_(compiled.output_of.size()),
        retired_(compiled.output_of.size(), false) {
    const Shape logits =
        DimensionsOf(*program_.values()[static_cast<size_t>(program_.outputs()[0])].layout);
    classes_ = logits[1];
    const size_t batches = static_cast<size_t>((range.size() + kBatchSize - 1) / kBatchSize);
    for (size_t plan = 0; plan < results_.size(); ++plan) {
      results_[plan].correct.resize(static_cast<size_t>(range.size()));
      results_[plan].layers = compiled.layers[plan];
      if (evaluator.options_.keep_logits) {
        results_[plan].logits.resize(static_cast<size_t>(range.size() * classes_));
      }
    }
    losses_.assign(results_.size(), std::vector<double>(batches));
  }

  absl::Status Execute(Observer* observer, std::stop_token stop) {
    const int64_t group = observer == nullptr ? range_.size() : kBatchesPerGroup * kBatchSize;
    for (int64_t begin = range_.begin; begin < range_.end && AnyLeft(); begin += group) {
      const data::ImageRange slice{begin, std::min(begin + group, range_.end)};
      const int64_t first_batch = (begin - range_.begin) / kBatchSize;
      BITSCAPE_RETURN_IF_ERROR(
          evaluator_.runner_.Run(program_, images_, slice, stop,
                                 [&](int64_t batch, int64_t count, const Workspace& workspace) {
                                   Score(first_batch + batch, count, workspace);
                                 }));
      for (size_t plan = 0; plan < results_.size(); ++plan) {
        results_[plan].images += retired_[plan] ? 0 : slice.size();
      }
      if (observer != nullptr) {
        Report(*observer);
      }
    }
    return absl::OkStatus();
  }

  std::vector<PlanResult> Finish() && {
    for (size_t plan = 0; plan < results_.size(); ++plan) {
      PlanResult& result = results_[plan];
      result.correct.resize(static_cast<size_t>(result.images));
      if (evaluator_.options_.keep_logits) {
        result.logits.resize(static_cast<size_t>(result.images * classes_));
      }
      result.loss_sum = std::accumulate(losses_[plan].begin(), losses_[plan].end(), 0.0);
    }
    return std::move(results_);
  }

 private:
  bool AnyLeft() const {
    return std::find(retired_.begin(), retired_.end(), false) != retired_.end();
  }

  void Score(int64_t batch, int64_t count, const Workspace& workspace) {
    const size_t classes = static_cast<size_t>(classes_);
    for (size_t plan = 0; plan < results_.size(); ++plan) {
      if (retired_[plan]) {
        continue;
      }
      const float* logits =
          workspace.output(program_, program_.outputs()[compiled_.output_of[plan]]);
      PlanResult& result = results_[plan];
      const size_t first = static_cast<size_t>(batch * kBatchSize);
      double loss = 0;
      for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
        const std::span<const float> row(logits + i * classes, classes);
        const int32_t label = images_.labels[static_cast<size_t>(range_.begin) + first + i];
        result.correct[first + i] = LargestLogit(row) == label ? 1 : 0;
        loss += CrossEntropy(row, label);
      }
      losses_[plan][static_cast<size_t>(batch)] = loss;
      if (evaluator_.options_.keep_logits) {
        std::copy_n(logits, static_cast<size_t>(count) * classes,
                    result.logits.begin() + static_cast<std::ptrdiff_t>(first * classes));
      }
    }
  }

  void Report(Observer& observer) {
    std::vector<PlanProgress> progress;
    for (const PlanResult& result : results_) {
      progress.push_back(
          {result.images, std::accumulate(result.correct.begin(),
                                          result.correct.begin() + result.images, int64_t{0})});
    }
    const std::vector<bool> before = retired_;
    observer.OnProgress(progress, retired_);
    std::vector<bool> wanted(program_.outputs().size(), false);
    for (size_t plan = 0; plan < results_.size(); ++plan) {
      retired_[plan] = retired_[plan] || before[plan];
      if (!retired_[plan]) {
        wanted[compiled_.output_of[plan]] = true;
      }
    }
    if (retired_ != before) {
      program_.Keep(wanted);
    }
  }

  OneDnnEvaluator& evaluator_;
  const Compiled& compiled_;
  Program program_;
  const data::ImageSet& images_;
  const data::ImageRange range_;
  int64_t classes_ = 0;
  std::vector<PlanResult> results_;
  std::vector<bool> retired_;
  std::vector<std::vector<double>> losses_;  // [plan][batch]
};

absl::StatusOr<std::vector<PlanResult>> OneDnnEvaluator::Evaluate(
    std::span<const ResolvedPlan> plans, data::Split split, data::ImageRange range,
    Observer* observer, std::stop_token stop) {
  const std::lock_guard lock(mutex_);
  const data::ImageSet& images = dataset_.split(split);
  BITSCAPE_RETURN_IF_ERROR(CheckRange(images, split, range));
  if (plans.empty()) {
    return std::vector<PlanResult>();
  }
  BITSCAPE_ASSIGN_OR_RETURN(const std::shared_ptr<const Compiled> compiled, Compile(plans, stop));
  Run run(*this, *compiled, images, range);
  BITSCAPE_RETURN_IF_ERROR(run.Execute(observer, stop));
  return std::move(run).Finish();
}

absl::StatusOr<Captured> OneDnnEvaluator::Capture(const ResolvedPlan& plan, data::Split split,
                                                  data::ImageRange range, std::stop_token stop) {
  const std::lock_guard lock(mutex_);
  const data::ImageSet& images = dataset_.split(split);
  BITSCAPE_RETURN_IF_ERROR(CheckRange(images, split, range));
  BITSCAPE_RETURN_IF_ERROR(CheckPlan(network_, plan));
  BITSCAPE_ASSIGN_OR_RETURN(const NamedGraph* graph, repairer_.GraphFor(plan, stop));
  return CaptureLayers(shared_, *graph, runner_, images, range, plan, stop);
}

}  // namespace

std::string_view ToString(Path path) {
  switch (path) {
    case Path::kFloat32:
      return "fp32";
    case Path::kInt8:
      return "int8";
    case Path::kBfloat16:
      return "bf16";
    case Path::kReference:
      return "reference";
    case Path::kNarrow:
      return "narrow";
  }
  return "";
}

int64_t PlanResult::Correct() const {
  return std::accumulate(correct.begin(), correct.end(), int64_t{0});
}

absl::StatusOr<std::unique_ptr<Evaluator>> Evaluator::Create(const network::Network& network,
                                                             const data::Dataset& dataset,
                                                             const EvaluateOptions& options) {
  BITSCAPE_RETURN_IF_ERROR(CheckDataset(network, dataset));
  BITSCAPE_RETURN_IF_ERROR(PrepareGraph(network, false).status());
  return std::make_unique<OneDnnEvaluator>(network, dataset, options);
}

}  // namespace bitscape::emulate
