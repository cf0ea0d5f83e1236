#include "engine/network/mac_shape.h"

#include <gtest/gtest.h>

#include "engine/network/onnx_import.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::bitscape::testing::OnnxBuilder;
using Ints = std::vector<int64_t>;

std::vector<MacShape> ShapesOf(const std::string& bytes) {
  const auto network = ImportOnnx(bytes, "model.onnx", "net", {{0.5F}, {0.25F}});
  EXPECT_TRUE(network.ok()) << network.status();
  return network.ok() ? MacShapes(*network) : std::vector<MacShape>();
}

TEST(MacShapes, DescribeAGroupedConvolution) {
  OnnxBuilder b;
  b.Output(b.Node("Conv", {b.Input("image", {6, 10, 12}), b.Random("w", {9, 2, 3, 5}, 1)},
                  {{"group", int64_t{3}},
                   {"strides", Ints{2, 1}},
                   {"dilations", Ints{1, 2}},
                   {"pads", Ints{1, 0, 1, 0}}},
                  "grouped"));
  const std::vector<MacShape> shapes = ShapesOf(b.Bytes());
  ASSERT_EQ(shapes.size(), 1);
  const MacShape& shape = shapes[0];
  EXPECT_EQ(shape.name, "grouped");
  EXPECT_EQ(shape.op, "conv");
  EXPECT_EQ(shape.n, 1);
  EXPECT_EQ(shape.groups, 3);
  EXPECT_EQ(shape.m, 3);
  EXPECT_EQ(shape.c, 2);
  EXPECT_EQ(shape.r, 3);
  EXPECT_EQ(shape.s, 5);
  EXPECT_EQ(shape.p, 5);  // (10 + 2 - 3) / 2 + 1
  EXPECT_EQ(shape.q, 4);  // 12 - 9 + 1
  EXPECT_EQ(shape.in_h, 10);
  EXPECT_EQ(shape.in_w, 12);
  EXPECT_EQ(shape.stride_h, 2);
  EXPECT_EQ(shape.dilation_w, 2);
  EXPECT_FALSE(shape.weights_are_activations);
  EXPECT_EQ(shape.Macs(), 9 * 2 * 15 * 20);  // weights times output positions
  EXPECT_EQ(shape.ReductionLength(), 30);
  EXPECT_EQ(shape.WeightElements(), 9 * 2 * 15);
  EXPECT_EQ(shape.InputElements(), 6 * 120);
  EXPECT_EQ(shape.OutputElements(), 9 * 20);
}

TEST(MacShapes, DescribeAConvolutionOfOneDimension) {
  OnnxBuilder b;
  b.Output(b.Node("Conv", {b.Input("signal", {4, 20}), b.Random("w", {8, 4, 3}, 1)}));
  const MacShape shape = ShapesOf(b.Bytes()).at(0);
  EXPECT_EQ(shape.p, 1);
  EXPECT_EQ(shape.q, 18);
  EXPECT_EQ(shape.r, 1);
  EXPECT_EQ(shape.s, 3);
  EXPECT_EQ(shape.in_h, 1);
  EXPECT_EQ(shape.InputElements(), 80);
}

TEST(MacShapes, DescribeProducts) {
  OnnxBuilder b;
  const std::string x = b.Input("tokens", {7, 12});
  const std::string y = b.Node("MatMul", {x, b.Random("w", {12, 5}, 1)}, {}, "projection");
  const std::string transposed = b.Node("Transpose", {x}, {{"perm", Ints{0, 2, 1}}});
  const std::string scores = b.Node("MatMul", {x, transposed}, {}, "scores");  // 7x12 times 12x7
  b.Output(b.Node("MatMul", {scores, y}, {}, "mix"));                          // 7x7 times 7x5
  const std::vector<MacShape> shapes = ShapesOf(b.Bytes());
  ASSERT_EQ(shapes.size(), 3);
  EXPECT_EQ(shapes[0].op, "gemm");
  EXPECT_EQ(shapes[0].m, 5);
  EXPECT_EQ(shapes[0].c, 12);
  EXPECT_EQ(shapes[0].p * shapes[0].q, 7);
  EXPECT_EQ(shapes[0].InputElements(), 7 * 12);
  EXPECT_EQ(shapes[1].op, "matmul");
  EXPECT_TRUE(shapes[1].weights_are_activations);
  EXPECT_EQ(shapes[1].Macs(), 7 * 12 * 7);
  EXPECT_EQ(shapes[1].WeightElements(), 12 * 7);
  EXPECT_EQ(shapes[2].Macs(), 7 * 7 * 5);
  EXPECT_EQ(shapes[2].OutputElements(), 7 * 5);
}

TEST(MacShapes, CountHeadsAsGroups) {
  OnnxBuilder b;
  const std::string x = b.Input("heads", {3, 4, 6});
  const std::string transposed = b.Node("Transpose", {x}, {{"perm", Ints{0, 1, 3, 2}}});
  b.Output(b.Node("MatMul", {x, transposed}));
  const MacShape shape = ShapesOf(b.Bytes()).at(0);
  EXPECT_EQ(shape.groups, 3);
  EXPECT_EQ(shape.Macs(), 3 * 4 * 6 * 4);
  EXPECT_EQ(shape.OutputElements(), 3 * 4 * 4);
}

}  // namespace
}  // namespace bitscape::network
