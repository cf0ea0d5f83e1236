// Gemm, MatMul and BatchNormalization.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "engine/core/status.h"
#include "engine/network/onnx_operators.h"

namespace bitscape::network {
namespace {

// `weights` [oc, ic] from `matrix`, which is that already or its transpose, times `factor`.
TensorPtr ProductWeights(const TensorPtr& matrix, bool is_transposed, double factor) {
  if (is_transposed && factor == 1.0) return matrix;
  const auto rows = static_cast<size_t>(matrix->shape[0]);
  const auto columns = static_cast<size_t>(matrix->shape[1]);
  auto weights = std::make_shared<Tensor>();
  weights->shape = is_transposed ? matrix->shape : Shape{matrix->shape[1], matrix->shape[0]};
  if (matrix->values.empty()) return weights;
  weights->values.resize(rows * columns);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      const size_t from = row * columns + column;
      const size_t to = is_transposed ? from : column * rows + row;
      weights->values[to] = static_cast<float>(factor * double{matrix->values[from]});
    }
  }
  return weights;
}

// Gemm's C broadcasts to [batch, channels]; only one that is the same for every image is a bias.
absl::StatusOr<TensorPtr> ProductBias(const TensorPtr& c, int64_t channels, double factor) {
  const Shape& shape = c->shape;
  const bool one_row = shape.size() < 2 || (shape.size() == 2 && shape[0] == 1);
  const int64_t columns = shape.empty() ? 1 : shape.back();
  if (!one_row || (columns != 1 && columns != channels)) {
    return absl::InvalidArgumentError(fmt::format("C is {}; a scalar, {} or 1x{} are allowed",
                                                  ToString(shape), channels, channels));
  }
  auto bias = std::make_shared<Tensor>();
  bias->shape = {channels};
  if (c->values.empty()) return bias;
  for (size_t i = 0; i < static_cast<size_t>(channels); ++i) {
    bias->values.push_back(static_cast<float>(factor * double{c->values[columns == 1 ? 0 : i]}));
  }
  return bias;
}

absl::Status CheckMatrix(const Tensor& tensor) {
  if (tensor.shape.size() == 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("weights {} should be a matrix", ToString(tensor.shape)));
}

}  // namespace

absl::Status ConvertGemm(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 3));
  BITSCAPE_ASSIGN_OR_RETURN(const float alpha, node.attributes().Float("alpha", 1.0F));
  BITSCAPE_ASSIGN_OR_RETURN(const float beta, node.attributes().Float("beta", 1.0F));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t trans_a, node.attributes().Int("transA", 0));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t trans_b, node.attributes().Int("transB", 0));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  if (trans_a != 0) {
    return absl::UnimplementedError(
        "transA=1 on an activation, which would make its batch the reduction axis");
  }
  if (node.ShapeOf(src).size() != 2) {
    return absl::InvalidArgumentError(
        fmt::format("A is {}, a matrix is expected", ToString(node.ShapeOf(src))));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const TensorPtr b, node.FloatConstant(1, "B"));
  BITSCAPE_RETURN_IF_ERROR(CheckMatrix(*b));
  Gemm gemm;
  gemm.weights = ProductWeights(b, trans_b != 0, double{alpha});
  if (node.Has(2) && beta != 0.0F) {
    BITSCAPE_ASSIGN_OR_RETURN(const TensorPtr c, node.FloatConstant(2, "C"));
    BITSCAPE_ASSIGN_OR_RETURN(gemm.bias, ProductBias(c, gemm.weights->shape[0], double{beta}));
  }
  return node.Emit(std::move(gemm), {src});
}

absl::Status ConvertMatMul(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 2));
  BITSCAPE_ASSIGN_OR_RETURN(const int left, node.Activation(0));
  if (!node.IsConstant(1)) {
    BITSCAPE_ASSIGN_OR_RETURN(const int right, node.Activation(1));
    return node.Emit(MatMul{}, {left, right});
  }
  BITSCAPE_ASSIGN_OR_RETURN(const TensorPtr b, node.FloatConstant(1, "B"));
  BITSCAPE_RETURN_IF_ERROR(CheckMatrix(*b));
  return node.Emit(Gemm{ProductWeights(b, false, 1.0), nullptr}, {left});
}

absl::Status ConvertBatchNormalization(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(5, 5));
  BITSCAPE_ASSIGN_OR_RETURN(const float epsilon, node.attributes().Float("epsilon", 1e-5F));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t training, node.attributes().Int("training_mode", 0));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t spatial, node.attributes().Int("spatial", 1));
  node.attributes().Ignore("momentum");
  if (training != 0) return absl::UnimplementedError("training_mode=1; export for inference");
  if (spatial != 1) return absl::UnimplementedError("spatial=0, statistics for each position");
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  const Shape& shape = node.ShapeOf(src);
  if (shape.size() < 2) {
    return absl::InvalidArgumentError(fmt::format("input {} has no channels", ToString(shape)));
  }
  TensorPtr parameters[4];
  constexpr const char* kNames[] = {"scale", "B", "mean", "var"};
  for (int i = 0; i < 4; ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(parameters[i], node.FloatConstant(i + 1, kNames[i]));
    if (parameters[i]->shape != Shape{shape[1]}) {
      return absl::InvalidArgumentError(fmt::format("{} is {}, the input {} has {} channels",
                                                    kNames[i], ToString(parameters[i]->shape),
                                                    ToString(shape), shape[1]));
    }
  }
  BatchNorm norm;
  const bool complete =
      std::ranges::none_of(parameters, [](const TensorPtr& p) { return p->values.empty(); });
  if (!complete) return node.Emit(std::move(norm), {src});
  for (size_t c = 0; c < static_cast<size_t>(shape[1]); ++c) {
    const double variance = double{parameters[3]->values[c]} + double{epsilon};
    if (!(variance > 0)) {
      return absl::InvalidArgumentError(
          fmt::format("channel {}: variance {} plus epsilon {} is not positive", c,
                      parameters[3]->values[c], epsilon));
    }
    const double scale = double{parameters[0]->values[c]} / std::sqrt(variance);
    norm.scale.push_back(static_cast<float>(scale));
    norm.shift.push_back(static_cast<float>(double{parameters[1]->values[c]} -
                                            double{parameters[2]->values[c]} * scale));
  }
  return node.Emit(std::move(norm), {src});
}

}  // namespace bitscape::network
