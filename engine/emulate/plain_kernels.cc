#include <cmath>
#include <utility>

#include "engine/emulate/kernels.h"
#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

Shape WithBatch(const Shape& shape, int64_t images) {
  Shape dims = shape;
  dims[0] *= images;
  return dims;
}

std::vector<LayoutPtr> PlainLayouts(const std::vector<Shape>& shapes,
                                    const std::vector<bool>& batched, int64_t images) {
  std::vector<LayoutPtr> layouts;
  for (size_t i = 0; i < shapes.size(); ++i) {
    layouts.push_back(PlainLayout(batched[i] ? WithBatch(shapes[i], images) : shapes[i]));
  }
  return layouts;
}

const float* ImageOf(void* data, const Shape& shape, bool batched, int64_t image) {
  return static_cast<const float*>(data) + (batched ? image * network::ElementCount(shape) : 0);
}

class PlainKernel : public Kernel {
 public:
  PlainKernel(const network::Node& node, int64_t images, std::vector<Shape> shapes,
              std::vector<bool> batched)
      : node_(node), images_(images), shapes_(std::move(shapes)), batched_(std::move(batched)) {
    sources = PlainLayouts(shapes_, batched_, images);
    result = PlainLayout(WithBatch(node.shape, images));
  }

  void Run(Stream&, std::span<void* const> data, void* result_data, void*) const override {
    const size_t elements = static_cast<size_t>(network::ElementCount(node_.shape));
    std::vector<PlainTensor> inputs(data.size());
    for (int64_t image = 0; image < images_; ++image) {
      for (size_t i = 0; i < data.size(); ++i) {
        inputs[i] = {ImageOf(data[i], shapes_[i], batched_[i], image), &shapes_[i]};
      }
      RunPlain(
          node_, inputs,
          {static_cast<float*>(result_data) + static_cast<size_t>(image) * elements, elements});
    }
  }

 private:
  const network::Node node_;
  const int64_t images_;
  const std::vector<Shape> shapes_;
  const std::vector<bool> batched_;
};

template <typename T>
std::vector<T> Converted(std::span<const float> values) {
  std::vector<T> converted(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    converted[i] = static_cast<T>(values[i]);
  }
  return converted;
}

class PlainMacKernel : public Kernel {
 public:
  explicit PlainMacKernel(PlainMacSpec spec) : node_(*spec.node), spec_(std::move(spec)) {
    sources = PlainLayouts(spec_.shapes, spec_.batched, spec_.images);
    result = PlainLayout(WithBatch(node_.shape, spec_.images));
  }

  void Run(Stream&, std::span<void* const> data, void* result_data, void*) const override {
    const size_t elements = static_cast<size_t>(network::ElementCount(node_.shape));
    for (int64_t image = 0; image < spec_.images; ++image) {
      const std::span<const float> src = InputOf(data, 0, image);
      const bool two_activations = spec_.weights.empty();
      const std::span<const float> weights =
          two_activations ? InputOf(data, 1, image) : spec_.weights;
      const Shape& weights_shape = two_activations ? spec_.shapes[1] : WeightsOf(node_)->shape;
      const std::span<float> out(
          static_cast<float*>(result_data) + static_cast<size_t>(image) * elements, elements);
      if (spec_.sums == PlainSums::kInt64) {
        RunOne<int32_t, int64_t>(Converted<int32_t>(src), weights_shape,
                                 Converted<int32_t>(weights), out);
      } else {
        RunOne<float, double>(src, weights_shape, weights, out);
      }
    }
  }

 private:
  std::span<const float> InputOf(std::span<void* const> data, size_t input, int64_t image) const {
    const Shape& shape = spec_.shapes[input];
    return {ImageOf(data[input], shape, spec_.batched[input], image),
            static_cast<size_t>(network::ElementCount(shape))};
  }

  template <typename T, typename Sum>
  void RunOne(std::span<const T> src, const Shape& weights_shape, std::span<const T> weights,
              std::span<float> out) const {
    std::vector<Sum> sums(out.size());
    SumProducts(node_, spec_.shapes[0], src, weights_shape, weights, std::span<Sum>(sums));
    ScaleSums<Sum>(OutputChannels(node_), sums, spec_.scales, spec_.bias, out.data());
  }

  const network::Node node_;
  const PlainMacSpec spec_;
};

}  // namespace

KernelPtr MakePlain(const network::Node& node, int64_t images, std::vector<Shape> shapes,
                    std::vector<bool> batched) {
  return std::make_shared<PlainKernel>(node, images, std::move(shapes), std::move(batched));
}

KernelPtr MakePlainMac(PlainMacSpec spec) {
  return std::make_shared<PlainMacKernel>(std::move(spec));
}

}  // namespace bitscape::emulate
