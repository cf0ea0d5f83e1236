#include "engine/network/equalize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/core/random.h"
#include "engine/emulate/plain_ops.h"
#include "engine/network/channel_groups.h"
#include "engine/network/onnx_import.h"
#include "engine/network/passes.h"
#include "engine/network/zoo.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::bitscape::testing::OnnxBuilder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Network Import(const OnnxBuilder& builder) {
  return ImportOnnx(builder.Bytes(), "model.onnx", "net", {{0.5F}, {0.25F}}).value();
}

int NodeNamed(const Network& network, const std::string& name) {
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    if (network.nodes[i].name == name) return static_cast<int>(i);
  }
  ADD_FAILURE() << "no node " << name;
  return -1;
}

using Values = std::vector<std::vector<float>>;  // by node

Values Run(const Network& network, uint64_t seed) {
  Values values(network.nodes.size());
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    const Node& node = network.nodes[i];
    std::vector<float>& result = values[i];
    result.resize(static_cast<size_t>(ElementCount(node.shape)));
    const auto source = [&](int input) {
      const auto index = static_cast<size_t>(node.inputs[static_cast<size_t>(input)]);
      return emulate::PlainTensor{values[index].data(), &network.nodes[index].shape};
    };
    if (std::holds_alternative<Input>(node.op)) {
      for (size_t k = 0; k < result.size(); ++k) {
        result[k] = static_cast<float>(4 * RandomUniform(seed, 0, k) - 1);
      }
    } else if (const Tensor* weights = emulate::WeightsOf(node)) {
      std::vector<double> sums(result.size());
      const auto& src = values[static_cast<size_t>(node.inputs[0])];
      emulate::SumProducts(node, *source(0).shape, src, weights->shape, weights->values, sums);
      const Tensor* bias = emulate::BiasOf(node);
      const emulate::ChannelStride channels = emulate::OutputChannels(node);
      for (size_t k = 0; k < result.size(); ++k) {
        const auto channel =
            static_cast<size_t>(static_cast<int64_t>(k) / channels.inner % channels.channels);
        result[k] =
            static_cast<float>(sums[k] + (bias == nullptr ? 0.0 : double{bias->values[channel]}));
      }
    } else {
      std::vector<emulate::PlainTensor> inputs;
      for (size_t k = 0; k < node.inputs.size(); ++k) inputs.push_back(source(static_cast<int>(k)));
      emulate::RunPlain(node, inputs, result);
    }
  }
  return values;
}

std::vector<float> Logits(const Network& network, uint64_t seed) {
  return Run(network, seed)[static_cast<size_t>(network.output)];
}

// Largest value, or magnitude, of each channel of every node over some inputs.
ChannelMaxima Observe(const Network& network, bool magnitudes) {
  ChannelMaxima maxima;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Values values = Run(network, seed);
    for (size_t i = 0; i < values.size(); ++i) {
      const Shape& shape = network.nodes[i].shape;
      if (shape.size() < 2) continue;
      const size_t axis = ChannelAxisOf(network, static_cast<int>(i));
      const auto channels = static_cast<size_t>(shape[axis]);
      size_t inner = 1;
      for (size_t k = axis + 1; k < shape.size(); ++k) inner *= static_cast<size_t>(shape[k]);
      std::vector<float>& largest = maxima[static_cast<int>(i)];
      largest.resize(channels, -1e30F);
      for (size_t k = 0; k < values[i].size(); ++k) {
        float& channel = largest[k / inner % channels];
        channel = std::max(channel, magnitudes ? std::fabs(values[i][k]) : values[i][k]);
      }
    }
  }
  return maxima;
}

void ExpectSameFunction(const Network& a, const Network& b) {
  ASSERT_TRUE(Validate(b).ok()) << Validate(b);
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<float> expected = Logits(a, seed);
    const std::vector<float> found = Logits(b, seed);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-4) << i;
  }
}

// conv1 -> relu -> conv2 (depthwise) -> pool -> flatten -> fc.
Network Chain() {
  OnnxBuilder b;
  const std::string image = b.Input("image", {2, 6, 6});
  std::string value = b.Node("Relu", {b.Conv(image, 2, 4, 3, {}, "conv1")});
  value = b.Node("Conv", {value, b.Random("dw", {4, 1, 3, 3}, 2), b.Random("db", {4}, 1)},
                 {{"group", int64_t{4}}}, "conv2");
  value =
      b.Node("MaxPool", {b.Node("Relu", {value})}, {{"kernel_shape", std::vector<int64_t>{1, 1}}});
  value = b.Node("Flatten", {value});
  b.Output(b.Gemm(value, 16, 3, "fc"));
  return Import(b);
}

