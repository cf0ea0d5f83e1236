#include "client/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitscape::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

ProgressState Half() {
  ProgressState state;
  state.done = 500;
  state.total = 1000;
  state.unit = "images";
  state.label = "sweeps/a RUNNING";
  state.note = "1/4 trials";
  state.elapsed_seconds = 30;
  state.remaining_seconds = 31;
  return state;
}

TEST(BarLine, FillsHalfOfTheBar) {
  EXPECT_EQ(BarLine(Half(), 200),
            "[###############...............]  50%  500/1,000 images  1/4 trials  30 s, 31 s left");
}

TEST(BarLine, FitsNarrowTerminals) {
  for (const int width : {1, 20, 60, 70, 80}) {
    EXPECT_LE(BarLine(Half(), width).size(), static_cast<size_t>(width));
  }
}

TEST(BarLine, NeverLeavesItsRange) {
  ProgressState state = Half();
  state.done = 2000;
  EXPECT_THAT(BarLine(state, 200), HasSubstr("100%"));
  state.total = 0;
  EXPECT_THAT(BarLine(state, 200), HasSubstr("  0%"));
}

TEST(PlainLine, SaysNothingOfAnUnknownEnd) {
  ProgressState state = Half();
  state.remaining_seconds.reset();
  EXPECT_EQ(PlainLine(state), "sweeps/a RUNNING   50%  500/1,000 images  1/4 trials  30 s");
}

}  // namespace
}  // namespace bitscape::cli
