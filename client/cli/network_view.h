// A network as people read it.
#pragma once

#include "bitscape/v1/network.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// The lecture's table: a row a layer, then a row a kind of layer and one for all. Layers of a
// transformer that repeat under another number ("layer0.q_proj", "layer1.q_proj") share a row.
View ViewOf(const v1::Network& network);

// One row a network.
Table TableOf(const v1::ListNetworksResponse& networks);

}  // namespace bitscape::cli
