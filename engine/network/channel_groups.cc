#include "engine/network/channel_groups.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

namespace bitscape::network {
namespace {

// Finds groups by uniting values (union-find by node).
class GroupFinder {
 public:
  explicit GroupFinder(const Network& network)
      : network_(network),
        parent_(network.nodes.size()),
        fixed_(network.nodes.size(), false),
        inner_(network.nodes.size(), 1) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  std::vector<ChannelGroup> Find() {
    for (size_t i = 0; i < network_.nodes.size(); ++i) Visit(static_cast<int>(i));
    Fix(network_.output);
    std::vector<ChannelGroup> groups;
    std::vector<int> group_of(network_.nodes.size(), -1);
    const auto at = [&](int node) -> ChannelGroup& {
      int& group = group_of[Index(Root(node))];
      if (group < 0) {
        group = static_cast<int>(groups.size());
        groups.emplace_back();
      }
      return groups[Index(group)];
    };
    for (size_t i = 0; i < network_.nodes.size(); ++i) {
      const int index = static_cast<int>(i);
      const Node& node = network_.nodes[i];
      ChannelGroup& group = at(index);
      group.values.push_back(index);
      group.fixed = group.fixed || fixed_[i];
      if (group.values.size() == 1) group.channels = Channels(index);
      if (IsProducer(node)) group.producers.push_back(index);
      if (std::holds_alternative<Clip>(node.op)) group.clips.push_back(index);
      if (HasWeights(node)) {
        const int source = node.inputs[0];
        at(source).consumers.push_back({index, source, inner_[Index(source)]});
      }
    }
    return groups;
  }

 private:
  static size_t Index(int node) { return static_cast<size_t>(node); }
  const Node& At(int node) const { return network_.nodes[Index(node)]; }
  static bool HasWeights(const Node& node) {
    return std::holds_alternative<Conv>(node.op) || std::holds_alternative<Gemm>(node.op);
  }
  static bool IsProducer(const Node& node) {
    return HasWeights(node) || std::holds_alternative<BatchNorm>(node.op);
  }
  int64_t Channels(int node) const {
    const Shape& shape = At(node).shape;
    return shape.size() < 2 ? 1 : shape[1] / inner_[Index(node)];
  }
  int Root(int node) const {
    while (parent_[Index(node)] != node) node = parent_[Index(node)];
    return node;
  }
  void Fix(int node) { fixed_[Index(node)] = true; }
  void FixAround(int index) {
    Fix(index);
    for (const int input : At(index).inputs) Fix(input);
  }
  // The values have the same channels: with equal layouts of them.
  void Unite(int a, int b) { parent_[Index(Root(std::max(a, b)))] = Root(std::min(a, b)); }
  void Follow(int index) {
    inner_[Index(index)] = inner_[Index(At(index).inputs[0])];
    Unite(index, At(index).inputs[0]);
  }

  void Visit(int index) {
    const Node& node = At(index);
    struct Visitor {
      GroupFinder& finder;
      const int index;
      const Node& node;
      void operator()(const Conv&) const {
        // Channels of a flattened image are no channels of a convolution.
        if (finder.inner_[Index(node.inputs[0])] != 1) finder.Fix(node.inputs[0]);
      }
      void operator()(const Gemm&) const {
        if (node.shape.size() != 2) finder.FixAround(index);  // its channels are the last axis
      }
      void operator()(const BatchNorm&) const { finder.Fix(node.inputs[0]); }
      void operator()(const Relu&) const { finder.Follow(index); }
      void operator()(const LeakyRelu&) const { finder.Follow(index); }
      void operator()(const Pool&) const { finder.Follow(index); }
      void operator()(const GlobalAveragePool&) const { finder.Follow(index); }
      void operator()(const Clip& clip) const {
        clip.min == 0 ? finder.Follow(index) : finder.FixAround(index);
      }
      void operator()(const Pad& pad) const {
        const bool keeps_channels =
            pad.before.size() > 1 && pad.before[1] == 0 && pad.after[1] == 0;
        pad.value == 0 && keeps_channels ? finder.Follow(index) : finder.FixAround(index);
      }
      void operator()(const Add&) const { finder.Sum(index); }
      void operator()(const Reshape&) const { finder.Flatten(index); }
      void operator()(const Input&) const { finder.Fix(index); }
      void operator()(const Constant&) const { finder.Fix(index); }
      void operator()(const MatMul&) const { finder.FixAround(index); }
      void operator()(const Sigmoid&) const { finder.FixAround(index); }
      void operator()(const Tanh&) const { finder.FixAround(index); }
      void operator()(const Softmax&) const { finder.FixAround(index); }
      void operator()(const Mul&) const { finder.FixAround(index); }
      void operator()(const Concat&) const { finder.FixAround(index); }
      void operator()(const Transpose&) const { finder.FixAround(index); }
    };
    std::visit(Visitor{*this, index, node}, node.op);
  }

