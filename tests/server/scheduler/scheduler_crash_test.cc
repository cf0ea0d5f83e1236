// A scheduler killed at random moments, on a database on disk.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/core/random.h"
#include "server/scheduler/scheduler.h"
#include "tests/server/scheduler/scheduler_testing.h"
#include "tests/server/store/store_testing.h"

namespace bitscape::server {
namespace {

// 195 plans on two machines: 13 groups of four slices, and as many commits and more.
SweepRequest LargeRequest() {
  const std::vector<std::string> formats = {"int2", "int4", "int5", "int6",     "int7",
                                            "int8", "fp16", "bf16", "fp8_e4m3", "fp8_e5m2",
                                            "e3m4", "e2m3", "e4m2", "e5m3"};
  std::vector<std::string> plans = UniformPlans(formats, formats);
  plans.pop_back();
  return {.plans = std::move(plans), .machines = {kAnyMachine, kIntegerMachine}};
}

// Works on the sweep in `path` until it has ended or the process is killed.
[[noreturn]] void Work(const std::filesystem::path& path) {
  auto store = OpenSqliteStore(path);
  if (!store.ok()) {
    ::_exit(2);
  }
  EvaluatorControl control;
  Library library(**store, FakeSources(control));
  auto scheduler = CreateScheduler(**store, library, nullptr);
  if (!scheduler.ok()) {
    ::_exit(3);
  }
  if (!(*store)->GetSweep("alpha").ok() &&
      !(*scheduler)->Submit("alpha", "", MakePlan(library, LargeRequest()), "").ok()) {
    ::_exit(4);
  }
  while (!IsTerminal((*store)->GetSweep("alpha")->state)) {
    (*store)->WaitForChange((*store)->Revision(), 100);
  }
  ::_exit(0);
}

TEST(SchedulerCrash, EndsAsIfUndisturbed) {
  TemporaryFolder folder;
  const std::filesystem::path path = folder / "results.db";
  int kills = 0;
  int outcome = 0;
  for (uint64_t start = 0; start < 100; ++start) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Work(path);
    }
    // A little longer each time, so that a slow machine gets there, too.
    std::this_thread::sleep_for(
        std::chrono::microseconds(10'000 + 5'000 * static_cast<int64_t>(start) +
                                  static_cast<int64_t>(RandomBelow(10'000, 1, 0, start))));
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, &outcome, 0), child);
    if (WIFEXITED(outcome)) {
      break;
    }
    ++kills;
  }
  ASSERT_TRUE(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
  RecordProperty("kills", kills);
  EXPECT_GE(kills, 2);

  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->GetSweep("alpha")->state, SweepState::kSucceeded);
  int attempts = 0;
  const std::vector<Trial> trials = (*store)->ListTrials({.sweep = "alpha"}).value();
  ASSERT_EQ(trials.size(), 390u);
  for (const Trial& trial : trials) {
    attempts = std::max(attempts, trial.attempts);
    EXPECT_EQ(trial.images_evaluated, trial.state == TrialState::kSucceeded ? kTestImages : 0);
  }
  EXPECT_GT(attempts, 1);

  EvaluatorControl control;
  const auto calm_store = CreateMemoryStore();
  Library library(*calm_store, FakeSources(control));
  const auto scheduler = CreateScheduler(*calm_store, library, nullptr).value();
  ASSERT_TRUE(scheduler->Submit("alpha", "", MakePlan(library, LargeRequest()), "").ok());
  AwaitState(*calm_store, "alpha", SweepState::kSucceeded);
  EXPECT_EQ(Describe(**store, "alpha"), Describe(*calm_store, "alpha"));
}

}  // namespace
}  // namespace bitscape::server
