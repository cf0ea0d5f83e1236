#include <cmath>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/kernels.h"
#include "engine/emulate/onednn_support.h"

namespace bitscape::emulate {
namespace {

using dnnl::memory;
using Made = absl::StatusOr<KernelPtr>;
constexpr auto kInference = dnnl::prop_kind::forward_inference;

template <typename Primitive>
std::shared_ptr<PrimitiveKernel> Wrap(Engine& engine,
                                      const typename Primitive::primitive_desc& desc,
                                      const std::vector<LayoutPtr>& sources,
                                      std::vector<int> arguments,
                                      PrimitiveKernel::Arguments constants = {}) {
  auto kernel = std::make_shared<PrimitiveKernel>(engine, Primitive(desc), desc.scratchpad_desc(),
                                                  std::move(arguments), std::move(constants));
  kernel->sources = sources;
  kernel->result = MakeLayout(desc.dst_desc());
  return kernel;
}

struct VectorVisitor {
  Engine& engine;
  const network::Node& node;
  int64_t images;
  const std::vector<LayoutPtr>& inputs;

  Made operator()(const network::Relu&) const {
    return Eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  }
  Made operator()(const network::Clip& op) const {
    return Eltwise(dnnl::algorithm::eltwise_clip, op.min, op.max);
  }
  Made operator()(const network::LeakyRelu& op) const {
    return Eltwise(dnnl::algorithm::eltwise_relu, op.alpha, 0);
  }
  Made operator()(const network::Sigmoid&) const {
    return Eltwise(dnnl::algorithm::eltwise_logistic, 0, 0);
  }
  Made operator()(const network::Tanh&) const {
    return Eltwise(dnnl::algorithm::eltwise_tanh, 0, 0);
  }
  Made operator()(const network::Add&) const { return Binary(dnnl::algorithm::binary_add); }
  Made operator()(const network::Mul&) const { return Binary(dnnl::algorithm::binary_mul); }

  Made operator()(const network::Pool& op) const {
    if (node.shape.size() != 4) {
      return None();
    }
    const auto average = op.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                                              : dnnl::algorithm::pooling_avg_exclude_padding;
    const bool is_max = op.kind == network::Pool::Kind::kMax;
    return Pooling(is_max ? dnnl::algorithm::pooling_max : average,
                   {op.stride.begin(), op.stride.end()}, {op.kernel.begin(), op.kernel.end()},
                   {op.dilation[0] - 1, op.dilation[1] - 1}, {op.pad[0], op.pad[1]},
                   {op.pad[2], op.pad[3]});
  }

  Made operator()(const network::GlobalAveragePool&) const {
    const memory::dims in = inputs[0]->desc.dims();
    if (in.size() != 4) {
      return None();
    }
    return Pooling(dnnl::algorithm::pooling_avg_exclude_padding, {1, 1}, {in[2], in[3]}, {0, 0},
                   {0, 0}, {0, 0});
  }

  // As a normalization whose statistics are mean 0 and variance 1.
  Made operator()(const network::BatchNorm& op) const {
    const memory::dim channels = static_cast<memory::dim>(op.scale.size());
    const dnnl::batch_normalization_forward::desc desc(
        kInference, inputs[0]->desc, 0.0f,
        dnnl::normalization_flags::use_global_stats | dnnl::normalization_flags::use_scale_shift);
    memory scale_shift(PlainDesc({2, channels}), engine.engine);
    auto* values = static_cast<float*>(scale_shift.get_data_handle());
    std::copy(op.scale.begin(), op.scale.end(), values);
    std::copy(op.shift.begin(), op.shift.end(), values + channels);
    memory mean(PlainDesc({channels}), engine.engine);
    memory variance(PlainDesc({channels}), engine.engine);
    std::fill_n(static_cast<float*>(mean.get_data_handle()), channels, 0.0f);
    std::fill_n(static_cast<float*>(variance.get_data_handle()), channels, 1.0f);
    return Wrap<dnnl::batch_normalization_forward>(engine, {desc, UserScratchpad(), engine.engine},
                                                   inputs, {DNNL_ARG_SRC},
                                                   {{DNNL_ARG_SCALE_SHIFT, scale_shift},
                                                    {DNNL_ARG_MEAN, mean},
                                                    {DNNL_ARG_VARIANCE, variance}});
  }

