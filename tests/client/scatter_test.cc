#include "client/cli/scatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/html.h"

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(LogTicks, AreOneTwoFive) { EXPECT_THAT(LogTicks(0.3, 12), ElementsAre(0.5, 1, 2, 5, 10)); }

TEST(LogTicks, AreAtLeastThreeInAnyRange) {
  EXPECT_EQ(LogTicks(3, 4).size(), 6u);
  for (double low = 0.01; low < 1000; low *= 1.3) {
    for (double ratio = 1.01; ratio < 20; ratio *= 1.2) {
      const std::vector<double> ticks = LogTicks(low, low * ratio);
      EXPECT_GE(ticks.size(), 3u) << low << " " << ratio;
      EXPECT_LE(ticks.size(), 12u) << low << " " << ratio;
      EXPECT_GE(ticks.front(), low * (1 - 1e-9));
      EXPECT_LE(ticks.back(), low * ratio * (1 + 1e-9));
    }
  }
}

TEST(LinearTicks, AreRound) {
  EXPECT_THAT(LinearTicks(89, 93, 8), ElementsAre(89, 89.5, 90, 90.5, 91, 91.5, 92, 92.5, 93));
  EXPECT_THAT(LinearTicks(0, 100, 8), ElementsAre(0, 20, 40, 60, 80, 100));
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(EscapeHtml("<a b=\"c\">'&"), "&lt;a b=&quot;c&quot;&gt;&#39;&amp;");
}

TEST(ScatterSvg, DrawsPointsTitlesAndTheLine) {
  Scatter scatter;
  scatter.points = {{1, 90, "plan <a>", "", true, false}, {4, 92, "plan b", "int8", false, true}};
  scatter.front = {{4, 92}, {1, 90}};
  scatter.x_title = "energy";
  scatter.y_title = "accuracy";
  const std::string svg = ScatterSvg(scatter);
  EXPECT_THAT(svg, HasSubstr("<title>plan &lt;a&gt;</title>"));
  EXPECT_THAT(svg, HasSubstr("class=\"dot on-front\""));
  EXPECT_THAT(svg, HasSubstr("class=\"dot reference\""));
  EXPECT_THAT(svg, HasSubstr(">int8</text>"));
  EXPECT_THAT(svg, HasSubstr("class=\"line\""));
}

TEST(ScatterSvg, LabelsOfNeighboursDoNotOverlap) {
  Scatter scatter;
  scatter.points = {{1, 90, "", "int8", false, true},
                    {1, 90, "", "fp16", false, true},
                    {1.001, 90, "", "fp32", false, true},
                    {9, 92, "", "", false, false}};
  const std::string svg = ScatterSvg(scatter);
  std::vector<std::pair<double, double>> places;
  for (size_t at = svg.find("class=\"label\""); at != std::string::npos;
       at = svg.find("class=\"label\"", at + 1)) {
    places.emplace_back(std::stod(svg.substr(svg.find("x=\"", at) + 3)),
                        std::stod(svg.substr(svg.find("y=\"", at) + 3)));
  }
  ASSERT_EQ(places.size(), 3u);
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_TRUE(std::abs(places[i].first - places[j].first) >= 28 ||
                  std::abs(places[i].second - places[j].second) >= 12)
          << i << " " << j;
    }
  }
}

TEST(ScatterSvg, LeavesOutWhatIsBelowOrCannotBeDrawn) {
  Scatter scatter;
  scatter.points = {{1, 10, "low", ""}, {1, 91, "kept", ""}, {0, 95, "no logarithm", ""}};
  scatter.y_from = 90;
  const std::string svg = ScatterSvg(scatter);
  EXPECT_THAT(svg, HasSubstr("kept"));
  EXPECT_THAT(svg, Not(HasSubstr("<title>low")));
  EXPECT_THAT(svg, Not(HasSubstr("no logarithm")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  scatter.y_from = 99;
  EXPECT_EQ(ScatterSvg(scatter), "");
}

}  // namespace
}  // namespace bitscape::cli
