// The table of ONNX operators that bitscape reads.
#pragma once

#include <absl/status/status.h>

#include <span>
#include <string>
#include <string_view>

#include "engine/network/onnx_node.h"

namespace bitscape::network {

// Turns one ONNX node into nodes, constants or an alias. Errors carry no position: the importer
// adds file, node and operator.
using OnnxConverter = absl::Status (*)(OnnxNode& node);

struct OnnxOperator {
  std::string_view type;
  OnnxConverter convert;
};

// One row for each operator of the default ONNX domain, sorted by type.
std::span<const OnnxOperator> OnnxOperators();

absl::Status ConvertConv(OnnxNode& node);
absl::Status ConvertMaxPool(OnnxNode& node);
absl::Status ConvertAveragePool(OnnxNode& node);
absl::Status ConvertGlobalAveragePool(OnnxNode& node);

absl::Status ConvertGemm(OnnxNode& node);
absl::Status ConvertMatMul(OnnxNode& node);
absl::Status ConvertBatchNormalization(OnnxNode& node);

absl::Status ConvertRelu(OnnxNode& node);
absl::Status ConvertClip(OnnxNode& node);
absl::Status ConvertLeakyRelu(OnnxNode& node);
absl::Status ConvertSigmoid(OnnxNode& node);
absl::Status ConvertTanh(OnnxNode& node);
absl::Status ConvertSoftmax(OnnxNode& node);
absl::Status ConvertAdd(OnnxNode& node);
absl::Status ConvertMul(OnnxNode& node);
absl::Status ConvertConcat(OnnxNode& node);

absl::Status ConvertShape(OnnxNode& node);
absl::Status ConvertGather(OnnxNode& node);
// A Concat whose inputs are all constant.
absl::Status ConcatIntegers(OnnxNode& node);

absl::Status ConvertPad(OnnxNode& node);
absl::Status ConvertFlatten(OnnxNode& node);
absl::Status ConvertReshape(OnnxNode& node);
absl::Status ConvertTranspose(OnnxNode& node);
absl::Status ConvertSqueeze(OnnxNode& node);
absl::Status ConvertUnsqueeze(OnnxNode& node);
absl::Status ConvertIdentity(OnnxNode& node);
absl::Status ConvertDropout(OnnxNode& node);
absl::Status ConvertConstant(OnnxNode& node);

}  // namespace bitscape::network
