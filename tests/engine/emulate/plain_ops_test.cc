// The oracle itself, against sums done by hand.
#include "engine/emulate/plain_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <vector>

namespace bitscape::emulate {
namespace {

using network::Shape;
using ::testing::ElementsAre;

std::vector<float> Count(int64_t from, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), static_cast<float>(from));
  return values;
}

network::TensorPtr TensorOf(Shape shape, std::vector<float> values) {
  return std::make_shared<network::Tensor>(network::Tensor{std::move(shape), std::move(values)});
}

std::vector<float> Apply(network::Operator op, const Shape& shape,
                         const std::vector<std::pair<Shape, std::vector<float>>>& inputs) {
  const network::Node node{"node", std::move(op), {}, shape};
  std::vector<PlainTensor> tensors;
  for (const auto& [input_shape, values] : inputs) {
    tensors.push_back({values.data(), &input_shape});
  }
  std::vector<float> result(static_cast<size_t>(network::ElementCount(shape)));
  RunPlain(node, tensors, result);
  return result;
}

std::vector<double> Sums(network::Operator op, const Shape& shape, const Shape& src_shape,
                         const std::vector<float>& src, const Shape& weights_shape,
                         const std::vector<float>& weights) {
  const network::Node node{"node", std::move(op), {}, shape};
  std::vector<double> sums(static_cast<size_t>(network::ElementCount(shape)));
  SumProducts(node, src_shape, src, weights_shape, weights, sums);
  return sums;
}

TEST(SumProducts, ConvolvesWithStridePaddingAndDilation) {
  // 3x3 image 1..9, kernel {1, 10; 100, 1000}, padded by one row above.
  const network::Conv padded{
      .weights = TensorOf({1, 1, 2, 2}, {1, 10, 100, 1000}), .bias = nullptr, .pad = {1, 0, 0, 0}};
  EXPECT_THAT(
      Sums(padded, {1, 1, 3, 2}, {1, 1, 3, 3}, Count(1, 9), {1, 1, 2, 2}, {1, 10, 100, 1000}),
      ElementsAre(2100, 3200, 5421, 6532, 8754, 9865));
  const network::Conv dilated{
      .weights = padded.weights, .bias = nullptr, .stride = {2, 2}, .dilation = {2, 2}};
  EXPECT_THAT(
      Sums(dilated, {1, 1, 1, 1}, {1, 1, 3, 3}, Count(1, 9), {1, 1, 2, 2}, {1, 10, 100, 1000}),
      ElementsAre(1 + 30 + 700 + 9000));
}

TEST(SumProducts, ConvolvesGroupsApart) {
  const network::Conv conv{
      .weights = TensorOf({4, 1, 1, 1}, {1, 2, 3, 4}), .bias = nullptr, .groups = 2};
  EXPECT_THAT(Sums(conv, {1, 4, 1, 1}, {1, 2, 1, 1}, {10, 100}, {4, 1, 1, 1}, {1, 2, 3, 4}),
              ElementsAre(10, 20, 300, 400));
}

TEST(SumProducts, MultipliesMatrices) {
  const network::Gemm gemm{.weights = TensorOf({2, 3}, Count(1, 6)), .bias = nullptr};
  EXPECT_THAT(Sums(gemm, {1, 2}, {1, 3}, {1, 10, 100}, {2, 3}, Count(1, 6)), ElementsAre(321, 654));
  // Two matrices of 1x2 times one of 2x2, broadcast.
  EXPECT_THAT(Sums(network::MatMul{}, {1, 2, 1, 2}, {1, 2, 1, 2}, {1, 10, 100, 1000}, {1, 1, 2, 2},
                   {1, 2, 3, 4}),
              ElementsAre(31, 42, 3100, 4200));
}

TEST(MatrixOffset, RepeatsWhatIsBroadcast) {
  // [4, 2, 3, m, n] from [4, 1, 3, 5, 7], and from [3, 5, 7], which lacks two axes.
  const Shape result{4, 2, 3, 5, 9};
  for (int64_t a = 0, index = 0; a < 4; ++a) {
    for (int64_t b = 0; b < 2; ++b) {
      for (int64_t c = 0; c < 3; ++c, ++index) {
        EXPECT_EQ(MatrixOffset({4, 1, 3, 5, 7}, result, index), (a * 3 + c) * 35);
        EXPECT_EQ(MatrixOffset({3, 5, 7}, result, index), c * 35);
        EXPECT_EQ(MatrixOffset({4, 2, 3, 5, 7}, result, index), index * 35);
      }
    }
  }
  EXPECT_EQ(MatrixOffset({5, 7}, {5, 9}, 0), 0);
}

