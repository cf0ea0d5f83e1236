// One operator at a time: what each form becomes, and what each refusal says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <limits>
#include <string>
#include <vector>

#include "engine/network/onnx_import.h"
#include "engine/network/onnx_operators.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::bitscape::testing::OnnxAttributeMap;
using ::bitscape::testing::OnnxBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ints = std::vector<int64_t>;

absl::StatusOr<Network> Import(const OnnxBuilder& builder) {
  return ImportOnnx(builder.Bytes(), "model.onnx", "net", {{0.5F}, {0.25F}});
}

// A model of one node on an input of `shape`. `more` makes the node's further inputs.
using MoreInputs = std::function<std::vector<std::string>(OnnxBuilder&)>;
absl::StatusOr<Network> ImportNode(const std::string& op_type, const Ints& shape,
                                   const OnnxAttributeMap& attributes = {},
                                   const MoreInputs& more = {}, int opset = 13) {
  OnnxBuilder b(opset);
  std::vector<std::string> inputs{b.Input("x", shape)};
  if (more) {
    for (const std::string& input : more(b)) inputs.push_back(input);
  }
  b.Output(b.Node(op_type, inputs, attributes, "node"));
  return Import(b);
}

template <typename Op>
Op LastOperator(const absl::StatusOr<Network>& network) {
  EXPECT_TRUE(network.ok()) << network.status();
  if (!network.ok()) return {};
  const Operator& op = network->nodes.back().op;
  EXPECT_TRUE(std::holds_alternative<Op>(op)) << OperatorName(op);
  return std::get<Op>(op);
}

Shape LastShape(const absl::StatusOr<Network>& network) {
  EXPECT_TRUE(network.ok()) << network.status();
  return network.ok() ? network->nodes.back().shape : Shape{};
}

void ExpectError(const absl::StatusOr<Network>& network, const std::string& message,
                 absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  EXPECT_EQ(network.status().code(), code) << network.status();
  EXPECT_THAT(std::string(network.status().message()), HasSubstr("model.onnx: node 'node'"));
  EXPECT_THAT(std::string(network.status().message()), HasSubstr(message));
}

void ExpectUnimplemented(const absl::StatusOr<Network>& network, const std::string& message) {
  ExpectError(network, message, absl::StatusCode::kUnimplemented);
}

MoreInputs Weights(const Ints& shape) {
  return [shape](OnnxBuilder& b) { return std::vector{b.Random("w", shape, 0.5F)}; };
}
MoreInputs Integers(const Ints& values) {
  return [values](OnnxBuilder& b) { return std::vector{b.Integers("i", values)}; };
}

TEST(OnnxOperators, AreSorted) {
  for (size_t i = 1; i < OnnxOperators().size(); ++i) {
    EXPECT_LT(OnnxOperators()[i - 1].type, OnnxOperators()[i].type);
  }
}

// Every operator, with no input, with an empty one, and with far too many.
TEST(OnnxOperators, SurviveAnyNumberOfInputs) {
  for (const OnnxOperator& op : OnnxOperators()) {
    for (const int opset : {7, 11, 13, 17}) {
      for (const std::vector<std::string>& inputs :
           {std::vector<std::string>{}, {""}, {"", "x"}, std::vector<std::string>(20, "x")}) {
        OnnxBuilder b(opset);
        b.Input("x", {1, 4, 4});
        b.Output(b.Node("Relu", {b.Node(std::string(op.type), inputs, {}, "node")}));
        const auto network = Import(b);
        ASSERT_FALSE(network.ok()) << op.type << " with " << inputs.size() << " inputs";
        EXPECT_THAT(std::string(network.status().message()), HasSubstr("node 'node'")) << op.type;
      }
    }
  }
}

