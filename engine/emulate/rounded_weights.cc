#include "engine/emulate/rounded_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/path.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {

absl::StatusOr<RoundedWeights> RoundLayer(const network::Tensor& weights,
                                          const formats::Quantizer& quantizer) {
  if (quantizer.rounding == formats::Rounding::kStochastic) {
    return absl::UnimplementedError("weights=" + quantizer.ToString() +
                                    ": stochastic rounding of weights can't be emulated yet");
  }
  const int64_t channels = weights.shape[0];
  const quantize::TensorLayout layout{
      .outer = channels,
      .axis = weights.shape[1],
      .inner = network::ElementCount(weights.shape) / (channels * weights.shape[1])};
  BITSCAPE_ASSIGN_OR_RETURN(quantize::RoundedTensor tensor,
                            quantize::RoundWeights(quantizer, layout, weights.values));
  RoundedWeights rounded;
  rounded.values = std::move(tensor.values);
  rounded.codes.resize(rounded.values.size());
  for (const formats::Scaling& scaling : tensor.scalings) {
    rounded.scales.push_back(scaling.scale);
  }
  const size_t row = rounded.values.size() / static_cast<size_t>(channels);
  const bool is_integer = formats::IsIntegerLike(quantizer.format);
  const double unit = UnitInLastPlace(quantizer.format.element);
  rounded.smallest = std::numeric_limits<double>::infinity();
  for (size_t channel = 0; channel < static_cast<size_t>(channels); ++channel) {
    const float scale = rounded.scales[rounded.scales.size() == 1 ? 0 : channel];
    double sum = 0;
    for (size_t i = channel * row; i < (channel + 1) * row; ++i) {
      // The value is code * scale, rounded: dividing gives the code back to within one unit in its
      // last place.
      const float code = rounded.values[i] / scale;
      rounded.codes[i] = is_integer ? std::nearbyint(code) : code;
      const double magnitude = std::fabs(static_cast<double>(rounded.codes[i]));
      sum += magnitude / unit;
      rounded.largest = std::max(rounded.largest, magnitude);
      if (magnitude > 0) {
        rounded.smallest = std::min(rounded.smallest, magnitude);
      }
    }
    rounded.units = std::max(rounded.units, sum);
  }
  if (rounded.largest == 0) {
    rounded.smallest = unit;
  }
  return rounded;
}

absl::StatusOr<std::shared_ptr<const RoundedWeights>> RoundedWeightsCache::Get(
    const std::string& layer, const network::Tensor& weights, const formats::Quantizer& quantizer) {
  const std::string key = layer + '|' + quantizer.ToString();
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const RoundedWeights>& entry = rounded_[key];
  if (entry == nullptr) {
    BITSCAPE_ASSIGN_OR_RETURN(RoundedWeights rounded, RoundLayer(weights, quantizer));
    entry = std::make_shared<const RoundedWeights>(std::move(rounded));
  }
  return entry;
}

}  // namespace bitscape::emulate
