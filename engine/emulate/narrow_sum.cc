#include "engine/emulate/narrow_sum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/random.h"
#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"
#include "engine/formats/codec.h"
#include "engine/formats/element_rounding.h"
#include "engine/formats/minifloat.h"

namespace bitscape::emulate {
namespace {

using formats::Rounding;

struct RoundSum {
  const formats::Quantizer& format;
  ExactSum sum;
  uint64_t random;

  double operator()(const formats::Minifloat& type) const {
    const double value = sum.RoundToOdd();
    if (value == 0) return 0;
    const double magnitude = std::fabs(value);
    const int exponent = std::max(std::ilogb(magnitude), formats::MinExponent(type));
    const double quantum = std::ldexp(1.0, exponent - type.mantissa_bits);
    double rounded =
        formats::RoundMagnitude(magnitude / quantum, value < 0, format.rounding, random) * quantum;
    rounded = std::min(rounded, formats::LargestFinite(type));
    const double smallest_normal = std::ldexp(1.0, formats::MinExponent(type));
    if (type.underflow == formats::Underflow::kFlush && rounded < smallest_normal) return 0;
    return value < 0 ? -rounded : rounded;
  }

  double operator()(const formats::Integer& type) {
    const int unit = format.format.scale.has_value() ? format.format.scale->min_exponent : 0;
    const bool wraps = format.overflow == formats::Overflow::kWrap;
    if (wraps) sum.TakeRemainder(type.bits + unit);  // so that the bits below a unit are all there
    const double value = sum.RoundToOdd();
    const double codes = formats::RoundMagnitude(std::fabs(std::ldexp(value, -unit)), value < 0,
                                                 format.rounding, random);
    double code = value < 0 ? -codes : codes;
    const double largest = formats::LargestFinite(type);
    const double smallest = formats::SmallestFinite(type);
    if (wraps) {
      const double modulus = std::ldexp(1.0, type.bits);
      code -= modulus * std::floor((code - smallest) / modulus);
    }
    return std::ldexp(std::clamp(code, smallest, largest), unit);
  }

