#include "engine/emulate/capture.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/plan_compiler.h"

namespace bitscape::emulate {
namespace {

// A tensor to fill, and the value that fills it; -1: it is a constant.
struct Wanted {
  CapturedTensor* tensor;
  int value;
  size_t elements;  // of one image
};

class Capturer {
 public:
  Capturer(SharedState& shared, const NamedGraph& graph, data::ImageRange range)
      : shared_(shared), graph_(graph.graph), range_(range), compiler_(shared, BatchShape()) {}

  absl::Status Plan(const NamedGraph& graph, const quantize::ResolvedPlan& plan) {
    BITSCAPE_ASSIGN_OR_RETURN(plan_, compiler_.Add(graph, plan));
    const std::vector<int> layers = network::MacLayers(graph_.network);
    captured_.layers.resize(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) {
      const network::Node& node = graph_.network.nodes[static_cast<size_t>(layers[i])];
      CapturedLayer& layer = captured_.layers[i];
      layer.layer = node.name;
      layer.operands.resize(node.inputs.size());
      for (size_t operand = 0; operand < node.inputs.size(); ++operand) {
        BITSCAPE_RETURN_IF_ERROR(Want(node.inputs[operand], layer.operands[operand]));
        layer.layouts.push_back(OperandLayout(node, operand, layer.operands[operand].shape));
      }
    }
    for (const Operation& operation : graph_.operations) {
      if (operation.mac < 0) {
        continue;
      }
      const size_t mac = static_cast<size_t>(operation.mac);
      BITSCAPE_RETURN_IF_ERROR(Want(operation.output, captured_.layers[mac].result));
      BITSCAPE_RETURN_IF_ERROR(
          Describe(graph, operation, plan.layers[mac], plan.vector_format, captured_.layers[mac]));
    }
    return Want(graph_.network.output, captured_.logits);
  }

  absl::StatusOr<Captured> Run(BatchRunner& runner, const data::ImageSet& images,
                               std::stop_token stop) && {
    std::vector<int> outputs;
    for (const Wanted& wanted : wanted_) {
      if (std::find(outputs.begin(), outputs.end(), wanted.value) == outputs.end()) {
        outputs.push_back(wanted.value);
      }
    }
    const Program program = std::move(compiler_.builder()).Finish(std::move(outputs));
    BITSCAPE_RETURN_IF_ERROR(runner.Run(
        program, images, range_, stop,
        [&](int64_t batch, int64_t count, const Workspace& workspace) {
          for (const Wanted& wanted : wanted_) {
            const float* values = workspace.output(program, wanted.value);
            std::copy_n(values, static_cast<size_t>(count) * wanted.elements,
                        wanted.tensor->values.begin() +
                            static_cast<std::ptrdiff_t>(static_cast<size_t>(batch * kBatchSize) *
                                                        wanted.elements));
          }
        }));
    return std::move(captured_);
  }

 private:
  Shape BatchShape() const {
    Shape batch = graph_.network.nodes[0].shape;
    batch[0] = kBatchSize;
    return batch;
  }

  absl::Status Describe(const NamedGraph& graph, const Operation& operation,
                        const quantize::LayerPrecision& precision,
                        const formats::Quantizer& vector_format, CapturedLayer& layer) {
    BITSCAPE_ASSIGN_OR_RETURN(
        const MacLayer planned,
        PlanMacLayer(shared_, graph, kBatchSize, operation, precision, vector_format));
    layer.scalings = planned.scalings;
    const int64_t reduction = ReductionLength(*planned.node, layer.operands[0].shape);
    layer.widths = quantize::WidthsOf(planned.weights_quantizer, precision.activations, reduction);
    layer.widths.layer = layer.layer;
    if (planned.weights == nullptr) {
      return absl::OkStatus();
    }
    layer.weights = WeightsOf(*planned.node)->values;
    layer.weights_layout = WeightsLayout(*WeightsOf(*planned.node));
    layer.rounded_weights = planned.weights->values;
    const auto weight_codes = quantize::CodesOf(precision.weights.format);
    const auto codes = quantize::CodesOf(precision.activations.format);
    if (layer.widths.tight_bits > 0 && weight_codes.has_value() && codes.has_value()) {
      std::vector<double> units(planned.weights->codes.begin(), planned.weights->codes.end());
      for (double& unit : units) {
        unit /= weight_codes->unit;
      }
      layer.widths.weight_bits =
          quantize::SignedBits(quantize::SumsOf(units, WeightsOf(*planned.node)->shape[0], *codes));
    }
    return absl::OkStatus();
  }

  absl::Status Want(int node, CapturedTensor& tensor) {
    tensor.shape = graph_.network.nodes[static_cast<size_t>(node)].shape;
    const int value = plan_.node_values[static_cast<size_t>(node)];
    if (value < 0) {
      return absl::OkStatus();  // the output does not depend on it
    }
    ProgramBuilder& builder = compiler_.builder();
    const size_t images = static_cast<size_t>(range_.size());
    if (const auto& constant = builder.value(value).constant; constant != nullptr) {
      tensor.values.reserve(constant->size() * images);
      for (size_t i = 0; i < images; ++i) {
        tensor.values.insert(tensor.values.end(), constant->begin(), constant->end());
      }
      return absl::OkStatus();
    }
    const Shape shape = DimensionsOf(*builder.value(value).layout);
    BITSCAPE_ASSIGN_OR_RETURN(const int plain, builder.Convert(value, PlainLayout(shape)));
    const size_t elements = static_cast<size_t>(network::ElementCount(shape) / kBatchSize);
    tensor.values.resize(elements * images);
    wanted_.push_back({&tensor, plain, elements});
    return absl::OkStatus();
  }

  SharedState& shared_;
  const Graph& graph_;
  const data::ImageRange range_;
  PlanCompiler compiler_;
  PlanCompiler::CompiledPlan plan_;
  Captured captured_;
  std::vector<Wanted> wanted_;
};

}  // namespace

absl::StatusOr<Captured> CaptureLayers(SharedState& shared, const NamedGraph& graph,
                                       BatchRunner& runner, const data::ImageSet& images,
                                       data::ImageRange range, const quantize::ResolvedPlan& plan,
                                       std::stop_token stop) {
  const SingleThreaded single;
  Capturer capturer(shared, graph, range);
  BITSCAPE_RETURN_IF_ERROR(capturer.Plan(graph, plan));
  return std::move(capturer).Run(runner, images, stop);
}

}  // namespace bitscape::emulate
