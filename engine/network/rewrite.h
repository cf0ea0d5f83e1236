// Removes nodes from a network and renumbers what is left.
#pragma once

#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

// How many node inputs read each node's value; the output counts as one more reader.
std::vector<int> ReaderCounts(const Network& network);

// Every reader of node i reads replacement[i] (an earlier node, or i itself to keep it) instead.
// Nodes that the output then no longer needs are dropped, the Input apart; the others keep their
// order.
void ReplaceNodes(Network& network, const std::vector<int>& replacement);

}  // namespace bitscape::network
