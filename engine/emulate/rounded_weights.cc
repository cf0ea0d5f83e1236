#include "engine/emulate/rounded_weights.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/round_codes.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {
namespace {

void FindFacts(bool integers, int64_t channels, RoundedWeights& rounded) {
  rounded.facts = FactsOfCodes(rounded.codes, integers, rounded.scales);
  const size_t row = rounded.codes.size() / static_cast<size_t>(channels);
  for (size_t begin = 0; begin < rounded.codes.size(); begin += row) {
    double sum = 0;
    for (size_t i = begin; i < begin + row; ++i) {
      sum += std::fabs(static_cast<double>(rounded.codes[i])) / rounded.facts.unit;
    }
    rounded.units = std::max(rounded.units, sum);
  }
}

}  // namespace

quantize::TensorLayout WeightsLayout(const network::Tensor& weights) {
  const network::Shape& shape = weights.shape;
  return {.outer = shape[0],
          .axis = shape[1],
          .inner = network::ElementCount(shape) / (shape[0] * shape[1])};
}

absl::StatusOr<RoundedWeights> RoundLayer(const network::Tensor& weights,
                                          const formats::Quantizer& quantizer,
                                          formats::RandomKey key) {
  const quantize::TensorLayout layout = WeightsLayout(weights);
  BITSCAPE_ASSIGN_OR_RETURN(quantize::RoundedTensor tensor,
                            quantize::RoundWeights(quantizer, layout, weights.values, key));
  RoundedWeights rounded;
  rounded.values = std::move(tensor.values);
  const bool blocks = quantizer.granularity == formats::Granularity::kBlock;
  if (blocks) {
    rounded.codes = rounded.values;
    rounded.scales = {1};
  } else {
    rounded.codes.resize(rounded.values.size());
    const size_t row = rounded.values.size() / tensor.scalings.size();
    for (size_t group = 0; group < tensor.scalings.size(); ++group) {
      const std::span<float> codes = std::span(rounded.codes).subspan(group * row, row);
      formats::RandomKey own = key;
      own.first += group * row;
      RoundToCodes(quantizer, tensor.scalings[group],
                   std::span(weights.values).subspan(group * row, row), codes, own);
      rounded.scales.push_back(tensor.scalings[group].scale);
    }
  }
  FindFacts(!blocks && formats::IsIntegerLike(quantizer.format), layout.outer, rounded);
  return rounded;
}

RoundedWeights WeightsFromCodes(const formats::Quantizer& quantizer, int64_t channels,
                                std::vector<float> codes, std::vector<float> scales) {
  RoundedWeights rounded;
  rounded.values.resize(codes.size());
  const size_t row = codes.size() / scales.size();
  for (size_t i = 0; i < codes.size(); ++i) {
    rounded.values[i] = codes[i] * scales[i / row];
  }
  rounded.codes = std::move(codes);
  rounded.scales = std::move(scales);
  FindFacts(formats::IsIntegerLike(quantizer.format), channels, rounded);
  return rounded;
}

absl::StatusOr<std::shared_ptr<const RoundedWeights>> RoundedWeightsCache::Get(
    const std::string& layer, const network::Tensor& weights, const formats::Quantizer& quantizer,
    formats::RandomKey key) {
  const std::string name = layer + '|' + quantizer.ToString();
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const RoundedWeights>& entry = rounded_[name];
  if (entry == nullptr) {
    BITSCAPE_ASSIGN_OR_RETURN(RoundedWeights rounded, RoundLayer(weights, quantizer, key));
    entry = std::make_shared<const RoundedWeights>(std::move(rounded));
  }
  return entry;
}

void RoundedWeightsCache::Insert(const std::string& layer, const formats::Quantizer& quantizer,
                                 RoundedWeights rounded) {
  const std::lock_guard lock(mutex_);
  rounded_[layer + '|' + quantizer.ToString()] =
      std::make_shared<const RoundedWeights>(std::move(rounded));
}

}  // namespace bitscape::emulate
