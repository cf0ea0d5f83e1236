// Ctrl-C: the first one cancels the calls in work, a second one ends the process at once.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>

namespace bitscape::cli {

// Takes SIGINT and SIGTERM in a thread of its own and ignores SIGPIPE. Call it before any other
// thread starts: those inherit the blocked signals.
void InstallInterrupts();

bool Interrupted();

// False if it was interrupted.
bool Sleep(std::chrono::milliseconds duration);

// The context of one call, cancelled by Ctrl-C.
class Call {
 public:
  Call();
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext* context() { return &context_; }

 private:
  grpc::ClientContext context_;
};

}  // namespace bitscape::cli
