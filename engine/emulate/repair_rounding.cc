#include "engine/emulate/repair_rounding.h"

#include <dnnl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "engine/core/random.h"
#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/round_codes.h"
#include "engine/quantize/adaround.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {
namespace {

using network::Node;

// Columns of inputs that the Gram matrix is taken from: some tens for each weight of a long row.
constexpr int64_t kMostSamples = 16384;
constexpr int64_t kMostElements = int64_t{1} << 25;  // of the columns of one operand, in all groups
constexpr int64_t kLongestSum = 8192;                // a Gram matrix of 256 MB
constexpr size_t kRowsAtOnce = 8;                    // of the weights, on one thread

// The windows that a convolution's sums run over, or the rows of a Gemm: [groups][samples][K].
class Windows {
 public:
  Windows(const Node& node, const Shape& src_shape, int64_t images) : src_shape_(src_shape) {
    if (const auto* conv = std::get_if<network::Conv>(&node.op)) {
      conv_ = conv;
      groups_ = conv->groups;
      positions_ = network::ElementCount(node.shape) / node.shape[1];
      width_ = node.shape.back();
      length_ = network::ElementCount(conv->weights->shape) / conv->weights->shape[0];
    } else {
      length_ = src_shape.back();
      positions_ = network::ElementCount(src_shape) / length_;
    }
    const int64_t most =
        std::max<int64_t>(1, std::min(kMostSamples, kMostElements / (length_ * groups_)) / images);
    per_image_ = std::min(positions_, most);
    samples_ = per_image_ * images;
    values_.resize(static_cast<size_t>(groups_ * samples_ * length_));
  }

  int64_t length() const { return length_; }
  int64_t samples() const { return samples_; }
  int64_t groups() const { return groups_; }
  float* group(int64_t index) { return values_.data() + index * samples_ * length_; }

  // The windows of image number `image`, at positions that only its number decides.
  void Take(int64_t image, const float* src) {
    for (int64_t i = 0; i < per_image_; ++i) {
      // One position in each of per_image_ equal stretches.
      const int64_t begin = i * positions_ / per_image_;
      const int64_t end = (i + 1) * positions_ / per_image_;
      const int64_t position = begin + static_cast<int64_t>(RandomBelow(
                                           static_cast<uint64_t>(end - begin), 1,
                                           static_cast<uint64_t>(image), static_cast<uint64_t>(i)));
      for (int64_t g = 0; g < groups_; ++g) {
        float* window = group(g) + (image * per_image_ + i) * length_;
        if (conv_ == nullptr) {
          std::copy_n(src + position * length_, length_, window);
        } else {
          TakeWindow(src, g, position, window);
        }
      }
    }
  }

  // Takes the mean away from each of a window's elements.
  void Centre() {
    for (int64_t g = 0; g < groups_; ++g) {
      std::vector<double> mean(static_cast<size_t>(length_));
      float* values = group(g);
      for (int64_t i = 0; i < samples_ * length_; ++i) {
        mean[static_cast<size_t>(i % length_)] += double{values[i]};
      }
      for (int64_t i = 0; i < samples_ * length_; ++i) {
        values[i] -= static_cast<float>(mean[static_cast<size_t>(i % length_)] /
                                        static_cast<double>(samples_));
      }
    }
  }

 private:
  void TakeWindow(const float* src, int64_t g, int64_t position, float* window) const {
    const Shape& weights = conv_->weights->shape;
    const int64_t width = src_shape_.back();
    const int64_t height = network::ElementCount(src_shape_) / (src_shape_[1] * width);
    const int64_t top = position / width_ * conv_->stride[0] - conv_->pad[0];
    const int64_t left = position % width_ * conv_->stride[1] - conv_->pad[1];
    for (int64_t c = 0; c < weights[1]; ++c) {
      const float* plane = src + (g * weights[1] + c) * height * width;
      for (int64_t r = 0; r < weights[2]; ++r) {
        const int64_t y = top + r * conv_->dilation[0];
        for (int64_t s = 0; s < weights[3]; ++s) {
          const int64_t x = left + s * conv_->dilation[1];
          const bool inside = y >= 0 && y < height && x >= 0 && x < width;
          *window++ = inside ? plane[y * width + x] : 0.0F;
        }
      }
    }
  }

  const Shape src_shape_;
  const network::Conv* conv_ = nullptr;
  int64_t groups_ = 1, positions_ = 1, width_ = 1, length_ = 1, per_image_ = 1, samples_ = 1;
  std::vector<float> values_;
};

// One group's error and the rows that it belongs to.
struct GroupProblem {
  std::vector<float> gram, target;
};

// gram = X' X / n, target = (F W')' X / n with quantized windows X, exact ones F, and weights W.
absl::Status Solve(Windows& exact, Windows& quantized, int64_t g, const float* weights,
                   int64_t rows, GroupProblem& problem) {
  const int64_t n = exact.samples();
  const int64_t k = exact.length();
  const float share = 1.0F / static_cast<float>(n);
  problem.gram.resize(static_cast<size_t>(k * k));
  problem.target.resize(static_cast<size_t>(rows * k));
  std::vector<float> outputs(static_cast<size_t>(n * rows));
  const float* x = quantized.group(g);
  const bool done =
      dnnl_sgemm('T', 'N', k, k, n, share, x, k, x, k, 0, problem.gram.data(), k) == dnnl_success &&
      dnnl_sgemm('N', 'T', n, rows, k, 1, exact.group(g), k, weights, k, 0, outputs.data(), rows) ==
          dnnl_success &&
      dnnl_sgemm('T', 'N', rows, k, n, share, outputs.data(), rows, x, k, 0, problem.target.data(),
                 k) == dnnl_success;
  return done ? absl::OkStatus() : absl::InternalError("oneDNN could not multiply two matrices");
}

RoundedWeights FromValues(const formats::Quantizer& quantizer, const quantize::TensorLayout& layout,
                          const std::vector<formats::Scaling>& scalings,
                          std::vector<float> values) {
  if (quantizer.granularity == formats::Granularity::kBlock) {
    return WeightsFromCodes(quantizer, layout.outer, std::move(values), {1});
  }
  std::vector<float> scales;
  const size_t row = values.size() / scalings.size();
  for (size_t group = 0; group < scalings.size(); ++group) {
    const std::span<float> part = std::span(values).subspan(group * row, row);
    // A value of the grid rounds to its own code.
    RoundToCodes(quantizer, scalings[group], part, part);
    scales.push_back(scalings[group].scale);
  }
  return WeightsFromCodes(quantizer, layout.outer, std::move(values), std::move(scales));
}

}  // namespace

