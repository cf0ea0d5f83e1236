#include "engine/emulate/narrow_mac.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"

namespace bitscape::emulate {
namespace {

using network::Shape;

bool AllFinite(std::span<const float> values) {
  constexpr uint32_t kInfinity = 0x7f800000;
  uint32_t largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::bit_cast<uint32_t>(value) & 0x7fffffffu);
  }
  return largest < kInfinity;
}

bool AllFinite(const NarrowMac::Operand& operand, int64_t elements, int64_t images) {
  for (int64_t image = 0; image < images; ++image) {
    if (!AllFinite(
            std::span(operand.values + image * operand.stride, static_cast<size_t>(elements)))) {
      return false;
    }
    if (operand.stride == 0) break;
  }
  return true;
}

// A convolution's sizes.
struct Window {
  explicit Window(const network::Conv& conv, const Shape& src_shape, const Shape& result)
      : oc(conv.weights->shape[0]),
        ic(conv.weights->shape[1]),
        kh(conv.weights->shape.size() == 4 ? conv.weights->shape[2] : 1),
        kw(conv.weights->shape.back()),
        in_height(src_shape.size() == 4 ? src_shape[2] : 1),
        in_width(src_shape.back()),
        out_height(result.size() == 4 ? result[2] : 1),
        out_width(result.back()) {}
  int64_t oc, ic, kh, kw, in_height, in_width, out_height, out_width;
  int64_t positions() const { return out_height * out_width; }
};

// [oc, ic, kh, kw] as [oc, kh, kw, ic]: the order of the sums.
std::vector<float> InSumOrder(const network::Conv& conv, std::span<const float> weights) {
  const int64_t ic = conv.weights->shape[1];
  const int64_t taps = network::ElementCount(conv.weights->shape) / (conv.weights->shape[0] * ic);
  const int64_t row = ic * taps;
  std::vector<float> ordered(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i);
    const int64_t tap = at % taps;
    const int64_t c = at / taps % ic;
    ordered[static_cast<size_t>(at / row * row + tap * ic + c)] = weights[i];
  }
  return ordered;
}

// Where the matrices of an operand begin: one for each matrix of the result.
std::vector<int64_t> MatrixOffsets(const Shape& operand, const Shape& result) {
  const int64_t of_matrix = result[result.size() - 2] * result.back();
  std::vector<int64_t> offsets;
  for (int64_t matrix = 0; matrix < network::ElementCount(result) / of_matrix; ++matrix) {
    offsets.push_back(MatrixOffset(operand, result, matrix));
  }
  return offsets;
}

}  // namespace

NarrowMac::NarrowMac(NarrowLayer layer, std::span<const float> weights,
                     const std::optional<OperandGrid>& weights_grid,
                     const std::optional<OperandGrid>& activations_grid)
    : layer_(std::move(layer)) {
  const network::Node& node = *layer_.node;
  const int64_t length = ReductionLength(node, layer_.src_shape);
  std::optional<OperandGrid> scaled = weights_grid;
  if (scaled.has_value()) {
    scaled->unit *= static_cast<double>(layer_.factor);
    scaled->largest *= static_cast<double>(layer_.factor);
  }
  plan_ = PlanLanes(layer_.accumulator, length, scaled, activations_grid);
  scalar_plan_ = plan_;
  scalar_plan_.way = LaneWay::kScalar;
  finite_weights_ = AllFinite(weights);
  const auto* conv = std::get_if<network::Conv>(&node.op);
  weights_ = conv == nullptr ? std::vector<float>(weights.begin(), weights.end())
                             : InSumOrder(*conv, weights);
  for (float& weight : weights_) weight *= layer_.factor;
}

void NarrowMac::Run(Operand src, Operand right, int64_t images, SumKey key, std::span<double> sums,
                    Scratch& scratch) const {
  const network::Node& node = *layer_.node;
  bool finite = finite_weights_ && AllFinite(src, network::ElementCount(layer_.src_shape), images);
  if (right.values != nullptr) {
    finite = finite && AllFinite(right, network::ElementCount(layer_.weights_shape), images);
  }
  scratch.tile.resize(static_cast<size_t>(plan_.reduction_length * kLanes));
  const Call call{finite ? plan_ : scalar_plan_, key, sums, scratch};
  if (std::holds_alternative<network::Conv>(node.op)) {
    RunConv(src, images, call);
  } else if (std::holds_alternative<network::Gemm>(node.op)) {
    RunGemm(src, images, call);
  } else {
    RunMatMul(src, right, images, call);
  }
}

void NarrowMac::RunTile(std::span<const int64_t> places, std::span<const float> columns,
                        int64_t column_stride, const Call& call) const {
  const size_t length = static_cast<size_t>(plan_.reduction_length);
  const uint64_t steps =
      static_cast<uint64_t>(NarrowSteps(layer_.accumulator, plan_.reduction_length));
  std::array<uint64_t, kLanes> first{};
  std::array<double, kLanes> sums{};
  const size_t lanes = places.size();
  for (size_t column = 0; column * length < columns.size(); ++column) {
    const int64_t offset = static_cast<int64_t>(column) * column_stride;
    for (size_t lane = 0; lane < lanes; ++lane) {
      first[lane] = call.key.first + static_cast<uint64_t>(places[lane] + offset) * steps;
    }
    SumLanes(call.plan, call.scratch.tile, columns.subspan(column * length, length),
             static_cast<int64_t>(lanes), call.key, first, sums);
    for (size_t lane = 0; lane < lanes; ++lane) {
      call.sums[static_cast<size_t>(places[lane] + offset)] = sums[lane];
    }
  }
}

