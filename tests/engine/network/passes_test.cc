#include "engine/network/passes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/network/mac_shape.h"
#include "engine/network/onnx_import.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::bitscape::testing::OnnxBuilder;
using ::testing::ElementsAre;

Network Import(const OnnxBuilder& builder) {
  auto network = ImportOnnx(builder.Bytes(), "model.onnx", "net", {{0.5F}, {0.25F}});
  EXPECT_TRUE(network.ok()) << network.status();
  return *std::move(network);
}

std::vector<std::string> Operators(const Network& network) {
  std::vector<std::string> names;
  for (const Node& node : network.nodes) names.emplace_back(OperatorName(node.op));
  return names;
}

// Batch norm with scale {2, -1}, B {1, 0}, mean {3, 4}, variance {4, 1}, epsilon 0:
// y = 1 * x + (1 - 3) and y = -1 * x + 4.
std::string KnownBatchNorm(OnnxBuilder& b, const std::string& src) {
  return b.Node("BatchNormalization",
                {src, b.Floats("s", {2}, {2, -1}), b.Floats("b", {2}, {1, 0}),
                 b.Floats("m", {2}, {3, 4}), b.Floats("v", {2}, {4, 1})},
                {{"epsilon", 0.0F}}, "norm");
}

TEST(FoldBatchNorm, ScalesWeightsAndBiasOfAConvolution) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 2, 2});
  const std::string conv = b.Node(
      "Conv", {image, b.Floats("w", {2, 1, 1, 2}, {1, 2, 3, 4}), b.Floats("b", {2}, {10, 20})}, {},
      "conv");
  b.Output(b.Node("Relu", {KnownBatchNorm(b, conv)}));
  const Network folded = FoldBatchNorm(Import(b));
  EXPECT_THAT(Operators(folded), ElementsAre("input", "conv", "relu"));
  const auto& layer = std::get<Conv>(folded.nodes[1].op);
  EXPECT_EQ(folded.nodes[1].name, "conv");
  EXPECT_THAT(layer.weights->values, ElementsAre(1, 2, -3, -4));
  EXPECT_THAT(layer.bias->values, ElementsAre(10 - 2, -20 + 4));
}

TEST(FoldBatchNorm, MakesABiasWhereThereWasNone) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {3});
  const std::string product =
      b.Node("MatMul", {image, b.Floats("w", {3, 2}, {1, 2, 3, 4, 5, 6})}, {}, "fc");
  b.Output(KnownBatchNorm(b, product));
  const Network folded = FoldBatchNorm(Import(b));
  EXPECT_THAT(Operators(folded), ElementsAre("input", "gemm"));
  EXPECT_EQ(folded.output, 1);
  const auto& layer = std::get<Gemm>(folded.nodes[1].op);
  EXPECT_THAT(layer.weights->values, ElementsAre(1, 3, 5, -2, -4, -6));
  EXPECT_THAT(layer.bias->values, ElementsAre(-2, 4));
}

TEST(FoldBatchNorm, FoldsAChain) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {1, 2, 2});
  const std::string conv = b.Node("Conv", {image, b.Floats("w", {2, 1, 1, 1}, {1, 1})});
  b.Output(KnownBatchNorm(b, KnownBatchNorm(b, conv)));
  const Network folded = FoldBatchNorm(Import(b));
  EXPECT_THAT(Operators(folded), ElementsAre("input", "conv"));
  EXPECT_THAT(std::get<Conv>(folded.nodes[1].op).bias->values, ElementsAre(-4, 0));
}

TEST(FoldBatchNorm, LeavesALayerWithOtherReaders) {
  OnnxBuilder b;
  const std::string conv = b.Conv(b.Input("image", {1, 4, 4}), 1, 2, 1);
  b.Output(b.Node("Add", {KnownBatchNorm(b, conv), conv}));
  const Network network = Import(b);
  EXPECT_EQ(FoldBatchNorm(network).Digest(), network.Digest());
}

TEST(FoldBatchNorm, LeavesBatchNormAfterOtherOperators) {
  OnnxBuilder b;
  const std::string conv = b.Conv(b.Input("image", {1, 4, 4}), 1, 2, 1);
  b.Output(KnownBatchNorm(b, b.Node("Relu", {conv})));
  EXPECT_THAT(Operators(FoldBatchNorm(Import(b))),
              ElementsAre("input", "conv", "relu", "batchnorm"));
}

// Channels of a product of tokens lie on the last axis; batch norm is over axis 1.
TEST(FoldBatchNorm, LeavesTokens) {
  OnnxBuilder b;
  const std::string product =
      b.Node("MatMul", {b.Input("tokens", {2, 5}), b.Random("w", {5, 2}, 1)});
  b.Output(KnownBatchNorm(b, product));
  EXPECT_THAT(Operators(FoldBatchNorm(Import(b))), ElementsAre("input", "gemm", "batchnorm"));
}

TEST(FoldBatchNorm, WorksOnShapesAlone) {
  Network network = Import([] {
    OnnxBuilder b;
    b.Output(KnownBatchNorm(b, b.Conv(b.Input("image", {1, 4, 4}), 1, 2, 1)));
    return b;
  }());
  auto& conv = std::get<Conv>(network.nodes[1].op);
  conv.weights = std::make_shared<Tensor>(Tensor{conv.weights->shape, {}});
  conv.bias = std::make_shared<Tensor>(Tensor{{2}, {}});
  EXPECT_FALSE(network.HasWeights());
  const Network folded = FoldBatchNorm(network);
  EXPECT_TRUE(Validate(folded).ok()) << Validate(folded);
  EXPECT_EQ(ParameterCount(folded), 2 + 2);
  EXPECT_FALSE(folded.HasWeights());
}

TEST(FuseBias, OnlyWhereNothingElseReadsTheProduct) {
  const auto build = [](bool shared) {
    OnnxBuilder b;
    const std::string product =
        b.Node("MatMul", {b.Input("image", {3}), b.Random("w", {3, 2}, 1)}, {}, "fc");
    std::string x = b.Node("Add", {product, b.Floats("bias", {1, 2}, {7, 8})});
    if (shared) x = b.Node("Mul", {x, product});
    b.Output(x);
    return Import(b);
  };
  const Network fused = build(false);
  EXPECT_THAT(Operators(fused), ElementsAre("input", "gemm"));
  EXPECT_THAT(std::get<Gemm>(fused.nodes[1].op).bias->values, ElementsAre(7, 8));
  EXPECT_THAT(Operators(build(true)), ElementsAre("input", "gemm", "constant", "add", "mul"));
}

}  // namespace
}  // namespace bitscape::network
