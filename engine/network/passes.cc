#include "engine/network/passes.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include "engine/network/rewrite.h"

namespace bitscape::network {
namespace {

// weights [oc, ...] times scale[oc]; computed in double, rounded once. Only the shape where no
// values are.
TensorPtr ScaleRows(const Tensor& weights, const std::vector<float>& scale) {
  auto scaled = std::make_shared<Tensor>(weights);
  if (weights.values.empty() || scale.empty()) {
    scaled->values.clear();
    return scaled;
  }
  const size_t row = weights.values.size() / scale.size();
  for (size_t i = 0; i < scaled->values.size(); ++i) {
    scaled->values[i] = static_cast<float>(double{weights.values[i]} * double{scale[i / row]});
  }
  return scaled;
}

// bias * scale + shift; an absent bias is zero.
TensorPtr FoldBias(const TensorPtr& bias, const BatchNorm& norm, int64_t channels) {
  auto folded = std::make_shared<Tensor>();
  folded->shape = {channels};
  if (bias != nullptr && bias->values.empty()) return folded;
  for (size_t i = 0; i < norm.scale.size(); ++i) {
    const double old = bias == nullptr ? 0.0 : double{bias->values[i]};
    folded->values.push_back(
        static_cast<float>(old * double{norm.scale[i]} + double{norm.shift[i]}));
  }
  return folded;
}

// A batch norm normalises axis 1, which is the layer's output channel: always for a convolution,
// for a product only where its rows are images.
bool CanFold(const Node& layer) {
  return std::holds_alternative<Conv>(layer.op) ||
         (std::holds_alternative<Gemm>(layer.op) && layer.shape.size() == 2);
}

bool AllFinite(const Tensor& tensor) {
  return std::ranges::all_of(tensor.values, [](float value) { return std::isfinite(value); });
}

// False, and nothing changed, where a product would leave the range of float32.
template <typename Layer>
bool Fold(Layer& layer, const BatchNorm& norm) {
  TensorPtr bias = FoldBias(layer.bias, norm, layer.weights->shape[0]);
  TensorPtr weights = ScaleRows(*layer.weights, norm.scale);
  if (!AllFinite(*bias) || !AllFinite(*weights)) return false;
  layer.bias = std::move(bias);
  layer.weights = std::move(weights);
  return true;
}

bool FoldInto(Node& layer, const BatchNorm& norm) {
  if (auto* conv = std::get_if<Conv>(&layer.op)) return Fold(*conv, norm);
  if (auto* gemm = std::get_if<Gemm>(&layer.op)) return Fold(*gemm, norm);
  return false;
}

}  // namespace

Network FoldBatchNorm(const Network& network) {
  Network folded = network;
  const std::vector<int> readers = ReaderCounts(network);
  std::vector<int> replacement(network.nodes.size());
  std::iota(replacement.begin(), replacement.end(), 0);
  // A chain of batch norms folds one by one: each sees the layer through those already folded.
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    const auto* norm = std::get_if<BatchNorm>(&network.nodes[i].op);
    if (norm == nullptr) continue;
    const int source = network.nodes[i].inputs[0];
    const int target = replacement[static_cast<size_t>(source)];
    Node& layer = folded.nodes[static_cast<size_t>(target)];
    if (readers[static_cast<size_t>(source)] != 1 || !CanFold(layer)) continue;
    if (FoldInto(layer, *norm)) replacement[i] = target;
  }
  ReplaceNodes(folded, replacement);
  return folded;
}

}  // namespace bitscape::network