  double operator()(const formats::Log&) const {
    BITSCAPE_CHECK(false, "CheckNarrow refuses logs");
  }
  double operator()(const formats::LevelSet&) const {
    BITSCAPE_CHECK(false, "CheckNarrow refuses level sets");
  }
};

// An infinity or NaN in the accumulator.
double HoldSpecial(const formats::Quantizer& format, double special) {
  const formats::ElementType& element = format.format.element;
  const double held =
      formats::Decode(element, formats::Encode(element, static_cast<float>(special)));
  return format.format.scale.has_value() ? std::ldexp(held, format.format.scale->min_exponent)
                                         : held;
}

// Cuts what lies below `bits` bits from the largest product's leading one.
void Align(std::span<double> products, int bits) {
  double largest = 0;
  for (const double product : products) largest = std::max(largest, std::fabs(product));
  if (largest == 0) return;
  const int quantum = std::ilogb(largest) - bits + 1;
  for (double& product : products) {
    product = std::ldexp(std::trunc(std::ldexp(product, -quantum)), quantum);
  }
}

// Adds one chunk to the partial sum.
double AddChunk(const quantize::Accumulator& accumulator, double partial,
                std::span<double> products, uint64_t random) {
  double special = partial;
  bool finite = std::isfinite(partial);
  for (const double product : products) {
    finite = finite && std::isfinite(product);
    special += product;
  }
  if (!finite) return HoldSpecial(*accumulator.format, special);
  if (accumulator.align_bits > 0) Align(products, accumulator.align_bits);
  ExactSum sum;
  sum.Add(partial);
  for (const double product : products) sum.Add(product);
  return RoundToAccumulator(*accumulator.format, sum, random);
}

}  // namespace

absl::Status CheckNarrow(const quantize::Accumulator& accumulator) {
  const formats::Quantizer& format = *accumulator.format;
  struct Visitor {
    bool operator()(const formats::Minifloat& type) const {
      return type.underflow == formats::Underflow::kGradual ||
             type.underflow == formats::Underflow::kFlush;
    }
    bool operator()(const formats::Integer& type) const { return type.is_signed; }
    bool operator()(const formats::Log&) const { return false; }
    bool operator()(const formats::LevelSet&) const { return false; }
  };
  if (!std::visit(Visitor{}, format.format.element) || formats::HasScale(format.format) ||
      format.format.zero_point) {
    return absl::InvalidArgumentError(
        fmt::format("accumulator={}: partial sums are held in an intN, a fixedN.F or a float "
                    "without a scale",
                    accumulator.ToString()));
  }
  return absl::OkStatus();
}

bool AddsCodes(const quantize::Accumulator& accumulator) {
  if (accumulator.kind != quantize::Accumulator::Kind::kNarrow) {
    return accumulator.kind == quantize::Accumulator::Kind::kInt32;
  }
  const formats::NumberFormat& format = accumulator.format->format;
  return std::holds_alternative<formats::Integer>(format.element) && !format.scale.has_value();
}

float ConstantFactor(const quantize::Accumulator& accumulator, const formats::Quantizer& weights,
                     const formats::Quantizer& activations) {
  if (AddsCodes(accumulator)) return 1;
  int exponent = 0;
  for (const formats::Quantizer* operand : {&weights, &activations}) {
    const auto& scale = operand->format.scale;
    if (scale.has_value() && scale->encoding == formats::ScaleEncoding::kFixed) {
      exponent += scale->min_exponent;
    }
  }
  return std::ldexp(1.0F, exponent);
}

int64_t NarrowSteps(const quantize::Accumulator& accumulator, int64_t reduction_length) {
  return (reduction_length + accumulator.chunk - 1) / accumulator.chunk;
}

double RoundToAccumulator(const formats::Quantizer& format, const ExactSum& sum, uint64_t random) {
  return std::visit(RoundSum{format, sum, random}, format.format.element);
}

double NarrowSum(const quantize::Accumulator& accumulator, std::span<const float> weights,
                 std::span<const float> activations, SumKey key) {
  BITSCAPE_CHECK(weights.size() == activations.size(), "one weight for each activation");
  const bool draws = accumulator.format->rounding == Rounding::kStochastic;
  const size_t chunk = static_cast<size_t>(accumulator.chunk);
  std::vector<double> products;
  double partial = 0;
  uint64_t counter = key.first;
  for (size_t first = 0; first < weights.size(); first += chunk) {
    products.clear();
    for (size_t i = first; i < std::min(first + chunk, weights.size()); ++i) {
      products.push_back(static_cast<double>(weights[i]) * static_cast<double>(activations[i]));
    }
    const uint64_t random = draws ? RandomBits(key.seed, key.stream, counter++) : 0;
    partial = AddChunk(accumulator, partial, products, random);
  }
  return partial + 0.0;  // -0 becomes +0
}

namespace {

// The operands of one sum, in order.
struct Operands {
  std::vector<float> weights, activations;
  void Clear() {
    weights.clear();
    activations.clear();
  }
  void Add(float weight, float activation) {
    weights.push_back(weight);
    activations.push_back(activation);
  }
};

void GatherConv(const network::Conv& conv, const network::Shape& src_shape,
                std::span<const float> src, std::span<const float> weights, int64_t m, int64_t p,
                int64_t q, Operands& operands) {
  const network::Shape& kernel = conv.weights->shape;
  const int64_t ic = kernel[1];
  const int64_t kh = kernel.size() == 4 ? kernel[2] : 1;
  const int64_t kw = kernel.back();
  const int64_t height = src_shape.size() == 4 ? src_shape[2] : 1;
  const int64_t width = src_shape.back();
  const int64_t group = m / (kernel[0] / conv.groups);
  for (int64_t r = 0; r < kh; ++r) {
    for (int64_t s = 0; s < kw; ++s) {
      const int64_t y = p * conv.stride[0] + r * conv.dilation[0] - conv.pad[0];
      const int64_t x = q * conv.stride[1] + s * conv.dilation[1] - conv.pad[1];
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      for (int64_t c = 0; c < ic; ++c) {
        const size_t at = static_cast<size_t>(((group * ic + c) * height + y) * width + x);
        operands.Add(weights[static_cast<size_t>(((m * ic + c) * kh + r) * kw + s)],
                     inside ? src[at] : 0.0F);
      }
    }
  }
}

}  // namespace

void NarrowSums(const NarrowLayer& layer, std::span<const float> src,
                std::span<const float> weights, SumKey key, std::span<double> sums) {
  const network::Node& node = *layer.node;
  const auto* conv = std::get_if<network::Conv>(&node.op);
  const bool gemm = std::holds_alternative<network::Gemm>(node.op);
  const int64_t columns = node.shape.back();
  const int64_t inner = layer.src_shape.back();
  const int64_t steps = NarrowSteps(layer.accumulator, ReductionLength(node, layer.src_shape));
  Operands operands;
  for (size_t i = 0; i < sums.size(); ++i) {
    operands.Clear();
    const int64_t output = static_cast<int64_t>(i);
    const int64_t column = output % columns;
    if (conv != nullptr) {
      const int64_t height = node.shape.size() == 4 ? node.shape[2] : 1;
      GatherConv(*conv, layer.src_shape, src, weights, output / (height * columns),
                 output / columns % height, column, operands);
    } else {
      const int64_t rows = gemm ? 1 : node.shape[node.shape.size() - 2];
      const int64_t matrix = output / (rows * columns);
      const int64_t left = gemm ? output / columns * inner
                                : MatrixOffset(layer.src_shape, node.shape, matrix) +
                                      output / columns % rows * inner;
      const int64_t right = gemm ? 0 : MatrixOffset(layer.weights_shape, node.shape, matrix);
      for (int64_t k = 0; k < inner; ++k) {
        operands.Add(
            weights[static_cast<size_t>(gemm ? column * inner + k : right + k * columns + column)],
            src[static_cast<size_t>(left + k)]);
      }
    }
    for (float& weight : operands.weights) weight *= layer.factor;
    SumKey own = key;
    own.first += static_cast<uint64_t>(output * steps);
    sums[i] = NarrowSum(layer.accumulator, operands.weights, operands.activations, own);
  }
}

}  // namespace bitscape::emulate