TEST(ChannelGroups, ConnectLayersThroughHomogeneousOperations) {
  const Network network = Chain();
  std::vector<ChannelGroup> free;
  for (const ChannelGroup& group : ChannelGroups(network)) {
    if (!group.fixed) free.push_back(group);
  }
  ASSERT_EQ(free.size(), 2U);
  const int conv1 = NodeNamed(network, "conv1");
  const int conv2 = NodeNamed(network, "conv2");
  EXPECT_THAT(free[0].producers, ElementsAre(conv1));
  ASSERT_EQ(free[0].consumers.size(), 1U);
  EXPECT_EQ(free[0].consumers[0].layer, conv2);
  EXPECT_THAT(free[1].producers, ElementsAre(conv2));
  ASSERT_EQ(free[1].consumers.size(), 1U);
  EXPECT_EQ(free[1].consumers[0].layer, NodeNamed(network, "fc"));
  EXPECT_EQ(free[1].channels, 4);
  EXPECT_EQ(free[1].consumers[0].inner, 4);  // 2x2 elements a channel
}

TEST(ChannelGroups, ResidualSumsTieTheirBranches) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 4, 4});
  const std::string stem = b.Node("Relu", {b.Conv(image, 1, 3, 1, {}, "stem")});
  const std::string branch = b.Conv(stem, 3, 3, 1, {}, "branch");
  const std::string sum = b.Node("Relu", {b.Node("Add", {branch, stem})});
  b.Output(b.Conv(sum, 3, 2, 1, {}, "head"));
  const Network network = Import(b);
  for (const ChannelGroup& group : ChannelGroups(network)) {
    if (group.fixed) continue;
    EXPECT_THAT(group.producers,
                ElementsAre(NodeNamed(network, "stem"), NodeNamed(network, "branch")));
    EXPECT_EQ(group.consumers.size(), 2U);
  }
  ExpectSameFunction(network, Equalize(network));
  ExpectSameFunction(network, Smooth(network, Observe(network, true), 0.5));
}

TEST(ChannelGroups, AreFixedByWhatIsNotHomogeneous) {
  for (const char* op : {"Sigmoid", "Tanh"}) {
    OnnxBuilder b;
    const std::string image = b.Input("image", {1, 4, 4});
    const std::string value = b.Node(op, {b.Conv(image, 1, 3, 1, {}, "a")});
    b.Output(b.Conv(value, 3, 2, 1, {}, "b"));
    for (const ChannelGroup& group : ChannelGroups(Import(b))) EXPECT_TRUE(group.fixed) << op;
  }
}

TEST(Equalize, BalancesRangesAndKeepsTheFunction) {
  const Network network = Chain();
  const Network equalized = Equalize(network);
  ExpectSameFunction(network, equalized);
  const auto node = [](const Network& of, const char* name) -> const Node& {
    return of.nodes[static_cast<size_t>(NodeNamed(of, name))];
  };
  const std::vector<double> made = ScaledLayer(node(equalized, "conv1")).OutputRanges();
  const std::vector<double> read = ScaledLayer(node(equalized, "conv2")).InputRanges();
  for (size_t i = 0; i < made.size(); ++i) EXPECT_NEAR(made[i] / read[i], 1, 0.01);
  const std::vector<double> before = ScaledLayer(node(network, "conv1")).OutputRanges();
  EXPECT_GT(std::fabs(made[0] - before[0]), 1e-3);
}

// Channels of 1 and 16 times the others' weights become alike.
TEST(Equalize, EvensOutChannelsOfKnownRanges) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 1, 1});
  const std::string hidden = b.Node(
      "Relu",
      {b.Node("Conv", {image, b.Floats("w", {2, 1, 1, 1}, {16, 1}), b.Floats("b", {2}, {8, 2})}, {},
              "a")});
  b.Output(b.Node("Conv", {hidden, b.Floats("v", {1, 2, 1, 1}, {1, 4})}, {}, "b"));
  const Network equalized = Equalize(Import(b));
  const auto& a =
      std::get<Conv>(equalized.nodes[static_cast<size_t>(NodeNamed(equalized, "a"))].op);
  const auto& c =
      std::get<Conv>(equalized.nodes[static_cast<size_t>(NodeNamed(equalized, "b"))].op);
  EXPECT_THAT(a.weights->values, ElementsAre(4, 2));  // sqrt(16 * 1), sqrt(1 * 4)
  EXPECT_THAT(a.bias->values, ElementsAre(2, 4));
  EXPECT_THAT(c.weights->values, ElementsAre(4, 2));
}

Network Clipped() {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 1, 1});
  const std::string hidden =
      b.Node("Clip", {b.Node("Conv", {image, b.Floats("w", {3, 1, 1, 1}, {16, 16, 1})}, {}, "a"),
                      b.Floats("min", {}, {0}), b.Floats("max", {}, {6})});
  b.Output(b.Node("Conv", {hidden, b.Floats("v", {1, 3, 1, 1}, {1, 1, 16})}, {}, "b"));
  return Import(b);
}

TEST(Equalize, LeavesClippedChannelsWithoutObservations) {
  const Network network = Clipped();
  EXPECT_EQ(Equalize(network).Digest(), network.Digest());
}