  Made operator()(const network::Concat& op) const {
    std::vector<memory::desc> descs;
    std::vector<int> arguments;
    for (size_t i = 0; i < inputs.size(); ++i) {
      descs.push_back(inputs[i]->desc);
      arguments.push_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i));
    }
    const dnnl::concat::primitive_desc desc(static_cast<int>(op.axis), descs, engine.engine,
                                            UserScratchpad());
    return Wrap<dnnl::concat>(engine, desc, inputs, std::move(arguments));
  }

  Made operator()(const network::Input&) const { return None(); }
  Made operator()(const network::Constant&) const { return None(); }
  Made operator()(const network::Conv&) const { return None(); }
  Made operator()(const network::Gemm&) const { return None(); }
  Made operator()(const network::MatMul&) const { return None(); }
  Made operator()(const network::Softmax&) const { return None(); }
  Made operator()(const network::Pad&) const { return None(); }
  Made operator()(const network::Reshape&) const { return None(); }
  Made operator()(const network::Transpose&) const { return None(); }

  Made None() const { return absl::UnimplementedError(node.name + ": no oneDNN primitive"); }

  Made Eltwise(dnnl::algorithm algorithm, float alpha, float beta) const {
    const dnnl::eltwise_forward::desc desc(kInference, algorithm, inputs[0]->desc, alpha, beta);
    auto kernel = Wrap<dnnl::eltwise_forward>(engine, {desc, UserScratchpad(), engine.engine},
                                              inputs, {DNNL_ARG_SRC});
    kernel->AllowInPlace();
    return kernel;
  }

  // The second operand comes in the first one's layout, or is broadcast along some dimensions.
  Made Binary(dnnl::algorithm algorithm) const {
    memory::dims out = node.shape;
    out[0] = images;
    const memory::dims second = inputs[1]->desc.dims();
    if (inputs[0]->desc.dims() != out || second.size() != out.size()) {
      return None();
    }
    for (size_t axis = 0; axis < out.size(); ++axis) {
      if (second[axis] != out[axis] && second[axis] != 1) {
        return None();
      }
    }
    const std::vector<LayoutPtr> sources{inputs[0], second == out ? inputs[0] : inputs[1]};
    const dnnl::binary::desc desc(algorithm, inputs[0]->desc, sources[1]->desc, inputs[0]->desc);
    return Wrap<dnnl::binary>(engine, {desc, UserScratchpad(), engine.engine}, sources,
                              {DNNL_ARG_SRC_0, DNNL_ARG_SRC_1});
  }

  Made Pooling(dnnl::algorithm algorithm, const memory::dims& stride, const memory::dims& kernel,
               const memory::dims& dilation, const memory::dims& begin,
               const memory::dims& end) const {
    memory::dims out = node.shape;
    out[0] = images;
    const dnnl::pooling_v2_forward::desc desc(kInference, algorithm, inputs[0]->desc, AnyDesc(out),
                                              stride, kernel, dilation, begin, end);
    return Wrap<dnnl::pooling_v2_forward>(engine, {desc, UserScratchpad(), engine.engine}, inputs,
                                          {DNNL_ARG_SRC});
  }
};

}  // namespace

absl::StatusOr<KernelPtr> MakeVector(Engine& engine, const network::Node& node, int64_t images,
                                     const std::vector<LayoutPtr>& inputs) {
  return Guard(node.name, [&] {
    return std::visit(VectorVisitor{engine, node, images, inputs}, node.op);
  });
}

}  // namespace bitscape::emulate
