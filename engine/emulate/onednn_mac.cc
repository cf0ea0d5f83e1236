#include <cmath>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/kernels.h"
#include "engine/emulate/onednn_support.h"
#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

using dnnl::memory;
using DataType = memory::data_type;

DataType TypeOf(ElementKind kind) {
  switch (kind) {
    case ElementKind::kFloat32:
      return DataType::f32;
    case ElementKind::kInt8:
      return DataType::s8;
    case ElementKind::kUint8:
      return DataType::u8;
    case ElementKind::kBfloat16:
      return DataType::bf16;
  }
  return DataType::undef;
}

DataType WeightTypeOf(ElementKind operands) {
  return operands == ElementKind::kUint8 ? DataType::s8 : TypeOf(operands);
}

bool IsInteger(ElementKind operands) {
  return operands == ElementKind::kInt8 || operands == ElementKind::kUint8;
}

// Dimensions as oneDNN's primitives state them.
struct MacDims {
  memory::dims src, weights, dst;
  int64_t channels = 0;
};

// A one-dimensional convolution is a two-dimensional one of height 1.
memory::dims WithBatch(const Shape& shape, int64_t images) {
  memory::dims dims = shape;
  dims[0] = images;
  if (dims.size() == 3) {
    dims.insert(dims.begin() + 2, 1);
  }
  return dims;
}

MacDims DimsOf(const network::Node& node, const Shape& src_shape, int64_t images) {
  MacDims dims;
  if (const auto* conv = std::get_if<network::Conv>(&node.op)) {
    dims.src = WithBatch(src_shape, images);
    dims.dst = WithBatch(node.shape, images);
    dims.weights = conv->weights->shape;
    dims.channels = dims.weights[0];
    if (conv->groups > 1) {
      dims.weights[0] /= conv->groups;
      dims.weights.insert(dims.weights.begin(), conv->groups);
    }
    return dims;
  }
  const Shape& weights = std::get<network::Gemm>(node.op).weights->shape;
  const int64_t rows = images * network::ElementCount(src_shape) / weights[1];
  dims.src = {rows, weights[1]};
  dims.weights = weights;
  dims.dst = {rows, weights[0]};
  dims.channels = weights[0];
  return dims;
}

// A primitive descriptor of either kind, with what a kernel needs of it.
struct MacPrimitive {
  memory::desc src, weights, dst, scratchpad;
  std::string implementation;
  dnnl::primitive primitive;
};

// oneDNN's plain loops, hundreds of times slower than its kernels.
bool IsReference(const MacPrimitive& mac) {
  return mac.implementation.find("ref") != std::string::npos;
}

template <typename Primitive>
MacPrimitive Describe(const typename Primitive::primitive_desc& desc, bool create) {
  MacPrimitive result{desc.src_desc(),        desc.weights_desc(),  desc.dst_desc(),
                      desc.scratchpad_desc(), desc.impl_info_str(), {}};
  if (create) {
    result.primitive = Primitive(desc);
  }
  return result;
}

MacPrimitive DescribeMac(Engine& engine, const network::Node& node, const MacDims& dims,
                         ElementKind operands, bool has_bias,
                         const dnnl::primitive_attr& attributes, bool create) {
  const memory::desc src = AnyDesc(dims.src, TypeOf(operands));
  const memory::desc weights = AnyDesc(dims.weights, WeightTypeOf(operands));
  const memory::desc dst = AnyDesc(dims.dst);
  const memory::desc bias = has_bias ? PlainDesc({dims.channels}) : memory::desc();
  if (const auto* conv = std::get_if<network::Conv>(&node.op)) {
    const memory::dims strides(conv->stride.begin(), conv->stride.end());
    const memory::dims dilations{conv->dilation[0] - 1, conv->dilation[1] - 1};
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, bias,
        dst, strides, dilations, {conv->pad[0], conv->pad[1]}, {conv->pad[2], conv->pad[3]});
    return Describe<dnnl::convolution_forward>({desc, attributes, engine.engine}, create);
  }
  const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, src, weights,
                                               bias, dst);
  return Describe<dnnl::inner_product_forward>({desc, attributes, engine.engine}, create);
}

