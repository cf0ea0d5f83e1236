#include "engine/network/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "engine/network/mac_shape.h"
#include "engine/network/passes.h"

namespace bitscape::network {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Parameters are those of the networks' own description; MACs are worked by hand from the layer
// table.
struct Expected {
  const char* name;
  size_t nodes, folded_nodes;
  int64_t parameters, folded_parameters, macs;
  std::vector<std::string> layers;
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.name; }

const Expected kZoo[] = {
    {"lenet5",
     17,
     13,
     62'158,
     62'158 - 2 * (6 + 16 + 120 + 84),  // the folded layers already have a bias
     28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10,
     {"conv1", "conv2", "fc1", "fc2", "fc3"}},
    {"resnet8",
     32,
     23,
     77'754,
     77'754 - (3 * 16 + 3 * 32 + 3 * 64),  // scale and shift become one bias a channel
     784 * 16 * 9 + 2 * 784 * 16 * 144 + 196 * 32 * (144 + 288 + 16) + 49 * 64 * (288 + 576 + 32) +
         640,
     {"stem.0", "block1.conv1", "block1.conv2", "block2.conv1", "block2.conv2", "block2.short.0",
      "block3.conv1", "block3.conv2", "block3.short.0", "fc"}},
    {"dscnn",
     31,
     22,
     21'466,
     21'466 - (2 * 24 + 4 * 48 + 3 * 96),
     196 * (24 * 9 + 24 * 9 + 48 * 24 + 48 * 9 + 48 * 48) +
         49 * (48 * 9 + 96 * 48 + 96 * 9 + 96 * 96) + 960,
     {"features.0.0", "features.1.0", "features.2.0", "features.3.0", "features.4.0",
      "features.5.0", "features.6.0", "features.7.0", "features.8.0", "fc"}},
};

class Zoo : public ::testing::TestWithParam<Expected> {
 protected:
  void SetUp() override {
    auto loaded = LoadZooNetwork(GetParam().name);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    network_ = *std::move(loaded);
  }
  Network network_;
};

std::vector<std::string> LayerNames(const Network& network) {
  std::vector<std::string> names;
  for (const MacShape& shape : MacShapes(network)) names.push_back(shape.name);
  return names;
}

TEST_P(Zoo, HasTheExpectedGraph) {
  EXPECT_EQ(network_.name, GetParam().name);
  EXPECT_EQ(network_.nodes.size(), GetParam().nodes);
  EXPECT_EQ(LayerNames(network_), GetParam().layers);
  EXPECT_EQ(network_.nodes[0].shape, (Shape{1, 1, 28, 28}));
  EXPECT_EQ(network_.nodes[static_cast<size_t>(network_.output)].shape, (Shape{1, 10}));
  EXPECT_THAT(network_.input_scaling.mean, ElementsAre(0.286F));
  EXPECT_THAT(network_.input_scaling.std, ElementsAre(0.353F));
}

TEST_P(Zoo, HasTheExpectedParametersAndMacs) {
  EXPECT_EQ(ParameterCount(network_), GetParam().parameters);
  int64_t macs = 0;
  for (const MacShape& shape : MacShapes(network_)) macs += shape.Macs();
  EXPECT_EQ(macs, GetParam().macs);
}

TEST_P(Zoo, FoldsEveryBatchNorm) {
  const Network folded = FoldBatchNorm(network_);
  EXPECT_TRUE(Validate(folded).ok()) << Validate(folded);
  EXPECT_EQ(folded.nodes.size(), GetParam().folded_nodes);
  EXPECT_EQ(ParameterCount(folded), GetParam().folded_parameters);
  EXPECT_EQ(LayerNames(folded), GetParam().layers);
  for (const Node& node : folded.nodes) EXPECT_NE(OperatorName(node.op), "batchnorm");
}

TEST_P(Zoo, HasADigestOfItsContent) {
  const std::string digest = network_.Digest();
  EXPECT_EQ(digest.size(), 64);
  network_.name = "another";
  EXPECT_EQ(network_.Digest(), digest);
  network_.input_scaling.mean[0] += 0.001F;
  EXPECT_NE(network_.Digest(), digest);
  EXPECT_NE(FoldBatchNorm(network_).Digest(), network_.Digest());
}

INSTANTIATE_TEST_SUITE_P(Networks, Zoo, ::testing::ValuesIn(kZoo),
                         [](const auto& test) { return test.param.name; });

TEST(ZooNames, AreSorted) { EXPECT_THAT(ZooNames(), ElementsAre("dscnn", "lenet5", "resnet8")); }

TEST(ZooNames, SuggestTheNearest) {
  const auto network = LoadZooNetwork("resnet9");
  EXPECT_EQ(network.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(network.status().message()), HasSubstr("did you mean 'resnet8'?"));
  EXPECT_EQ(LoadZooNetwork("../zoo/lenet5").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace bitscape::network
