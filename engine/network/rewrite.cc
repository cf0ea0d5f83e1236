#include "engine/network/rewrite.h"

#include <utility>

namespace bitscape::network {

std::vector<int> ReaderCounts(const Network& network) {
  std::vector<int> counts(network.nodes.size(), 0);
  for (const Node& node : network.nodes) {
    for (const int input : node.inputs) ++counts[static_cast<size_t>(input)];
  }
  ++counts[static_cast<size_t>(network.output)];
  return counts;
}

void ReplaceNodes(Network& network, const std::vector<int>& replacement) {
  const size_t count = network.nodes.size();
  std::vector<int> target(count);  // replacements of replacements resolved
  for (size_t i = 0; i < count; ++i) {
    const auto to = static_cast<size_t>(replacement[i]);
    target[i] = to == i ? static_cast<int>(i) : target[to];
  }
  const auto resolve = [&target](int node) { return target[static_cast<size_t>(node)]; };
  for (Node& node : network.nodes) {
    for (int& input : node.inputs) input = resolve(input);
  }
  network.output = resolve(network.output);

  std::vector<bool> live(count, false);
  live[0] = true;
  live[static_cast<size_t>(network.output)] = true;
  for (size_t i = count; i-- > 0;) {
    if (!live[i]) continue;
    for (const int input : network.nodes[i].inputs) live[static_cast<size_t>(input)] = true;
  }
  std::vector<int> position(count, -1);
  std::vector<Node> kept;
  for (size_t i = 0; i < count; ++i) {
    if (!live[i]) continue;
    position[i] = static_cast<int>(kept.size());
    kept.push_back(std::move(network.nodes[i]));
    for (int& input : kept.back().inputs) input = position[static_cast<size_t>(input)];
  }
  network.output = position[static_cast<size_t>(network.output)];
  network.nodes = std::move(kept);
}

}  // namespace bitscape::network
