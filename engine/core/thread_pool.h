// A fixed set of worker threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bitscape {

// Runs functions on `threads` workers. Thread-safe. The destructor runs what is queued, then joins.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // threads >= 1
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()); }
  void Schedule(std::function<void()> work);

  // Calls body(index, worker) for each index in [0, count); returns when all have ended.
  // `worker` is in [0, size()), and no two calls with the same worker run at once.
  // Indices are handed out in ascending order. Must not be called from one of the workers.
  void ParallelFor(int64_t count, const std::function<void(int64_t index, int worker)>& body);

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

// The number of processors this process may use (affinity and cgroup quota respected), at least 1.
int AvailableProcessors();

}  // namespace bitscape
