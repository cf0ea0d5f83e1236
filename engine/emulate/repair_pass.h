// Looks at values of a network and of its quantized twin on the calibration images.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/emulate/batch_runner.h"
#include "engine/emulate/mac_layer.h"
#include "engine/emulate/plain_ops.h"
#include "engine/network/equalize.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::emulate {

// The images that repairs may look at.
struct CalibrationImages {
  const data::ImageSet* images = nullptr;
  int64_t count = 0;  // the first of them
};

// Mean and variance of each channel of a value.
struct ChannelMoments {
  std::vector<double> mean, variance;
};

// Runs a network up to some of its values, unquantized and under a plan. Nothing that it compiles
// outlives a call: weights change between calls.
class RepairPass {
 public:
  // `shared` gives the engine, the seed and the calibration of `variant`; all must outlive the
  // object. Errors of all below: kCancelled after a request to stop.
  RepairPass(SharedState& shared, BatchRunner& runner, CalibrationImages images,
             std::string variant, std::stop_token stop);

  // A network as the plan's arithmetic computes it, with weights that were rounded in another way.
  struct Quantized {
    const network::Network* network = nullptr;
    const quantize::ResolvedPlan* plan = nullptr;
    // By layer name: what RoundedWeightsCache::Insert takes.
    std::map<std::string, std::pair<formats::Quantizer, RoundedWeights>> rounded = {};
  };

  // Values of images [first, first + count) in row-major order; from several threads at once.
  using See = std::function<void(int64_t first, int64_t count, std::span<const float> exact,
                                 std::span<const float> quantized)>;
  // Node `node` of the unquantized `network` and of its twin.
  absl::Status Compare(const network::Network& network, const Quantized& quantized, int node,
                       const See& see);
  struct Moments {
    ChannelMoments exact, quantized;
  };
  absl::StatusOr<Moments> CompareMoments(const network::Network& network,
                                         const Quantized& quantized, int node,
                                         ChannelStride channels);

  // The largest value, or magnitude, of each channel of `nodes` of the unquantized network.
  absl::StatusOr<network::ChannelMaxima> Maxima(const network::Network& network,
                                                const std::vector<int>& nodes, bool magnitudes);

 private:
  struct Probe {
    NamedGraph graph;
    quantize::ResolvedPlan plan;
    int node = -1;
  };
  using SeeAll = std::function<void(int64_t first, int64_t count,
                                    const std::vector<std::span<const float>>& values)>;
  absl::StatusOr<Probe> MakeProbe(const std::string& name, const network::Network& network,
                                  quantize::ResolvedPlan plan, int node) const;
  absl::Status Run(SharedState& state, const std::vector<Probe>& probes, const SeeAll& see);

  SharedState& shared_;
  BatchRunner& runner_;
  const CalibrationImages images_;
  const std::string variant_;
  const std::stop_token stop_;
  std::map<std::pair<std::string, ElementKind>, bool> fast_macs_;
};

}  // namespace bitscape::emulate
