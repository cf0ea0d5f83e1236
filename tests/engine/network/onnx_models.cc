#include "tests/engine/network/onnx_builder.h"

namespace bitscape::testing {
namespace {

using Ints = std::vector<int64_t>;

}  // namespace

std::string GroupedConvModel() {
  OnnxBuilder b;
  std::string x = b.Input("image", {1, 28, 28});
  x = b.Conv(x, 1, 8, 3, {{"pads", Ints{1, 2, 0, 1}}}, "first layer * [0] ?");
  x = b.BatchNorm(x, 8, "first layer * [0] ?");  // the same name twice
  x = b.Node("LeakyRelu", {x}, {{"alpha", 0.1F}});
  x = b.Conv(x, 8, 16, 3,
             {{"group", int64_t{4}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 1, 1, 1}}}, "слой/2",
             false);
  x = b.BatchNorm(x, 16);
  x = b.Node("Relu", {x});
  x = b.Conv(x, 16, 16, 3,
             {{"group", int64_t{16}}, {"dilations", Ints{2, 2}}, {"auto_pad", "SAME_LOWER"}},
             "/features/features.3/Conv");
  x = b.Node("Clip", {x, b.Floats("low", {}, {0.0F}), b.Floats("high", {}, {6.0F})});
  x = b.Node("AveragePool", {x},
             {{"kernel_shape", Ints{3, 3}},
              {"strides", Ints{2, 2}},
              {"pads", Ints{1, 1, 1, 1}},
              {"count_include_pad", int64_t{1}}});
  x = b.Conv(x, 16, 12, 4,
             {{"group", int64_t{2}}, {"strides", Ints{2, 2}}, {"auto_pad", "SAME_UPPER"}});
  x = b.Node("Relu", {x}, {}, "слой/2");
  x = b.Node("AveragePool", {x},
             {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}});
  x = b.Node("GlobalAveragePool", {x});
  x = b.Node("Flatten", {x});
  b.Output(b.Gemm(x, 12, 10, "classifier=\"x\",y:z"));
  return b.Bytes();
}

std::string BranchesModel() {
  OnnxBuilder b;
  const std::string image = b.Input("rgb", {3, 32, 32});
  const std::string stem = b.Node("Relu", {b.Conv(image, 3, 16, 3, {{"pads", Ints{1, 1, 1, 1}}})});
  const std::string left = b.Conv(stem, 16, 8, 1, {}, "branch/left");
  const std::string middle = b.Node(
      "Relu",
      {b.BatchNorm(b.Conv(stem, 16, 8, 5, {{"pads", Ints{2, 2, 2, 2}}}, "branch/middle"), 8)});
  const std::string pooled =
      b.Node("MaxPool", {stem},
             {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{1, 1}}, {"pads", Ints{1, 1, 1, 1}}});
  const std::string right = b.Conv(pooled, 16, 16, 1, {}, "branch/right");
  std::string x = b.Node("Concat", {left, middle, right}, {{"axis", int64_t{1}}});
  x = b.Node("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  // Zeros on the right and below, as TensorFlow's exporters write them.
  std::string padded = b.Node("Pad", {x, b.Integers("pads", {0, 0, 0, 0, 0, 0, 1, 1})});
  std::string residual =
      b.Node("Clip", {b.Conv(padded, 32, 32, 2, {}, "residual/a"), b.Floats("low", {}, {0.0F}),
                      b.Floats("high", {}, {6.0F})});
  residual = b.Conv(residual, 32, 32, 3, {{"pads", Ints{1, 1, 1, 1}}}, "residual/b");
  x = b.Node("Add", {x, residual});
  // Squeeze and excitation: one gate a channel.
  const std::string gate =
      b.Node("Sigmoid", {b.Conv(b.Node("GlobalAveragePool", {x}), 32, 32, 1, {}, "gate")});
  x = b.Node("Mul", {x, gate});
  x = b.Node("Dropout", {b.Node("GlobalAveragePool", {x})});
  x = b.Node("Reshape", {x, b.Integers("shape", {-1, 32})});
  b.Output(b.Gemm(x, 32, 10, "head"));
  return b.Bytes();
}

std::string MlpModel() {
  OnnxBuilder b;
  std::string x = b.Input("image", {1, 28, 28});
  x = b.Node("Reshape", {x, b.Integers("shape", {0, -1})});
  x = b.Node("MatMul", {x, b.Random("weights", {784, 64}, 0.06F)}, {}, "/fc1/MatMul");
  x = b.Node("Add", {b.Random("bias", {64}, 0.1F), x}, {}, "/fc1/Add");
  x = b.Node("Tanh", {x});
  x = b.Node("Gemm", {x, b.Random("weights", {64, 32}, 0.2F), b.Random("bias", {1, 32}, 0.1F)},
             {{"alpha", 0.5F}, {"beta", 2.0F}}, "fc2");
  x = b.Node("Mul", {x, b.Floats("factor", {}, {1.5F})});
  x = b.Node("Relu", {x});
  x = b.Gemm(x, 32, 10, "fc3");
  b.Output(b.Node("Softmax", {x}, {{"axis", int64_t{-1}}}));
  return b.Bytes();
}

std::string AttentionModel() {
  OnnxBuilder b;
  std::string x = b.Input("image", {1, 16, 16});
  x = b.Node("Squeeze", {x, b.Integers("axes", {1})});  // 16 tokens of 16 features
  const auto project = [&](const std::string& name) {
    const std::string product =
        b.Node("MatMul", {x, b.Random("weights", {16, 16}, 0.4F)}, {}, name);
    return b.Node("Add", {product, b.Random("bias", {16}, 0.1F)});
  };
  const std::string query = project("query"), key = project("key"), value = project("value");
  const std::string transposed = b.Node("Transpose", {key}, {{"perm", Ints{0, 2, 1}}});
  std::string scores = b.Node("MatMul", {query, transposed}, {}, "scores");
  scores = b.Node("Mul", {scores, b.Floats("scale", {1}, {0.25F})});
  scores = b.Node("Softmax", {scores}, {{"axis", int64_t{2}}});
  x = b.Node("Add", {x, b.Node("MatMul", {scores, value}, {}, "mix")});
  x = b.Node("Flatten", {x});
  b.Output(b.Gemm(x, 256, 10, "head"));
  return b.Bytes();
}

}  // namespace bitscape::testing
