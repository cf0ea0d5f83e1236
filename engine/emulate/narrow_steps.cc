#include "engine/emulate/narrow_steps.h"

#include <utility>

#include "engine/emulate/plain_ops.h"
#include "engine/emulate/round_codes.h"

namespace bitscape::emulate {
NarrowSpec NarrowSpecOf(const MacLayer& layer, int64_t images, const std::vector<Shape>& shapes,
                        std::vector<bool> batched) {
  NarrowSpec spec;
  spec.layer.node = layer.node;
  spec.layer.src_shape = shapes[0];
  spec.layer.accumulator = layer.accumulator;
  spec.images = images;
  spec.batched = std::move(batched);
  spec.scales = layer.scales;
  if (layer.weights == nullptr) {
    spec.layer.weights_shape = shapes[1];
  } else {
    spec.layer.weights_shape = WeightsOf(*layer.node)->shape;
    spec.weights = layer.operand_weights();
  }
  if (!layer.UsesValues()) {
    spec.layer.factor =
        ConstantFactor(layer.accumulator, layer.weights_quantizer, layer.activations_quantizer);
    // The factor leaves the scales; where all were 1 there are none.
    if (spec.layer.factor != 1) {
      spec.scales = spec.scales.empty() ? std::vector<float>{1} : std::move(spec.scales);
      for (float& scale : spec.scales) {
        scale /= spec.layer.factor;
      }
    }
    spec.activations_grid =
        GridOf(FactsOfActivations(layer.activations_quantizer, layer.scalings[0], false));
    spec.weights_grid =
        layer.weights != nullptr
            ? GridOf(layer.weights->facts)
            : GridOf(FactsOfActivations(layer.activations_quantizer, layer.scalings[1], false));
  }
  if (!layer.ScalesSums()) {
    spec.bias.assign(layer.bias().begin(), layer.bias().end());
  }
  spec.seed = layer.seed;
  spec.stream = StreamOf(layer.node->name, "accumulator");
  return spec;
}

}  // namespace bitscape::emulate
