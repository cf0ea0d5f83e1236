#include "tests/e2e/server_process.h"

#include <chrono>
#include <thread>

namespace bitscape::e2e {

ServerProcess::ServerProcess(const std::string& database, const std::string& socket)
    : socket_(socket),
      process_({ServerPath(), "--database", database, "--listen", "unix:" + socket, "--http",
                "none", "--log-level", "error"}) {}

bool ServerProcess::WaitUntilServing() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::chrono::steady_clock::now() < end && !process_.HasEnded()) {
    if (Bitscape({"server", "status", "--server", address()}).code == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

}  // namespace bitscape::e2e
