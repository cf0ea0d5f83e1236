#include "server/rpc/format_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/calibration.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/rounded_weights.h"
#include "engine/formats/describe.h"
#include "engine/network/passes.h"
#include "engine/quantize/tensor_rounding.h"
#include "server/rpc/evaluation_work.h"
#include "server/rpc/status_to_grpc.h"

namespace bitscape::server {
namespace {

using formats::Quantizer;
using formats::RoundingError;

constexpr int kMaxFormats = 64;

v1::FormatComparison::Row Row(const Quantizer& quantizer, std::string tensor, double bits_per_value,
                              const RoundingError& error) {
  v1::FormatComparison::Row row;
  row.set_format(quantizer.ToString());
  row.set_tensor(std::move(tensor));
  row.set_bits_per_value(bits_per_value);
  row.set_sqnr_db(error.SqnrDb());
  row.set_max_error(error.max_error);
  row.set_saturated(error.saturated);
  row.set_underflowed(error.underflowed);
  row.set_negatives_cut(error.negatives_cut);
  row.set_values(static_cast<double>(error.count + error.not_finite));
  row.set_not_finite(static_cast<double>(error.not_finite));
  return row;
}

v1::FormatComparison::Row ErrorRow(const Quantizer& quantizer, std::string tensor,
                                   const absl::Status& status) {
  v1::FormatComparison::Row row;
  row.set_format(quantizer.ToString());
  row.set_tensor(std::move(tensor));
  row.set_error(std::string(status.message()));
  return row;
}

// Of a tensor that was rounded group by group.
RoundingError ErrorOf(const Quantizer& quantizer, std::span<const float> values,
                      const quantize::RoundedTensor& rounded) {
  std::vector<formats::ValueLimits> by_group;
  for (const formats::Scaling& scaling : rounded.scalings) {
    by_group.push_back(formats::LimitsOf(quantizer.format.element, scaling));
  }
  if (by_group.size() == 1) {
    return formats::MeasureError(values, rounded.values, by_group);
  }
  const quantize::TensorLayout& layout = rounded.layout;
  std::vector<formats::ValueLimits> limits;
  limits.reserve(values.size());
  for (int64_t o = 0; o < layout.outer; ++o) {
    for (int64_t a = 0; a < layout.axis; ++a) {
      for (int64_t i = 0; i < layout.inner; ++i) {
        limits.push_back(
            by_group[static_cast<size_t>(quantize::GroupOf(quantizer, layout, o, a, i))]);
      }
    }
  }
  return formats::MeasureError(values, rounded.values, limits);
}

// Storage of a tensor in this layout, for each of its values.
double BitsPerValue(const Quantizer& quantizer, const quantize::TensorLayout& layout) {
  const double scale_bits = static_cast<double>(quantize::GroupCount(quantizer, layout)) *
                                formats::ScaleBits(quantizer.format) +
                            formats::TensorScaleBits(quantizer.format);
  return formats::ElementBits(quantizer.format) +
         scale_bits / static_cast<double>(layout.elements());
}

void CompareWeights(std::span<const Quantizer> formats, const std::string& layer,
                    const quantize::TensorLayout& layout, std::span<const float> weights,
                    const std::stop_token& stop, v1::FormatComparison& comparison) {
  const std::string name = fmt::format("weights of {}", layer);
  for (const Quantizer& quantizer : formats) {
    if (stop.stop_requested()) {
      return;
    }
    const absl::StatusOr<quantize::RoundedTensor> rounded =
        quantize::RoundWeights(quantizer, layout, weights);
    *comparison.add_rows() = rounded.ok() ? Row(quantizer, name, BitsPerValue(quantizer, layout),
                                                ErrorOf(quantizer, weights, *rounded))
                                          : ErrorRow(quantizer, name, rounded.status());
  }
}

// `values` holds images one after another, each of `layout`. Scales of the tensor come from all
// images, dynamic ones from each.
void CompareActivations(std::span<const Quantizer> formats, const std::string& name,
                        const quantize::TensorLayout& layout, std::span<const float> values,
                        const std::stop_token& stop, v1::FormatComparison& comparison) {
  for (const Quantizer& quantizer : formats) {
    if (stop.stop_requested()) {
      return;
    }
    absl::Status status = quantize::CheckActivations(quantizer);
    RoundingError error;
    quantize::TensorLayout part = layout;
    if (!quantizer.dynamic_range) {
      part.outer *= static_cast<int64_t>(values.size()) / layout.elements();
    }
    const size_t elements = static_cast<size_t>(part.elements());
    for (size_t begin = 0; status.ok() && begin < values.size(); begin += elements) {
      const std::span<const float> chunk = values.subspan(begin, elements);
      const absl::StatusOr<quantize::RoundedTensor> rounded =
          quantize::RoundByGroups(quantizer, part, chunk, {.first = begin});
      status = rounded.status();
      if (rounded.ok()) {
        error.Merge(ErrorOf(quantizer, chunk, *rounded));
      }
    }
    *comparison.add_rows() = status.ok()
                                 ? Row(quantizer, name, BitsPerValue(quantizer, layout), error)
                                 : ErrorRow(quantizer, name, status);
  }
}

}  // namespace

absl::StatusOr<std::vector<Quantizer>> FindFormats(
    const v1::CompareFormatsRequest::Header& header) {
  if (header.formats_size() < 1 || header.formats_size() > kMaxFormats) {
    return FieldError("header.formats", fmt::format("{} formats; allowed: 1 to {}",
                                                    header.formats_size(), kMaxFormats));
  }
  std::vector<Quantizer> formats;
  for (int i = 0; i < header.formats_size(); ++i) {
    absl::StatusOr<Quantizer> quantizer = formats::ParseQuantizer(header.formats(i));
    if (!quantizer.ok()) {
      return AtField(fmt::format("header.formats[{}]", i), quantizer.status());
    }
    formats.push_back(*std::move(quantizer));
  }
  return formats;
}

v1::FormatComparison CompareOnTensor(std::span<const Quantizer> formats,
                                     std::span<const int64_t> shape, std::span<const float> values,
                                     const std::stop_token& stop) {
  v1::FormatComparison comparison;
  for (const Quantizer& quantizer : formats) {
    if (stop.stop_requested()) {
      break;
    }
    const absl::StatusOr<quantize::RoundedTensor> rounded =
        quantize::RoundTensor(quantizer, shape, values);
    if (!rounded.ok()) {
      *comparison.add_rows() = ErrorRow(quantizer, "tensor", rounded.status());
      continue;
    }
    *comparison.add_rows() = Row(quantizer, "tensor", BitsPerValue(quantizer, rounded->layout),
                                 ErrorOf(quantizer, values, *rounded));
  }
  return comparison;
}

namespace {

// The weights of every MAC layer.
absl::StatusOr<v1::FormatComparison> CompareAllWeights(std::span<const Quantizer> formats,
                                                       const network::Network& network,
                                                       const std::stop_token& stop) {
  v1::FormatComparison comparison;
  const network::Network folded = network::FoldBatchNorm(network);
  for (const int layer : network::MacLayers(folded)) {
    const network::Node& node = folded.nodes[static_cast<size_t>(layer)];
    const network::Tensor* weights = emulate::WeightsOf(node);
    if (weights == nullptr) {
      continue;
    }
    if (weights->values.empty()) {
      return FieldError("header.network", "has no weights: only its shapes are known");
    }
    CompareWeights(formats, node.name, emulate::WeightsLayout(*weights), weights->values, stop,
                   comparison);
  }
  return comparison;
}

}  // namespace

absl::StatusOr<v1::FormatComparison> CompareOnNetwork(
    std::span<const Quantizer> formats, const v1::CompareFormatsRequest::Header& header,
    Library& library, const std::stop_token& stop) {
  BITSCAPE_ASSIGN_OR_RETURN(const auto network,
                            FindNetwork(library, header.network(), "header.network"));
  if (header.dataset().empty()) {
    if (header.images() != 0) {
      return FieldError("header.images", "counts the images of a dataset, and none is named");
    }
    return CompareAllWeights(formats, *network, stop);
  }
  constexpr int64_t kImages = 64, kMaxImages = 512;
  if (header.images() > kMaxImages) {
    return FieldError("header.images",
                      fmt::format("{} images; allowed: at most {}", header.images(), kMaxImages));
  }
  const EvaluationFields fields{.network = header.network(),
                                .dataset = header.dataset(),
                                .split = "calibration",
                                .images = header.images(),
                                .default_images = kImages,
                                .parent = "header."};
  BITSCAPE_ASSIGN_OR_RETURN(const EvaluationWork work, FindEvaluationWork(fields, library));
  const quantize::ResolvedPlan plain =
      emulate::UnquantizedPlan(network::MacLayers(*network).size());
  BITSCAPE_ASSIGN_OR_RETURN(const emulate::Captured captured,
                            work.evaluator->Capture(plain, work.split, {0, work.images}, stop));
  v1::FormatComparison comparison;
  for (const emulate::CapturedLayer& layer : captured.layers) {
    if (!layer.weights.empty()) {
      CompareWeights(formats, layer.layer, layer.weights_layout, layer.weights, stop, comparison);
    }
    for (size_t operand = 0; operand < layer.operands.size(); ++operand) {
      const std::string name = layer.operands.size() == 1
                                   ? fmt::format("activations of {}", layer.layer)
                                   : fmt::format("activations {} of {}", operand + 1, layer.layer);
      CompareActivations(formats, name, layer.layouts[operand], layer.operands[operand].values,
                         stop, comparison);
    }
  }
  return comparison;
}

}  // namespace bitscape::server