TEST(OnnxConv, ReadsAllAttributes) {
  const auto network = ImportNode("Conv", {4, 9, 10},
                                  {{"group", int64_t{2}},
                                   {"kernel_shape", Ints{3, 2}},
                                   {"strides", Ints{2, 1}},
                                   {"dilations", Ints{1, 3}},
                                   {"pads", Ints{0, 1, 2, 3}}},
                                  Weights({6, 2, 3, 2}));
  const Conv conv = LastOperator<Conv>(network);
  EXPECT_EQ(conv.groups, 2);
  EXPECT_THAT(conv.stride, ElementsAre(2, 1));
  EXPECT_THAT(conv.dilation, ElementsAre(1, 3));
  EXPECT_THAT(conv.pad, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(conv.bias, nullptr);
  // (9 + 2 - 3) / 2 + 1 and 10 + 4 - (1 * 3 + 1) + 1.
  EXPECT_EQ(LastShape(network), (Shape{1, 6, 5, 11}));
}

TEST(OnnxConv, PadsAutomatically) {
  const auto pads = [](const std::string& mode) {
    return LastOperator<Conv>(ImportNode("Conv", {1, 8, 7},
                                         {{"auto_pad", mode}, {"strides", Ints{2, 2}}},
                                         Weights({1, 1, 3, 4})))
        .pad;
  };
  // 4 outputs each: 3 * 2 + 3 - 8 = 1 row and 3 * 2 + 4 - 7 = 3 columns.
  EXPECT_THAT(pads("SAME_UPPER"), ElementsAre(0, 1, 1, 2));
  EXPECT_THAT(pads("SAME_LOWER"), ElementsAre(1, 2, 0, 1));
  EXPECT_THAT(pads("VALID"), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(pads("NOTSET"), ElementsAre(0, 0, 0, 0));
}

TEST(OnnxConv, TakesOneSpatialDimension) {
  const auto network =
      ImportNode("Conv", {4, 10}, {{"strides", Ints{2}}, {"pads", Ints{1, 0}}}, Weights({6, 4, 3}));
  const Conv conv = LastOperator<Conv>(network);
  EXPECT_EQ(conv.weights->shape, (Shape{6, 4, 1, 3}));
  EXPECT_THAT(conv.stride, ElementsAre(1, 2));
  EXPECT_THAT(conv.pad, ElementsAre(0, 1, 0, 0));
  EXPECT_EQ(LastShape(network), (Shape{1, 6, 5}));
}

TEST(OnnxConv, RefusesWhatDoesNotFit) {
  const Ints image{4, 8, 8};
  ExpectError(ImportNode("Conv", image, {{"group", int64_t{3}}}, Weights({6, 1, 3, 3})),
              "3 groups don't divide 4 input and 6 output channels");
  ExpectError(ImportNode("Conv", image, {{"group", int64_t{0}}}, Weights({6, 4, 3, 3})),
              "0 groups");
  ExpectError(ImportNode("Conv", image, {}, Weights({6, 3, 3, 3})), "take 3 channels a group");
  ExpectError(ImportNode("Conv", image, {}, Weights({6, 4, 3})), "ranks differ");
  ExpectError(ImportNode("Conv", image, {}, Weights({6, 4, 9, 3})), "padded input has 8");
  ExpectError(ImportNode("Conv", image, {{"kernel_shape", Ints{3, 2}}}, Weights({6, 4, 3, 3})),
              "kernel_shape 3x2 disagrees");
  ExpectError(ImportNode("Conv", image, {{"strides", Ints{0, 1}}}, Weights({6, 4, 3, 3})),
              "'strides': 0 is not in 1..");
  ExpectError(ImportNode("Conv", image, {{"strides", Ints{1}}}, Weights({6, 4, 3, 3})),
              "'strides' has 1 entries for 2");
  ExpectError(ImportNode("Conv", image, {{"pads", Ints{-1, 0, 0, 0}}}, Weights({6, 4, 3, 3})),
              "'pads': -1 is not in 0..");
  ExpectError(ImportNode("Conv", image, {{"pads", Ints{0, 0}}}, Weights({6, 4, 3, 3})),
              "'pads' has 2 entries");
  ExpectError(ImportNode("Conv", image, {{"auto_pad", "SAME"}}, Weights({6, 4, 3, 3})),
              "'auto_pad' is 'SAME'");
  ExpectError(ImportNode("Conv", image, {{"group", 1.0F}}, Weights({6, 4, 3, 3})),
              "'group' is of type FLOAT, INT is expected");
  ExpectUnimplemented(ImportNode("Conv", image, {{"activation", "Relu"}}, Weights({6, 4, 3, 3})),
                      "attribute 'activation' is not supported");
  ExpectError(ImportNode("Conv", image), "1 input(s) given, 2 to 3 expected");
  ExpectUnimplemented(
      ImportNode("Conv", image, {}, [](OnnxBuilder&) { return std::vector<std::string>{"x"}; }),
      "weights (input 1) is computed");
  ExpectError(
      ImportNode("Conv", image, {},
                 [](OnnxBuilder& b) {
                   return std::vector{b.Random("w", {6, 4, 1, 1}, 1), b.Random("b", {5}, 1)};
                 }),
      "bias 5 should be 6");
  ExpectError(ImportNode("Conv", image, {},
                         [](OnnxBuilder& b) {
                           return std::vector{b.Floats("w", {1, 4, 1, 1}, {1, 2, NAN, 4})};
                         }),
              "initializer 'w#0': element 2 is nan");
}

TEST(OnnxPool, RoundsUpWithoutWindowsOfPaddingOnly) {
  const auto shape = [](int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
    return LastShape(ImportNode("MaxPool", {1, size, size},
                                {{"kernel_shape", Ints{kernel, kernel}},
                                 {"strides", Ints{stride, stride}},
                                 {"pads", Ints{pad, pad, pad, pad}},
                                 {"ceil_mode", int64_t{1}}}));
  };
  EXPECT_EQ(shape(8, 3, 2, 0), (Shape{1, 1, 4, 4}));
  EXPECT_EQ(shape(7, 3, 2, 0), (Shape{1, 1, 3, 3}));
  // The plain formula gives ceil(5 / 2) + 1 = 4; the fourth would start at 6 of 5 + 1: dropped.
  EXPECT_EQ(shape(5, 2, 2, 1), (Shape{1, 1, 3, 3}));
}

TEST(OnnxPool, StatesCeilModeAsPadding) {
  const Pool pool = LastOperator<Pool>(ImportNode(
      "AveragePool", {1, 8, 8},
      {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}}));
  EXPECT_EQ(pool.kind, Pool::Kind::kAverage);
  EXPECT_FALSE(pool.count_include_pad);
  EXPECT_THAT(pool.pad, ElementsAre(0, 0, 1, 1));
}

TEST(OnnxPool, RefusesWhatItCanNotSay) {
  ExpectError(ImportNode("MaxPool", {1, 8, 8}), "'kernel_shape' is missing");
  ExpectError(
      ImportNode("MaxPool", {1, 8, 8}, {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{2, 0, 0, 0}}}),
      "covers padding only");
  ExpectUnimplemented(ImportNode("AveragePool", {1, 8, 8},
                                 {{"kernel_shape", Ints{3, 3}},
                                  {"strides", Ints{2, 2}},
                                  {"ceil_mode", int64_t{1}},
                                  {"count_include_pad", int64_t{1}}}),
                      "ceil_mode with count_include_pad");
  ExpectUnimplemented(ImportNode("MaxPool", {8}, {{"kernel_shape", Ints{2}}}), "2 dimensions");
  OnnxBuilder b;
  const std::string x = b.Input("x", {1, 8, 8});
  const std::string pooled = b.Node("MaxPool", {x}, {{"kernel_shape", Ints{1, 1}}}, "node");
  b.model().mutable_graph()->mutable_node(0)->add_output("indices");
  b.Output(b.Node("Add", {pooled, "indices"}));
  ExpectUnimplemented(Import(b), "output 1 ('indices') is used");
}

