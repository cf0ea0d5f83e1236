// Rounded weights of a network's MAC layers, each computed once.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/emulate/code_facts.h"
#include "engine/formats/codec.h"
#include "engine/formats/quantizer.h"
#include "engine/network/network.h"
#include "engine/quantize/tensor_layout.h"

namespace bitscape::emulate {

struct RoundedWeights {
  std::vector<float> values;  // in the shape of the layer's weights
  // values / scale: integers (less the zero point) for integer formats, elements of the format for
  // others. Where a scale does not hold along a whole sum (blocks), the values at scale 1.
  std::vector<float> codes;
  std::vector<float> scales;  // one, or one an output channel
  CodeFacts facts;            // of codes
  double units = 0;           // LayerFacts::weight_units
};

// Convolutions [oc, ic / groups, kh, kw] and Gemm [oc, ic].
quantize::TensorLayout WeightsLayout(const network::Tensor& weights);

// Stochastic rounding draws by `key`. Errors: those of quantize::RoundWeights.
absl::StatusOr<RoundedWeights> RoundLayer(const network::Tensor& weights,
                                          const formats::Quantizer& quantizer,
                                          formats::RandomKey key = {});

// What RoundLayer gives, from codes that were found in another way. `scales`: one, or one for each
// of the `channels`; values = code * scale. Shape: codes.size() is a multiple of `channels`.
RoundedWeights WeightsFromCodes(const formats::Quantizer& quantizer, int64_t channels,
                                std::vector<float> codes, std::vector<float> scales);

// Thread-safe. Entries live as long as the cache; shared with whoever packs them.
class RoundedWeightsCache {
 public:
  // `layer` names the tensor uniquely (LayerName of mac_layer.h), the key's stream included.
  absl::StatusOr<std::shared_ptr<const RoundedWeights>> Get(const std::string& layer,
                                                            const network::Tensor& weights,
                                                            const formats::Quantizer& quantizer,
                                                            formats::RandomKey key = {});
  // What Get gives for this layer and quantizer from now on, instead of RoundLayer's. For weights
  // of a graph whose name says how they were rounded: packed weights go by the same names.
  void Insert(const std::string& layer, const formats::Quantizer& quantizer,
              RoundedWeights rounded);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const RoundedWeights>> rounded_;
};

}  // namespace bitscape::emulate