void NarrowMac::RunConv(Operand src, int64_t images, const Call& call) const {
  const auto& conv = std::get<network::Conv>(layer_.node->op);
  const Window window(conv, layer_.src_shape, layer_.node->shape);
  const int64_t plane = window.in_height * window.in_width;
  const int64_t group_oc = window.oc / conv.groups;
  const int64_t all = images * window.positions();
  const size_t group_weights = static_cast<size_t>(group_oc * plan_.reduction_length);
  std::array<const float*, kLanes> base{};  // each lane's image, at the group's first channel
  std::array<int64_t, kLanes> top{}, left{}, places{}, offset{};
  for (int64_t group = 0; group < conv.groups; ++group) {
    const std::span<const float> columns =
        std::span(weights_).subspan(static_cast<size_t>(group) * group_weights, group_weights);
    for (int64_t begin = 0; begin < all; begin += kLanes) {
      const size_t lanes = static_cast<size_t>(std::min(kLanes, all - begin));
      for (size_t lane = 0; lane < lanes; ++lane) {
        const int64_t position = begin + static_cast<int64_t>(lane);
        const int64_t image = position / window.positions();
        const int64_t within = position % window.positions();
        base[lane] = src.values + image * src.stride + group * window.ic * plane;
        top[lane] = within / window.out_width * conv.stride[0] - conv.pad[0];
        left[lane] = within % window.out_width * conv.stride[1] - conv.pad[1];
        places[lane] = (image * window.oc + group * group_oc) * window.positions() + within;
      }
      float* tile = call.scratch.tile.data();
      for (int64_t r = 0; r < window.kh; ++r) {
        for (int64_t s = 0; s < window.kw; ++s) {
          for (size_t lane = 0; lane < lanes; ++lane) {
            const int64_t y = top[lane] + r * conv.dilation[0];
            const int64_t x = left[lane] + s * conv.dilation[1];
            const bool inside = y >= 0 && y < window.in_height && x >= 0 && x < window.in_width;
            offset[lane] = inside ? y * window.in_width + x : -1;
          }
          for (int64_t c = 0; c < window.ic; ++c, tile += kLanes) {
            for (size_t lane = 0; lane < lanes; ++lane) {
              tile[lane] = offset[lane] < 0 ? 0.0F : base[lane][offset[lane] + c * plane];
            }
            std::fill(tile + lanes, tile + kLanes, 0.0F);
          }
        }
      }
      RunTile(std::span(places).first(lanes), columns, window.positions(), call);
    }
  }
}

void NarrowMac::RunRows(std::span<const float* const> rows, std::span<const int64_t> places,
                        std::span<const float> columns, const Call& call) const {
  for (size_t begin = 0; begin < rows.size(); begin += kLanes) {
    const size_t lanes = std::min(static_cast<size_t>(kLanes), rows.size() - begin);
    for (int64_t k = 0; k < plan_.reduction_length; ++k) {
      float* tile = call.scratch.tile.data() + k * kLanes;
      for (size_t lane = 0; lane < lanes; ++lane) tile[lane] = rows[begin + lane][k];
      std::fill(tile + lanes, tile + kLanes, 0.0F);
    }
    RunTile(places.subspan(begin, lanes), columns, 1, call);
  }
}

void NarrowMac::RunGemm(Operand src, int64_t images, const Call& call) const {
  const int64_t columns = layer_.node->shape.back();
  const int64_t rows_of_image = network::ElementCount(layer_.node->shape) / columns;
  std::vector<const float*> rows;
  std::vector<int64_t> places;
  for (int64_t row = 0; row < images * rows_of_image; ++row) {
    rows.push_back(src.values + row / rows_of_image * src.stride +
                   row % rows_of_image * plan_.reduction_length);
    places.push_back(row * columns);
  }
  RunRows(rows, places, weights_, call);
}

void NarrowMac::RunMatMul(Operand src, Operand right, int64_t images, const Call& call) const {
  const Shape& result = layer_.node->shape;
  const int64_t m = result[result.size() - 2];
  const int64_t n = result.back();
  const int64_t length = plan_.reduction_length;
  const std::vector<int64_t> left_offsets = MatrixOffsets(layer_.src_shape, result);
  const std::vector<int64_t> right_offsets = MatrixOffsets(layer_.weights_shape, result);
  std::vector<const float*> rows(static_cast<size_t>(m));
  std::vector<int64_t> places(rows.size());
  std::vector<float>& columns = call.scratch.columns;  // the right matrix, transposed
  columns.resize(static_cast<size_t>(n * length));
  int64_t place = 0;
  for (int64_t image = 0; image < images; ++image) {
    for (size_t matrix = 0; matrix < left_offsets.size(); ++matrix) {
      const float* from = right.values + image * right.stride + right_offsets[matrix];
      for (size_t i = 0; i < columns.size(); ++i) {
        const int64_t at = static_cast<int64_t>(i);
        columns[i] = from[at % length * n + at / length] * layer_.factor;
      }
      for (size_t row = 0; row < rows.size(); ++row, place += n) {
        rows[row] = src.values + image * src.stride + left_offsets[matrix] +
                    static_cast<int64_t>(row) * length;
        places[row] = place;
      }
      RunRows(rows, places, columns, call);
    }
  }
}

}  // namespace bitscape::emulate
