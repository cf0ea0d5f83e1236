// Learns the rounding of one layer's weights from what the layer is given.
#pragma once

#include <absl/status/statusor.h>

#include <span>

#include "engine/core/thread_pool.h"
#include "engine/emulate/repair_pass.h"
#include "engine/emulate/rounded_weights.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::emulate {

// AdaRound of the weights of Conv or Gemm node `node` of `network` under `quantized`'s plan, whose
// MAC layer number is `mac`; the layers before it are as `quantized` has them. With `centred`, the
// mean error of each output channel does not count: bias correction takes it away. Errors: those of
// rounding and of running the network; kResourceExhausted for a layer whose sums are too long.
absl::StatusOr<RoundedWeights> LearnRounding(RepairPass& pass, ThreadPool& pool,
                                             const network::Network& network,
                                             const RepairPass::Quantized& quantized, int node,
                                             size_t mac, const CalibrationStatistics& statistics,
                                             uint64_t seed, CalibrationImages images, bool centred);

}  // namespace bitscape::emulate
