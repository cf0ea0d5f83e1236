#include "server/trials/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "server/trials/runner.h"

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

TEST(TrialId, RoundTripsInOneSpelling) {
  EXPECT_EQ(TrialId(42), "t000042");
  EXPECT_EQ(TrialId(12345678), "t12345678");
  for (int64_t ordinal : {0L, 7L, 999999L, 1000000L}) {
    EXPECT_THAT(ParseTrialId(TrialId(ordinal)), Optional(ordinal));
  }
  for (const char* bad : {"", "t", "000042", "t42", "t00004x", "t-00001", "t0000042", "T000042"}) {
    EXPECT_EQ(ParseTrialId(bad), std::nullopt) << bad;
  }
}

TEST(SweepStates, FollowTheDiagram) {
  using enum SweepState;
  const std::set<std::pair<SweepState, SweepState>> legal = {
      {kPending, kRunning},     {kPending, kPaused},  {kPending, kCancelled},
      {kRunning, kPending},     {kRunning, kPausing}, {kRunning, kCancelling},
      {kRunning, kSucceeded},   {kRunning, kFailed},  {kPausing, kPaused},
      {kPausing, kCancelling},  {kPaused, kPending},  {kPaused, kCancelled},
      {kCancelling, kCancelled}};
  for (int from = 1; from <= 8; ++from) {
    for (int to = 1; to <= 8; ++to) {
      const auto step = std::pair(static_cast<SweepState>(from), static_cast<SweepState>(to));
      EXPECT_EQ(IsLegal(step.first, step.second), legal.contains(step))
          << ToString(step.first) << " to " << ToString(step.second);
    }
  }
}

TEST(States, LeaveNothingAfterTheEnd) {
  for (int from = 1; from <= 7; ++from) {
    const auto state = static_cast<TrialState>(from);
    bool leads_on = false;
    for (int to = 1; to <= 7; ++to) {
      leads_on = leads_on || IsLegal(state, static_cast<TrialState>(to));
    }
    EXPECT_EQ(leads_on, !IsTerminal(state)) << ToString(state);
  }
  for (int from = 1; from <= 8; ++from) {
    const auto state = static_cast<SweepState>(from);
    bool leads_on = false;
    for (int to = 1; to <= 8; ++to) {
      leads_on = leads_on || IsLegal(state, static_cast<SweepState>(to));
    }
    EXPECT_EQ(leads_on, !IsTerminal(state)) << ToString(state);
  }
}

// The ends solve |share - p| = z * sqrt(p (1 - p) / n): the definition of the score interval.
TEST(WilsonInterval, EndsAreRootsOfTheScoreEquation) {
  constexpr double kZ = 1.959963984540054;
  for (const auto& [correct, images] : {std::pair(9100L, 10000L), {5L, 20L}, {1L, 3L}}) {
    const Interval interval = WilsonInterval(correct, images);
    const auto n = static_cast<double>(images);
    const double share = static_cast<double>(correct) / n;
    EXPECT_LT(interval.low, share);
    EXPECT_GT(interval.high, share);
    for (double end : {interval.low, interval.high}) {
      EXPECT_NEAR((share - end) * (share - end), kZ * kZ * end * (1 - end) / n, 1e-12);
    }
  }
}

TEST(WilsonInterval, StaysWithinZeroAndOne) {
  EXPECT_EQ(WilsonInterval(0, 50).low, 0);
  EXPECT_GT(WilsonInterval(0, 50).high, 0);
  EXPECT_EQ(WilsonInterval(50, 50).high, 1);
  EXPECT_LT(WilsonInterval(50, 50).low, 1);
  EXPECT_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
}

TEST(MakeMetrics, DividesByImages) {
  const TrialCost cost{
      .energy_pj = 1, .area_um2 = 2, .latency_seconds = 3, .latency_cycles = 4, .weight_bytes = 5};
  const TrialMetrics metrics = MakeMetrics(cost, 30, 40, 20.0);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(metrics.loss, 0.5);
  EXPECT_EQ(metrics.correct, 30);
  EXPECT_EQ(metrics.images, 40);
  EXPECT_DOUBLE_EQ(metrics.accuracy_low, WilsonInterval(30, 40).low);
  EXPECT_DOUBLE_EQ(metrics.accuracy_high, WilsonInterval(30, 40).high);
  EXPECT_DOUBLE_EQ(metrics.latency_cycles, 4);
}

TEST(Objectives, NameEveryValueOnce) {
  const TrialMetrics metrics{.accuracy = 1,
                             .loss = 2,
                             .energy_pj = 3,
                             .area_um2 = 4,
                             .latency_seconds = 5,
                             .latency_cycles = 7,
                             .weight_bytes = 6};
  std::vector<double> values;
  for (const std::string& name : ObjectiveNames()) {
    values.push_back(ObjectiveValue(metrics, name).value());
    EXPECT_EQ(IsMaximised(name), name == "accuracy");
  }
  EXPECT_THAT(values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(ObjectiveValue(metrics, "energy"), std::nullopt);
}

}  // namespace
}  // namespace bitscape::server
