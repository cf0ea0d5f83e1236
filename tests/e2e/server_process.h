// bitscape-server in the background, on a Unix socket.
#pragma once

#include <memory>
#include <string>

#include "tests/e2e/process.h"

namespace bitscape::e2e {

class ServerProcess {
 public:
  ServerProcess(const std::string& database, const std::string& socket);

  // Until a call is answered; false if the server has ended or a minute has passed.
  bool WaitUntilServing();
  std::string address() const { return "unix:" + socket_; }
  Process& process() { return process_; }

 private:
  const std::string socket_;
  Process process_;
};

}  // namespace bitscape::e2e
