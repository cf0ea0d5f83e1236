// Figures of networks: counts, and memory of weights.
#include <fmt/format.h>

#include <algorithm>

#include "cost_models/validation/figures.h"
#include "engine/core/status.h"
#include "engine/network/layer_totals.h"
#include "engine/network/shape_networks.h"

namespace bitscape::cost_models {
namespace {

using network::LayerTotals;
using network::MacShape;

absl::StatusOr<std::vector<MacShape>> ShapesOf(const std::string& name) {
  BITSCAPE_ASSIGN_OR_RETURN(const network::ShapeNetwork found, network::FindShapeNetwork(name));
  return network::MacShapes(found.network);
}

double Weights(std::span<const MacShape> shapes) {
  double sum = 0;
  for (const MacShape& shape : shapes) {
    if (!shape.weights_are_activations) sum += static_cast<double>(shape.WeightElements());
  }
  return sum;
}

double ConvolutionMacs(std::span<const MacShape> shapes) {
  double sum = 0;
  for (const MacShape& shape : shapes) {
    if (shape.op == "conv") sum += static_cast<double>(shape.Macs());
  }
  return sum;
}

// One cell of the lecture's table.
absl::StatusOr<double> Total(const Figure& figure, const Session&) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<MacShape> shapes, ShapesOf(figure.Text("network")));
  const std::string& total = figure.Text("total");
  if (total == "block_weights") return Weights(shapes);
  if (total == "all_conv_macs") return ConvolutionMacs(shapes);
  int64_t longest = 0;
  for (const MacShape& shape : shapes) longest = std::max(longest, shape.ReductionLength());
  if (total == "max_rsc") return static_cast<double>(longest);
  if (total == "rsc_bits") return network::ReductionBits(longest);
  const std::string_view kind = std::string_view(total).substr(0, total.find('_'));
  const std::string_view what = std::string_view(total).substr(total.find('_') + 1);
  for (const LayerTotals& row : network::TotalsByKind(shapes)) {
    if (row.kind != kind) continue;
    if (what == "layers") return static_cast<double>(row.layers);
    if (what == "sizes") return static_cast<double>(row.filter_sizes.size());
    if (what == "weights") return static_cast<double>(row.weights);
    if (what == "macs") return static_cast<double>(row.macs);
    if (what == "min_channels") return static_cast<double>(row.min_channels);
    if (what == "max_channels") return static_cast<double>(row.max_channels);
    if (what == "min_filters") return static_cast<double>(row.min_filters);
    if (what == "max_filters") return static_cast<double>(row.max_filters);
  }
  return absl::InvalidArgumentError(fmt::format("total \"{}\" is unknown", total));
}

absl::StatusOr<double> LayerMacs(const Figure& figure, const Session&) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<MacShape> shapes, ShapesOf("alexnet"));
  const size_t layer = static_cast<size_t>(figure.Number("layer"));
  if (layer >= shapes.size()) {
    return absl::InvalidArgumentError(fmt::format("layer {} is not there", layer));
  }
  return static_cast<double>(shapes[layer].Macs()) * figure.Number("batch");
}

constexpr double kFp16Bits = 16, kBitsPerGb = 8e9;

// BitNet replaces the linear layers but the last one, which is in higher precision, as embeddings.
absl::StatusOr<double> BitNetSaved(const Figure& figure, const Session&) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<MacShape> shapes, ShapesOf(figure.Text("network")));
  const double ternary = Weights(std::span(shapes).first(shapes.size() - 1));
  return ternary * (kFp16Bits - figure.Number("weight_bits")) / kBitsPerGb;
}

absl::StatusOr<double> BitNetRatio(const Figure& figure, const Session&) {
  BITSCAPE_ASSIGN_OR_RETURN(const network::ShapeNetwork found,
                            network::FindShapeNetwork(figure.Text("network")));
  const std::vector<MacShape> shapes = network::MacShapes(found.network);
  const double ternary = Weights(std::span(shapes).first(shapes.size() - 1));
  const double rest = static_cast<double>(found.Parameters()) - ternary;
  return (ternary + rest) * kFp16Bits / (ternary * figure.Number("weight_bits") + rest * kFp16Bits);
}

}  // namespace

std::span<const Model> NetworkModels() {
  static const auto* const kModels = new std::vector<Model>{
      {"network_total", {"network", "total"}, Total},
      {"layer_macs", {"layer", "batch"}, LayerMacs},
      {"bitnet_saved", {"network", "weight_bits"}, BitNetSaved},
      {"bitnet_ratio", {"network", "weight_bits"}, BitNetRatio},
  };
  return *kModels;
}

}  // namespace bitscape::cost_models
