// The slow obvious version of the evaluator.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/graph.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/rounded_weights.h"
#include "engine/emulate/scoring.h"
#include "engine/network/passes.h"

namespace bitscape::emulate {
namespace {

using network::Network;
using network::Node;
using network::Shape;
using quantize::ResolvedPlan;

constexpr int64_t kImagesPerGroup = 16 * kBatchSize;

// A plan with its rounded weights and scales.
struct PreparedPlan {
  const ResolvedPlan* plan = nullptr;
  Network network;  // folded or not
  struct Layer {
    RoundedWeights weights;                             // empty for MatMul
    std::vector<quantize::ActivationScaling> scalings;  // of each activation operand
  };
  std::vector<Layer> layers;
};

std::vector<float> RoundAll(const formats::Quantizer& quantizer, formats::Scaling scaling,
                            std::vector<float> values) {
  if (!formats::IsFloat32(quantizer.format)) {
    formats::RoundReference(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                            scaling, values, values);
  }
  return values;
}

std::vector<int32_t> CodesOf(const std::vector<float>& values, float scale) {
  std::vector<int32_t> codes;
  for (const float value : values) {
    codes.push_back(static_cast<int32_t>(std::nearbyint(value / scale)));
  }
  return codes;
}

// Calls visit(node index, value) for every node's value of one image.
class ImageRun {
 public:
  using Values = std::vector<std::vector<float>>;

  explicit ImageRun(const PreparedPlan& prepared) : prepared_(prepared) {}

  Values Run(std::vector<float> input) const {
    const Network& network = prepared_.network;
    const quantize::ResolvedPlan& plan = *prepared_.plan;
    Values values(network.nodes.size());
    values[0] = std::move(input);
    size_t mac = 0;
    for (size_t i = 1; i < network.nodes.size(); ++i) {
      const Node& node = network.nodes[i];
      values[i].resize(static_cast<size_t>(network::ElementCount(node.shape)));
      if (network::IsMacLayer(node)) {
        RunMac(node, plan.layers[mac], prepared_.layers[mac], values, values[i]);
        ++mac;
      } else {
        std::vector<PlainTensor> inputs;
        for (const int source : node.inputs) {
          inputs.push_back({values[static_cast<size_t>(source)].data(),
                            &network.nodes[static_cast<size_t>(source)].shape});
        }
        RunPlain(node, inputs, values[i]);
      }
      if (RoundsVectors(node)) {
        values[i] =
            RoundAll(plan.vector_format, quantize::ScalingForRange(plan.vector_format, 0, 0),
                     std::move(values[i]));
      }
    }
    return values;
  }

 private:
  static bool RoundsVectors(const Node& node) {
    return !std::holds_alternative<network::Constant>(node.op) &&
           !std::holds_alternative<network::Reshape>(node.op) &&
           !std::holds_alternative<network::Transpose>(node.op) &&
           !std::holds_alternative<network::Concat>(node.op);
  }

  void RunMac(const Node& node, const quantize::LayerPrecision& precision,
              const PreparedPlan::Layer& layer, const Values& values,
              std::vector<float>& result) const {
    std::vector<std::vector<float>> operands;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      operands.push_back(RoundAll(precision.activations, layer.scalings[i].scaling,
                                  values[static_cast<size_t>(node.inputs[i])]));
    }
    const Shape& src_shape = prepared_.network.nodes[static_cast<size_t>(node.inputs[0])].shape;
    const network::Tensor* tensor = WeightsOf(node);
    const Shape& weights_shape =
        tensor != nullptr ? tensor->shape
                          : prepared_.network.nodes[static_cast<size_t>(node.inputs[1])].shape;
    const std::vector<float>& weights = tensor != nullptr ? layer.weights.values : operands[1];
    const bool integers = precision.accumulator.kind == quantize::Accumulator::Kind::kInt32;
    const network::Tensor* bias = BiasOf(node);
    const ChannelStride channels = OutputChannels(node);
    const auto channel_of = [&](size_t i) {
      return static_cast<size_t>(static_cast<int64_t>(i) / channels.inner % channels.channels);
    };
    if (integers) {
      const std::vector<float> weight_scales =
          tensor != nullptr ? layer.weights.scales
                            : std::vector<float>{layer.scalings[1].scaling.scale};
      const std::vector<int32_t> codes = CodesOf(operands[0], layer.scalings[0].scaling.scale);
      const std::vector<int32_t> weight_codes =
          tensor != nullptr
              ? std::vector<int32_t>(layer.weights.codes.begin(), layer.weights.codes.end())
              : CodesOf(operands[1], layer.scalings[1].scaling.scale);
      std::vector<int64_t> sums(result.size());
      SumProducts(node, src_shape, codes, weights_shape, weight_codes, sums);
      for (size_t i = 0; i < result.size(); ++i) {
        const float scale = weight_scales[weight_scales.size() == 1 ? 0 : channel_of(i)] *
                            layer.scalings[0].scaling.scale;
        result[i] = static_cast<float>(sums[i]) * scale +
                    (bias == nullptr ? 0.0f : bias->values[channel_of(i)]);
      }
      return;
    }
    std::vector<double> sums(result.size());
    SumProducts(node, src_shape, operands[0], weights_shape, weights, sums);
    for (size_t i = 0; i < result.size(); ++i) {
      const double offset = bias == nullptr ? 0 : static_cast<double>(bias->values[channel_of(i)]);
      result[i] = static_cast<float>(sums[i] + offset);
    }
  }

  const PreparedPlan& prepared_;
};

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

  absl::StatusOr<std::vector<LayerPath>> Paths(const ResolvedPlan& plan) override {
    BITSCAPE_RETURN_IF_ERROR(CheckPlan(network_, plan));
    return PathsOf(plan);
  }

 private:
  std::vector<LayerPath> PathsOf(const ResolvedPlan& plan) const {
    std::vector<LayerPath> paths;
    const std::vector<int> layers = network::MacLayers(network_);
    for (size_t i = 0; i < layers.size(); ++i) {
      const bool integers = plan.layers[i].accumulator.kind == quantize::Accumulator::Kind::kInt32;
      paths.push_back({network_.nodes[static_cast<size_t>(layers[i])].name, Path::kReference,
                       integers,
                       integers ? "integer codes, 64-bit sums" : "sums in double, rounded once"});
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
      const std::vector<float> logits = ImageRun(prepared).Run(
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
    Calibrate();
    PreparedPlan prepared;
    prepared.plan = &plan;
    prepared.network =
        plan.fold == quantize::BatchNormFold::kAlways ? network::FoldBatchNorm(network_) : network_;
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
      BITSCAPE_ASSIGN_OR_RETURN(layer.weights, RoundLayer(*weights, precision.weights));
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
      const ImageRun::Values values = ImageRun(unquantized).Run(ImageOf(images, image));
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
