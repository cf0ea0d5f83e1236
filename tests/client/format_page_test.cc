#include "client/cli/format_page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "client/cli/format_ladder.h"
#include "client/cli/number_line.h"

namespace bitscape::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::Format Fp4() {
  v1::Format format;
  format.set_name("fp4_e2m1");
  format.set_summary("four bits & more");
  format.set_bits(4);
  for (const auto& [name, bits] : {std::pair{"sign", 1}, {"exponent", 2}, {"mantissa", 1}}) {
    v1::Format::Field& field = *format.add_fields();
    field.set_name(name);
    field.set_bits(bits);
  }
  double last = 0;
  for (const double value : {-6., -4., -3., -2., -1.5, -1., -.5, 0., .5, 1., 1.5, 2., 3., 4., 6.}) {
    v1::Format::Level& level = *format.add_levels();
    level.set_value(value);
    if (value > -6) level.set_lower_boundary((last + value) / 2);
    last = value;
  }
  return format;
}

size_t CountOf(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(NumberLineText, MarksEveryLevelBetweenItsEnds) {
  EXPECT_EQ(NumberLineText({{-2, 0, 1, 2}, {}}, 9), "|---|-|-|\n-2  0   2");
  EXPECT_EQ(NumberLineText({{0, 1, 1.01, 2}, {}}, 5), "|-#-|\n0   2");
}

TEST(NumberLineSvg, DrawsLevelsBoundariesAndTheCrowdAroundZero) {
  const NumberLine line = NumberLineOf(Fp4());
  ASSERT_EQ(line.levels.size(), 15u);
  ASSERT_EQ(line.boundaries.size(), 14u);
  const std::string svg = NumberLineSvg(line);
  // One line alone: only two levels but zero lie within an eighth of the largest.
  EXPECT_EQ(CountOf(svg, "class=\"level\""), 15u);
  EXPECT_EQ(CountOf(svg, "class=\"boundary\""), 14u);
  EXPECT_THAT(svg, HasSubstr("<title>-1.5</title>"));
  NumberLine crowded{{-100, 0}, {}};
  for (int i = 1; i <= 6; ++i) crowded.levels.push_back(i);
  crowded.levels.push_back(100);
  EXPECT_EQ(CountOf(NumberLineSvg(crowded), "class=\"level\""), 9u + 7u);
}

TEST(FormatPage, ShowsBitsLevelsAndBoundariesWithoutOutsideRequests) {
  const std::string html = RenderFormatPage(Fp4());
  EXPECT_THAT(html, HasSubstr("four bits &amp; more"));
  EXPECT_EQ(CountOf(html, "<rect class=\"field"), 4u);
  EXPECT_THAT(html, HasSubstr("Decision boundaries"));
  EXPECT_THAT(html, HasSubstr("<td class=\"right\">-5</td>"));
  EXPECT_THAT(html, Not(HasSubstr("http")));
}

TEST(FormatView, DrawsTheLineInCharacters) {
  EXPECT_THAT(ViewOf(Fp4()).note, HasSubstr("15 levels on a line:\n|"));
  v1::Format learned = Fp4();
  learned.clear_levels();
  EXPECT_EQ(ViewOf(learned).note, "");
}

TEST(ComparisonView, SaysExactAndWhyNot) {
  v1::FormatComparison comparison;
  v1::FormatComparison::Row& exact = *comparison.add_rows();
  exact.set_format("fp32");
  exact.set_values(8);
  exact.set_sqnr_db(std::numeric_limits<double>::infinity());
  comparison.add_rows()->set_error("no scale");
  const View view = ViewOf(comparison);
  EXPECT_EQ(view.table.rows[0][3], "exact");
  EXPECT_EQ(view.table.rows[1].back(), "no scale");
}

TEST(FormatLadder, NamesEveryPlanOnce) {
  for (const LadderFamily& family : LadderFamilies()) {
    bool any = false;
    for (int bits = 1; bits <= 8; ++bits) {
      std::vector<std::string> plans = family.plans(bits);
      any = any || !plans.empty();
      std::sort(plans.begin(), plans.end());
      EXPECT_EQ(std::adjacent_find(plans.begin(), plans.end()), plans.end())
          << family.name << " has a plan twice at " << bits << " bits";
    }
    EXPECT_TRUE(any) << family.name << " has no plan at any width";
  }
}

}  // namespace
}  // namespace bitscape::cli
