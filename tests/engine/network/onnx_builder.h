// Builds ONNX models from C++ calls: input for the tests of import and emulation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace onnx {
class ModelProto;
}

namespace bitscape::testing {

using OnnxAttribute =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>>;
using OnnxAttributeMap = std::map<std::string, OnnxAttribute>;

class OnnxBuilder {
 public:
  explicit OnnxBuilder(int opset = 13);
  ~OnnxBuilder();
  OnnxBuilder(OnnxBuilder&& other) noexcept;

  // Each returns the name of the value it adds, for use as an input of nodes.
  // The graph input [batch, shape...]; batch 0 stands for a symbolic one.
  std::string Input(const std::string& name, const std::vector<int64_t>& shape, int64_t batch = 0);
  // Initializers. Random values are uniform in +-scale, by the builder's own sequence.
  std::string Random(const std::string& name, const std::vector<int64_t>& shape, float scale);
  std::string Floats(const std::string& name, const std::vector<int64_t>& shape,
                     const std::vector<float>& values);
  // Floats whose data is not in the file.
  std::string WithoutData(const std::string& name, const std::vector<int64_t>& shape);
  std::string Integers(const std::string& name, const std::vector<int64_t>& values);
  // A node named `name` (may be empty or taken already). "" among the inputs leaves one out.
  std::string Node(const std::string& op_type, const std::vector<std::string>& inputs,
                   const OnnxAttributeMap& attributes = {}, const std::string& name = "");
  // Convolution with random weights and bias, scaled to keep the signal's size.
  std::string Conv(const std::string& src, int64_t ic, int64_t oc, int64_t kernel,
                   OnnxAttributeMap attributes = {}, const std::string& name = "",
                   bool bias = true);
  // Batch norm with random scale, shift, mean and positive variance.
  std::string BatchNorm(const std::string& src, int64_t channels, const std::string& name = "");
  // Gemm with transB=1, random weights [oc, ic] and bias.
  std::string Gemm(const std::string& src, int64_t ic, int64_t oc, const std::string& name = "");
  void Output(const std::string& value);

  std::string Bytes() const;
  onnx::ModelProto& model() { return *model_; }

 private:
  std::string UniqueValue(std::string_view hint);
  float NextUniform(float low, float high);

  std::unique_ptr<onnx::ModelProto> model_;
  int values_ = 0;
  uint64_t draws_ = 0;
};

// 1x28x28: convolutions with groups, strides, dilations, uneven padding, auto_pad; batch norm,
// pooling with padding; node names that are empty, doubled, or hold spaces, globs and other
// alphabets.
std::string GroupedConvModel();
// 3x32x32: three branches and a concatenation, a residual sum, a sigmoid gate, ReLU6, Pad, Dropout.
std::string BranchesModel();
// 1x28x28 flattened: MatMul with Add, Gemm with alpha, beta and transB=0, Tanh, a constant factor,
// Softmax.
std::string MlpModel();
// 1x16x16 as 16 tokens: two products of activations around a softmax.
std::string AttentionModel();

}  // namespace bitscape::testing
