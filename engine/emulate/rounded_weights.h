// Rounded weights of a network's MAC layers, each computed once.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/formats/quantizer.h"
#include "engine/network/network.h"

namespace bitscape::emulate {

struct RoundedWeights {
  std::vector<float> values;  // in the shape of the layer's weights
  std::vector<float>
      codes;  // values / scale: integers for integer formats, elements of the format for floats
  std::vector<float> scales;  // one, or one an output channel
  // Of codes, as LayerFacts has them.
  double units = 0, smallest = 0, largest = 0;
};

// Errors: those of quantize::RoundWeights, and kUnimplemented for stochastic rounding.
absl::StatusOr<RoundedWeights> RoundLayer(const network::Tensor& weights,
                                          const formats::Quantizer& quantizer);

// Thread-safe. Entries live as long as the cache; shared with whoever packs them.
class RoundedWeightsCache {
 public:
  // `layer` names the tensor uniquely.
  absl::StatusOr<std::shared_ptr<const RoundedWeights>> Get(const std::string& layer,
                                                            const network::Tensor& weights,
                                                            const formats::Quantizer& quantizer);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const RoundedWeights>> rounded_;
};

}  // namespace bitscape::emulate
