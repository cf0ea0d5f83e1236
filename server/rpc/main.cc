// bitscape-server: runs until SIGTERM or SIGINT.
#include <grpc/grpc.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "server/rpc/server.h"
#include "server/rpc/version.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kPrecondition = 5;
constexpr int kUnavailable = 6;

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kUsage;
    case absl::StatusCode::kFailedPrecondition:
      return kPrecondition;
    case absl::StatusCode::kUnavailable:
      return kUnavailable;
    default:
      return kFailed;
  }
}

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  namespace server = bitscape::server;
  server::ServerOptions options;
  options.http_listen = "127.0.0.1:7421";
  std::string database = (server::UserDataDirectory() / "bitscape.db").string();

  CLI::App app("bitscape-server: schedules experiments and serves their results",
               "bitscape-server");
  app.add_option("--database", database, "SQLite file, created if missing")->capture_default_str();
  app.add_option("--listen", options.listen,
                 "gRPC address HOST:PORT or unix:PATH, port 0 for any free one; may be repeated "
                 "[127.0.0.1:7420 and the socket beside the database]");
  app.add_option("--http", options.http_listen,
                 "address of page, /metrics and JSON services; none for no such port")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "debug, info, warning, error or off")
      ->capture_default_str();
  app.set_version_flag("--version", "bitscape-server " + std::string(server::Version()));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  options.database = database;
  if (options.http_listen == "none") {
    options.http_listen.clear();
  }
  if (options.listen.empty()) {
    options.listen = {"127.0.0.1:7420", server::SocketAddress(options.database)};
  }

  // Before any thread: all inherit it, and the signals wait for sigwait.
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // Held to the end: when its last user goes, the library may wait ten seconds for a poller.
  grpc_init();

  absl::StatusOr<std::unique_ptr<server::Server>> started = server::Server::Start(options);
  if (!started.ok()) {
    std::fprintf(stderr, "bitscape-server: %s\n", std::string(started.status().message()).c_str());
    return ExitCode(started.status());
  }
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second one ends the process at once
  (*started)->Shutdown();
  return 0;
}
