#include "engine/emulate/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace bitscape::emulate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Builds networks node by node; weights are ones.
class Builder {
 public:
  explicit Builder(network::Shape input) { Add("input", network::Input{}, {}, std::move(input)); }

  int Add(const std::string& name, network::Operator op, std::vector<int> inputs,
          network::Shape shape) {
    network_.nodes.push_back({name, std::move(op), std::move(inputs), std::move(shape)});
    return static_cast<int>(network_.nodes.size()) - 1;
  }
  // A 1x1 convolution that keeps the shape.
  int Conv(const std::string& name, int src) {
    const network::Shape shape = network_.nodes[static_cast<size_t>(src)].shape;
    const int64_t channels = shape[1];
    auto weights = std::make_shared<network::Tensor>();
    weights->shape = {channels, channels, 1, 1};
    weights->values.assign(static_cast<size_t>(channels * channels), 1);
    return Add(name, network::Conv{.weights = weights, .bias = nullptr}, {src}, shape);
  }
  int Unary(const std::string& name, network::Operator op, int src) {
    return Add(name, std::move(op), {src}, network_.nodes[static_cast<size_t>(src)].shape);
  }
  int Sum(const std::string& name, int left, int right) {
    return Add(name, network::Add{}, {left, right},
               network_.nodes[static_cast<size_t>(left)].shape);
  }
  network::Network Finish(int output) {
    network_.output = output;
    return network_;
  }

 private:
  network::Network network_;
};

std::vector<int> Outputs(const Graph& graph) {
  std::vector<int> outputs;
  for (const Operation& operation : graph.operations) {
    outputs.push_back(operation.output);
  }
  return outputs;
}

const network::Shape kShape{1, 4, 6, 6};

TEST(PrepareGraph, FusesResidualSumAndActivation) {
  Builder builder(kShape);
  const int first = builder.Conv("first", 0);
  const int relu = builder.Unary("relu", network::Relu{}, first);
  const int second = builder.Conv("second", relu);
  const int sum = builder.Sum("sum", second, relu);
  const int clip = builder.Unary("clip", network::Clip{0, 6}, sum);
  const Graph graph = PrepareGraph(builder.Finish(clip), true).value();
  ASSERT_THAT(Outputs(graph), ElementsAre(0, relu, clip));
  EXPECT_EQ(graph.operations[1].activation, relu);
  EXPECT_EQ(graph.operations[1].addend, -1);
  EXPECT_EQ(graph.operations[2].node, second);
  EXPECT_EQ(graph.operations[2].addend, relu);
  EXPECT_EQ(graph.operations[2].activation, clip);
  EXPECT_EQ(graph.operations[2].mac, 1);

  const Graph unfused = PrepareGraph(builder.Finish(clip), false).value();
  EXPECT_THAT(Outputs(unfused), ElementsAre(0, first, relu, second, sum, clip));
}

TEST(PrepareGraph, KeepsValuesThatOthersNeed) {
  Builder builder(kShape);
  const int conv = builder.Conv("conv", 0);
  const int relu = builder.Unary("relu", network::Relu{}, conv);
  const int sum = builder.Sum("sum", relu, conv);  // the value before the Relu is wanted, too
  const Graph graph = PrepareGraph(builder.Finish(sum), true).value();
  EXPECT_THAT(Outputs(graph), ElementsAre(0, conv, relu, sum));
}

TEST(PrepareGraph, FusesOneOfTwoLayersThatMeetInASum) {
  Builder builder(kShape);
  const int left = builder.Conv("left", 0);
  const int right = builder.Conv("right", 0);
  const int sum = builder.Sum("sum", left, right);
  const Graph graph = PrepareGraph(builder.Finish(sum), true).value();
  // The fused one runs where the sum stood: after its addend.
  ASSERT_THAT(Outputs(graph), ElementsAre(0, right, sum));
  EXPECT_EQ(graph.operations[2].node, left);
  EXPECT_EQ(graph.operations[2].addend, right);
}

TEST(PrepareGraph, DoesNotFuseABroadcastSumOrTheOutput) {
  Builder builder(kShape);
  const int conv = builder.Conv("conv", 0);
  const int pooled = builder.Add("pool", network::GlobalAveragePool{}, {0}, {1, 4, 1, 1});
  const int sum = builder.Sum("sum", conv, pooled);
  const int last = builder.Conv("last", sum);
  builder.Unary("unused", network::Relu{}, last);
  const Graph graph = PrepareGraph(builder.Finish(last), true).value();
  EXPECT_THAT(Outputs(graph), ElementsAre(0, conv, pooled, sum, last));
}

TEST(PrepareGraph, DropsWhatTheOutputDoesNotNeedButCountsItsLayers) {
  Builder builder(kShape);
  builder.Conv("unused", 0);
  const int used = builder.Conv("used", 0);
  const Graph graph = PrepareGraph(builder.Finish(used), true).value();
  ASSERT_THAT(Outputs(graph), ElementsAre(0, used));
  EXPECT_EQ(graph.operations[1].mac, 1);
}

TEST(PrepareGraph, KnowsValuesWithoutASign) {
  Builder builder(kShape);
  const int conv = builder.Conv("conv", 0);
  const int relu = builder.Unary("relu", network::Relu{}, conv);
  const int pool = builder.Add("pool", network::GlobalAveragePool{}, {relu}, {1, 4, 1, 1});
  const int clip = builder.Unary("clip", network::Clip{-1, 1}, pool);
  const int sum = builder.Sum("sum", pool, clip);
  const Graph graph = PrepareGraph(builder.Finish(sum), true).value();
  EXPECT_THAT(graph.nonnegative, ElementsAre(false, false, true, true, false, false));
}

TEST(PrepareGraph, RefusesValuesThatMixTheBatch) {
  Builder builder({1, 4, 6});
  const int moved = builder.Add("moved", network::Transpose{{1, 0, 2}}, {0}, {4, 1, 6});
  const absl::Status status = PrepareGraph(builder.Finish(moved), true).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("node moved (transpose): shape 4x1x6 for one image"));
}

}  // namespace
}  // namespace bitscape::emulate
