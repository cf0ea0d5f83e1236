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
#include "engine/emulate/narrow_sum.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/round_codes.h"
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
  Network network;             // folded or not
  std::vector<bool> constant;  // by node: no image changes it
  struct Layer {
    RoundedWeights weights;                             // empty for MatMul
    std::vector<quantize::ActivationScaling> scalings;  // of each activation operand
  };
  std::vector<Layer> layers;
};

std::vector<float> RoundAll(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
                            std::vector<float> values, formats::RandomKey key = {}) {
  if (!formats::IsFloat32(quantizer.format)) {
    formats::RoundReference(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                            scaling, values, values, key);
  }
  return values;
}

std::vector<bool> ConstantNodes(const Network& network) {
  std::vector<bool> constant;
  for (const Node& node : network.nodes) {
    constant.push_back(!std::holds_alternative<network::Input>(node.op) &&
                       !network::IsMacLayer(node) &&
                       std::all_of(node.inputs.begin(), node.inputs.end(), [&](int input) {
                         return constant[static_cast<size_t>(input)];
                       }));
  }
  return constant;
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

  // `image`: its index in the split.
  ImageRun(const PreparedPlan& prepared, uint64_t seed, int64_t image)
      : prepared_(prepared), seed_(seed), image_(image) {}

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

  formats::RandomKey KeyOf(const Node& node, size_t operand, size_t elements) const {
    const bool constant = prepared_.constant[static_cast<size_t>(node.inputs[operand])];
    return {.seed = seed_,
            .stream = StreamOf(node.name, fmt::format("activations{}", operand)),
            .first = constant ? 0 : static_cast<uint64_t>(image_) * elements};
  }

  std::vector<float> RoundOperand(const Node& node, size_t operand,
                                  const formats::Quantizer& quantizer,
                                  const quantize::ActivationScaling& calibrated,
                                  std::vector<float> values) const {
    const Node& source = prepared_.network.nodes[static_cast<size_t>(node.inputs[operand])];
    const formats::RandomKey key = KeyOf(node, operand, values.size());
    if (!quantize::IsDynamic(quantizer)) {
      return RoundAll(quantizer, calibrated.scaling, std::move(values), key);
    }
    std::vector<float> scratch;
    quantize::RoundActivations(quantizer, calibrated, OperandLayout(node, operand, source.shape),
                               values, values, key, scratch);
    return values;
  }

  // [rows, groups, positions] of XNOR-Net's scales; empty for other granularities.
  std::vector<float> PositionScalesOf(const Node& node, const formats::Quantizer& activations,
                                      const Values& values) const {
    if (activations.granularity != formats::Granularity::kPosition) {
      return {};
    }
    const size_t source = static_cast<size_t>(node.inputs[0]);
    const quantize::PositionWindow window =
        PositionWindowOf(node, prepared_.network.nodes[source].shape);
    const size_t row = static_cast<size_t>(window.channels * window.height * window.width);
    const size_t map =
        static_cast<size_t>(window.groups * window.output_height * window.output_width);
    std::vector<float> scales(values[source].size() / row * map);
    std::vector<float> scratch;
    for (size_t i = 0; i < values[source].size() / row; ++i) {
      quantize::PositionScales(window, std::span(values[source]).subspan(i * row, row),
                               std::span(scales).subspan(i * map, map), scratch);
    }
    return scales;
  }

  struct NarrowResult {
    std::vector<double> sums;
    std::vector<float> scales;  // one, or one a channel
  };

  // By narrow_sum.h. `operands`: the rounded values of the activations.
  NarrowResult RunNarrow(const Node& node, const quantize::LayerPrecision& precision,
                         const PreparedPlan::Layer& layer, const Values& values,
                         std::vector<std::vector<float>> operands) const {
    const auto shape_of = [&](size_t input) {
      return prepared_.network.nodes[static_cast<size_t>(node.inputs[input])].shape;
    };
    const network::Tensor* tensor = WeightsOf(node);
    NarrowLayer narrow{.node = &node,
                       .src_shape = shape_of(0),
                       .weights_shape = tensor != nullptr ? tensor->shape : shape_of(1),
                       .accumulator = precision.accumulator};
    NarrowResult result;
    result.sums.resize(static_cast<size_t>(network::ElementCount(node.shape)));
    result.scales = {1};
    const bool codes = !quantize::IsDynamic(precision.activations);
    if (codes) {
      const formats::Quantizer& weights =
          tensor != nullptr ? precision.weights : precision.activations;
      narrow.factor = ConstantFactor(precision.accumulator, weights, precision.activations);
      for (size_t i = 0; i < operands.size(); ++i) {
        if (formats::IsFloat32(precision.activations.format)) continue;
        const std::vector<float>& given = values[static_cast<size_t>(node.inputs[i])];
        RoundToCodes(precision.activations, layer.scalings[i].scaling, given, operands[i],
                     KeyOf(node, i, given.size()));
      }
      result.scales = tensor != nullptr ? layer.weights.scales
                                        : std::vector<float>{layer.scalings[1].scaling.scale};
      for (float& scale : result.scales) {
        scale = scale * layer.scalings[0].scaling.scale / narrow.factor;
      }
    }
    const std::vector<float>& weights = tensor == nullptr ? operands[1]
                                        : codes           ? layer.weights.codes
                                                          : layer.weights.values;
    const uint64_t counters =
        result.sums.size() * static_cast<uint64_t>(NarrowSteps(
                                 precision.accumulator, ReductionLength(node, narrow.src_shape)));
    NarrowSums(narrow, operands[0], weights,
               {.seed = seed_,
                .stream = StreamOf(node.name, "accumulator"),
                .first = static_cast<uint64_t>(image_) * counters},
               result.sums);
    return result;
  }

  void RunMac(const Node& node, const quantize::LayerPrecision& precision,
              const PreparedPlan::Layer& layer, const Values& values,
              std::vector<float>& result) const {
    std::vector<std::vector<float>> operands;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      operands.push_back(RoundOperand(node, i, precision.activations, layer.scalings[i],
                                      values[static_cast<size_t>(node.inputs[i])]));
    }
    const Shape& src_shape = prepared_.network.nodes[static_cast<size_t>(node.inputs[0])].shape;
    const network::Tensor* tensor = WeightsOf(node);
    const Shape& weights_shape =
        tensor != nullptr ? tensor->shape
                          : prepared_.network.nodes[static_cast<size_t>(node.inputs[1])].shape;
    const std::vector<float>& weights = tensor != nullptr ? layer.weights.values : operands[1];
    // Under scales that the image gives, sums of values say the same, rounded once.
    const bool integers = precision.accumulator.kind == quantize::Accumulator::Kind::kInt32 &&
                          !quantize::IsDynamic(precision.activations);
    const std::vector<float> positions = PositionScalesOf(node, precision.activations, values);
    const network::Tensor* bias = BiasOf(node);
    const ChannelStride channels = OutputChannels(node);
    const auto channel_of = [&](size_t i) {
      return static_cast<size_t>(static_cast<int64_t>(i) / channels.inner % channels.channels);
    };
    const auto position_of = [&](size_t i) {
      const size_t inner = static_cast<size_t>(channels.inner);
      const size_t maps = positions.size() / inner;
      const size_t of_map = result.size() / positions.size();
      // A Gemm has one scale for each row of its input, a convolution a map for each group.
      return maps == 0 ? 0 : i / inner / of_map * inner + i % inner;
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
        result[i] = static_cast<float>(sums[i]) * scale;
        result[i] *= positions.empty() ? 1.0F : positions[position_of(i)];
        result[i] += bias == nullptr ? 0.0F : bias->values[channel_of(i)];
      }
      return;
    }
    if (precision.accumulator.kind == quantize::Accumulator::Kind::kNarrow) {
      const NarrowResult narrow = RunNarrow(node, precision, layer, values, operands);
      for (size_t i = 0; i < result.size(); ++i) {
        result[i] = static_cast<float>(narrow.sums[i]) *
                    narrow.scales[narrow.scales.size() == 1 ? 0 : channel_of(i)];
        result[i] *= positions.empty() ? 1.0F : positions[position_of(i)];
        result[i] += bias == nullptr ? 0.0F : bias->values[channel_of(i)];
      }
      return;
    }
    std::vector<double> sums(result.size());
    SumProducts(node, src_shape, operands[0], weights_shape, weights, sums);
    for (size_t i = 0; i < result.size(); ++i) {
      const double scale = positions.empty() ? 1 : static_cast<double>(positions[position_of(i)]);
      const double offset = bias == nullptr ? 0 : static_cast<double>(bias->values[channel_of(i)]);
      result[i] = static_cast<float>(sums[i] * scale + offset);
    }
  }

  const PreparedPlan& prepared_;
  const uint64_t seed_;
  const int64_t image_;
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
          ImageRun(prepared, options_.seed, image)
              .Run(ImageOf(images, image))[static_cast<size_t>(prepared.network.output)];
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
      const ImageRun::Values values =
          ImageRun(unquantized, options_.seed, image).Run(ImageOf(images, image));
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
