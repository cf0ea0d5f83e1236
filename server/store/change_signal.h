// The newest revision, and the threads that wait for the next.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace bitscape::server {

// Thread-safe. The destructor lets every waiter go first.
class ChangeSignal {
 public:
  ChangeSignal() = default;
  ~ChangeSignal();
  ChangeSignal(const ChangeSignal&) = delete;
  ChangeSignal& operator=(const ChangeSignal&) = delete;

  int64_t Revision() const;
  void Set(int64_t revision);
  // Blocks until Revision() > revision, the timeout, or Stop(); returns Revision().
  int64_t Wait(int64_t revision, int64_t timeout_ms);
  // Waiters return at once from now on.
  void Stop();

 private:
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::condition_variable left_;
  int64_t revision_ = 0;
  int waiting_ = 0;
  bool stopped_ = false;
};

}  // namespace bitscape::server
