#include "engine/emulate/narrow_mac.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::emulate {
namespace {

using network::Shape;

// A MAC layer with operands of its own.
struct Layer {
  network::Node node;
  Shape src_shape, weights_shape;
  bool two_activations = false;
};

struct ConvShape {
  int64_t oc, ic, size, kernel, groups, stride, dilation, pad;
};

Layer ConvLayer(const ConvShape& shape) {
  network::Conv conv;
  auto weights = std::make_shared<network::Tensor>();
  weights->shape = {shape.oc, shape.ic / shape.groups, shape.kernel, shape.kernel};
  conv.weights = weights;
  conv.groups = shape.groups;
  conv.stride = {shape.stride, shape.stride};
  conv.dilation = {shape.dilation, shape.dilation};
  conv.pad = {shape.pad, shape.pad, shape.pad, shape.pad};
  Layer layer;
  layer.src_shape = {1, shape.ic, shape.size, shape.size};
  layer.weights_shape = weights->shape;
  layer.node = {.name = "conv", .op = conv, .inputs = {0}, .shape = {}};
  layer.node.shape = network::InferShape(conv, {layer.src_shape}).value();
  return layer;
}

Layer GemmLayer(int64_t oc, int64_t ic) {
  network::Gemm gemm;
  auto weights = std::make_shared<network::Tensor>();
  weights->shape = {oc, ic};
  gemm.weights = weights;
  return {.node = {.name = "gemm", .op = gemm, .inputs = {0}, .shape = {1, oc}},
          .src_shape = {1, ic},
          .weights_shape = {oc, ic}};
}

Layer MatMulLayer(Shape left, Shape right, Shape result) {
  return {.node = {.name = "matmul", .op = network::MatMul{}, .inputs = {0, 1}, .shape = result},
          .src_shape = std::move(left),
          .weights_shape = std::move(right),
          .two_activations = true};
}

// Random codes of a format at scale 1, the largest often among them.
std::vector<float> RandomOperands(const std::string& notation, int64_t count, uint64_t seed) {
  const formats::Quantizer quantizer = formats::ParseQuantizer(notation).value();
  const double largest = std::min(formats::LargestFinite(quantizer.format.element), 0x1p40);
  std::vector<float> values;
  for (uint64_t i = 0; i < static_cast<uint64_t>(count); ++i) {
    const double uniform = RandomUniform(seed, 0, i) * 2 - 1;
    const uint64_t kind = RandomBelow(8, seed, 1, i);
    double value = uniform * largest;
    if (kind < 3) value *= std::exp2(-20 * RandomUniform(seed, 2, i));
    if (kind == 3) value = 0;
    if (kind == 4) value = std::copysign(largest, uniform);
    values.push_back(static_cast<float>(value));
  }
  formats::Round(quantizer.format.element, formats::Rounding::kNearestEven,
                 formats::Overflow::kSaturate, {}, values, values);
  return values;
}

std::optional<OperandGrid> GridOf(const std::string& notation) {
  const auto codes = quantize::CodesOf(formats::ParseQuantizer(notation)->format);
  if (!codes.has_value()) return std::nullopt;
  return OperandGrid{codes->unit, codes->LargestMagnitude() * codes->unit};
}

struct Operands {
  std::vector<float> src, weights;
};
constexpr int64_t kImages = 3;

Operands OperandsFor(const Layer& layer, const std::string& weights, const std::string& activations,
                     uint64_t seed) {
  const int64_t elements = network::ElementCount(layer.weights_shape);
  return {RandomOperands(activations, kImages * network::ElementCount(layer.src_shape), seed),
          RandomOperands(weights, layer.two_activations ? kImages * elements : elements, seed + 1)};
}

std::vector<double> RunKernel(const NarrowMac& mac, const Layer& layer, const Operands& operands,
                              SumKey key) {
  const int64_t outputs = network::ElementCount(layer.node.shape);
  std::vector<double> sums(static_cast<size_t>(kImages * outputs));
  NarrowMac::Scratch scratch;
  NarrowMac::Operand right;
  if (layer.two_activations) {
    right = {operands.weights.data(), network::ElementCount(layer.weights_shape)};
  }
  mac.Run({operands.src.data(), network::ElementCount(layer.src_shape)}, right, kImages, key, sums,
          scratch);
  return sums;
}

std::vector<double> RunReference(const NarrowLayer& narrow, const Layer& layer,
                                 const Operands& operands, SumKey key) {
  const size_t outputs = static_cast<size_t>(network::ElementCount(layer.node.shape));
  const size_t src = static_cast<size_t>(network::ElementCount(layer.src_shape));
  const size_t right = static_cast<size_t>(network::ElementCount(layer.weights_shape));
  const int64_t length = layer.two_activations
                             ? layer.src_shape.back()
                             : network::ElementCount(layer.weights_shape) / layer.weights_shape[0];
  const auto steps = static_cast<uint64_t>(NarrowSteps(narrow.accumulator, length));
  std::vector<double> sums(static_cast<size_t>(kImages) * outputs);
  for (size_t image = 0; image < static_cast<size_t>(kImages); ++image) {
    SumKey own = key;
    own.first += image * outputs * steps;
    std::span<const float> weights(operands.weights);
    if (layer.two_activations) weights = weights.subspan(image * right, right);
    NarrowSums(narrow, std::span(operands.src).subspan(image * src, src), weights, own,
               std::span(sums).subspan(image * outputs, outputs));
  }
  return sums;
}

// The kernel, with and without knowledge of the operands' grids, against the scalar reference.
void ExpectEqual(const Layer& layer, const std::string& accumulator, const std::string& weights,
                 const std::string& activations, uint64_t seed,
                 std::optional<LaneWay> way = std::nullopt) {
  const NarrowLayer narrow{.node = &layer.node,
                           .src_shape = layer.src_shape,
                           .weights_shape = layer.weights_shape,
                           .accumulator = quantize::ParseAccumulator(accumulator).value()};
  const Operands operands = OperandsFor(layer, weights, activations, seed);
  const SumKey key{.seed = seed, .stream = 5, .first = 1000};
  const std::vector<double> expected = RunReference(narrow, layer, operands, key);
  const std::span<const float> own =
      layer.two_activations ? std::span<const float>() : std::span<const float>(operands.weights);
  const NarrowMac informed(narrow, own, GridOf(weights), GridOf(activations));
  if (way.has_value()) {
    EXPECT_EQ(ToString(informed.plan().way), ToString(*way)) << accumulator;
  }
  ASSERT_EQ(RunKernel(informed, layer, operands, key), expected)
      << accumulator << " of " << weights << " x " << activations << " by "
      << ToString(informed.plan().way) << ", seed " << seed;
  const NarrowMac uninformed(narrow, own, std::nullopt, std::nullopt);
  ASSERT_EQ(RunKernel(uninformed, layer, operands, key), expected)
      << accumulator << " of " << weights << " x " << activations << " by "
      << ToString(uninformed.plan().way) << ", seed " << seed;
}

struct WayCase {
  const char* accumulator;
  const char* weights;
  const char* activations;
  LaneWay way;
};
class Ways : public testing::TestWithParam<WayCase> {};

TEST_P(Ways, EqualTheScalarReference) {
  const WayCase& given = GetParam();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    ExpectEqual(ConvLayer({5, 6, 7, 3, 1, 1, 1, 1}), given.accumulator, given.weights,
                given.activations, seed, given.way);
    ExpectEqual(GemmLayer(7, 83), given.accumulator, given.weights, given.activations, seed);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Plans, Ways,
    testing::Values(
        WayCase{"fp32:chunk1", "fp32", "fp32", LaneWay::kFused},
        WayCase{"fp32:chunk1", "fp16", "bf16", LaneWay::kFused},
        WayCase{"fp32:chunk4", "fp32", "fp32", LaneWay::kDoubleChecked},
        WayCase{"fp32:chunk16", "fp16", "fp16", LaneWay::kDoubleChecked},
        WayCase{"fp32:chunk16", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleOdd},
        WayCase{"fp32:chunk4:align25", "fp16", "fp16", LaneWay::kDoubleOdd},
        WayCase{"fp32:chunk4:align60", "fp32", "fp32", LaneWay::kDoubleChecked},
        WayCase{"fp32:chunk8:align14", "fp8_e5m2", "fp8_e5m2", LaneWay::kDoubleOdd},
        WayCase{"fp32:stochastic", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleOdd},
        WayCase{"fp16", "fp8_e5m2", "fp8_e5m2", LaneWay::kDoubleOdd},
        WayCase{"fp16:chunk16", "fp8_e5m2", "fp8_e5m2", LaneWay::kDoubleChecked},
        WayCase{"fp16", "int8", "int8", LaneWay::kDoubleExact},
        WayCase{"fp16:away", "int4", "int8", LaneWay::kDoubleExact},
        WayCase{"fp16:floor:chunk3", "int8", "uint8", LaneWay::kDoubleExact},
        WayCase{"fp16:zero", "int8", "int8", LaneWay::kDoubleExact},
        WayCase{"fp16:stochastic:chunk4", "int8", "int8", LaneWay::kDoubleExact},
        WayCase{"fp16:chunk8:align10", "int8", "int8", LaneWay::kDoubleExact},
        WayCase{"e6m9:ieee:chunk16", "fp4_e2m1", "fp6_e3m2", LaneWay::kDoubleOdd},
        WayCase{"bf16:chunk16", "fp4_e2m1", "fp6_e3m2", LaneWay::kDoubleOdd},
        WayCase{"e5m10:ieee:ftz", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleExact},
        WayCase{"e6m9:ieee:chunk64", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleOdd},
        WayCase{"e3m0", "int4", "int4", LaneWay::kDoubleExact},
        WayCase{"int16", "int8", "int8", LaneWay::kFloatClamp},
        WayCase{"int16:chunk16", "int8", "uint8", LaneWay::kFloatClamp},
        WayCase{"int8:chunk4:align6", "int8", "int8", LaneWay::kDoubleClamp},
        WayCase{"int24:chunk8", "int8", "int8", LaneWay::kDoubleClamp},
        WayCase{"int32:chunk1", "int16", "int16", LaneWay::kDoubleClamp},
        WayCase{"int12:wrap", "int8", "int8", LaneWay::kWrapOnce},
        WayCase{"int32:wrap:chunk4", "int16", "int16", LaneWay::kWrapOnce},
        WayCase{"int12:wrap:chunk4:align9", "int8", "int8", LaneWay::kDoubleExact},
        WayCase{"int12:wrap", "fp32", "fp32", LaneWay::kScalar},
        WayCase{"fixed16.8", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleExact},
        WayCase{"fixed16.8:wrap", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleExact},
        WayCase{"fixed16.8:floor:wrap", "fp4_e2m1", "fp6_e3m2", LaneWay::kWrapOnce},
        WayCase{"fixed10.2:floor:wrap", "fp4_e2m1", "fp6_e3m2", LaneWay::kDoubleExact},
        WayCase{"fixed10.2:away:wrap:chunk3", "fp4_e2m1", "fp6_e3m2", LaneWay::kDoubleExact},
        WayCase{"fixed12.2:chunk4", "fp4_e2m1", "fp6_e3m2", LaneWay::kDoubleExact},
        WayCase{"fixed24.12:stochastic", "fp16", "fp8_e5m2", LaneWay::kDoubleOdd},
        WayCase{"fixed24.12:chunk9", "fp16", "fp8_e5m2", LaneWay::kDoubleChecked},
        WayCase{"fixed32.16:away:chunk2", "fp8_e4m3", "fp8_e4m3", LaneWay::kDoubleExact}));

TEST(NarrowMac, EqualsTheReferenceOverShapes) {
  const std::vector<Layer> layers = {
      ConvLayer({8, 8, 9, 3, 8, 1, 1, 1}),   // depthwise
      ConvLayer({6, 4, 11, 3, 2, 2, 1, 1}),  // grouped, strided
      ConvLayer({3, 5, 13, 3, 1, 1, 2, 2}),  // dilated
      ConvLayer({9, 7, 5, 1, 1, 1, 1, 0}),   // a matrix product
      ConvLayer({2, 3, 12, 5, 1, 3, 1, 0}),  // no padding
      GemmLayer(1, 1),
      GemmLayer(70, 130),
      MatMulLayer({1, 2, 5, 9}, {1, 2, 9, 4}, {1, 2, 5, 4}),
      MatMulLayer({1, 3, 1, 7}, {1, 1, 7, 6}, {1, 3, 1, 6}),  // broadcast
      MatMulLayer({1, 70, 11}, {1, 11, 3}, {1, 70, 3}),
  };
  for (const Layer& layer : layers) {
    for (const char* accumulator :
         {"int12:chunk5", "fp16:chunk4", "fp16:stochastic", "fp32:chunk7:align20"}) {
      ExpectEqual(layer, accumulator, "int8", "int8", 11);
    }
  }
}

TEST(NarrowMac, EqualsTheReferenceOnRandomConvolutions) {
  for (uint64_t trial = 0; trial < 60; ++trial) {
    const auto pick = [&](int64_t bound, uint64_t what) {
      return 1 + static_cast<int64_t>(RandomBelow(static_cast<uint64_t>(bound), 77, what, trial));
    };
    const int64_t groups = pick(3, 0);
    const Layer layer = ConvLayer({groups * pick(3, 1), groups * pick(4, 2), 6 + pick(6, 3),
                                   pick(3, 4), groups, pick(2, 5), pick(2, 6), pick(3, 7) - 1});
    const char* accumulators[] = {"int10", "fp16", "bf16:chunk3", "fp32:chunk2", "fixed14.6:floor"};
    const char* operands[] = {"int8", "fp8_e5m2", "fp16", "fp4_e2m1"};
    const bool integers = trial % 5 == 0;
    ExpectEqual(layer, accumulators[trial % 5], integers ? "int8" : operands[trial % 4],
                integers ? "uint8" : operands[trial / 4 % 4], trial);
  }
}

TEST(NarrowMac, SpecialValuesTakeTheScalarWay) {
  const Layer layer = GemmLayer(4, 20);
  const NarrowLayer narrow{.node = &layer.node,
                           .src_shape = layer.src_shape,
                           .weights_shape = layer.weights_shape,
                           .accumulator = quantize::ParseAccumulator("fp16:chunk4").value()};
  Operands operands = OperandsFor(layer, "fp8_e5m2", "fp8_e5m2", 5);
  operands.src[3] = std::numeric_limits<float>::infinity();
  operands.weights[3] = 2;  // infinity in channel 0 of image 0
  const NarrowMac mac(narrow, operands.weights, GridOf("fp8_e5m2"), GridOf("fp8_e5m2"));
  const std::vector<double> sums = RunKernel(mac, layer, operands, {});
  EXPECT_EQ(sums[0], std::numeric_limits<double>::infinity());
  const std::vector<double> expected = RunReference(narrow, layer, operands, {});
  for (size_t i = 0; i < sums.size(); ++i) {
    EXPECT_TRUE(sums[i] == expected[i] || (std::isnan(sums[i]) && std::isnan(expected[i]))) << i;
  }
}

TEST(NarrowMac, OneOperandMayServeAllImages) {
  const Layer layer = MatMulLayer({1, 4, 6}, {1, 6, 5}, {1, 4, 5});
  const NarrowLayer narrow{.node = &layer.node,
                           .src_shape = layer.src_shape,
                           .weights_shape = layer.weights_shape,
                           .accumulator = quantize::ParseAccumulator("int10").value()};
  Operands operands = OperandsFor(layer, "int8", "int8", 5);
  for (size_t i = 30; i < operands.weights.size(); ++i) {
    operands.weights[i] = operands.weights[i - 30];
  }
  const NarrowMac mac(narrow, {}, GridOf("int8"), GridOf("int8"));
  std::vector<double> sums(60);
  NarrowMac::Scratch scratch;
  mac.Run({operands.src.data(), 24}, {operands.weights.data(), 0}, kImages, {}, sums, scratch);
  EXPECT_EQ(sums, RunKernel(mac, layer, operands, {}));
}

}  // namespace
}  // namespace bitscape::emulate
