#include "engine/emulate/repair.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <set>
#include <utility>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/repair_rounding.h"
#include "engine/network/passes.h"

namespace bitscape::emulate {
namespace {

using network::Network;
using network::Node;
using quantize::BatchNormFold;
using quantize::Repairs;
using quantize::ResolvedPlan;

// Repairs that look at what quantization does, not at the network alone.
bool LooksAtPlan(const Repairs& repairs) {
  return repairs.adaround || repairs.bias || repairs.batchnorm;
}

// The layer's bias plus `shift`, a new one where it has none.
void AddToBias(Node& layer, const std::vector<double>& shift) {
  auto bias = std::make_shared<network::Tensor>();
  bias->shape = {static_cast<int64_t>(shift.size())};
  const network::Tensor* old = BiasOf(layer);
  for (size_t i = 0; i < shift.size(); ++i) {
    const double value = old == nullptr ? 0.0 : double{old->values[i]};
    bias->values.push_back(static_cast<float>(value + shift[i]));
  }
  if (auto* conv = std::get_if<network::Conv>(&layer.op)) {
    conv->bias = std::move(bias);
  } else {
    std::get<network::Gemm>(layer.op).bias = std::move(bias);
  }
}

// One plan's repairs, layer by layer.
class LayerRepairs {
 public:
  LayerRepairs(const Network& exact, const ResolvedPlan& plan, RepairPass& pass, ThreadPool& pool,
               CalibrationImages images, const CalibrationStatistics& statistics, uint64_t seed)
      : exact_(exact),
        plan_(plan),
        pass_(pass),
        pool_(pool),
        images_(images),
        statistics_(statistics),
        seed_(seed),
        repaired_(exact) {}

  absl::Status Run() {
    BITSCAPE_ASSIGN_OR_RETURN(const Graph graph, PrepareGraph(exact_, false));
    for (const Operation& operation : graph.operations) {
      const Node& node = exact_.nodes[static_cast<size_t>(operation.node)];
      const bool from_images =
          operation.inputs.empty() || graph.batched[static_cast<size_t>(operation.inputs[0])];
      absl::Status status;
      if (WeightsOf(node) != nullptr && from_images) {
        status = RepairLayer(operation.node, static_cast<size_t>(operation.mac));
      } else if (std::holds_alternative<network::BatchNorm>(node.op) && from_images &&
                 plan_.repairs.batchnorm) {
        status = RepairBatchNorm(operation.node);
      }
      BITSCAPE_RETURN_IF_ERROR(Annotate(status, "layer " + node.name));
    }
    return absl::OkStatus();
  }

  Network& network() { return repaired_; }
  using Rounded = decltype(RepairPass::Quantized::rounded);
  Rounded& rounded() { return rounded_; }

 private:
  RepairPass::Quantized Twin() const { return {&repaired_, &plan_, rounded_}; }

  absl::Status RepairLayer(int index, size_t mac) {
    Node& node = repaired_.nodes[static_cast<size_t>(index)];
    const quantize::LayerPrecision& precision = plan_.layers[mac];
    if (plan_.repairs.adaround && !formats::IsFloat32(precision.weights.format)) {
      BITSCAPE_ASSIGN_OR_RETURN(
          RoundedWeights learned,
          LearnRounding(pass_, pool_, exact_, Twin(), index, mac, statistics_, seed_, images_,
                        plan_.repairs.bias || plan_.repairs.batchnorm));
      rounded_.emplace(node.name, std::pair(precision.weights, std::move(learned)));
    }
    if (!plan_.repairs.bias) {
      return absl::OkStatus();
    }
    BITSCAPE_ASSIGN_OR_RETURN(const RepairPass::Moments moments,
                              pass_.CompareMoments(exact_, Twin(), index, OutputChannels(node)));
    std::vector<double> shift;
    for (size_t channel = 0; channel < moments.exact.mean.size(); ++channel) {
      shift.push_back(moments.exact.mean[channel] - moments.quantized.mean[channel]);
    }
    AddToBias(node, shift);
    return absl::OkStatus();
  }

