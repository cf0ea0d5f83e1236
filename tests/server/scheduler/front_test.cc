#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/scheduler/scheduler.h"
#include "server/trials/runner.h"

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FrontTest : public ::testing::Test {
 protected:
  void AddSweep(const std::string& id) {
    Sweep sweep;
    sweep.id = id;
    sweep.objectives = {"accuracy", "energy_pj"};
    ASSERT_TRUE(store_->Write({.sweeps = {sweep}}).ok());
  }

  void AddTrial(const std::string& sweep, int64_t ordinal, int64_t correct, double energy_pj,
                const std::string& reference = "", double loss = 1,
                const std::string& digest = "") {
    Trial trial;
    trial.sweep = sweep;
    trial.ordinal = ordinal;
    trial.state = TrialState::kSucceeded;
    trial.spec.reference = reference;
    trial.spec.digest = digest.empty() ? sweep + std::to_string(ordinal) : digest;
    trial.cost = TrialCost{.energy_pj = energy_pj};
    trial.metrics = MakeMetrics(*trial.cost, correct, 100, 100 * loss);
    ASSERT_TRUE(store_->Write({.trials = {trial}}).ok());
  }

  static std::vector<std::string> Names(const std::vector<Trial>& trials) {
    std::vector<std::string> names;
    for (const Trial& trial : trials) {
      names.push_back(trial.sweep + std::to_string(trial.ordinal));
    }
    return names;
  }

  absl::Status Error(const std::vector<std::string>& sweeps, std::vector<std::string> objectives,
                     std::vector<double> reference_point = {}) {
    return QueryFront(*store_, sweeps, std::move(objectives), std::move(reference_point)).status();
  }

  std::unique_ptr<Store> store_ = CreateMemoryStore();
};

TEST_F(FrontTest, KeepsWhatNothingDominatesBestFirst) {
  AddSweep("a");
  AddTrial("a", 0, 70, 10);
  AddTrial("a", 1, 90, 40, "fp32");
  AddTrial("a", 2, 80, 20);
  AddTrial("a", 3, 75, 30, "int8");  // dominated by a2
  AddTrial("a", 4, 80, 20);          // equal to a2
  const auto front = QueryFront(*store_, {"a"}, {}, {});
  ASSERT_TRUE(front.ok()) << front.status();
  EXPECT_THAT(front->objectives, ElementsAre("accuracy", "energy_pj"));
  EXPECT_THAT(Names(front->points), ElementsAre("a1", "a2", "a4", "a0"));
  EXPECT_THAT(Names(front->references), ElementsAre("a1", "a3"));
  EXPECT_EQ(front->trials, 5);
  EXPECT_EQ(front->dominated, 1);
  // Nadir (0.7, 40) plus a tenth of the range (0.2, 30), worse in both.
  ASSERT_EQ(front->reference_point.size(), 2u);
  EXPECT_NEAR(front->reference_point[0], 0.68, 1e-12);
  EXPECT_NEAR(front->reference_point[1], 43, 1e-12);
  // Strips between neighbours: (0.9-0.8)*(43-40) + (0.8-0.7)*(43-20) + (0.7-0.68)*(43-10).
  EXPECT_NEAR(front->hypervolume, 0.3 + 2.3 + 0.66, 1e-9);
}

TEST_F(FrontTest, TakesTheCallersReferencePoint) {
  AddSweep("a");
  AddTrial("a", 0, 70, 10);
  AddTrial("a", 1, 90, 40);
  const auto front = QueryFront(*store_, {"a"}, {"energy_pj", "accuracy"}, {50, 0.5});
  ASSERT_TRUE(front.ok()) << front.status();
  EXPECT_THAT(Names(front->points), ElementsAre("a0", "a1"));  // least energy first
  EXPECT_THAT(front->reference_point, ElementsAre(50, 0.5));
  EXPECT_NEAR(front->hypervolume, 40 * 0.2 + 10 * 0.2, 1e-12);
}