TEST(SumProducts, IntegersPass32Bits) {
  const network::Node node{
      "node", network::Gemm{.weights = TensorOf({1, 4}, Count(0, 4)), .bias = nullptr}, {}, {1, 1}};
  const std::vector<int32_t> large(4, 65535);
  std::vector<int64_t> sums(1);
  SumProducts(node, {1, 4}, large, {1, 4}, large, sums);
  EXPECT_EQ(sums[0], int64_t{4} * 65535 * 65535);
}

TEST(RunPlain, PoolsWithPadding) {
  const std::pair<Shape, std::vector<float>> image{{1, 1, 2, 2}, {-1, -2, -3, -4}};
  network::Pool pool{.kernel = {2, 2}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
  EXPECT_THAT(Apply(pool, {1, 1, 2, 2}, {image}), ElementsAre(-1, -2, -3, -4));
  pool.kind = network::Pool::Kind::kAverage;
  EXPECT_THAT(Apply(pool, {1, 1, 2, 2}, {image}), ElementsAre(-1, -2, -3, -4));
  pool.count_include_pad = true;
  EXPECT_THAT(Apply(pool, {1, 1, 2, 2}, {image}), ElementsAre(-0.25, -0.5, -0.75, -1));
  EXPECT_THAT(Apply(network::GlobalAveragePool{}, {1, 1, 1, 1}, {image}), ElementsAre(-2.5));
}

TEST(RunPlain, BroadcastsSumsAndProducts) {
  const std::pair<Shape, std::vector<float>> left{{1, 2, 2}, {1, 2, 3, 4}};
  EXPECT_THAT(Apply(network::Add{}, {1, 2, 2}, {left, {{2, 1}, {10, 20}}}),
              ElementsAre(11, 12, 23, 24));
  EXPECT_THAT(Apply(network::Mul{}, {1, 2, 2}, {{{2}, {10, 100}}, left}),
              ElementsAre(10, 200, 30, 400));
}

TEST(RunPlain, MovesData) {
  const std::pair<Shape, std::vector<float>> matrix{{1, 2, 3}, Count(1, 6)};
  EXPECT_THAT(Apply(network::Transpose{{0, 2, 1}}, {1, 3, 2}, {matrix}),
              ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(Apply(network::Reshape{}, {1, 6}, {matrix}), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(
      Apply(network::Concat{1}, {1, 3, 2}, {{{1, 1, 2}, {1, 2}}, {{1, 2, 2}, {3, 4, 5, 6}}}),
      ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(
      Apply(network::Concat{2}, {1, 2, 3}, {{{1, 2, 1}, {1, 2}}, {{1, 2, 2}, {3, 4, 5, 6}}}),
      ElementsAre(1, 3, 4, 2, 5, 6));
  EXPECT_THAT(Apply(network::Pad{{0, 0, 1}, {0, 1, -1}, 9}, {1, 3, 3}, {matrix}),
              ElementsAre(9, 1, 2, 9, 4, 5, 9, 9, 9));
}

TEST(RunPlain, AppliesFunctions) {
  const std::pair<Shape, std::vector<float>> input{{1, 4}, {-2, -1, 1, 8}};
  EXPECT_THAT(Apply(network::Relu{}, {1, 4}, {input}), ElementsAre(0, 0, 1, 8));
  EXPECT_THAT(Apply(network::Clip{-1, 6}, {1, 4}, {input}), ElementsAre(-1, -1, 1, 6));
  EXPECT_THAT(Apply(network::LeakyRelu{0.5F}, {1, 4}, {input}), ElementsAre(-1, -0.5, 1, 8));
  EXPECT_THAT(Apply(network::Sigmoid{}, {1, 1}, {{{1, 1}, {0}}}), ElementsAre(0.5));
  EXPECT_THAT(Apply(network::Tanh{}, {1, 1}, {{{1, 1}, {0}}}), ElementsAre(0));
  EXPECT_THAT(Apply(network::Softmax{1}, {1, 2, 2}, {{{1, 2, 2}, {0, 1000, 0, 1000}}}),
              ElementsAre(0.5, 0.5, 0.5, 0.5));
  EXPECT_THAT(Apply(network::BatchNorm{{2, 3}, {10, 20}}, {1, 2, 2}, {{{1, 2, 2}, {1, 2, 3, 4}}}),
              ElementsAre(12, 14, 29, 32));
}

}  // namespace
}  // namespace bitscape::emulate