  // y = scale * x + shift of the exact x keeps its mean and variance when x is the quantized one.
  absl::Status RepairBatchNorm(int index) {
    Node& node = repaired_.nodes[static_cast<size_t>(index)];
    const ChannelStride channels{node.shape[1], network::ElementCount(node.shape) / node.shape[1]};
    BITSCAPE_ASSIGN_OR_RETURN(const RepairPass::Moments moments,
                              pass_.CompareMoments(exact_, Twin(), node.inputs[0], channels));
    auto& norm = std::get<network::BatchNorm>(node.op);
    for (size_t channel = 0; channel < norm.scale.size(); ++channel) {
      const double scale = double{norm.scale[channel]};
      const double spread = moments.quantized.variance[channel];
      // A channel that never varies has no scale to find.
      const double factor = spread > 0 ? std::sqrt(moments.exact.variance[channel] / spread) : 1.0;
      const double mean = moments.exact.mean[channel];
      const double shift = double{norm.shift[channel]} + scale * mean -
                           scale * factor * moments.quantized.mean[channel];
      if (!std::isfinite(static_cast<float>(scale * factor)) ||
          !std::isfinite(static_cast<float>(shift))) {
        continue;
      }
      norm.scale[channel] = static_cast<float>(scale * factor);
      norm.shift[channel] = static_cast<float>(shift);
    }
    return absl::OkStatus();
  }

  const Network& exact_;
  const ResolvedPlan& plan_;
  RepairPass& pass_;
  ThreadPool& pool_;
  const CalibrationImages images_;
  const CalibrationStatistics& statistics_;
  const uint64_t seed_;
  Network repaired_;
  Rounded rounded_;
};

}  // namespace

Repairer::Repairer(const Network& network, CalibrationImages images, SharedState& shared,
                   BatchRunner& runner, int threads)
    : network_(network), images_(images), shared_(shared), runner_(runner), threads_(threads) {}

absl::StatusOr<std::vector<const NamedGraph*>> Repairer::GraphsFor(
    std::span<const ResolvedPlan> plans, const std::stop_token& stop) {
  std::vector<const Variant*> variants;
  std::map<const Variant*, OperandSet> missing;  // histograms, each filled once for all plans
  for (const ResolvedPlan& plan : plans) {
    if (plan.repairs.Any() && images_.count <= 0) {
      return absl::FailedPreconditionError(fmt::format(
          "repair={}: there are no calibration images to repair with", plan.repairs.ToString()));
    }
    BITSCAPE_ASSIGN_OR_RETURN(const Variant* variant, VariantFor(plan, stop));
    BITSCAPE_ASSIGN_OR_RETURN(const CalibrationStatistics* statistics, CalibrationOf(*variant));
    missing[variant].merge(MissingHistograms(plan, *statistics));
    variants.push_back(variant);
  }
  for (const auto& [variant, operands] : missing) {
    BITSCAPE_RETURN_IF_ERROR(FillHistogramsOf(*variant, operands));
  }
  std::vector<const NamedGraph*> graphs;
  for (size_t i = 0; i < plans.size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(const NamedGraph* graph, GraphOf(*variants[i], plans[i], stop));
    graphs.push_back(graph);
  }
  return graphs;
}

absl::StatusOr<const NamedGraph*> Repairer::GraphFor(const ResolvedPlan& plan,
                                                     const std::stop_token& stop) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<const NamedGraph*> graphs,
                            GraphsFor({&plan, 1}, stop));
  return graphs[0];
}

absl::StatusOr<const NamedGraph*> Repairer::GraphOf(const Variant& variant,
                                                    const ResolvedPlan& plan,
                                                    const std::stop_token& stop) {
  const bool fuse = formats::IsFloat32(plan.vector_format.format);
  const bool repairs = LooksAtPlan(plan.repairs);
  std::string name = fmt::format("{}{}", variant.name, fuse ? "" : "-unfused");
  if (repairs) {
    name += "-repaired-" + plan.Digest();
  }
  const auto known = graphs_.find(name);
  if (known != graphs_.end()) {
    return &known->second;
  }
  NamedGraph graph{name, {}, variant.calibration};
  if (repairs) {
    BITSCAPE_ASSIGN_OR_RETURN(graph, MakeRepaired(variant, plan, name, stop));
  } else {
    BITSCAPE_ASSIGN_OR_RETURN(graph.graph, PrepareGraph(variant.network, fuse));
  }
  return &graphs_.emplace(name, std::move(graph)).first->second;
}

absl::StatusOr<const Repairer::Variant*> Repairer::VariantFor(const ResolvedPlan& plan,
                                                              const std::stop_token& stop) {
  std::string name = plan.fold == BatchNormFold::kAlways ? "folded" : "kept";
  Repairs of_network;
  of_network.equalize = plan.repairs.equalize;
  of_network.smooth = plan.repairs.smooth;
  if (of_network.Any()) {
    name += '+' + of_network.ToString();
  }
  const auto known = variants_.find(name);
  if (known != variants_.end()) {
    return &known->second;
  }
  BITSCAPE_ASSIGN_OR_RETURN(Variant variant, MakeVariant(plan, name, stop));
  if (of_network.Any()) {
    variant.calibration = name;
  }
  return &variants_.emplace(name, std::move(variant)).first->second;
}