// Whether oneDNN uses these instructions here: those of the processor, unless DNNL_MAX_CPU_ISA
// takes some away. Each set's bits include those of the sets below it.
bool Runs(dnnl_cpu_isa_t wanted) {
  return (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & wanted) == wanted;
}

memory CopyOf(Engine& engine, std::span<const float> values, const memory::dims& dims) {
  memory copy(PlainDesc(dims), engine.engine);
  std::copy(values.begin(), values.end(), static_cast<float*>(copy.get_data_handle()));
  return copy;
}

// Reorders plain float32 values (or codes) into `layout`. Codes and bf16 values convert exactly.
std::shared_ptr<const Packed> PackWeights(Engine& engine, std::span<const float> values,
                                          const memory::dims& dims, const memory::desc& layout) {
  memory from = CopyOf(engine, values, dims);
  if (layout.data.data_type == dnnl_s8) {
    memory codes(PlainDesc(dims, DataType::s8), engine.engine);
    auto* code = static_cast<int8_t*>(codes.get_data_handle());
    for (size_t i = 0; i < values.size(); ++i) {
      code[i] = static_cast<int8_t>(values[i]);
    }
    from = codes;
  }
  auto packed = std::make_shared<Packed>(Packed{memory(layout, engine.engine)});
  dnnl::stream stream(engine.engine);
  dnnl::reorder(from, packed->memory).execute(stream, from, packed->memory);
  stream.wait();
  return packed;
}

std::shared_ptr<const Packed> FindOrPack(Engine& engine, const MacSpec& spec, const MacDims& dims,
                                         const memory::desc& layout, PackCache& cache) {
  const std::string key =
      spec.pack_key + std::string(reinterpret_cast<const char*>(&layout.data), sizeof(layout.data));
  std::shared_ptr<const Packed> packed = cache.Find(key);
  if (packed == nullptr) {
    packed = PackWeights(engine, spec.weights, dims.weights, layout);
    cache.Insert(key, packed);
  }
  return packed;
}

// The bias that gives bias after its sum is scaled.
std::vector<float> BiasBeforeScale(const MacSpec& spec) {
  std::vector<float> bias(spec.bias.begin(), spec.bias.end());
  for (size_t i = 0; i < bias.size() && !spec.scales.empty(); ++i) {
    bias[i] /= spec.scales[spec.scales.size() == 1 ? 0 : i];
  }
  return bias;
}

struct Attributes {
  dnnl::primitive_attr attributes = UserScratchpad();
  PrimitiveKernel::Arguments constants;
};

// Order: sum + bias / scale, times scale, plus addend, then the activation.
Attributes MakeAttributes(Engine& engine, const MacSpec& spec, const MacDims& dims) {
  Attributes made;
  dnnl::post_ops after;
  if (!spec.scales.empty() && IsInteger(spec.operands)) {
    made.attributes.set_output_scales(spec.scales.size() == 1 ? 0 : 1 << 1, spec.scales);
  } else if (spec.scales.size() == 1) {
    after.append_eltwise(1.0f, dnnl::algorithm::eltwise_linear, spec.scales[0], 0.0f);
  } else if (!spec.scales.empty()) {
    memory::dims broadcast(dims.dst.size(), 1);
    broadcast[1] = dims.channels;
    made.constants.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(after.len()) | DNNL_ARG_SRC_1,
                           CopyOf(engine, spec.scales, broadcast));
    after.append_binary(dnnl::algorithm::binary_mul, PlainDesc(broadcast));
  }
  if (spec.addend) {
    after.append_sum();
  }
  if (spec.activation) {
    if (spec.activation->min == 0 && std::isinf(spec.activation->max)) {
      after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    } else {
      after.append_eltwise(1.0f, dnnl::algorithm::eltwise_clip, spec.activation->min,
                           spec.activation->max);
    }
  }
  made.attributes.set_post_ops(after);
  return made;
}

}  // namespace

