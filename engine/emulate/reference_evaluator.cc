// The slow obvious version of the evaluator.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/graph.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/reference_image.h"
#include "engine/emulate/round_codes.h"
#include "engine/emulate/scoring.h"
#include "engine/network/passes.h"

namespace bitscape::emulate {
namespace {

using network::Network;
using network::Node;
using quantize::ResolvedPlan;

constexpr int64_t kImagesPerGroup = 16 * kBatchSize;

class ReferenceEvaluator : public Evaluator {
 public:
  ReferenceEvaluator(const Network& network, const data::Dataset& dataset,
                     const EvaluateOptions& options)
      : network_(network),
        dataset_(dataset),
        options_(options),
        pixels_(network.input_scaling, dataset.test.channels) {}

  absl::StatusOr<std::vector<PlanResult>> Evaluate(std::span<const ResolvedPlan> plans,
                                                   data::Split split, data::ImageRange range,
                                                   Observer* observer,
                                                   std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    const data::ImageSet& images = dataset_.split(split);
    BITSCAPE_RETURN_IF_ERROR(CheckRange(images, split, range));
    std::vector<PreparedPlan> prepared;
    std::vector<PlanResult> results;
    for (const ResolvedPlan& plan : plans) {
      BITSCAPE_ASSIGN_OR_RETURN(PreparedPlan next, Prepare(plan));
      prepared.push_back(std::move(next));
      results.push_back(
          {.correct = {}, .loss_sum = 0, .layers = PathsOf(plan), .logits = {}, .images = 0});
    }
    std::vector<bool> retired(plans.size(), false);
    for (int64_t begin = range.begin; begin < range.end; begin += kImagesPerGroup) {
      const data::ImageRange group{begin, std::min(begin + kImagesPerGroup, range.end)};
      for (size_t plan = 0; plan < plans.size(); ++plan) {
        if (!retired[plan]) {
          BITSCAPE_RETURN_IF_ERROR(RunGroup(prepared[plan], images, group, stop, results[plan]));
        }
      }
      if (observer != nullptr) {
        const std::vector<bool> before = retired;
        std::vector<PlanProgress> progress;
        for (const PlanResult& result : results) {
          progress.push_back({result.images, result.Correct()});
        }
        observer->OnProgress(progress, retired);
        for (size_t plan = 0; plan < plans.size(); ++plan) {
          retired[plan] = retired[plan] || before[plan];
        }
      }
    }
    return results;
  }

  absl::StatusOr<Captured> Capture(const ResolvedPlan&, data::Split, data::ImageRange,
                                   std::stop_token) override {
    return absl::UnimplementedError("the reference evaluator does not keep tensors");
  }

  absl::StatusOr<std::vector<LayerPath>> Paths(const ResolvedPlan& plan) override {
    BITSCAPE_RETURN_IF_ERROR(CheckPlan(network_, plan));
    return PathsOf(plan);
  }

 private:
  std::vector<LayerPath> PathsOf(const ResolvedPlan& plan) const {
    std::vector<LayerPath> paths;
    const std::vector<int> layers = network::MacLayers(network_);
    for (size_t i = 0; i < layers.size(); ++i) {
      const bool integers =
          plan.layers[i].accumulator.kind == quantize::Accumulator::Kind::kInt32 &&
          !quantize::IsDynamic(plan.layers[i].activations);
      const quantize::Accumulator& accumulator = plan.layers[i].accumulator;
      const bool narrow = accumulator.kind == quantize::Accumulator::Kind::kNarrow;
      paths.push_back({network_.nodes[static_cast<size_t>(layers[i])].name, Path::kReference,
                       integers || narrow,
                       narrow     ? "partial sums in " + accumulator.ToString()
                       : integers ? "integer codes, 64-bit sums"
                                  : "sums in double, rounded once"});
    }
    return paths;
  }

  std::vector<float> ImageOf(const data::ImageSet& images, int64_t index) const {
    std::vector<float> input(static_cast<size_t>(images.image_elements()));
    pixels_.Load(images, index, input.data());
    return input;
  }

