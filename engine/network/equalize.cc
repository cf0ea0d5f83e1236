#include "engine/network/equalize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/network/channel_groups.h"

namespace bitscape::network {
namespace {

constexpr int kMostRounds = 100;
constexpr double kConverged = 1e-3;
// Scales stay where float32 holds what they make: no channel is worth more.
constexpr double kLargestScale = 0x1p20;

// One group whose channels are scaled, and what its clips allow.
class Pair {
 public:
  Pair(const Network& network, const ChannelGroup& group, const ChannelMaxima& clip_inputs)
      : group_(group),
        scales_(static_cast<size_t>(group.channels), 1.0),
        smallest_(scales_.size(), 1 / kLargestScale),
        largest_(scales_.size(), kLargestScale) {
    for (const int clip : group.clips) {
      const std::vector<float>& seen = clip_inputs.at(clip);
      const float bound = std::get<Clip>(network.nodes[static_cast<size_t>(clip)].op).max;
      for (size_t channel = 0; channel < scales_.size(); ++channel) {
        if (seen[channel] >= bound) {
          smallest_[channel] = largest_[channel] = 1;
        } else {
          const double least = double{seen[channel]} / double{bound};
          smallest_[channel] = std::max(smallest_[channel], least);
        }
      }
    }
  }

  // Balances ranges; returns the largest change, as |log s|.
  double Round(std::map<int, ScaledLayer>& layers) {
    std::vector<double> made(scales_.size()), read(scales_.size());
    for (const int producer : group_.producers) {
      const std::vector<double> ranges = layers.at(producer).OutputRanges();
      for (size_t i = 0; i < made.size(); ++i) made[i] = std::max(made[i], ranges[i]);
    }
    for (const ChannelGroup::Consumer& consumer : group_.consumers) {
      const std::vector<double> ranges = layers.at(consumer.layer).InputRanges();
      for (size_t j = 0; j < ranges.size(); ++j) {
        double& range = read[j / static_cast<size_t>(consumer.inner)];
        range = std::max(range, ranges[j]);
      }
    }
    double change = 0;
    for (size_t i = 0; i < scales_.size(); ++i) {
      if (made[i] <= 0 || read[i] <= 0) continue;
      const double wanted = scales_[i] * std::sqrt(made[i] / read[i]);
      const double scale = std::clamp(wanted, smallest_[i], largest_[i]) / scales_[i];
      Apply(i, scale, layers);
      scales_[i] *= scale;
      change = std::max(change, std::fabs(std::log(scale)));
    }
    return change;
  }

 private:
  void Apply(size_t channel, double scale, std::map<int, ScaledLayer>& layers) const {
    const auto at = static_cast<int64_t>(channel);
    for (const int producer : group_.producers) layers.at(producer).DivideOutput(at, scale);
    for (const ChannelGroup::Consumer& consumer : group_.consumers) {
      for (int64_t j = at * consumer.inner; j < (at + 1) * consumer.inner; ++j) {
        layers.at(consumer.layer).MultiplyInput(j, scale);
      }
    }
  }

  const ChannelGroup& group_;
  std::vector<double> scales_, smallest_, largest_;  // by channel
};

bool CanEqualize(const Network& network, const ChannelGroup& group,
                 const ChannelMaxima& clip_inputs) {
  const auto is_norm = [&](int node) {
    return std::holds_alternative<BatchNorm>(network.nodes[static_cast<size_t>(node)].op);
  };
  return !group.fixed && !group.producers.empty() && !group.consumers.empty() &&
         std::none_of(group.producers.begin(), group.producers.end(), is_norm) &&
         std::all_of(group.clips.begin(), group.clips.end(), [&](int clip) {
           const auto seen = clip_inputs.find(clip);
           return seen != clip_inputs.end() &&
                  seen->second.size() == static_cast<size_t>(group.channels);
         });
}

}  // namespace

Network Equalize(const Network& network, const ChannelMaxima& clip_inputs) {
  const std::vector<ChannelGroup> groups = ChannelGroups(network);
  std::map<int, ScaledLayer> layers;
  std::vector<Pair> pairs;
  for (const ChannelGroup& group : groups) {
    if (!CanEqualize(network, group, clip_inputs)) continue;
    pairs.emplace_back(network, group, clip_inputs);
    const auto add = [&](int layer) {
      layers.try_emplace(layer, network.nodes[static_cast<size_t>(layer)]);
    };
    for (const int producer : group.producers) add(producer);
    for (const ChannelGroup::Consumer& consumer : group.consumers) add(consumer.layer);
  }
  for (int round = 0; round < kMostRounds; ++round) {
    double change = 0;
    for (Pair& pair : pairs) change = std::max(change, pair.Round(layers));
    if (change < kConverged) break;
  }
  Network equalized = network;
  for (const auto& [node, layer] : layers) {
    layer.WriteTo(equalized.nodes[static_cast<size_t>(node)]);
  }
  return equalized;
}

}  // namespace bitscape::network