TEST(Equalize, ScalesClippedChannelsAsFarAsNothingBinds) {
  const Network network = Clipped();
  const int clip = 2;
  ASSERT_TRUE(std::holds_alternative<Clip>(network.nodes[clip].op));
  // The first binds; the second may be divided by 1 / 4 at most; the third by 1 / 60.
  const Network equalized = Equalize(network, {{clip, {7, 1.5F, 0.1F}}});
  const auto& a = std::get<Conv>(equalized.nodes[1].op);
  EXPECT_THAT(a.weights->values, ElementsAre(16, 4, 4));  // 16 / 4 and 1 / (1 / 4)
  const Network tight = Equalize(network, {{clip, {7, 1.5F, 3.0F}}});
  EXPECT_THAT(std::get<Conv>(tight.nodes[1].op).weights->values, ElementsAre(16, 4, 2));
}

TEST(Smooth, InsertsAProductWhereNothingCanBeScaled) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {3, 5, 5});
  const std::string value = b.Node("Sigmoid", {b.Conv(image, 3, 4, 3, {}, "a")}, {}, "s");
  b.Output(b.Conv(value, 4, 2, 1, {}, "b"));
  const Network network = Import(b);
  const Network smooth = Smooth(network, Observe(network, true), 0.75);
  ExpectSameFunction(network, smooth);
  EXPECT_EQ(smooth.nodes.size(), network.nodes.size() + 4);  // behind the image and the sigmoid
  EXPECT_GE(NodeNamed(smooth, "s.smoothed"), 0);
  EXPECT_EQ(MacLayers(smooth).size(), 2U);
}

TEST(Smooth, TakesSequencesOfConvolutionsAndOfProducts) {
  OnnxBuilder b;
  const std::string sequence = b.Input("sequence", {3, 8});  // [1, c, w]
  const std::string conv =
      b.Node("Conv", {sequence, b.Random("w", {4, 3, 3}, 1), b.Random("b", {4}, 1)}, {}, "a");
  const std::string rows = b.Node("Transpose", {b.Node("Tanh", {conv})},
                                  {{"perm", std::vector<int64_t>{0, 2, 1}}}, "rows");  // [1, w, c]
  b.Output(b.Node("MatMul", {rows, b.Random("v", {4, 2}, 1)}, {}, "fc"));
  const Network network = Import(b);
  const Network smooth = Smooth(network, Observe(network, true), 0.5);
  EXPECT_EQ(smooth.nodes.size(), network.nodes.size() + 4);
  ExpectSameFunction(network, smooth);
}

// y = conv(x): s = max|x|^alpha / max|w|^(1 - alpha) makes both max sqrt(max|x| max|w|) at 1/2.
TEST(Smooth, SplitsTheRangeBetweenActivationsAndWeights) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 1, 1});
  const std::string hidden =
      b.Node("Relu", {b.Node("Conv", {image, b.Floats("w", {2, 1, 1, 1}, {8, 1})}, {}, "a")});
  b.Output(b.Node("Conv", {hidden, b.Floats("v", {1, 2, 1, 1}, {2, 4})}, {}, "b"));
  const Network network = Import(b);
  const Network smooth = Smooth(network, {{0, {1}}, {2, {32, 16}}}, 0.5);
  const auto& c = std::get<Conv>(smooth.nodes[3].op);
  EXPECT_THAT(c.weights->values, ElementsAre(8, 8));  // sqrt(32 * 2), sqrt(16 * 4)
  const auto& a = std::get<Conv>(smooth.nodes[1].op);
  EXPECT_THAT(a.weights->values, ElementsAre(2, 0.5F));  // s = 4, 2
}

TEST(Smooth, ScalesABatchNormThatStandsApart) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 4, 4});
  const std::string norm = b.BatchNorm(b.Conv(image, 1, 3, 3, {}, "a"), 3, "norm");
  b.Output(b.Conv(b.Node("Relu", {norm}), 3, 2, 1, {}, "b"));
  const Network network = Import(b);
  const Network smooth = Smooth(network, Observe(network, true), 0.5);
  ExpectSameFunction(network, smooth);
  EXPECT_EQ(smooth.nodes.size(), network.nodes.size());
  EXPECT_EQ(std::get<Conv>(smooth.nodes[1].op).weights,
            std::get<Conv>(network.nodes[1].op).weights);
}

class Zoo : public ::testing::TestWithParam<const char*> {};

TEST_P(Zoo, KeepsItsFunctionWhenEqualizedAndSmoothed) {
  const Network network = FoldBatchNorm(LoadZooNetwork(GetParam()).value());
  const Network equalized = Equalize(network, Observe(network, false));
  EXPECT_NE(equalized.Digest(), network.Digest());
  ExpectSameFunction(network, equalized);
  ExpectSameFunction(network, Smooth(network, Observe(network, true), 0.5));
  // Together, as plans make them.
  ExpectSameFunction(network, Smooth(equalized, Observe(equalized, true), 0.5));
}

INSTANTIATE_TEST_SUITE_P(Networks, Zoo, ::testing::Values("lenet5", "resnet8", "dscnn"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace bitscape::network
