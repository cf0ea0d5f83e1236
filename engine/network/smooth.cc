#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "engine/network/channel_groups.h"
#include "engine/network/equalize.h"

namespace bitscape::network {
namespace {

// As the authors' code has it; keeps 1 / s finite.
constexpr double kSmallestScale = 1e-5;

class Smoother {
 public:
  Smoother(const Network& network, const ChannelMaxima& magnitudes, double alpha)
      : network_(network), magnitudes_(magnitudes), alpha_(alpha), smooth_(network) {}

  Network Run() && {
    for (const ChannelGroup& group : ChannelGroups(network_)) {
      const int64_t channels = group.channels;
      if (group.consumers.empty() || channels < 2) continue;
      if (!group.fixed && group.clips.empty() && !group.producers.empty()) {
        Fold(group);
        continue;
      }
      std::set<int> values;
      for (const ChannelGroup::Consumer& consumer : group.consumers) values.insert(consumer.value);
      for (const int value : values) {
        if (ReadAlike(group, value)) Insert(group, value);
      }
    }
    return InsertProducts();
  }

 private:
  Node& At(int node) { return smooth_.nodes[static_cast<size_t>(node)]; }

  // Of the group's channels, over its consumers; those of one value where given.
  std::vector<double> Scales(const ChannelGroup& group, int64_t channels, bool flat, int value) {
    std::vector<double> activations(static_cast<size_t>(channels)), weights = activations;
    for (const ChannelGroup::Consumer& consumer : group.consumers) {
      if (value >= 0 && consumer.value != value) continue;
      const auto inner = static_cast<size_t>(flat ? 1 : consumer.inner);
      const std::vector<float>& seen = magnitudes_.at(consumer.value);
      const std::vector<double> ranges = ScaledLayer(At(consumer.layer)).InputRanges();
      for (size_t j = 0; j < ranges.size(); ++j) {
        weights[j / inner] = std::max(weights[j / inner], ranges[j]);
        activations[j / inner] = std::max(activations[j / inner], double{seen[j]});
      }
    }
    std::vector<double> scales;
    for (size_t i = 0; i < weights.size(); ++i) {
      const bool used = activations[i] > 0 && weights[i] > 0;
      const double scale =
          used ? std::pow(activations[i], alpha_) / std::pow(weights[i], 1 - alpha_) : 1.0;
      scales.push_back(std::max(scale, kSmallestScale));
    }
    return scales;
  }

  void MultiplyInputs(int layer, const std::vector<double>& scales, int64_t inner) {
    ScaledLayer scaled(At(layer));
    for (int64_t j = 0; j < scaled.inputs(); ++j) {
      scaled.MultiplyInput(j, scales[static_cast<size_t>(j / inner)]);
    }
    scaled.WriteTo(At(layer));
  }

  void Fold(const ChannelGroup& group) {
    const std::vector<double> scales = Scales(group, group.channels, false, -1);
    for (const int producer : group.producers) {
      if (auto* norm = std::get_if<BatchNorm>(&At(producer).op)) {
        for (size_t i = 0; i < scales.size(); ++i) {
          norm->scale[i] = static_cast<float>(double{norm->scale[i]} / scales[i]);
          norm->shift[i] = static_cast<float>(double{norm->shift[i]} / scales[i]);
        }
        continue;
      }
      ScaledLayer scaled(At(producer));
      for (int64_t i = 0; i < scaled.outputs(); ++i) {
        scaled.DivideOutput(i, scales[static_cast<size_t>(i)]);
      }
      scaled.WriteTo(At(producer));
    }
    for (const ChannelGroup::Consumer& consumer : group.consumers) {
      MultiplyInputs(consumer.layer, scales, consumer.inner);
    }
  }

  // A product of the value with 1 / s, for its consumers.
  void Insert(const ChannelGroup& group, int value) {
    const Shape& shape = At(value).shape;
    const std::vector<double> scales = Scales(group, ChannelsRead(value), true, value);
    auto inverse = std::make_shared<Tensor>();
    inverse->shape.assign(shape.size(), 1);
    inverse->shape[ChannelAxisOf(network_, value)] = static_cast<int64_t>(scales.size());
    for (const double scale : scales) inverse->values.push_back(static_cast<float>(1 / scale));
    for (const ChannelGroup::Consumer& consumer : group.consumers) {
      if (consumer.value == value) MultiplyInputs(consumer.layer, scales, 1);
    }
    inverses_.emplace(value, std::move(inverse));
  }

  int64_t ChannelsRead(int value) { return At(value).shape[ChannelAxisOf(network_, value)]; }

  // A sequence that convolutions read along one axis and products along another has no one scale.
  bool ReadAlike(const ChannelGroup& group, int value) {
    return std::ranges::all_of(group.consumers, [&](const ChannelGroup::Consumer& consumer) {
      return consumer.value != value ||
             ScaledLayer(At(consumer.layer)).inputs() == ChannelsRead(value);
    });
  }

  // Rebuilds the list of nodes with a Constant and a Mul behind each value of `inverses_`.
  Network InsertProducts() {
    std::vector<int> plain, product;  // by old index: where the value and its product stand
    std::set<std::string> names;
    for (const Node& node : smooth_.nodes) names.insert(node.name);
    const auto unique = [&names](std::string name) {
      while (!names.insert(name).second) name += '_';
      return name;
    };
    std::vector<Node> nodes;
    for (size_t i = 0; i < smooth_.nodes.size(); ++i) {
      Node node = std::move(smooth_.nodes[i]);
      const bool layer =
          std::holds_alternative<Conv>(node.op) || std::holds_alternative<Gemm>(node.op);
      for (int& input : node.inputs) {
        input = (layer ? product : plain)[static_cast<size_t>(input)];
      }
      const int at = static_cast<int>(nodes.size());
      plain.push_back(at);
      product.push_back(at);
      nodes.push_back(std::move(node));
      const auto inverse = inverses_.find(static_cast<int>(i));
      if (inverse == inverses_.end()) continue;
      const std::string name = nodes.back().name;
      const Shape shape = nodes.back().shape;
      nodes.push_back({unique(name + ".inverse_scales"),
                       Constant{inverse->second},
                       {},
                       inverse->second->shape});
      nodes.push_back({unique(name + ".smoothed"), Mul{}, {at, at + 1}, shape});
      product.back() = at + 2;
    }
    smooth_.nodes = std::move(nodes);
    smooth_.output = plain[static_cast<size_t>(smooth_.output)];
    return std::move(smooth_);
  }

  const Network& network_;
  const ChannelMaxima& magnitudes_;
  const double alpha_;
  Network smooth_;
  std::map<int, TensorPtr> inverses_;  // by the value that is multiplied
};

}  // namespace

Network Smooth(const Network& network, const ChannelMaxima& magnitudes, double alpha) {
  return Smoother(network, magnitudes, alpha).Run();
}

}  // namespace bitscape::network
