#include "engine/emulate/calibration.h"

#include <algorithm>
#include <mutex>
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

// The operands to observe in batches; constants go into `ranges` at once.
absl::StatusOr<std::vector<Operand>> FindOperands(const NamedGraph& graph,
                                                  const std::vector<int>& node_values,
                                                  ProgramBuilder& builder,
                                                  CalibrationRanges& ranges) {
  const std::vector<int> layers = network::MacLayers(graph.graph.network);
  std::vector<Operand> operands;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const network::Node& node = graph.graph.network.nodes[static_cast<size_t>(layers[layer])];
    ranges.emplace_back(node.inputs.size());
    for (size_t input = 0; input < node.inputs.size(); ++input) {
      const int value = node_values[static_cast<size_t>(node.inputs[input])];
      if (value < 0) {
        continue;
      }
      if (builder.value(value).constant != nullptr) {
        ranges[layer][input].Observe(*builder.value(value).constant);
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

}  // namespace

quantize::ResolvedPlan UnquantizedPlan(size_t layers) {
  quantize::ResolvedPlan plan;
  plan.layers.assign(
      layers,
      {.weights = formats::Float32(), .activations = formats::Float32(), .accumulator = {}});
  return plan;
}

absl::StatusOr<CalibrationRanges> Calibrate(SharedState& shared, const NamedGraph& graph,
                                            BatchRunner& runner, const data::ImageSet& images,
                                            int64_t count) {
  const SingleThreaded single;
  Shape batch = graph.graph.network.nodes[0].shape;
  batch[0] = kBatchSize;
  PlanCompiler compiler(shared, batch);
  const size_t layers = network::MacLayers(graph.graph.network).size();
  BITSCAPE_ASSIGN_OR_RETURN(const PlanCompiler::CompiledPlan plan,
                            compiler.Add(graph, UnquantizedPlan(layers)));
  CalibrationRanges ranges;
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Operand> operands,
                            FindOperands(graph, plan.node_values, compiler.builder(), ranges));
  std::vector<int> outputs;
  for (const Operand& operand : operands) {
    outputs.push_back(operand.value);
  }
  const Program program = std::move(compiler.builder()).Finish(std::move(outputs));
  const data::ImageRange range{0, std::min(count, images.size())};
  if (range.size() <= 0) {
    return ranges;
  }
  std::mutex merging;
  BITSCAPE_RETURN_IF_ERROR(runner.Run(
      program, images, range, {}, [&](int64_t, int64_t real, const Workspace& workspace) {
        for (const Operand& operand : operands) {
          quantize::RangeStatistics seen;
          seen.Observe({workspace.output(program, operand.value),
                        static_cast<size_t>(real * operand.elements)});
          const std::lock_guard lock(merging);
          ranges[operand.layer][operand.input].Merge(seen);
        }
      }));
  return ranges;
}

}  // namespace bitscape::emulate