  absl::Status RunGroup(const PreparedPlan& prepared, const data::ImageSet& images,
                        data::ImageRange group, std::stop_token stop, PlanResult& result) const {
    for (int64_t image = group.begin; image < group.end; ++image) {
      if (stop.stop_requested()) {
        return absl::CancelledError("evaluation cancelled");
      }
      const std::vector<float> logits =
          RunImage(prepared, options_.seed, image,
                   ImageOf(images, image))[static_cast<size_t>(prepared.network.output)];
      const int32_t label = images.labels[static_cast<size_t>(image)];
      result.correct.push_back(LargestLogit(logits) == label ? 1 : 0);
      result.loss_sum += CrossEntropy(logits, label);
      ++result.images;
      if (options_.keep_logits) {
        result.logits.insert(result.logits.end(), logits.begin(), logits.end());
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<PreparedPlan> Prepare(const ResolvedPlan& plan) {
    BITSCAPE_RETURN_IF_ERROR(CheckPlan(network_, plan));
    if (plan.repairs.Any()) {
      return absl::UnimplementedError(fmt::format(
          "repair={}: the reference evaluator makes no repairs", plan.repairs.ToString()));
    }
    Calibrate();
    PreparedPlan prepared;
    prepared.plan = &plan;
    prepared.network =
        plan.fold == quantize::BatchNormFold::kAlways ? network::FoldBatchNorm(network_) : network_;
    prepared.constant = ConstantNodes(prepared.network);
    const std::vector<int> layers = network::MacLayers(prepared.network);
    for (size_t i = 0; i < layers.size(); ++i) {
      const Node& node = prepared.network.nodes[static_cast<size_t>(layers[i])];
      absl::StatusOr<PreparedPlan::Layer> layer = PrepareLayer(node, plan.layers[i], i);
      if (!layer.ok()) {
        return Annotate(layer.status(), "layer " + node.name);
      }
      prepared.layers.push_back(*std::move(layer));
    }
    return prepared;
  }

  absl::StatusOr<PreparedPlan::Layer> PrepareLayer(const Node& node,
                                                   const quantize::LayerPrecision& precision,
                                                   size_t mac) const {
    PreparedPlan::Layer layer;
    if (const network::Tensor* weights = WeightsOf(node)) {
      BITSCAPE_ASSIGN_OR_RETURN(
          layer.weights,
          RoundLayer(*weights, precision.weights,
                     {.seed = options_.seed, .stream = StreamOf(node.name, "weights")}));
    }
    for (size_t operand = 0; operand < node.inputs.size(); ++operand) {
      quantize::ActivationScaling scaling;
      if (!formats::IsFloat32(precision.activations.format)) {
        BITSCAPE_ASSIGN_OR_RETURN(scaling,
                                  ScalingOf(precision.activations, statistics_[mac][operand]));
      }
      layer.scalings.push_back(std::move(scaling));
    }
    return layer;
  }

  // Ranges in a first pass over the images, histograms over them in a second.
  void Calibrate() {
    if (!statistics_.empty()) {
      return;
    }
    PreparedPlan unquantized;
    unquantized.network = network::FoldBatchNorm(network_);
    unquantized.constant = ConstantNodes(unquantized.network);
    ResolvedPlan plan;
    unquantized.plan = &plan;
    const std::vector<int> layers = network::MacLayers(unquantized.network);
    std::vector<std::vector<quantize::RangeStatistics>> ranges;
    for (const int mac : layers) {
      const Node& node = unquantized.network.nodes[static_cast<size_t>(mac)];
      plan.layers.push_back(
          {.weights = formats::Float32(), .activations = formats::Float32(), .accumulator = {}});
      PreparedPlan::Layer layer;
      layer.scalings.resize(node.inputs.size());
      if (const network::Tensor* weights = WeightsOf(node)) {
        layer.weights.values = weights->values;
      }
      unquantized.layers.push_back(std::move(layer));
      ranges.emplace_back(node.inputs.size());
    }
    VisitOperands(unquantized, [&](size_t layer, size_t operand, std::span<const float> values) {
      ranges[layer][operand].Observe(values);
    });
    for (const std::vector<quantize::RangeStatistics>& layer : ranges) {
      statistics_.emplace_back();
      for (const quantize::RangeStatistics& range : layer) {
        statistics_.back().push_back({quantize::Distribution(range), true});
      }
    }
    VisitOperands(unquantized, [&](size_t layer, size_t operand, std::span<const float> values) {
      statistics_[layer][operand].distribution.Observe(values);
    });
  }

  template <typename Visit>
  void VisitOperands(const PreparedPlan& unquantized, Visit visit) const {
    const std::vector<int> layers = network::MacLayers(unquantized.network);
    const data::ImageSet& images = dataset_.calibration;
    const int64_t count = std::min(options_.calibration_images, images.size());
    for (int64_t image = 0; image < count; ++image) {
      const std::vector<std::vector<float>> values =
          RunImage(unquantized, options_.seed, image, ImageOf(images, image));
      for (size_t i = 0; i < layers.size(); ++i) {
        const Node& node = unquantized.network.nodes[static_cast<size_t>(layers[i])];
        for (size_t operand = 0; operand < node.inputs.size(); ++operand) {
          visit(i, operand, values[static_cast<size_t>(node.inputs[operand])]);
        }
      }
    }
  }

  const Network& network_;
  const data::Dataset& dataset_;
  const EvaluateOptions options_;
  const PixelScaler pixels_;
  std::mutex mutex_;  // guards statistics_
  CalibrationStatistics statistics_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Evaluator>> CreateReferenceEvaluator(
    const Network& network, const data::Dataset& dataset, const EvaluateOptions& options) {
  BITSCAPE_RETURN_IF_ERROR(CheckDataset(network, dataset));
  BITSCAPE_RETURN_IF_ERROR(PrepareGraph(network, false).status());
  return std::make_unique<ReferenceEvaluator>(network, dataset, options);
}

}  // namespace bitscape::emulate
