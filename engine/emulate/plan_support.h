// Which datasets and images a network can be evaluated on: shared by both evaluators.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <vector>

#include "engine/data/dataset.h"
#include "engine/formats/codec.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {

// What an activation operand holds in the unquantized network on the calibration images.
struct OperandStatistics {
  quantize::Distribution distribution;
  bool binned = false;  // its histogram is filled; else the range alone is known
};
using CalibrationStatistics = std::vector<std::vector<OperandStatistics>>;  // [MAC layer][operand]

// The scaling of `quantizer` for an operand. Errors: those of quantize::CalibrateActivations.
absl::StatusOr<quantize::ActivationScaling> ScalingOf(const formats::Quantizer& quantizer,
                                                      const OperandStatistics& statistics);
// Whether that takes a filled histogram.
bool NeedsHistogram(const formats::Quantizer& activations);

// Whether all products of each sum of `node` have one scale under this quantizer of an operand, so
// that sums of its codes mean something.
bool SharesScale(const formats::Quantizer& quantizer, const network::Node& node);

// kInvalidArgument where the network can't be evaluated on the dataset: no weights, another input
// shape or number of input scalings, fewer outputs than classes.
absl::Status CheckDataset(const network::Network& network, const data::Dataset& dataset);
// kInvalidArgument for a range outside of the split or not beginning at a multiple of kBatchSize.
absl::Status CheckRange(const data::ImageSet& images, data::Split split, data::ImageRange range);

// Image pixels as the network's input: (pixel / 255 - mean) / std. One table of 256 for each
// channel.
class PixelScaler {
 public:
  PixelScaler(const network::InputScaling& scaling, int64_t channels);
  // Image `index` of the set into `input` [channels, height, width].
  void Load(const data::ImageSet& images, int64_t index, float* input) const;

 private:
  std::vector<float> table_;  // [channels, 256]
};

}  // namespace bitscape::emulate