  void Sum(int index) {
    const std::vector<int>& inputs = At(index).inputs;
    const bool alike = At(inputs[0]).shape == At(index).shape &&
                       At(inputs[1]).shape == At(index).shape &&
                       inner_[Index(inputs[0])] == inner_[Index(inputs[1])];
    if (!alike) return FixAround(index);
    Follow(index);
    Unite(index, inputs[1]);
  }

  // [1, c, ...] as [1, c * inner].
  void Flatten(int index) {
    const int source = At(index).inputs[0];
    const Shape& from = At(source).shape;
    const Shape& to = At(index).shape;
    if (from.size() < 2 || to.size() != 2 || to[0] != 1) return FixAround(index);
    inner_[Index(index)] = from.size() == 2 ? inner_[Index(source)] : ElementCount(from) / from[1];
    Unite(index, source);
  }

  const Network& network_;
  std::vector<int> parent_;
  std::vector<bool> fixed_;
  std::vector<int64_t> inner_;
};

}  // namespace

std::vector<ChannelGroup> ChannelGroups(const Network& network) {
  return GroupFinder(network).Find();
}

size_t ChannelAxisOf(const Network& network, int value) {
  const Node& node = network.nodes[static_cast<size_t>(value)];
  if (node.shape.size() < 2) return 0;
  const bool image = node.shape.size() == 2 || node.shape.size() == 4 ||
                     std::holds_alternative<Conv>(node.op) ||
                     std::ranges::any_of(network.nodes, [value](const Node& reader) {
                       return std::holds_alternative<Conv>(reader.op) && reader.inputs[0] == value;
                     });
  return image ? 1 : node.shape.size() - 1;
}

ScaledLayer::ScaledLayer(const Node& layer) {
  if (const auto* conv = std::get_if<Conv>(&layer.op)) {
    weights_ = conv->weights;
    bias_ = conv->bias;
    groups_ = conv->groups;
  } else {
    const auto& gemm = std::get<Gemm>(layer.op);
    weights_ = gemm.weights;
    bias_ = gemm.bias;
  }
  outputs_ = weights_->shape[0];
  inputs_ = weights_->shape[1] * groups_;
  by_output_.assign(At(outputs_), 1.0);
  by_input_.assign(At(inputs_), 1.0);
}

template <typename Visit>
void ScaledLayer::ForEach(Visit visit) const {
  const int64_t columns = weights_->shape[1];
  const int64_t taps = ElementCount(weights_->shape) / (outputs_ * columns);
  const int64_t outputs_per_group = outputs_ / groups_;
  size_t index = 0;
  for (int64_t output = 0; output < outputs_; ++output) {
    const int64_t first = output / outputs_per_group * columns;
    for (int64_t column = 0; column < columns; ++column) {
      const size_t input = At(first + column);
      const double scale = by_output_[At(output)] * by_input_[input];
      for (int64_t tap = 0; tap < taps; ++tap, ++index) {
        visit(At(output), input, double{weights_->values[index]} * scale);
      }
    }
  }
}

std::vector<double> ScaledLayer::OutputRanges() const {
  std::vector<double> ranges(At(outputs_));
  ForEach([&](size_t output, size_t, double weight) {
    ranges[output] = std::max(ranges[output], std::fabs(weight));
  });
  return ranges;
}

std::vector<double> ScaledLayer::InputRanges() const {
  std::vector<double> ranges(At(inputs_));
  ForEach([&](size_t, size_t input, double weight) {
    ranges[input] = std::max(ranges[input], std::fabs(weight));
  });
  return ranges;
}

void ScaledLayer::WriteTo(Node& layer) const {
  auto weights = std::make_shared<Tensor>();
  weights->shape = weights_->shape;
  weights->values.reserve(weights_->values.size());
  ForEach([&](size_t, size_t, double weight) {
    weights->values.push_back(static_cast<float>(weight));
  });
  std::shared_ptr<Tensor> bias;
  if (bias_ != nullptr) {
    bias = std::make_shared<Tensor>(*bias_);
    for (size_t i = 0; i < bias->values.size(); ++i) {
      bias->values[i] = static_cast<float>(double{bias->values[i]} * by_output_[i]);
    }
  }
  if (auto* conv = std::get_if<Conv>(&layer.op)) {
    conv->weights = std::move(weights);
    conv->bias = std::move(bias);
  } else {
    auto& gemm = std::get<Gemm>(layer.op);
    gemm.weights = std::move(weights);
    gemm.bias = std::move(bias);
  }
}

}  // namespace bitscape::network
