#include "server/store/change_signal.h"

#include <algorithm>
#include <chrono>

namespace bitscape::server {

ChangeSignal::~ChangeSignal() {
  Stop();
  std::unique_lock lock(mutex_);
  left_.wait(lock, [&] { return waiting_ == 0; });
}

int64_t ChangeSignal::Revision() const {
  std::lock_guard lock(mutex_);
  return revision_;
}

void ChangeSignal::Set(int64_t revision) {
  std::lock_guard lock(mutex_);
  revision_ = revision;
  changed_.notify_all();
}

int64_t ChangeSignal::Wait(int64_t revision, int64_t timeout_ms) {
  // A day at most: far beyond any watch, and no overflow of the clock.
  constexpr int64_t kLongestMs = 86'400'000;
  const auto timeout = std::chrono::milliseconds(std::clamp<int64_t>(timeout_ms, 0, kLongestMs));
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.wait_for(lock, timeout, [&] { return stopped_ || revision_ > revision; });
  --waiting_;
  left_.notify_all();
  return revision_;
}

void ChangeSignal::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace bitscape::server
