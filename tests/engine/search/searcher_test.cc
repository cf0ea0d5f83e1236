#include "engine/search/searcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace bitscape::search {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EverySearcher : public ::testing::TestWithParam<std::string_view> {};

TEST_P(EverySearcher, AsksNewPointsOfTheSpaceUntilItEnds) {
  const Space space{{3, 1, 4}};
  auto searcher = CreateSearcher(GetParam(), space, 7);
  ASSERT_TRUE(searcher.ok()) << searcher.status();
  std::set<Choice> seen;
  for (int round = 0; round < 100; ++round) {
    const std::vector<Choice> choices = (*searcher)->Ask(5);
    if (choices.empty()) {
      break;
    }
    ASSERT_LE(choices.size(), 5u);
    std::vector<Observation> observations;
    for (const Choice& choice : choices) {
      ASSERT_EQ(choice.size(), 3u);
      for (size_t axis = 0; axis < choice.size(); ++axis) {
        EXPECT_GE(choice[axis], 0);
        EXPECT_LT(choice[axis], space.axis_sizes[axis]);
      }
      EXPECT_TRUE(seen.insert(choice).second) << "asked twice";
      observations.push_back({choice, {1.0 * choice[0], 2.0 * choice[2]}});
    }
    (*searcher)->Tell(observations);
  }
  EXPECT_THAT((*searcher)->Ask(1), IsEmpty());
  EXPECT_FALSE(seen.empty());
}

INSTANTIATE_TEST_SUITE_P(Table, EverySearcher, ::testing::ValuesIn(SearcherNames()),
                         [](const auto& test) { return std::string(test.param); });

TEST(GridSearcher, AsksEveryPointOnceLastAxisFastest) {
  auto searcher = CreateGridSearcher({{2, 3}});
  ASSERT_TRUE(searcher.ok());
  EXPECT_THAT((*searcher)->Ask(4),
              ElementsAre(Choice{0, 0}, Choice{0, 1}, Choice{0, 2}, Choice{1, 0}));
  EXPECT_THAT((*searcher)->Ask(4), ElementsAre(Choice{1, 1}, Choice{1, 2}));
  EXPECT_THAT((*searcher)->Ask(4), IsEmpty());
}

TEST(GridSearcher, RefusesEmptyAxesAndHugeSpaces) {
  EXPECT_THAT(std::string(CreateGridSearcher({{2, 0}}).status().message()),
              HasSubstr("axis 1 has 0 choices"));
  EXPECT_THAT(std::string(CreateGridSearcher({{}}).status().message()), HasSubstr("no axis"));
  EXPECT_THAT(std::string(CreateGridSearcher({{1000, 1001}}).status().message()),
              HasSubstr("more than 1000000 points"));
  EXPECT_TRUE(CreateGridSearcher({{1000, 1000}}).ok());
  // Sizes whose product overflows 64 bits are refused, too.
  EXPECT_FALSE(CreateGridSearcher({std::vector<int>(9, 1 << 30)}).ok());
}

TEST(CreateSearcher, NamesTheNearestAlgorithm) {
  const auto searcher = CreateSearcher("gird", {{2}}, 1);
  EXPECT_EQ(searcher.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(searcher.status().message()),
              AllOf(HasSubstr("'gird'"), HasSubstr("did you mean 'grid'?")));
}

}  // namespace
}  // namespace bitscape::search
