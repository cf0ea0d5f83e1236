#include <span>

#include "engine/core/digest.h"
#include "engine/network/network.h"

namespace bitscape::network {
namespace {

// Adds an operator's attributes and weights; the operator's name is added before them.
class OperatorDigest {
 public:
  explicit OperatorDigest(Digest& digest) : digest_(digest) {}

  void operator()(const Conv& conv) {
    Add(conv.weights);
    Add(conv.bias);
    digest_.Add(conv.groups);
    AddAll(conv.stride);
    AddAll(conv.dilation);
    AddAll(conv.pad);
  }
  void operator()(const Gemm& gemm) {
    Add(gemm.weights);
    Add(gemm.bias);
  }
  void operator()(const Constant& constant) { Add(constant.value); }
  void operator()(const BatchNorm& norm) {
    digest_.Add(std::span<const float>(norm.scale)).Add(std::span<const float>(norm.shift));
  }
  void operator()(const Clip& clip) { digest_.Add(double{clip.min}).Add(double{clip.max}); }
  void operator()(const LeakyRelu& relu) { digest_.Add(double{relu.alpha}); }
  void operator()(const Softmax& softmax) { digest_.Add(softmax.axis); }
  void operator()(const Concat& concat) { digest_.Add(concat.axis); }
  void operator()(const Pool& pool) {
    AddAll(pool.kernel);
    AddAll(pool.stride);
    AddAll(pool.dilation);
    AddAll(pool.pad);
    digest_.Add(int64_t{pool.count_include_pad});
  }
  void operator()(const Pad& pad) {
    AddAll(pad.before);
    AddAll(pad.after);
    digest_.Add(double{pad.value});
  }
  void operator()(const Transpose& transpose) { AddAll(transpose.permutation); }
  void operator()(const Input&) {}
  void operator()(const MatMul&) {}
  void operator()(const Relu&) {}
  void operator()(const Sigmoid&) {}
  void operator()(const Tanh&) {}
  void operator()(const GlobalAveragePool&) {}
  void operator()(const network::Add&) {}
  void operator()(const Mul&) {}
  void operator()(const Reshape&) {}

  template <typename Integers>
  void AddAll(const Integers& integers) {
    digest_.Add(static_cast<int64_t>(integers.size()));
    for (const auto integer : integers) digest_.Add(int64_t{integer});
  }

 private:
  void Add(const TensorPtr& tensor) {
    digest_.Add(int64_t{tensor != nullptr});
    if (tensor == nullptr) return;
    AddAll(tensor->shape);
    digest_.Add(std::span<const float>(tensor->values));
  }

  Digest& digest_;
};

}  // namespace

std::string Network::Digest() const {
  bitscape::Digest digest;
  OperatorDigest operators(digest);
  digest.Add(std::string_view("network/1")).Add(static_cast<int64_t>(nodes.size()));
  for (const Node& node : nodes) {
    digest.Add(std::string_view(node.name)).Add(OperatorName(node.op));
    std::visit(operators, node.op);
    operators.AddAll(node.inputs);
    operators.AddAll(node.shape);
  }
  digest.Add(int64_t{output});
  digest.Add(std::span<const float>(input_scaling.mean));
  digest.Add(std::span<const float>(input_scaling.std));
  return digest.Hex();
}

}  // namespace bitscape::network