absl::StatusOr<RoundedWeights> LearnRounding(RepairPass& pass, ThreadPool& pool,
                                             const network::Network& network,
                                             const RepairPass::Quantized& quantized, int node,
                                             size_t mac, const CalibrationStatistics& statistics,
                                             uint64_t seed, CalibrationImages images,
                                             bool centred) {
  const Node& layer = network.nodes[static_cast<size_t>(node)];
  const int source = layer.inputs[0];
  const Shape& src_shape = network.nodes[static_cast<size_t>(source)].shape;
  const quantize::LayerPrecision& precision = quantized.plan->layers[mac];
  Windows exact(layer, src_shape, images.count);
  Windows rounded(layer, src_shape, images.count);
  if (exact.length() > kLongestSum) {
    return absl::ResourceExhaustedError(
        fmt::format("repair=adaround takes layers whose sums have at most {} products, not {}",
                    kLongestSum, exact.length()));
  }
  quantize::ActivationScaling scaling;
  const bool rounds = !formats::IsFloat32(precision.activations.format);
  if (rounds) {
    BITSCAPE_ASSIGN_OR_RETURN(scaling, ScalingOf(precision.activations, statistics[mac][0]));
  }
  const int64_t elements = network::ElementCount(src_shape);
  const quantize::TensorLayout src_layout = OperandLayout(layer, 0, src_shape);
  BITSCAPE_RETURN_IF_ERROR(pass.Compare(
      network, quantized, source,
      [&](int64_t first, int64_t count, std::span<const float> values,
          std::span<const float> twin) {
        std::vector<float> given(static_cast<size_t>(elements));
        std::vector<float> scratch;
        for (int64_t i = 0; i < count; ++i) {
          exact.Take(first + i, values.data() + i * elements);
          const std::span<const float> src =
              twin.subspan(static_cast<size_t>(i * elements), static_cast<size_t>(elements));
          std::copy(src.begin(), src.end(), given.begin());
          if (rounds) {
            quantize::RoundActivations(precision.activations, scaling, src_layout, src, given,
                                       {.seed = seed,
                                        .stream = StreamOf(layer.name, "activations0"),
                                        .first = static_cast<uint64_t>((first + i) * elements)},
                                       scratch);
          }
          rounded.Take(first + i, given.data());
        }
      }));
  if (centred) {
    exact.Centre();
    rounded.Centre();
  }

  const network::Tensor& weights = *WeightsOf(layer);
  const quantize::TensorLayout layout = WeightsLayout(weights);
  BITSCAPE_ASSIGN_OR_RETURN(const quantize::RoundedTensor nearest,
                            quantize::RoundWeights(precision.weights, layout, weights.values));
  const quantize::GridNeighbours neighbours =
      quantize::FindNeighbours(precision.weights, layout, weights.values, nearest);
  const int64_t rows = layout.outer / exact.groups();
  std::vector<GroupProblem> problems(static_cast<size_t>(exact.groups()));
  std::vector<absl::Status> statuses(problems.size());
  pool.ParallelFor(exact.groups(), [&](int64_t g, int) {
    const SingleThreaded single;
    const auto at = static_cast<size_t>(g);
    statuses[at] = Solve(exact, rounded, g, weights.values.data() + g * rows * exact.length(), rows,
                         problems[at]);
  });
  for (const absl::Status& status : statuses) {
    BITSCAPE_RETURN_IF_ERROR(status);
  }
  std::vector<float> learned(weights.values.size());
  const auto length = static_cast<size_t>(exact.length());
  const size_t chunks = (static_cast<size_t>(rows) + kRowsAtOnce - 1) / kRowsAtOnce;
  pool.ParallelFor(static_cast<int64_t>(problems.size() * chunks), [&](int64_t index, int) {
    const size_t g = static_cast<size_t>(index) / chunks;
    const size_t begin = static_cast<size_t>(index) % chunks * kRowsAtOnce;
    const size_t count = std::min(kRowsAtOnce, static_cast<size_t>(rows) - begin);
    const size_t offset = (g * static_cast<size_t>(rows) + begin) * length;
    const auto part = [&](const std::vector<float>& values) {
      return std::span(values).subspan(offset, count * length);
    };
    const auto copy = [&](const std::vector<float>& values) {
      return std::vector<float>(part(values).begin(), part(values).end());
    };
    const quantize::OutputError error{
        exact.length(), problems[g].gram,
        std::span(problems[g].target).subspan(begin * length, count * length)};
    const std::vector<float> result =
        quantize::AdaRound(error, {copy(neighbours.down), copy(neighbours.up)},
                           part(weights.values), part(nearest.values));
    std::copy(result.begin(), result.end(), learned.begin() + static_cast<std::ptrdiff_t>(offset));
  });
  return FromValues(precision.weights, layout, nearest.scalings, std::move(learned));
}

}  // namespace bitscape::emulate