TEST(OnnxGemm, FoldsFactorsAndTransposition) {
  const Gemm gemm = LastOperator<Gemm>(
      ImportNode("Gemm", {3}, {{"alpha", 2.0F}, {"beta", 3.0F}}, [](OnnxBuilder& b) {
        return std::vector{b.Floats("B", {3, 2}, {1, 2, 3, 4, 5, 6}), b.Floats("C", {1}, {10})};
      }));
  EXPECT_EQ(gemm.weights->shape, (Shape{2, 3}));
  EXPECT_THAT(gemm.weights->values, ElementsAre(2, 6, 10, 4, 8, 12));
  EXPECT_THAT(gemm.bias->values, ElementsAre(30, 30));
  const Gemm transposed =
      LastOperator<Gemm>(ImportNode("Gemm", {3}, {{"transB", int64_t{1}}}, [](OnnxBuilder& b) {
        return std::vector{b.Floats("B", {2, 3}, {1, 2, 3, 4, 5, 6})};
      }));
  EXPECT_THAT(transposed.weights->values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(transposed.bias, nullptr);
}

TEST(OnnxGemm, RefusesWhatMixesImages) {
  ExpectUnimplemented(ImportNode("Gemm", {3}, {{"transA", int64_t{1}}}, Weights({1, 2})),
                      "transA=1");
  ExpectError(ImportNode("Gemm", {3}, {}, Weights({4, 2})), "doesn't end in the 4 columns");
  ExpectError(ImportNode("Gemm", {3}, {}, Weights({3})), "should be a matrix");
  ExpectError(ImportNode("Gemm", {3, 4, 4}, {}, Weights({3, 2})), "a matrix is expected");
  ExpectError(ImportNode("Gemm", {3}, {},
                         [](OnnxBuilder& b) {
                           return std::vector{b.Random("B", {3, 2}, 1), b.Random("C", {2, 2}, 1)};
                         }),
              "C is 2x2");
}

TEST(OnnxMatMul, RefusesActivationsWithoutABatch) {
  OnnxBuilder b;
  const std::string x = b.Input("x", {1});
  b.Output(b.Node("MatMul", {x, x}, {}, "node"));
  ExpectError(Import(b), "equal ranks of 3 or more");
}

TEST(OnnxBatchNormalization, ComputesInDouble) {
  const auto inputs = [](float variance, Ints shape) {
    return [=](OnnxBuilder& b) {
      const std::vector<float> ones(static_cast<size_t>(shape[0]), 1.0F);
      return std::vector{b.Floats("s", shape, ones), b.Floats("b", shape, ones),
                         b.Floats("m", shape, ones),
                         b.Floats("v", shape, std::vector<float>(ones.size(), variance))};
    };
  };
  const BatchNorm norm =
      LastOperator<BatchNorm>(ImportNode("BatchNormalization", {2, 4, 4}, {}, inputs(3, {2})));
  const double scale = 1 / std::sqrt(3.0 + double{1e-5F});
  EXPECT_THAT(norm.scale, ElementsAre(static_cast<float>(scale), static_cast<float>(scale)));
  EXPECT_THAT(norm.shift,
              ElementsAre(static_cast<float>(1 - scale), static_cast<float>(1 - scale)));
  ExpectError(ImportNode("BatchNormalization", {2, 4, 4}, {}, inputs(-1, {2})), "not positive");
  ExpectError(ImportNode("BatchNormalization", {2, 4, 4}, {}, inputs(1, {3})), "scale is 3");
  ExpectUnimplemented(
      ImportNode("BatchNormalization", {2, 4, 4}, {{"training_mode", int64_t{1}}}, inputs(1, {2})),
      "training_mode=1");
  ExpectUnimplemented(
      ImportNode("BatchNormalization", {2, 4, 4}, {{"spatial", int64_t{0}}}, inputs(1, {2}), 8),
      "spatial=0");
}

TEST(OnnxClip, ReadsBothForms) {
  const Clip old = LastOperator<Clip>(ImportNode("Clip", {4}, {{"max", 6.0F}}, {}, 10));
  EXPECT_EQ(old.min, std::numeric_limits<float>::lowest());
  EXPECT_EQ(old.max, 6.0F);
  const Clip clip = LastOperator<Clip>(ImportNode("Clip", {4}, {}, [](OnnxBuilder& b) {
    return std::vector<std::string>{"", b.Floats("max", {}, {6})};
  }));
  EXPECT_EQ(clip.min, std::numeric_limits<float>::lowest());
  EXPECT_EQ(clip.max, 6.0F);
  ExpectError(ImportNode("Clip", {4}, {{"min", 1.0F}, {"max", 0.0F}}, {}, 7),
              "min 1 is greater than max 0");
  ExpectError(ImportNode("Clip", {4}, {{"min", NAN}}, {}, 7), "'min' is nan");
  ExpectUnimplemented(ImportNode("Clip", {4}, {{"max", 6.0F}}), "attribute 'max' is not supported");
  ExpectError(ImportNode("Clip", {4}, {}, Weights({2})), "min (input 1) has 2 elements");
}

TEST(OnnxSoftmax, CoercesBeforeOpset13) {
  EXPECT_EQ(LastOperator<Softmax>(ImportNode("Softmax", {4, 1, 1}, {}, {}, 9)).axis, 1);
  EXPECT_EQ(LastOperator<Softmax>(ImportNode("Softmax", {1, 4}, {}, {}, 9)).axis, 2);
  EXPECT_EQ(LastOperator<Softmax>(ImportNode("Softmax", {3, 4}, {{"axis", int64_t{1}}})).axis, 1);
  EXPECT_EQ(LastOperator<Softmax>(ImportNode("Softmax", {3, 4})).axis, 2);
  ExpectUnimplemented(ImportNode("Softmax", {3, 4}, {}, {}, 9), "several axes of 1x3x4");
  ExpectError(ImportNode("Softmax", {3}, {{"axis", int64_t{2}}}), "axis 2 is not in -2..1");
  ExpectError(ImportNode("Softmax", {3}, {{"axis", int64_t{0}}}), "axis 0 is the batch");
}

TEST(OnnxBinary, BroadcastsConstants) {
  const auto network = ImportNode("Add", {3, 4, 5}, {}, Weights({3, 1, 1}));
  EXPECT_EQ(LastShape(network), (Shape{1, 3, 4, 5}));
  EXPECT_EQ(OperatorName(network->nodes[1].op), "constant");
  ExpectError(ImportNode("Mul", {3, 4}, {}, Weights({3})), "don't broadcast");
  ExpectError(ImportNode("Add", {4}, {}, Weights({1, 1, 4})), "move its batch dimension");
  ExpectError(ImportNode("Add", {4}, {}, Weights({2, 4})), "doesn't keep the batch");
  ExpectError(ImportNode("Add", {4}, {}, Integers({1})), "holds integers, floats are expected");
}

TEST(OnnxConcat, JoinsAlongAnAxis) {
  const auto same = [](OnnxBuilder&) { return std::vector<std::string>{"x"}; };
  EXPECT_EQ(LastShape(ImportNode("Concat", {3, 4}, {{"axis", int64_t{-1}}}, same)),
            (Shape{1, 3, 8}));
  ExpectError(ImportNode("Concat", {3, 4}, {}, same), "'axis' is missing");
  ExpectError(ImportNode("Concat", {3, 4}, {{"axis", int64_t{0}}}, same), "axis 0");
  ExpectError(ImportNode("Concat", {3, 4}, {{"axis", int64_t{1}}}, Weights({1, 3, 5})),
              "don't concatenate along axis 1");
}

TEST(OnnxPad, ReadsBothForms) {
  const Pad old = LastOperator<Pad>(
      ImportNode("Pad", {3, 4}, {{"pads", Ints{0, 1, 0, 0, 0, 2}}, {"value", 0.5F}}, {}, 10));
  EXPECT_THAT(old.before, ElementsAre(0, 1, 0));
  EXPECT_THAT(old.after, ElementsAre(0, 0, 2));
  EXPECT_EQ(old.value, 0.5F);
  EXPECT_EQ(LastShape(ImportNode("Pad", {3, 4}, {}, Integers({0, 1, 0, 0, 0, 2}))),
            (Shape{1, 4, 6}));
  ExpectUnimplemented(ImportNode("Pad", {3}, {{"mode", "reflect"}}, Integers({0, 1, 0, 1})),
                      "'reflect'");
  ExpectError(ImportNode("Pad", {3}, {}, Integers({0, 1})), "2 pads for the input 1x3, 4");
  ExpectError(ImportNode("Pad", {3}, {}, Integers({0, -1, 0, 0})), "padding -1");
  ExpectError(ImportNode("Pad", {3}, {}, Integers({1, 0, 0, 0})), "doesn't keep the batch");
}

TEST(OnnxReshape, ResolvesZerosAndMinusOne) {
  const auto shape = [](const Ints& target, const OnnxAttributeMap& attributes = {}) {
    return ImportNode("Reshape", {4, 6}, attributes, Integers(target), 14);
  };
  EXPECT_EQ(LastShape(shape({0, -1})), (Shape{1, 24}));
  EXPECT_EQ(LastShape(shape({-1, 24})), (Shape{1, 24}));
  EXPECT_EQ(LastShape(shape({1, 0, 2, 3})), (Shape{1, 4, 2, 3}));
  ExpectError(shape({0, 0, 0, 0}), "not a target shape");
  ExpectError(shape({0, -1, -1}), "not a target shape");
  ExpectError(shape({0, 5, -1}), "has 24 elements, which [0, 5, -1] can't hold");
  ExpectError(shape({0, -1}, {{"allowzero", int64_t{1}}}), "not a target shape");
  ExpectError(shape({1, int64_t{1} << 62, 4}), "not a target shape");
}

TEST(OnnxFlatten, KeepsTheBatch) {
  EXPECT_EQ(LastShape(ImportNode("Flatten", {4, 6})), (Shape{1, 24}));
  EXPECT_EQ(LastShape(ImportNode("Flatten", {1, 6}, {{"axis", int64_t{-1}}})), (Shape{1, 6}));
  ExpectUnimplemented(ImportNode("Flatten", {4}, {{"axis", int64_t{0}}}), "flatten the batch");
  ExpectError(ImportNode("Flatten", {4, 6}, {{"axis", int64_t{2}}}), "4x6");
}

TEST(OnnxSqueeze, ReadsBothForms) {
  EXPECT_EQ(LastShape(ImportNode("Squeeze", {1, 3, 1}, {{"axes", Ints{-1, 1}}}, {}, 11)),
            (Shape{1, 3}));
  EXPECT_EQ(LastShape(ImportNode("Squeeze", {1, 3, 1}, {}, Integers({3}))), (Shape{1, 1, 3}));
  EXPECT_EQ(LastShape(ImportNode("Squeeze", {1, 3, 1})), (Shape{1, 3}));
  ExpectError(ImportNode("Squeeze", {1, 3}, {}, Integers({2})), "axis 2 of 1x1x3 is not 1");
  ExpectError(ImportNode("Squeeze", {1, 3}, {}, Integers({1, 1})), "given twice");
  ExpectUnimplemented(ImportNode("Squeeze", {3}, {}, Integers({0})), "axis 0 is the batch");
}

TEST(OnnxUnsqueeze, ReadsBothForms) {
  EXPECT_EQ(LastShape(ImportNode("Unsqueeze", {3}, {{"axes", Ints{3, 1}}}, {}, 11)),
            (Shape{1, 1, 3, 1}));
  EXPECT_EQ(LastShape(ImportNode("Unsqueeze", {3}, {}, Integers({-1}))), (Shape{1, 3, 1}));
  ExpectError(ImportNode("Unsqueeze", {3}), "no axes");
  ExpectError(ImportNode("Unsqueeze", {3}, {}, Integers(Ints(20, 1))), "at most 16");
}

TEST(OnnxTranspose, KeepsTheBatchFirst) {
  EXPECT_EQ(LastShape(ImportNode("Transpose", {2, 3}, {{"perm", Ints{0, 2, 1}}})),
            (Shape{1, 3, 2}));
  ExpectError(ImportNode("Transpose", {2, 3}), "moves axis 0");
  ExpectError(ImportNode("Transpose", {2}, {{"perm", Ints{0, 0}}}), "is not a permutation");
}

// Exporters leave reshapes and transpositions of weights in the graph.
TEST(OnnxConstants, AreFoldedThroughShapeOperators) {
  OnnxBuilder b;
  const std::string x = b.Input("x", {3});
  std::string w = b.Floats("w", {6}, {1, 2, 3, 4, 5, 6});
  w = b.Node("Reshape", {w, b.Integers("shape", {2, 3})});
  w = b.Node("Transpose", {w});
  w = b.Node("Identity", {w});
  b.Output(b.Node("MatMul", {x, w}, {}, "node"));
  const Gemm gemm = LastOperator<Gemm>(Import(b));
  EXPECT_THAT(gemm.weights->values, ElementsAre(1, 2, 3, 4, 5, 6));
}

// x.view(x.size(0), -1) as PyTorch exports it with a dynamic batch.
TEST(OnnxConstants, AreComputedFromShapes) {
  OnnxBuilder b;
  const std::string x = b.Input("x", {3, 4});
  const std::string shape = b.Node("Shape", {x});
  std::string batch =
      b.Node("Gather", {shape, b.Node("Constant", {}, {{"value_int", int64_t{0}}})});
  batch = b.Node("Unsqueeze", {batch, b.Integers("axes", {0})});
  const std::string target =
      b.Node("Concat", {batch, b.Integers("rest", {-1})}, {{"axis", int64_t{0}}});
  b.Output(b.Node("Reshape", {x, target}));
  EXPECT_EQ(LastShape(Import(b)), (Shape{1, 12}));
}

TEST(OnnxConstants, CutShapes) {
  const auto target = [](const OnnxAttributeMap& attributes) {
    OnnxBuilder b(15);
    const std::string x = b.Input("x", {3, 4});
    const std::string sizes = b.Node("Shape", {x}, attributes);
    b.Output(
        b.Node("Reshape", {x, b.Node("Concat", {b.Integers("n", {1}), sizes, b.Integers("r", {-1})},
                                     {{"axis", int64_t{0}}})}));
    return Import(b);
  };
  EXPECT_EQ(LastShape(target({{"start", int64_t{1}}})), (Shape{1, 3, 4, 1}));
  EXPECT_EQ(LastShape(target({{"start", int64_t{-1}}})), (Shape{1, 4, 3}));
  EXPECT_EQ(LastShape(target({{"start", int64_t{1}}, {"end", int64_t{-1}}})), (Shape{1, 3, 4}));
  EXPECT_EQ(LastShape(target({{"start", int64_t{9}}})), (Shape{1, 12}));
}

TEST(OnnxConstants, DoNotDoubleWithoutEnd) {
  OnnxBuilder b;
  const std::string x = b.Input("x", {3});
  std::string list = b.Integers("list", {1});
  for (int i = 0; i < 40; ++i)
    list = b.Node("Concat", {list, list}, {{"axis", int64_t{0}}}, "node");
  b.Output(b.Node("Reshape", {x, list}));
  ExpectError(Import(b), "a list of more than 1024", absl::StatusCode::kResourceExhausted);
}

TEST(OnnxGather, ReadsListsOfIntegersOnly) {
  ExpectUnimplemented(ImportNode("Gather", {3, 4}, {}, Integers({1})),
                      "data (input 0) is computed");
  OnnxBuilder b;
  const std::string x = b.Input("x", {3});
  b.Output(b.Node(
      "Reshape",
      {x, b.Node("Gather", {b.Integers("list", {1, 3}), b.Integers("i", {2})}, {}, "node")}));
  ExpectError(Import(b), "index 2 into a list of 2");
}

TEST(OnnxConstants, ComeFromConstantNodes) {
  OnnxBuilder b;
  const std::string x = b.Input("x", {3});
  const std::string factor =
      b.Node("Constant", {}, {{"value_floats", std::vector<float>{1, 2, 3}}});
  const std::string shape = b.Node("Constant", {}, {{"value_ints", Ints{1, 3, 1}}});
  b.Output(b.Node("Reshape", {b.Node("Mul", {x, factor}), shape}));
  const auto network = Import(b);
  EXPECT_EQ(LastShape(network), (Shape{1, 3, 1}));
  ExpectUnimplemented(
      [] {
        OnnxBuilder c;
        c.Input("x", {3});
        c.Output(c.Node("Constant", {}, {{"value_string", "text"}}, "node"));
        return Import(c);
      }(),
      "only value, value_float");
}

TEST(OnnxDropout, IsNothingInInference) {
  EXPECT_FALSE(ImportNode("Dropout", {3}).ok());  // the output would be the input itself
  OnnxBuilder b;
  b.Output(b.Node("Relu", {b.Node("Dropout", {b.Input("x", {3})}, {{"seed", int64_t{1}}})}));
  EXPECT_EQ(Import(b)->nodes.size(), 2);
}

}  // namespace
}  // namespace bitscape::network
