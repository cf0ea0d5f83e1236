#include "engine/network/onnx_operators.h"

namespace bitscape::network {
namespace {

constexpr OnnxOperator kOperators[] = {
    {"Add", ConvertAdd},
    {"AveragePool", ConvertAveragePool},
    {"BatchNormalization", ConvertBatchNormalization},
    {"Clip", ConvertClip},
    {"Concat", ConvertConcat},
    {"Constant", ConvertConstant},
    {"Conv", ConvertConv},
    {"Dropout", ConvertDropout},
    {"Flatten", ConvertFlatten},
    {"Gather", ConvertGather},
    {"Gemm", ConvertGemm},
    {"GlobalAveragePool", ConvertGlobalAveragePool},
    {"Identity", ConvertIdentity},
    {"LeakyRelu", ConvertLeakyRelu},
    {"MatMul", ConvertMatMul},
    {"MaxPool", ConvertMaxPool},
    {"Mul", ConvertMul},
    {"Pad", ConvertPad},
    {"Relu", ConvertRelu},
    {"Reshape", ConvertReshape},
    {"Shape", ConvertShape},
    {"Sigmoid", ConvertSigmoid},
    {"Softmax", ConvertSoftmax},
    {"Squeeze", ConvertSqueeze},
    {"Tanh", ConvertTanh},
    {"Transpose", ConvertTranspose},
    {"Unsqueeze", ConvertUnsqueeze},
};

}  // namespace

std::span<const OnnxOperator> OnnxOperators() { return kOperators; }

}  // namespace bitscape::network
