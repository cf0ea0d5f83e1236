#include "engine/network/layer_totals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/network/shape_networks.h"

namespace bitscape::network {
namespace {

using ::testing::ElementsAre;

// The lecture's table of popular networks. Where it is off, the published shapes stand here and the
// lecture's figure in the comment.
struct LectureColumn {
  const char* name;
  int64_t input;
  int64_t conv_layers;
  std::vector<std::string> filter_sizes;
  int64_t min_channels, max_channels, min_filters, max_filters;
  double conv_weights, conv_macs;
  int64_t fc_layers;
  double fc_weights;
  int64_t max_reduction;
  int bits;
  double tolerance;  // the lecture's rounding
};

TEST(LayerTotals, AgreeWithTheLecture) {
  const LectureColumn columns[] = {
      {"alexnet",
       227,
       5,
       {"3x3", "5x5", "11x11"},
       3,
       256,
       96,
       384,
       2.3e6,
       666e6,
       3,
       58.6e6,
       9216,
       14,
       0.015},
      // The lecture counts 16 convolutions: that is all layers, 13 are convolutions.
      {"vgg16", 224, 13, {"3x3"}, 3, 512, 64, 512, 14.7e6, 15.3e9, 3, 124e6, 25088, 15, 0.005},
      // The lecture counts the depth of 21, gives 1.43G MACs where the published shapes make 1.58G,
      // 1024 channels where convolutions have 832 (1024 is the last layer's), and 64 as the fewest
      // filters, which are the 16 of a reduction. Its 1728 leaves nothing out: the last layer is
      // shorter.
      {"googlenet",
       224,
       57,
       {"1x1", "3x3", "5x5", "7x7"},
       3,
       832,
       16,
       384,
       6.0e6,
       1.58e9,
       1,
       1e6,
       1728,
       11,
       0.03}};
  for (const LectureColumn& column : columns) {
    SCOPED_TRACE(column.name);
    const ShapeNetwork found = FindShapeNetwork(column.name).value();
    EXPECT_EQ(found.network.nodes[0].shape, (Shape{1, 3, column.input, column.input}));
    const std::vector<LayerTotals> totals = TotalsByKind(MacShapes(found.network));
    ASSERT_EQ(totals.size(), 2);
    const LayerTotals& conv = totals[0];
    EXPECT_EQ(conv.kind, "conv");
    EXPECT_EQ(conv.layers, column.conv_layers);
    EXPECT_EQ(conv.filter_sizes, column.filter_sizes);
    EXPECT_EQ(conv.min_channels, column.min_channels);
    EXPECT_EQ(conv.max_channels, column.max_channels);
    EXPECT_EQ(conv.min_filters, column.min_filters);
    EXPECT_EQ(conv.max_filters, column.max_filters);
    const auto near = [&](int64_t value, double lecture) {
      EXPECT_NEAR(static_cast<double>(value) / lecture, 1, column.tolerance) << value;
    };
    near(conv.weights, column.conv_weights);
    near(conv.macs, column.conv_macs);
    const LayerTotals& fc = totals[1];
    EXPECT_EQ(fc.kind, "fc");
    EXPECT_EQ(fc.layers, column.fc_layers);
    near(fc.weights, column.fc_weights);
    EXPECT_EQ(fc.macs, fc.weights);
    const int64_t longest = std::max(conv.max_reduction_length, fc.max_reduction_length);
    EXPECT_EQ(longest, column.max_reduction);
    EXPECT_EQ(ReductionBits(longest), column.bits);
  }
}

TEST(LayerTotals, SeparateDepthwiseFromOtherConvolutions) {
  const std::vector<LayerTotals> totals =
      TotalsByKind(MacShapes(FindShapeNetwork("mobilenet_v1")->network));
  ASSERT_EQ(totals.size(), 3);
  EXPECT_EQ(totals[0].kind, "conv");
  EXPECT_EQ(totals[0].layers, 14);
  EXPECT_THAT(totals[0].filter_sizes, ElementsAre("1x1", "3x3"));
  EXPECT_EQ(totals[1].kind, "dwconv");
  EXPECT_EQ(totals[1].layers, 13);
  EXPECT_EQ(totals[1].max_channels, 1);
  EXPECT_EQ(totals[1].max_filters, 1024);
  EXPECT_EQ(totals[1].max_reduction_length, 9);
  EXPECT_EQ(totals[2].kind, "fc");
}

TEST(LayerTotals, CountBitsOfASum) {
  EXPECT_EQ(ReductionBits(1), 0);
  EXPECT_EQ(ReductionBits(2), 1);
  EXPECT_EQ(ReductionBits(1024), 10);
  EXPECT_EQ(ReductionBits(1025), 11);
}

}  // namespace
}  // namespace bitscape::network
