#include "tests/bench/plain_resnet8.h"

#include <omp.h>

#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace bitscape::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto kFloat = memory::data_type::f32;
constexpr int64_t kBatch = 32;

struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
};

}  // namespace

struct PlainResnet8::State {
  explicit State(const network::Network& from) : network(from) {}

  const network::Network& network;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<Step> steps;
  memory input, logits;

  const network::Node& Layer(const std::string& name) const {
    const auto found = std::find_if(network.nodes.begin(), network.nodes.end(),
                                    [&](const network::Node& node) { return node.name == name; });
    if (found == network.nodes.end()) {
      throw std::runtime_error("resnet8 has no layer " + name);
    }
    return *found;
  }

  memory Load(const network::Tensor& tensor, const memory::dims& dims, Tag tag,
              const memory::desc& wanted) {
    memory plain({dims, kFloat, tag}, engine);
    std::copy(tensor.values.begin(), tensor.values.end(),
              static_cast<float*>(plain.get_data_handle()));
    if (plain.get_desc() == wanted) {
      return plain;
    }
    memory packed(wanted, engine);
    dnnl::reorder(plain, packed).execute(stream, plain, packed);
    stream.wait();
    return packed;
  }

  // `sum`: added to the result, which takes over its memory.
  memory Conv(const std::string& name, memory src, bool relu, const memory* sum = nullptr) {
    const network::Node& node = Layer(name);
    const auto& conv = std::get<network::Conv>(node.op);
    memory::dims dst_dims = node.shape;
    dst_dims[0] = kBatch;
    dnnl::post_ops after;
    if (sum != nullptr) {
      after.append_sum();
    }
    if (relu) {
      after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
    }
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    const memory::desc bias({conv.bias->shape[0]}, kFloat, Tag::a);
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        {src.get_desc().dims(), kFloat, Tag::any}, {conv.weights->shape, kFloat, Tag::any}, bias,
        {dst_dims, kFloat, Tag::any}, {conv.stride[0], conv.stride[1]}, {conv.pad[0], conv.pad[1]},
        {conv.pad[2], conv.pad[3]});
    const dnnl::convolution_forward::primitive_desc made(desc, attributes, engine);
    src = Reordered(src, made.src_desc());
    memory dst =
        sum != nullptr ? Reordered(*sum, made.dst_desc()) : memory(made.dst_desc(), engine);
    steps.push_back({dnnl::convolution_forward(made),
                     {{DNNL_ARG_SRC, src},
                      {DNNL_ARG_WEIGHTS,
                       Load(*conv.weights, conv.weights->shape, Tag::oihw, made.weights_desc())},
                      {DNNL_ARG_BIAS, Load(*conv.bias, conv.bias->shape, Tag::a, bias)},
                      {DNNL_ARG_DST, dst}}});
    return dst;
  }

  memory Reordered(memory from, const memory::desc& wanted) {
    if (from.get_desc() == wanted) {
      return from;
    }
    memory to(wanted, engine);
    steps.push_back({dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}});
    return to;
  }

  memory Block(const std::string& name, memory src, bool projects) {
    const memory inner = Conv(name + ".conv1", src, true);
    const memory around = projects ? Conv(name + ".short.0", src, false) : src;
    return Conv(name + ".conv2", inner, true, &around);
  }

  memory AverageAndClassify(memory src) {
    const memory::dims dims = src.get_desc().dims();
    const dnnl::pooling_forward::desc pool(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_avg_exclude_padding,
        src.get_desc(), {{kBatch, dims[1], 1, 1}, kFloat, Tag::any}, {1, 1}, {dims[2], dims[3]},
        {0, 0}, {0, 0});
    const dnnl::pooling_forward::primitive_desc pool_made(pool, engine);
    memory pooled(pool_made.dst_desc(), engine);
    steps.push_back(
        {dnnl::pooling_forward(pool_made), {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, pooled}}});
    const auto& gemm = std::get<network::Gemm>(Layer("fc").op);
    const memory::dims weights{gemm.weights->shape[0], gemm.weights->shape[1], 1, 1};
    const memory::desc bias({weights[0]}, kFloat, Tag::a);
    const dnnl::inner_product_forward::desc product(dnnl::prop_kind::forward_inference,
                                                    pooled.get_desc(), {weights, kFloat, Tag::any},
                                                    bias, {{kBatch, weights[0]}, kFloat, Tag::nc});
    const dnnl::inner_product_forward::primitive_desc made(product, engine);
    memory dst(made.dst_desc(), engine);
    steps.push_back(
        {dnnl::inner_product_forward(made),
         {{DNNL_ARG_SRC, pooled},
          {DNNL_ARG_WEIGHTS, Load(*gemm.weights, weights, Tag::oihw, made.weights_desc())},
          {DNNL_ARG_BIAS, Load(*gemm.bias, gemm.bias->shape, Tag::a, bias)},
          {DNNL_ARG_DST, dst}}});
    return dst;
  }
};

PlainResnet8::PlainResnet8(const network::Network& network) {
  omp_set_num_threads(1);
  state_ = std::make_unique<State>(network);
  State& state = *state_;
  memory::dims dims = network.nodes[0].shape;
  dims[0] = kBatch;
  state.input = memory({dims, kFloat, Tag::nchw}, state.engine);
  memory x = state.Conv("stem.0", state.input, true);
  x = state.Block("block1", x, false);
  x = state.Block("block2", x, true);
  x = state.Block("block3", x, true);
  state.logits = state.AverageAndClassify(x);
}

PlainResnet8::~PlainResnet8() = default;

int64_t PlainResnet8::Correct(const data::ImageSet& images, int64_t count) {
  State& state = *state_;
  float table[256];
  for (int pixel = 0; pixel < 256; ++pixel) {
    table[pixel] = (static_cast<float>(pixel) / 255.0F - state.network.input_scaling.mean[0]) /
                   state.network.input_scaling.std[0];
  }
  const int64_t elements = kBatch * images.image_elements();
  const int64_t classes = state.logits.get_desc().dims()[1];
  int64_t correct = 0;
  for (int64_t first = 0; first < count; first += kBatch) {
    const uint8_t* pixels = images.pixels.data() + first * images.image_elements();
    std::transform(pixels, pixels + elements, static_cast<float*>(state.input.get_data_handle()),
                   [&](uint8_t pixel) { return table[pixel]; });
    for (const Step& step : state.steps) {
      step.primitive.execute(state.stream, step.arguments);
    }
    state.stream.wait();
    const auto* row = static_cast<const float*>(state.logits.get_data_handle());
    for (int64_t i = 0; i < kBatch; ++i, row += classes) {
      correct += std::max_element(row, row + classes) - row ==
                         images.labels[static_cast<size_t>(first + i)]
                     ? 1
                     : 0;
    }
  }
  return correct;
}

}  // namespace bitscape::bench
