#include "engine/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>

#include "engine/core/status.h"

namespace bitscape {

ThreadPool::ThreadPool(int threads) {
  BITSCAPE_CHECK(threads >= 1, "a pool has at least one thread");
  workers_.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    workers_.emplace_back([this] { Work(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Schedule(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void ThreadPool::Work() {
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

void ThreadPool::ParallelFor(int64_t count,
                             const std::function<void(int64_t index, int worker)>& body) {
  const int tasks = static_cast<int>(std::min<int64_t>(count, size()));
  std::atomic<int64_t> next = 0;
  std::mutex done_mutex;
  std::condition_variable all_done;
  int running = tasks;
  for (int worker = 0; worker < tasks; ++worker) {
    Schedule([&, worker] {
      for (int64_t i = next++; i < count; i = next++) body(i, worker);
      std::lock_guard lock(done_mutex);
      if (--running == 0) all_done.notify_all();
    });
  }
  std::unique_lock lock(done_mutex);
  all_done.wait(lock, [&] { return running == 0; });
}

int AvailableProcessors() {
  int processors = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t affinity;
  if (sched_getaffinity(0, sizeof(affinity), &affinity) == 0) {
    processors = CPU_COUNT(&affinity);
  }
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (quota_file >> quota >> period && quota != "max" && period > 0) {
    const double limit = std::strtod(quota.c_str(), nullptr) / period;
    if (limit >= 1) processors = std::min(processors, static_cast<int>(limit));
  }
  return std::max(processors, 1);
}

}  // namespace bitscape