TEST_F(FrontTest, ComparesSweeps) {
  AddSweep("a");
  AddSweep("b");
  AddTrial("a", 0, 70, 10);
  AddTrial("b", 0, 80, 5);
  AddTrial("b", 1, 90, 50);
  EXPECT_THAT(Names(QueryFront(*store_, {"a", "b"}, {}, {})->points), ElementsAre("b1", "b0"));
}

TEST_F(FrontTest, CountsEqualWorkOnce) {
  AddSweep("a");
  AddSweep("b");
  AddTrial("a", 0, 70, 10, "small", 1, "x");
  AddTrial("a", 1, 90, 40, "", 1, "y");
  AddTrial("a", 2, 60, 20, "", 1, "z");      // dominated
  AddTrial("b", 0, 90, 40, "fp32", 1, "y");  // a1's work, a reference here alone
  AddTrial("b", 1, 70, 10, "small", 1, "x");
  AddTrial("b", 2, 80, 20, "", 1, "w");
  for (const std::vector<std::string>& sweeps :
       {std::vector<std::string>{"a", "b"}, {"a", "b", "a", "b"}}) {
    const auto front = QueryFront(*store_, sweeps, {}, {});
    ASSERT_TRUE(front.ok()) << front.status();
    EXPECT_THAT(Names(front->points), ElementsAre("a1", "b2", "a0"));
    EXPECT_THAT(Names(front->references), ElementsAre("a0", "b0"));
    EXPECT_EQ(front->trials, 4);
    EXPECT_EQ(front->dominated, 1);
  }
}

TEST_F(FrontTest, LeavesOutWhatHasNotSucceededAndWhatIsNotFinite) {
  AddSweep("a");
  AddTrial("a", 0, 70, 10);
  AddTrial("a", 1, 99, 1, "", std::nan(""));
  Trial running;
  running.sweep = "a";
  running.ordinal = 2;
  running.state = TrialState::kRunning;
  ASSERT_TRUE(store_->Write({.trials = {running}}).ok());
  const auto front = QueryFront(*store_, {"a"}, {"accuracy", "loss"}, {});
  ASSERT_TRUE(front.ok()) << front.status();
  EXPECT_THAT(Names(front->points), ElementsAre("a0"));
  EXPECT_EQ(front->trials, 2);
  EXPECT_EQ(front->dominated, 1);
  EXPECT_THAT(Names(QueryFront(*store_, {"a"}, {}, {})->points), ElementsAre("a1"));
}

TEST_F(FrontTest, IsEmptyBeforeTheFirstResult) {
  AddSweep("a");
  const auto front = QueryFront(*store_, {"a"}, {}, {});
  ASSERT_TRUE(front.ok()) << front.status();
  EXPECT_THAT(front->points, IsEmpty());
  EXPECT_EQ(front->hypervolume, 0);
}

TEST_F(FrontTest, RefusesBadQuestions) {
  AddSweep("a");
  EXPECT_EQ(Error({"ghost"}, {}), absl::NotFoundError("no sweep 'ghost'"));
  EXPECT_THAT(std::string(Error({}, {}).message()), HasSubstr("at least 1"));
  const absl::Status unknown = Error({"a"}, {"accuracy", "energy"});
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()),
              AllOf(HasSubstr("'energy'"), HasSubstr("did you mean 'energy_pj'?")));
  EXPECT_THAT(std::string(Error({"a"}, {"accuracy"}).message()), HasSubstr("1 objectives, 2 to 6"));
  EXPECT_THAT(std::string(Error({"a"}, {"loss", "loss"}).message()), HasSubstr("given twice"));
  EXPECT_THAT(std::string(Error({"a"}, {"loss", "accuracy"}, {1}).message()),
              HasSubstr("1 values, there are 2 objectives"));
  EXPECT_THAT(std::string(Error({"a"}, {"loss", "accuracy"}, {1, std::nan("")}).message()),
              HasSubstr("not finite"));
}

}  // namespace
}  // namespace bitscape::server
