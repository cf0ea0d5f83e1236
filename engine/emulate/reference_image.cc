#include "engine/emulate/reference_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/emulate/narrow_sum.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/round_codes.h"

namespace bitscape::emulate {
namespace {

using network::Network;
using network::Node;
using network::Shape;

std::vector<float> RoundAll(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
                            std::vector<float> values, formats::RandomKey key = {}) {
  if (!formats::IsFloat32(quantizer.format)) {
    formats::RoundReference(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                            scaling, values, values, key);
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
    const formats::RandomKey key = KeyOf(node, operand, values.size());
    if (!quantize::IsDynamic(quantizer)) {
      return RoundAll(quantizer, calibrated.scaling, std::move(values), key);
    }
    std::vector<float> scratch;
    quantize::RoundActivations(quantizer, calibrated,
                               OperandLayout(node, operand, ShapeOf(node, operand)), values, values,
                               key, scratch);
    return values;
  }

  // [rows, groups, positions] of XNOR-Net's scales; empty for other granularities.
  std::vector<float> PositionScalesOf(const Node& node, const formats::Quantizer& activations,
                                      const Values& values) const {
    if (activations.granularity != formats::Granularity::kPosition) {
      return {};
    }
    const size_t source = static_cast<size_t>(node.inputs[0]);
    const quantize::PositionWindow window = PositionWindowOf(node, ShapeOf(node, 0));
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

  // Integers, and sums in a narrow accumulator: what they are times a scale.
  struct ScaledSums {
    std::vector<float> sums;
    std::vector<float> scales;  // one, or one a channel
  };

  const Shape& ShapeOf(const Node& node, size_t input) const {
    return prepared_.network.nodes[static_cast<size_t>(node.inputs[input])].shape;
  }
  const Shape& WeightsShapeOf(const Node& node) const {
    const network::Tensor* tensor = WeightsOf(node);
    return tensor != nullptr ? tensor->shape : ShapeOf(node, 1);
  }

  // Scales of sums of codes.
  static std::vector<float> ProductScales(const Node& node, const PreparedPlan::Layer& layer,
                                          float factor) {
    std::vector<float> scales = WeightsOf(node) != nullptr
                                    ? layer.weights.scales
                                    : std::vector<float>{layer.scalings[1].scaling.scale};
    for (float& scale : scales) {
      scale = scale * layer.scalings[0].scaling.scale / factor;
    }
    return scales;
  }

  // By narrow_sum.h. `operands`: the rounded values of the activations.
  ScaledSums RunNarrow(const Node& node, const quantize::LayerPrecision& precision,
                       const PreparedPlan::Layer& layer, const Values& values,
                       std::vector<std::vector<float>> operands) const {
    const bool has_weights = WeightsOf(node) != nullptr;
    NarrowLayer narrow{.node = &node,
                       .src_shape = ShapeOf(node, 0),
                       .weights_shape = WeightsShapeOf(node),
                       .accumulator = precision.accumulator};
    ScaledSums result{.sums = {}, .scales = {1}};
    const bool codes = !quantize::IsDynamic(precision.activations);
    if (codes) {
      const formats::Quantizer& weights = has_weights ? precision.weights : precision.activations;
      narrow.factor = ConstantFactor(precision.accumulator, weights, precision.activations);
      for (size_t i = 0; i < operands.size(); ++i) {
        if (formats::IsFloat32(precision.activations.format)) continue;
        const std::vector<float>& given = values[static_cast<size_t>(node.inputs[i])];
        RoundToCodes(precision.activations, layer.scalings[i].scaling, given, operands[i],
                     KeyOf(node, i, given.size()));
      }
      result.scales = ProductScales(node, layer, narrow.factor);
    }
    const std::vector<float>& weights = !has_weights ? operands[1]
                                        : codes      ? layer.weights.codes
                                                     : layer.weights.values;
    std::vector<double> sums(static_cast<size_t>(network::ElementCount(node.shape)));
    const uint64_t counters =
        sums.size() * static_cast<uint64_t>(NarrowSteps(precision.accumulator,
                                                        ReductionLength(node, narrow.src_shape)));
    NarrowSums(narrow, operands[0], weights,
               {.seed = seed_,
                .stream = StreamOf(node.name, "accumulator"),
                .first = static_cast<uint64_t>(image_) * counters},
               sums);
    result.sums.assign(sums.begin(), sums.end());
    return result;
  }

  // Exact sums of integer codes.
  ScaledSums RunIntegers(const Node& node, const PreparedPlan::Layer& layer,
                         const std::vector<std::vector<float>>& operands) const {
    const std::vector<int32_t> codes = CodesOf(operands[0], layer.scalings[0].scaling.scale);
    const std::vector<int32_t> weight_codes =
        WeightsOf(node) != nullptr
            ? std::vector<int32_t>(layer.weights.codes.begin(), layer.weights.codes.end())
            : CodesOf(operands[1], layer.scalings[1].scaling.scale);
    std::vector<int64_t> sums(static_cast<size_t>(network::ElementCount(node.shape)));
    SumProducts(node, ShapeOf(node, 0), codes, WeightsShapeOf(node), weight_codes, sums);
    return {std::vector<float>(sums.begin(), sums.end()), ProductScales(node, layer, 1)};
  }

  void RunMac(const Node& node, const quantize::LayerPrecision& precision,
              const PreparedPlan::Layer& layer, const Values& values,
              std::vector<float>& result) const {
    std::vector<std::vector<float>> operands;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      operands.push_back(RoundOperand(node, i, precision.activations, layer.scalings[i],
                                      values[static_cast<size_t>(node.inputs[i])]));
    }
    const std::vector<float> positions = PositionScalesOf(node, precision.activations, values);
    const network::Tensor* bias = BiasOf(node);
    const ChannelStride channels = OutputChannels(node);
    const auto position_scale = [&](size_t i) {
      if (positions.empty()) return 1.0F;
      const size_t inner = static_cast<size_t>(channels.inner);
      const size_t maps = positions.size() / inner;
      const size_t of_map = result.size() / positions.size();
      // A Gemm has one scale for each row of its input, a convolution a map for each group.
      return positions[maps == 0 ? 0 : i / inner / of_map * inner + i % inner];
    };
    const auto bias_of = [&](size_t i) {
      return bias == nullptr ? 0.0F : bias->values[channels.ChannelOf(i)];
    };
    // Under scales that the image gives, sums of values say the same, rounded once.
    const bool integers = precision.accumulator.kind == quantize::Accumulator::Kind::kInt32 &&
                          !quantize::IsDynamic(precision.activations);
    if (integers || precision.accumulator.kind == quantize::Accumulator::Kind::kNarrow) {
      const ScaledSums scaled = integers ? RunIntegers(node, layer, operands)
                                         : RunNarrow(node, precision, layer, values, operands);
      for (size_t i = 0; i < result.size(); ++i) {
        result[i] =
            scaled.sums[i] * scaled.scales[scaled.scales.size() == 1 ? 0 : channels.ChannelOf(i)];
        result[i] *= position_scale(i);
        result[i] += bias_of(i);
      }
      return;
    }
    const std::vector<float>& weights =
        WeightsOf(node) != nullptr ? layer.weights.values : operands[1];
    std::vector<double> sums(result.size());
    SumProducts(node, ShapeOf(node, 0), operands[0], WeightsShapeOf(node), weights, sums);
    for (size_t i = 0; i < result.size(); ++i) {
      result[i] = static_cast<float>(sums[i] * static_cast<double>(position_scale(i)) +
                                     static_cast<double>(bias_of(i)));
    }
  }

  const PreparedPlan& prepared_;
  const uint64_t seed_;
  const int64_t image_;
};

}  // namespace

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

std::vector<std::vector<float>> RunImage(const PreparedPlan& prepared, uint64_t seed, int64_t image,
                                         std::vector<float> input) {
  return ImageRun(prepared, seed, image).Run(std::move(input));
}

}  // namespace bitscape::emulate
