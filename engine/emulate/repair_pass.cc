#include "engine/emulate/repair_pass.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "engine/core/status.h"
#include "engine/emulate/calibration.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/plan_compiler.h"
#include "engine/network/channel_groups.h"

namespace bitscape::emulate {
namespace {

// Sums of each channel over the images of a batch.
struct ChannelSums {
  std::vector<double> sum, squares;

  ChannelSums(ChannelStride axis, std::span<const float> values)
      : sum(static_cast<size_t>(axis.channels)), squares(sum.size()) {
    for (size_t i = 0; i < values.size();) {
      const auto channel =
          static_cast<size_t>(static_cast<int64_t>(i) / axis.inner % axis.channels);
      for (int64_t k = 0; k < axis.inner; ++k, ++i) {
        sum[channel] += double{values[i]};
        squares[channel] += double{values[i]} * double{values[i]};
      }
    }
  }
};

ChannelStride StrideOf(const network::Shape& shape, size_t axis) {
  int64_t inner = 1;
  for (size_t i = axis + 1; i < shape.size(); ++i) {
    inner *= shape[i];
  }
  return {shape[axis], inner};
}

// In the order of batches: independent of threads.
ChannelMoments MomentsOf(const std::map<int64_t, ChannelSums>& batches, int64_t elements) {
  ChannelMoments moments;
  const double count = static_cast<double>(elements);
  for (size_t channel = 0; channel < batches.begin()->second.sum.size(); ++channel) {
    double sum = 0;
    double squares = 0;
    for (const auto& [first, sums] : batches) {
      sum += sums.sum[channel];
      squares += sums.squares[channel];
    }
    const double mean = sum / count;
    moments.mean.push_back(mean);
    moments.variance.push_back(std::max(squares / count - mean * mean, 0.0));
  }
  return moments;
}

}  // namespace

RepairPass::RepairPass(SharedState& shared, BatchRunner& runner, CalibrationImages images,
                       std::string variant, std::stop_token stop)
    : shared_(shared),
      runner_(runner),
      images_(images),
      variant_(std::move(variant)),
      stop_(std::move(stop)) {}

absl::StatusOr<RepairPass::Probe> RepairPass::MakeProbe(const std::string& name,
                                                        const network::Network& network,
                                                        quantize::ResolvedPlan plan,
                                                        int node) const {
  network::Network part = network;
  part.output = node;
  const bool fuse = formats::IsFloat32(plan.vector_format.format);
  BITSCAPE_ASSIGN_OR_RETURN(Graph graph, PrepareGraph(std::move(part), fuse));
  return Probe{{name, std::move(graph), variant_}, std::move(plan), node};
}

absl::Status RepairPass::Run(SharedState& state, const std::vector<Probe>& probes,
                             const SeeAll& see) {
  const SingleThreaded single;
  Shape batch = probes[0].graph.graph.network.nodes[0].shape;
  batch[0] = kBatchSize;
  PlanCompiler compiler(state, batch);
  std::vector<int> outputs;
  for (const Probe& probe : probes) {
    BITSCAPE_ASSIGN_OR_RETURN(const PlanCompiler::CompiledPlan plan,
                              compiler.Add(probe.graph, probe.plan));
    const int value = plan.node_values[static_cast<size_t>(probe.node)];
    const Shape shape = DimensionsOf(*compiler.builder().value(value).layout);
    BITSCAPE_ASSIGN_OR_RETURN(const int plain,
                              compiler.builder().Convert(value, PlainLayout(shape)));
    outputs.push_back(plain);
  }
  const Program program = std::move(compiler.builder()).Finish(outputs);
  return runner_.Run(program, *images_.images, {0, images_.count}, stop_,
                     [&](int64_t index, int64_t count, const Workspace& workspace) {
                       std::vector<std::span<const float>> values;
                       for (size_t i = 0; i < probes.size(); ++i) {
                         const Probe& probe = probes[i];
                         const Shape& shape =
                             probe.graph.graph.network.nodes[static_cast<size_t>(probe.node)].shape;
                         values.emplace_back(
                             workspace.output(program, outputs[i]),
                             static_cast<size_t>(count * network::ElementCount(shape)));
                       }
                       see(index * kBatchSize, count, values);
                     });
}

absl::Status RepairPass::Compare(const network::Network& network, const Quantized& quantized,
                                 int node, const See& see) {
  SharedState state;
  state.seed = shared_.seed;
  state.engine = shared_.engine;
  state.calibrations[variant_] = shared_.calibrations.at(variant_);
  state.fast_macs = std::move(fast_macs_);
  std::vector<Probe> probes;
  const quantize::ResolvedPlan exact = UnquantizedPlan(quantized.plan->layers.size());
  for (const bool twin : {false, true}) {
    BITSCAPE_ASSIGN_OR_RETURN(
        Probe probe, MakeProbe(twin ? "quantized" : "exact", twin ? *quantized.network : network,
                               twin ? *quantized.plan : exact, node));
    probes.push_back(std::move(probe));
  }
  for (const auto& [layer, rounded] : quantized.rounded) {
    network::Node named;
    named.name = layer;
    state.weights.Insert(LayerName(probes[1].graph, named), rounded.first, rounded.second);
  }
  const absl::Status status =
      Run(state, probes,
          [&](int64_t first, int64_t count, const std::vector<std::span<const float>>& values) {
            see(first, count, values[0], values[1]);
          });
  fast_macs_ = std::move(state.fast_macs);
  return status;
}

absl::StatusOr<RepairPass::Moments> RepairPass::CompareMoments(const network::Network& network,
                                                               const Quantized& quantized, int node,
                                                               ChannelStride channels) {
  const Shape& shape = network.nodes[static_cast<size_t>(node)].shape;
  std::mutex collecting;
  std::map<int64_t, ChannelSums> exact;  // by first image
  std::map<int64_t, ChannelSums> rounded;
  BITSCAPE_RETURN_IF_ERROR(Compare(
      network, quantized, node,
      [&](int64_t first, int64_t, std::span<const float> values, std::span<const float> twin) {
        ChannelSums of_values(channels, values);
        ChannelSums of_twin(channels, twin);
        const std::lock_guard lock(collecting);
        exact.emplace(first, std::move(of_values));
        rounded.emplace(first, std::move(of_twin));
      }));
  const int64_t elements = images_.count * network::ElementCount(shape) / channels.channels;
  return Moments{MomentsOf(exact, elements), MomentsOf(rounded, elements)};
}

absl::StatusOr<network::ChannelMaxima> RepairPass::Maxima(const network::Network& network,
                                                          const std::vector<int>& nodes,
                                                          bool magnitudes) {
  network::ChannelMaxima maxima;
  std::mutex merging;
  const quantize::ResolvedPlan plan = UnquantizedPlan(network::MacLayers(network).size());
  for (const int node : nodes) {
    SharedState state;
    state.engine = shared_.engine;
    BITSCAPE_ASSIGN_OR_RETURN(Probe probe, MakeProbe("exact", network, plan, node));
    std::vector<Probe> probes;
    probes.push_back(std::move(probe));
    const ChannelStride axis = StrideOf(network.nodes[static_cast<size_t>(node)].shape,
                                        network::ChannelAxisOf(network, node));
    std::vector<float>& largest = maxima[node];
    largest.assign(static_cast<size_t>(axis.channels), magnitudes ? 0.0F : -INFINITY);
    BITSCAPE_RETURN_IF_ERROR(Run(
        state, probes, [&](int64_t, int64_t, const std::vector<std::span<const float>>& values) {
          std::vector<float> seen(largest.size(), magnitudes ? 0.0F : -INFINITY);
          for (size_t i = 0; i < values[0].size(); ++i) {
            const float value = magnitudes ? std::fabs(values[0][i]) : values[0][i];
            const auto channel =
                static_cast<size_t>(static_cast<int64_t>(i) / axis.inner % axis.channels);
            seen[channel] = std::max(seen[channel], value);
          }
          const std::lock_guard lock(merging);
          for (size_t channel = 0; channel < seen.size(); ++channel) {
            largest[channel] = std::max(largest[channel], seen[channel]);
          }
        }));
  }
  return maxima;
}

}  // namespace bitscape::emulate
