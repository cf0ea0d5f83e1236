#include "engine/network/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>

namespace bitscape::network {
namespace {

using ::testing::HasSubstr;

TensorPtr Make(const Shape& shape, float value = 1) {
  return std::make_shared<Tensor>(
      Tensor{shape, std::vector<float>(static_cast<size_t>(ElementCount(shape)), value)});
}

// image 1x2x4x4 -> conv 3x2x3x3 -> batch norm -> flatten -> gemm
Network SmallNetwork() {
  Network network;
  network.name = "small";
  network.input_scaling = {{0.5F}, {0.25F}};
  Conv conv;
  conv.weights = Make({3, 2, 3, 3});
  network.nodes = {
      {"image", Input{}, {}, {1, 2, 4, 4}},
      {"conv", conv, {0}, {1, 3, 2, 2}},
      {"norm", BatchNorm{{1, 2, 3}, {0, 0, 0}}, {1}, {1, 3, 2, 2}},
      {"flat", Reshape{}, {2}, {1, 12}},
      {"fc", Gemm{Make({5, 12}), Make({5})}, {3}, {1, 5}},
  };
  network.output = 4;
  return network;
}

struct Broken {
  std::string name;
  std::function<void(Network&)> breakage;
  std::string message;
};
void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

class Validation : public ::testing::TestWithParam<Broken> {};

TEST_P(Validation, NamesTheInvariant) {
  Network network = SmallNetwork();
  ASSERT_TRUE(Validate(network).ok()) << Validate(network);
  GetParam().breakage(network);
  const absl::Status status = Validate(network);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

const Broken kBroken[] = {
    {"NoNodes", [](Network& n) { n.nodes.clear(); }, "no nodes"},
    {"Output", [](Network& n) { n.output = 5; }, "output 5 is not one of the 5 nodes"},
    {"Order", [](Network& n) { n.nodes[1].inputs = {2}; }, "node 'conv' (conv): input 2"},
    {"NegativeInput", [](Network& n) { n.nodes[1].inputs = {-1}; }, "input -1"},
    {"Arity",
     [](Network& n) {
       n.nodes[2].inputs = {1, 1};
     },
     "takes 1 input(s), 2 given"},
    {"SecondInput", [](Network& n) { n.nodes[1].op = Input{}; }, "no other, is the input"},
    {"NoInput",
     [](Network& n) {
       n.nodes[0].op = Constant{Make({1, 2, 4, 4})};
     },
     "the first node"},
    {"DoubleName", [](Network& n) { n.nodes[2].name = "conv"; }, "'conv' is empty or not unique"},
    {"EmptyName", [](Network& n) { n.nodes[2].name.clear(); }, "is empty or not unique"},
    {"StatedShape",
     [](Network& n) {
       n.nodes[4].shape = {1, 6};
     },
     "its shape is 1x5, stated as 1x6"},
    {"Batch",
     [](Network& n) {
       n.nodes[3].shape = {2, 6};
     },
     "doesn't keep the batch"},
    {"ReshapeElements",
     [](Network& n) {
       n.nodes[3].shape = {1, 13};
     },
     "as many elements"},
    {"ZeroDimension",
     [](Network& n) {
       n.nodes[0].shape = {1, 2, 0, 4};
     },
     "1x2x0x4"},
    {"Overflow",
     [](Network& n) {
       n.nodes[0].shape = {1, int64_t{1} << 40, int64_t{1} << 40, 1};
     },
     "below 2^63"},
    {"NanWeight",
     [](Network& n) {
       std::get<Conv>(n.nodes[1].op).weights = Make({3, 2, 3, 3}, NAN);
     },
     "weight 0 is nan"},
    {"InfiniteScale", [](Network& n) { std::get<BatchNorm>(n.nodes[2].op).scale[1] = INFINITY; },
     "batch norm scale 1 is inf"},
    {"ValueCount",
     [](Network& n) {
       std::get<Gemm>(n.nodes[4].op).bias = std::make_shared<Tensor>(Tensor{{5}, {1, 2}});
     },
     "bias has 2 values for the shape 5"},
    {"NoWeights", [](Network& n) { std::get<Gemm>(n.nodes[4].op).weights = nullptr; },
     "should have 2 dimensions"},
    {"BiasSize", [](Network& n) { std::get<Gemm>(n.nodes[4].op).bias = Make({4}); },
     "bias 4 should be 5"},
    {"Scaling",
     [](Network& n) {
       n.input_scaling.std = {1, 1, 1};
     },
     "std has 3 values, 1 or 2"},
    {"Clip",
     [](Network& n) {
       n.nodes[2].op = Clip{1, 0};
     },
     "clip from 1 to 0"},
    {"Alpha", [](Network& n) { n.nodes[2].op = LeakyRelu{NAN}; }, "alpha 0 is nan"},
};

INSTANTIATE_TEST_SUITE_P(Invariants, Validation, ::testing::ValuesIn(kBroken),
                         [](const auto& test) { return test.param.name; });

TEST(Network, KnowsItsMacLayers) {
  EXPECT_THAT(MacLayers(SmallNetwork()), ::testing::ElementsAre(1, 4));
}

TEST(Network, MayLackWeights) {
  Network network = SmallNetwork();
  EXPECT_TRUE(network.HasWeights());
  std::get<Gemm>(network.nodes[4].op).weights = std::make_shared<Tensor>(Tensor{{5, 12}, {}});
  EXPECT_FALSE(network.HasWeights());
  EXPECT_TRUE(Validate(network).ok()) << Validate(network);
}

// Whatever changes results changes the digest; the network's name and source do not.
TEST(NetworkDigest, CoversGraphWeightsAndScaling) {
  const std::string digest = SmallNetwork().Digest();
  const std::function<void(Network&)> changes[] = {
      [](Network& n) {
        std::get<Conv>(n.nodes[1].op).stride = {1, 2};
      },
      [](Network& n) { std::get<Conv>(n.nodes[1].op).pad[3] = 1; },
      [](Network& n) {
        std::get<Conv>(n.nodes[1].op).weights = Make({3, 2, 3, 3}, 1.0000001F);
      },
      [](Network& n) { std::get<Conv>(n.nodes[1].op).bias = Make({3}, 0); },
      [](Network& n) { std::get<BatchNorm>(n.nodes[2].op).shift[0] = 1; },
      [](Network& n) { n.nodes[2].op = Relu{}; },
      [](Network& n) { n.nodes[1].name = "renamed"; },
      [](Network& n) { n.output = 3; },
      [](Network& n) { n.nodes[4].inputs = {2}; },
      [](Network& n) { n.input_scaling.std[0] = 1; },
  };
  for (size_t i = 0; i < std::size(changes); ++i) {
    Network network = SmallNetwork();
    changes[i](network);
    EXPECT_NE(network.Digest(), digest) << "change " << i;
  }
  Network renamed = SmallNetwork();
  renamed.name = "other";
  renamed.source = "elsewhere";
  EXPECT_EQ(renamed.Digest(), digest);
}

TEST(ShapeText, JoinsDimensions) {
  EXPECT_EQ(ToString(Shape{1, 16, 28, 28}), "1x16x28x28");
  EXPECT_EQ(ToString(Shape{}), "scalar");
}

}  // namespace
}  // namespace bitscape::network
