#include "client/cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "client/cli/exit_codes.h"

namespace bitscape::cli {
namespace {

// Signals belong to the process, and so does this.
struct State {
  std::mutex mutex;
  std::condition_variable changed;
  bool interrupted = false;
  std::set<grpc::ClientContext*> calls;
};

State& GetState() {
  static State* const state = new State;  // never destroyed: the signal thread outlives main
  return *state;
}

void WaitForSignals(sigset_t signals) {
  for (;;) {
    int signal_number = 0;
    if (sigwait(&signals, &signal_number) != 0) continue;
    State& state = GetState();
    const std::lock_guard lock(state.mutex);
    if (state.interrupted) _exit(kExitInterrupted);
    state.interrupted = true;
    for (grpc::ClientContext* call : state.calls) call->TryCancel();
    state.changed.notify_all();
  }
}

}  // namespace

void InstallInterrupts() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(WaitForSignals, signals).detach();
}

bool Interrupted() {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  return state.interrupted;
}

bool Sleep(std::chrono::milliseconds duration) {
  State& state = GetState();
  std::unique_lock lock(state.mutex);
  return !state.changed.wait_for(lock, duration, [&] { return state.interrupted; });
}

Call::Call() {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  state.calls.insert(&context_);
  if (state.interrupted) context_.TryCancel();
}

Call::~Call() {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  state.calls.erase(&context_);
}

}  // namespace bitscape::cli
