#include "engine/emulate/calibration.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"
#include "engine/emulate/plan_compiler.h"

namespace bitscape::emulate {
namespace {

// An operand whose values a batch gives.
struct Operand {
  size_t layer = 0, input = 0;
  int64_t elements = 0;  // of one image
  int value = -1;        // plain
};

// The unquantized network with the operands of its MAC layers as outputs.
class Pass {
 public:
  // Operands that no image changes go to `see_constant` at once. Only what `wanted` says is looked
  // at.
  using See = std::function<void(const Operand& operand, std::span<const float> values)>;
  using Wanted = std::function<bool(size_t layer, size_t input)>;

  Pass(SharedState& shared, const NamedGraph& graph)
      : graph_(graph), compiler_(shared, BatchShape(graph)) {}

  absl::Status Run(BatchRunner& runner, const data::ImageSet& images, int64_t count,
                   const Wanted& wanted, const See& see) {
    const SingleThreaded single;
    const size_t layers = network::MacLayers(graph_.graph.network).size();
    BITSCAPE_ASSIGN_OR_RETURN(const PlanCompiler::CompiledPlan plan,
                              compiler_.Add(graph_, UnquantizedPlan(layers)));
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Operand> operands,
                              FindOperands(plan.node_values, wanted, see));
    std::vector<int> outputs;
    for (const Operand& operand : operands) {
      outputs.push_back(operand.value);
    }
    const Program program = std::move(compiler_.builder()).Finish(std::move(outputs));
    const data::ImageRange range{0, std::min(count, images.size())};
    if (range.size() <= 0) {
      return absl::OkStatus();
    }
    return runner.Run(program, images, range, {},
                      [&](int64_t, int64_t real, const Workspace& workspace) {
                        for (const Operand& operand : operands) {
                          see(operand, {workspace.output(program, operand.value),
                                        static_cast<size_t>(real * operand.elements)});
                        }
                      });
  }

 private:
  static Shape BatchShape(const NamedGraph& graph) {
    Shape batch = graph.graph.network.nodes[0].shape;
    batch[0] = kBatchSize;
    return batch;
  }

  absl::StatusOr<std::vector<Operand>> FindOperands(const std::vector<int>& node_values,
                                                    const Wanted& wanted, const See& see) {
    const network::Network& network = graph_.graph.network;
    const std::vector<int> layers = network::MacLayers(network);
    ProgramBuilder& builder = compiler_.builder();
    std::vector<Operand> operands;
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      const network::Node& node = network.nodes[static_cast<size_t>(layers[layer])];
      for (size_t input = 0; input < node.inputs.size(); ++input) {
        const int value = node_values[static_cast<size_t>(node.inputs[input])];
        if (value < 0 || !wanted(layer, input)) {
          continue;
        }
        if (builder.value(value).constant != nullptr) {
          see({.layer = layer, .input = input}, *builder.value(value).constant);
          continue;
        }
        // Blocked layouts pad channels with zeros, which are no activations.
        const Shape shape = DimensionsOf(*builder.value(value).layout);
        BITSCAPE_ASSIGN_OR_RETURN(const int plain, builder.Convert(value, PlainLayout(shape)));
        operands.push_back({layer, input, network::ElementCount(shape) / kBatchSize, plain});
      }
    }
    return operands;
  }

  const NamedGraph& graph_;
  PlanCompiler compiler_;
};

}  // namespace

quantize::ResolvedPlan UnquantizedPlan(size_t layers) {
  quantize::ResolvedPlan plan;
  plan.layers.assign(
      layers,
      {.weights = formats::Float32(), .activations = formats::Float32(), .accumulator = {}});
  return plan;
}

absl::StatusOr<CalibrationStatistics> Calibrate(SharedState& shared, const NamedGraph& graph,
                                                BatchRunner& runner, const data::ImageSet& images,
                                                int64_t count) {
  const network::Network& network = graph.graph.network;
  std::vector<std::vector<quantize::RangeStatistics>> ranges;
  for (const int mac : network::MacLayers(network)) {
    ranges.emplace_back(network.nodes[static_cast<size_t>(mac)].inputs.size());
  }
  std::mutex merging;
  BITSCAPE_RETURN_IF_ERROR(Pass(shared, graph)
                               .Run(
                                   runner, images, count, [](size_t, size_t) { return true; },
                                   [&](const Operand& operand, std::span<const float> values) {
                                     quantize::RangeStatistics seen;
                                     seen.Observe(values);
                                     const std::lock_guard lock(merging);
                                     ranges[operand.layer][operand.input].Merge(seen);
                                   }));
  CalibrationStatistics statistics;
  for (const std::vector<quantize::RangeStatistics>& layer : ranges) {
    statistics.emplace_back();
    for (const quantize::RangeStatistics& range : layer) {
      statistics.back().push_back({.distribution = quantize::Distribution(range)});
    }
  }
  return statistics;
}

absl::Status FillHistograms(SharedState& shared, const NamedGraph& graph, BatchRunner& runner,
                            const data::ImageSet& images, int64_t count, const OperandSet& operands,
                            CalibrationStatistics& statistics) {
  std::map<std::pair<size_t, size_t>, quantize::Distribution> filled;
  for (const auto& [layer, input] : operands) {
    filled.emplace(std::pair(layer, input),
                   quantize::Distribution(statistics[layer][input].distribution.range()));
  }
  std::mutex merging;
  BITSCAPE_RETURN_IF_ERROR(
      Pass(shared, graph)
          .Run(
              runner, images, count,
              [&](size_t layer, size_t input) {
                return operands.contains({layer, input});
              },
              [&](const Operand& operand, std::span<const float> values) {
                quantize::Distribution& all = filled.at({operand.layer, operand.input});
                quantize::Distribution seen(all.range());
                seen.Observe(values);
                const std::lock_guard lock(merging);
                all.Merge(seen);
              }));
  for (auto& [where, distribution] : filled) {
    statistics[where.first][where.second] = {std::move(distribution), true};
  }
  return absl::OkStatus();
}

OperandSet MissingHistograms(const quantize::ResolvedPlan& plan,
                             const CalibrationStatistics& statistics) {
  OperandSet missing;
  for (size_t layer = 0; layer < statistics.size(); ++layer) {
    if (!NeedsHistogram(plan.layers[layer].activations)) {
      continue;
    }
    for (size_t input = 0; input < statistics[layer].size(); ++input) {
      if (!statistics[layer][input].binned) {
        missing.insert({layer, input});
      }
    }
  }
  return missing;
}

}  // namespace bitscape::emulate