absl::StatusOr<Repairer::Variant> Repairer::MakeVariant(const ResolvedPlan& plan,
                                                        const std::string& name,
                                                        const std::stop_token& stop) {
  Variant variant{name, {}, network_};
  Network& network = variant.network;
  if (plan.fold == BatchNormFold::kAlways) {
    network = network::FoldBatchNorm(network_);
  }
  RepairPass pass(shared_, runner_, images_, "", stop);
  if (plan.repairs.equalize) {
    std::vector<int> clips;  // what they read
    for (const Node& node : network.nodes) {
      if (std::holds_alternative<network::Clip>(node.op)) {
        clips.push_back(node.inputs[0]);
      }
    }
    BITSCAPE_ASSIGN_OR_RETURN(const network::ChannelMaxima read,
                              pass.Maxima(network, clips, false));
    network::ChannelMaxima clipped;
    for (size_t i = 0; i < network.nodes.size(); ++i) {
      if (std::holds_alternative<network::Clip>(network.nodes[i].op)) {
        clipped[static_cast<int>(i)] = read.at(network.nodes[i].inputs[0]);
      }
    }
    network = network::Equalize(network, clipped);
  }
  if (plan.repairs.smooth.has_value()) {
    std::set<int> read;
    for (const Node& node : network.nodes) {
      if (WeightsOf(node) != nullptr) {
        read.insert(node.inputs[0]);
      }
    }
    BITSCAPE_ASSIGN_OR_RETURN(const network::ChannelMaxima magnitudes,
                              pass.Maxima(network, {read.begin(), read.end()}, true));
    network = network::Smooth(network, magnitudes, *plan.repairs.smooth);
  }
  return variant;
}

// The given network is calibrated folded, whichever plan comes first: kept or folded, its values
// differ in their last places.
absl::StatusOr<NamedGraph> Repairer::CalibrationGraph(const Variant& variant) const {
  const bool given = variant.calibration.empty();
  NamedGraph graph{given ? "folded" : variant.name, {}, variant.calibration};
  BITSCAPE_ASSIGN_OR_RETURN(
      graph.graph, PrepareGraph(given ? network::FoldBatchNorm(network_) : variant.network, true));
  return graph;
}

// Ranges, once for each variant.
absl::StatusOr<CalibrationStatistics*> Repairer::CalibrationOf(const Variant& variant) {
  auto known = shared_.calibrations.find(variant.calibration);
  if (known == shared_.calibrations.end()) {
    BITSCAPE_ASSIGN_OR_RETURN(const NamedGraph graph, CalibrationGraph(variant));
    BITSCAPE_ASSIGN_OR_RETURN(CalibrationStatistics statistics,
                              Calibrate(shared_, graph, runner_, *images_.images, images_.count));
    known = shared_.calibrations.emplace(variant.calibration, std::move(statistics)).first;
  }
  return &known->second;
}

absl::Status Repairer::FillHistogramsOf(const Variant& variant, const OperandSet& operands) {
  if (operands.empty()) {
    return absl::OkStatus();
  }
  BITSCAPE_ASSIGN_OR_RETURN(const NamedGraph graph, CalibrationGraph(variant));
  return FillHistograms(shared_, graph, runner_, *images_.images, images_.count, operands,
                        shared_.calibrations.at(variant.calibration));
}

absl::StatusOr<NamedGraph> Repairer::MakeRepaired(const Variant& variant, const ResolvedPlan& plan,
                                                  std::string name, const std::stop_token& stop) {
  RepairPass pass(shared_, runner_, images_, variant.calibration, stop);
  ThreadPool pool(threads_);
  LayerRepairs repairs(variant.network, plan, pass, pool, images_,
                       shared_.calibrations.at(variant.calibration), shared_.seed);
  BITSCAPE_RETURN_IF_ERROR(repairs.Run());
  NamedGraph graph{std::move(name), {}, variant.calibration};
  const bool fuse = formats::IsFloat32(plan.vector_format.format);
  BITSCAPE_ASSIGN_OR_RETURN(graph.graph, PrepareGraph(repairs.network(), fuse));
  for (auto& [layer, rounded] : repairs.rounded()) {
    Node named;
    named.name = layer;
    shared_.weights.Insert(LayerName(graph, named), rounded.first, std::move(rounded.second));
  }
  return graph;
}

}  // namespace bitscape::emulate
