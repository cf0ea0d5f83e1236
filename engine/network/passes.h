// Graph passes: pure functions from a network to a network.
#pragma once

#include "engine/network/network.h"

namespace bitscape::network {

// Folds each batch norm into the convolution or product before it where that layer feeds nothing
// else and the folded weights stay finite; others stay. MAC layers keep their names and order.
Network FoldBatchNorm(const Network& network);

}  // namespace bitscape::network
