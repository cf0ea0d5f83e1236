#include "engine/emulate/narrow_kernel.h"

#include <utility>

#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

class NarrowKernel : public Kernel {
 public:
  explicit NarrowKernel(NarrowSpec spec)
      : node_(*spec.layer.node),
        spec_(std::move(spec)),
        mac_(OwnLayer(), spec_.weights, spec_.weights_grid, spec_.activations_grid) {
    sources.push_back(LayoutOf(spec_.layer.src_shape, spec_.batched[0]));
    if (spec_.weights.empty()) {
      sources.push_back(LayoutOf(spec_.layer.weights_shape, spec_.batched[1]));
    }
    result = LayoutOf(node_.shape, true);
  }

  void Run(Stream& stream, std::span<void* const> data, void* result_data, void*) const override {
    const int64_t outputs = network::ElementCount(node_.shape);
    const int64_t steps = NarrowSteps(spec_.layer.accumulator, mac_.plan().reduction_length);
    const int64_t first_image = ContextOf(stream).first_image;
    std::vector<double> sums(static_cast<size_t>(spec_.images * outputs));
    NarrowMac::Scratch scratch;
    mac_.Run(OperandOf(data, 0), spec_.weights.empty() ? OperandOf(data, 1) : NarrowMac::Operand{},
             spec_.images,
             {.seed = spec_.seed,
              .stream = spec_.stream,
              .first = static_cast<uint64_t>(first_image * outputs * steps)},
             sums, scratch);
    ScaleSums<double>(OutputChannels(node_), sums, spec_.scales, spec_.bias,
                      static_cast<float*>(result_data));
  }

 private:
  NarrowLayer OwnLayer() const {
    NarrowLayer layer = spec_.layer;
    layer.node = &node_;
    return layer;
  }
  LayoutPtr LayoutOf(Shape shape, bool batched) const {
    shape[0] *= batched ? spec_.images : 1;
    return PlainLayout(shape);
  }
  NarrowMac::Operand OperandOf(std::span<void* const> data, size_t input) const {
    const Shape& shape = input == 0 ? spec_.layer.src_shape : spec_.layer.weights_shape;
    return {static_cast<const float*>(data[input]),
            spec_.batched[input] ? network::ElementCount(shape) : 0};
  }

  const network::Node node_;
  const NarrowSpec spec_;
  const NarrowMac mac_;
};

}  // namespace

KernelPtr MakeNarrow(NarrowSpec spec) { return std::make_shared<NarrowKernel>(std::move(spec)); }

}  // namespace bitscape::emulate