absl::StatusOr<KernelPtr> MakeMac(Engine& engine, const MacSpec& spec, PackCache& cache) {
  return Guard(spec.node->name, [&]() -> absl::StatusOr<KernelPtr> {
    const MacDims dims = DimsOf(*spec.node, spec.src_shape, spec.images);
    const bool has_bias = !spec.bias.empty();
    Attributes made = MakeAttributes(engine, spec, dims);
    MacPrimitive mac =
        DescribeMac(engine, *spec.node, dims, spec.operands, has_bias, made.attributes, true);
    if (spec.addend && IsReference(mac)) {
      return absl::UnimplementedError(spec.node->name + ": no fast primitive adds to its result");
    }
    made.constants.emplace(DNNL_ARG_WEIGHTS,
                           FindOrPack(engine, spec, dims, mac.weights, cache)->memory);
    if (has_bias) {
      made.constants.emplace(DNNL_ARG_BIAS, CopyOf(engine, BiasBeforeScale(spec), {dims.channels}));
    }
    auto kernel = std::make_shared<PrimitiveKernel>(engine, std::move(mac.primitive),
                                                    mac.scratchpad, std::vector<int>{DNNL_ARG_SRC},
                                                    std::move(made.constants));
    kernel->sources = {MakeLayout(mac.src)};
    kernel->result = MakeLayout(mac.dst);
    if (spec.addend) {
      kernel->sources.push_back(kernel->result);
      kernel->accumulates = true;
    }
    return kernel;
  });
}

bool HasFastMac(Engine& engine, const network::Node& node, const Shape& src_shape, int64_t images,
                ElementKind operands) {
  // Without VNNI, oneDNN adds pairs of u8 x s8 products in 16 bits, which saturate.
  if ((IsInteger(operands) && !Runs(dnnl_cpu_isa_avx512_core_vnni)) ||
      (operands == ElementKind::kBfloat16 && !Runs(dnnl_cpu_isa_avx512_core_bf16))) {
    return false;
  }
  if (std::holds_alternative<network::MatMul>(node.op)) {
    return false;
  }
  const absl::StatusOr<bool> fast = Guard(node.name, [&]() -> absl::StatusOr<bool> {
    const MacDims dims = DimsOf(node, src_shape, images);
    const MacPrimitive mac =
        DescribeMac(engine, node, dims, operands, true, UserScratchpad(), false);
    return !IsReference(mac);
  });
  return fast.ok() && *fast;
}

absl::StatusOr<KernelPtr> MakeMatMul(Engine& engine, const network::Node& node, const Shape& left,
                                     const Shape& right, int64_t images, float scale) {
  return Guard(node.name, [&]() -> absl::StatusOr<KernelPtr> {
    const auto with_batch = [images](const Shape& shape) {
      memory::dims dims = shape;
      dims[0] *= images;
      return dims;
    };
    dnnl::primitive_attr attributes = UserScratchpad();
    if (scale != 1) {
      dnnl::post_ops after;
      after.append_eltwise(1.0f, dnnl::algorithm::eltwise_linear, scale, 0.0f);
      attributes.set_post_ops(after);
    }
    const dnnl::matmul::desc desc(PlainDesc(with_batch(left)), PlainDesc(with_batch(right)),
                                  PlainDesc(with_batch(node.shape)));
    const dnnl::matmul::primitive_desc described(desc, attributes, engine.engine);
    auto kernel = std::make_shared<PrimitiveKernel>(
        engine, dnnl::matmul(described), described.scratchpad_desc(),
        std::vector<int>{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS}, PrimitiveKernel::Arguments());
    kernel->sources = {MakeLayout(described.src_desc()), MakeLayout(described.weights_desc())};
    kernel->result = MakeLayout(described.dst_desc());
    return kernel;
  });
}

}  // namespace bitscape::emulate
