#include "engine/core/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace bitscape {
namespace {

TEST(ThreadPool, ParallelForVisitsEachIndexOnce) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> visits(1000);
  std::vector<std::atomic<bool>> busy(3);
  std::atomic<bool> overlapped = false;
  pool.ParallelFor(1000, [&](int64_t index, int worker) {
    if (busy[static_cast<size_t>(worker)].exchange(true)) overlapped = true;
    ++visits[static_cast<size_t>(index)];
    busy[static_cast<size_t>(worker)] = false;
  });
  for (const std::atomic<int>& count : visits) EXPECT_EQ(count, 1);
  EXPECT_FALSE(overlapped);
}

TEST(ThreadPool, ParallelForOfNothingReturns) {
  ThreadPool pool(2);
  pool.ParallelFor(0, [](int64_t, int) { FAIL(); });
}

TEST(ThreadPool, DestructorRunsWhatIsQueued) {
  std::atomic<int> runs = 0;
  {
    ThreadPool pool(1);
    for (int i = 0; i < 100; ++i) pool.Schedule([&] { ++runs; });
  }
  EXPECT_EQ(runs, 100);
}

TEST(ThreadPool, AtLeastOneProcessorIsAvailable) { EXPECT_GE(AvailableProcessors(), 1); }

}  // namespace
}  // namespace bitscape
