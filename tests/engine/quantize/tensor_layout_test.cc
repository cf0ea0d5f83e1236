// Which elements share a scale: by definition, as strips, and as storage counts them.
#include "engine/quantize/tensor_layout.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/quantize/group_strips.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;
using formats::Quantizer;

Quantizer Sharing(Granularity granularity, int block_size = 0) {
  Quantizer quantizer = formats::ParseQuantizer("int8").value();
  quantizer.granularity = granularity;
  quantizer.block_size = block_size;
  return quantizer;
}

struct Case {
  const char* name;
  TensorLayout layout;
};
// Convolution weights, grouped and depthwise inputs, Gemm weights, a product's two operands.
const Case kCases[] = {
    {"convolution", {.outer = 4, .axis = 20, .inner = 9}},
    {"convolution1x1", {.outer = 5, .axis = 33, .inner = 1}},
    {"input", {.outer = 1, .axis = 12, .inner = 20}},
    {"grouped_input", {.outer = 1, .axis = 12, .inner = 20, .segment = 6}},
    {"depthwise_input", {.outer = 1, .axis = 12, .inner = 20, .segment = 1}},
    {"grouped_row", {.outer = 3, .axis = 15, .inner = 1, .segment = 5}},
    {"gemm", {.outer = 7, .axis = 40, .inner = 1}},
    {"left_operand", {.outer = 6, .axis = 10, .inner = 1}},
    {"right_operand", {.outer = 3, .axis = 10, .inner = 8}},
    {"scalar", {}},
};

std::vector<Quantizer> AllSharings() {
  std::vector<Quantizer> all;
  for (const Granularity granularity :
       {Granularity::kTensor, Granularity::kChannel, Granularity::kToken, Granularity::kPosition}) {
    all.push_back(Sharing(granularity));
  }
  for (const int block : {1, 4, 5, 6, 16, 32, 1000}) {
    all.push_back(Sharing(Granularity::kBlock, block));
  }
  return all;
}

struct Place {
  int64_t o, a, i;
};

std::map<int64_t, std::vector<Place>> MembersOf(const Quantizer& quantizer,
                                                const TensorLayout& layout) {
  std::map<int64_t, std::vector<Place>> members;
  for (int64_t o = 0; o < layout.outer; ++o) {
    for (int64_t a = 0; a < layout.axis; ++a) {
      for (int64_t i = 0; i < layout.inner; ++i) {
        members[GroupOf(quantizer, layout, o, a, i)].push_back({o, a, i});
      }
    }
  }
  return members;
}

class Layouts : public testing::TestWithParam<Case> {};

TEST_P(Layouts, GroupsAreNumberedWithoutGaps) {
  const TensorLayout& layout = GetParam().layout;
  for (const Quantizer& quantizer : AllSharings()) {
    SCOPED_TRACE(quantizer.ToString());
    const auto members = MembersOf(quantizer, layout);
    EXPECT_EQ(static_cast<int64_t>(members.size()), GroupCount(quantizer, layout));
    EXPECT_EQ(members.begin()->first, 0);
    EXPECT_EQ(members.rbegin()->first + 1, GroupCount(quantizer, layout));
  }
}

TEST_P(Layouts, BlocksRunAlongTheAxisWithinASegment) {
  const TensorLayout& layout = GetParam().layout;
  for (const int block : {1, 4, 5, 6, 32}) {
    for (const auto& [group, members] : MembersOf(Sharing(Granularity::kBlock, block), layout)) {
      ASSERT_LE(members.size(), static_cast<size_t>(block));
      const Place first = members.front();
      for (size_t j = 0; j < members.size(); ++j) {
        EXPECT_EQ(members[j].o, first.o);
        EXPECT_EQ(members[j].i, first.i);
        EXPECT_EQ(members[j].a, first.a + static_cast<int64_t>(j));
        EXPECT_EQ(members[j].a / layout.Segment(), first.a / layout.Segment());
      }
      // Each segment begins a new block, and only its last one is short.
      EXPECT_EQ(first.a % layout.Segment() % block, 0);
      const int64_t end = first.a + static_cast<int64_t>(members.size());
      EXPECT_TRUE(members.size() == static_cast<size_t>(block) || end % layout.Segment() == 0);
    }
  }
}

TEST_P(Layouts, StripsHoldEveryElementOnceInItsGroup) {
  const TensorLayout& layout = GetParam().layout;
  for (const Quantizer& quantizer : AllSharings()) {
    SCOPED_TRACE(quantizer.ToString());
    std::vector<int64_t> group_of;
    ForEachStrip(quantizer, layout, [&](const Strip& strip) {
      ASSERT_EQ(strip.first, group_of.size());
      for (size_t row = 0; row < strip.length; ++row) {
        for (size_t column = 0; column < strip.width; ++column) {
          group_of.push_back(static_cast<int64_t>(strip.first_group + column));
        }
      }
    });
    ASSERT_EQ(static_cast<int64_t>(group_of.size()), layout.elements());
    for (const auto& [group, members] : MembersOf(quantizer, layout)) {
      for (const Place& place : members) {
        const int64_t index = (place.o * layout.axis + place.a) * layout.inner + place.i;
        ASSERT_EQ(group_of[static_cast<size_t>(index)], group);
      }
    }
  }
}

TEST_P(Layouts, StorageCountsTheScalesThatExist) {
  const TensorLayout& layout = GetParam().layout;
  std::vector<float> values(static_cast<size_t>(layout.elements()), 1);
  const double positions = static_cast<double>(layout.outer * layout.inner);
  const double segments = static_cast<double>(layout.axis / layout.Segment());
  const auto expect = [&](const Quantizer& quantizer, double rows, double row) {
    SCOPED_TRACE(quantizer.ToString());
    const RoundedTensor rounded = RoundWeights(quantizer, layout, values).value();
    EXPECT_EQ(formats::StorageBits(quantizer, rows, row),
              8 * static_cast<double>(layout.elements()) +
                  32 * static_cast<double>(rounded.scalings.size()));
  };
  expect(Sharing(Granularity::kTensor), static_cast<double>(layout.outer),
         static_cast<double>(layout.axis * layout.inner));
  expect(Sharing(Granularity::kChannel), static_cast<double>(layout.outer),
         static_cast<double>(layout.axis * layout.inner));
  for (const int block : {1, 4, 5, 32}) {
    expect(Sharing(Granularity::kBlock, block), positions * segments,
           static_cast<double>(layout.Segment()));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Layouts, testing::ValuesIn(kCases),
                         [](const auto& shape) { return std::string(shape.param.name); });

TEST(TensorLayout, CountsGroups) {
  const TensorLayout convolution{.outer = 4, .axis = 20, .inner = 9};
  EXPECT_EQ(GroupCount(Sharing(Granularity::kTensor), convolution), 1);
  EXPECT_EQ(GroupCount(Sharing(Granularity::kChannel), convolution), 4);
  EXPECT_EQ(GroupCount(Sharing(Granularity::kToken), convolution), 36);
  EXPECT_EQ(GroupCount(Sharing(Granularity::kBlock, 8), convolution), 4 * 3 * 9);
  const TensorLayout depthwise{.outer = 1, .axis = 20, .inner = 9, .segment = 1};
  EXPECT_EQ(GroupCount(Sharing(Granularity::kBlock, 32), depthwise), 180);
  const TensorLayout grouped{.outer = 1, .axis = 20, .inner = 9, .segment = 10};
  EXPECT_EQ(GroupCount(Sharing(Granularity::kBlock, 8), grouped), 36);
}

}  // namespace
}  // namespace bitscape::quantize
