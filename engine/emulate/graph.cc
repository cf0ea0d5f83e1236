#include "engine/emulate/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace bitscape::emulate {
namespace {

using network::Network;
using network::Node;

template <typename T>
bool Is(const Node& node) {
  return std::holds_alternative<T>(node.op);
}

const Node& At(const Network& network, int node) {
  return network.nodes[static_cast<size_t>(node)];
}

std::vector<bool> Needed(const Network& network) {
  std::vector<bool> needed(network.nodes.size(), false);
  needed[static_cast<size_t>(network.output)] = true;
  for (size_t node = network.nodes.size(); node-- > 0;) {
    if (!needed[node]) {
      continue;
    }
    for (const int input : network.nodes[node].inputs) {
      needed[static_cast<size_t>(input)] = true;
    }
  }
  return needed;
}

// Consumers of each value, the network's output counting as one (-1).
std::vector<std::vector<int>> Consumers(const Network& network, const std::vector<bool>& needed) {
  std::vector<std::vector<int>> consumers(network.nodes.size());
  for (size_t node = 0; node < network.nodes.size(); ++node) {
    if (!needed[node]) {
      continue;
    }
    for (const int input : network.nodes[node].inputs) {
      consumers[static_cast<size_t>(input)].push_back(static_cast<int>(node));
    }
  }
  consumers[static_cast<size_t>(network.output)].push_back(-1);
  return consumers;
}

absl::Status CheckBatch(const Network& network, const std::vector<bool>& batched) {
  for (size_t i = 0; i < network.nodes.size(); ++i) {
    const Node& node = network.nodes[i];
    if (!batched[i]) {
      continue;
    }
    bool kept = !node.shape.empty() && node.shape[0] == 1;
    if (const auto* transpose = std::get_if<network::Transpose>(&node.op)) {
      kept = kept && transpose->permutation[0] == 0;
    } else if (const auto* concat = std::get_if<network::Concat>(&node.op)) {
      kept = kept && concat->axis != 0;
    } else if (const auto* softmax = std::get_if<network::Softmax>(&node.op)) {
      kept = kept && softmax->axis != 0;
    } else if (const auto* pad = std::get_if<network::Pad>(&node.op)) {
      kept = kept && pad->before[0] == 0 && pad->after[0] == 0;
    }
    if (!kept) {
      return absl::UnimplementedError(fmt::format(
          "node {} ({}): shape {} for one image; the batch must stay the first dimension",
          node.name, std::string(network::OperatorName(node.op)), network::ToString(node.shape)));
    }
  }
  return absl::OkStatus();
}

bool IsNonnegative(const std::vector<bool>& nonnegative, const Node& node) {
  const auto all_inputs = [&] {
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](int input) { return nonnegative[static_cast<size_t>(input)]; });
  };
  if (const auto* clip = std::get_if<network::Clip>(&node.op)) {
    return clip->min >= 0;
  }
  if (const auto* pad = std::get_if<network::Pad>(&node.op)) {
    return pad->value >= 0 && all_inputs();
  }
  if (const auto* constant = std::get_if<network::Constant>(&node.op)) {
    const std::vector<float>& values = constant->value->values;
    return std::all_of(values.begin(), values.end(), [](float value) { return value >= 0; });
  }
  if (Is<network::Relu>(node) || Is<network::Sigmoid>(node) || Is<network::Softmax>(node)) {
    return true;
  }
  const bool keeps_sign =
      Is<network::Pool>(node) || Is<network::GlobalAveragePool>(node) || Is<network::Add>(node) ||
      Is<network::Mul>(node) || Is<network::Concat>(node) || Is<network::Reshape>(node) ||
      Is<network::Transpose>(node) || Is<network::LeakyRelu>(node) || Is<network::Tanh>(node);
  return keeps_sign && all_inputs();
}

// Extends a MAC operation over the Add and the activation that follow it.
void Fuse(const Network& network, const std::vector<std::vector<int>>& consumers,
          const std::vector<bool>& batched, std::vector<bool>& taken, Operation& operation) {
  const auto only_consumer = [&](int node) {
    const std::vector<int>& of = consumers[static_cast<size_t>(node)];
    return of.size() == 1 ? of[0] : -1;
  };
  int next = only_consumer(operation.output);
  if (next >= 0 && Is<network::Add>(At(network, next)) && !taken[static_cast<size_t>(next)]) {
    const std::vector<int>& inputs = At(network, next).inputs;
    const int other = inputs[0] == operation.output ? inputs[1] : inputs[0];
    if (batched[static_cast<size_t>(other)] &&
        At(network, other).shape == At(network, operation.output).shape) {
      taken[static_cast<size_t>(next)] = true;
      operation.addend = other;
      operation.output = next;
      next = only_consumer(next);
    }
  }
  if (next >= 0 && (Is<network::Relu>(At(network, next)) || Is<network::Clip>(At(network, next)))) {
    taken[static_cast<size_t>(next)] = true;
    operation.activation = next;
    operation.output = next;
  }
}

}  // namespace

absl::StatusOr<Graph> PrepareGraph(Network network, bool fuse) {
  Graph graph;
  const size_t count = network.nodes.size();
  graph.batched.assign(count, false);
  graph.nonnegative.assign(count, false);
  for (size_t i = 0; i < count; ++i) {
    const Node& node = network.nodes[i];
    graph.batched[i] = Is<network::Input>(node) || network::IsMacLayer(node) ||
                       std::any_of(node.inputs.begin(), node.inputs.end(), [&](int input) {
                         return graph.batched[static_cast<size_t>(input)];
                       });
    graph.nonnegative[i] = IsNonnegative(graph.nonnegative, node);
  }
  if (absl::Status status = CheckBatch(network, graph.batched); !status.ok()) {
    return status;
  }
  const std::vector<bool> needed = Needed(network);
  const std::vector<std::vector<int>> consumers = Consumers(network, needed);
  std::vector<bool> taken(count, false);
  int mac = 0;
  for (size_t i = 0; i < count; ++i) {
    const Node& node = network.nodes[i];
    Operation operation{
        .node = static_cast<int>(i), .output = static_cast<int>(i), .inputs = node.inputs};
    if (network::IsMacLayer(node)) {
      operation.mac = mac++;
    }
    if (!needed[i] || taken[i]) {
      continue;
    }
    const bool fusable = Is<network::Conv>(node) || Is<network::Gemm>(node);
    if (fuse && fusable && graph.batched[i]) {
      Fuse(network, consumers, graph.batched, taken, operation);
    }
    graph.operations.push_back(std::move(operation));
  }
  // A fused operation runs where its last part stood: by then its addend is there.
  std::stable_sort(graph.operations.begin(), graph.operations.end(),
                   [](const Operation& a, const Operation& b) { return a.output < b.output; });
  graph.network = std::move(network);
  return graph;
}

}  // namespace bitscape::emulate
