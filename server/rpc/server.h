// The whole server in one object: store, scheduler, gRPC services, HTTP port. bitscape-server runs
// it, and so does the embedded server of the `bitscape` command.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace bitscape::server {

struct ServerOptions {
  std::filesystem::path database;  // created if missing, with its folder
  // gRPC addresses: "127.0.0.1:7420", "unix:/path". Port 0: any free port.
  std::vector<std::string> listen;
  // Page, /metrics, JSON gateway: "127.0.0.1:7421"; empty: none. Port 0: any free port.
  std::string http_listen;
  bool embedded = false;
  bool log_to_stderr = true;
  std::string log_level = "info";
};

class Server {
 public:
  // Starts everything; unfinished sweeps go on. Errors: kUnavailable for an address in use (named),
  // those of OpenSqliteStore, and kNotFound without a data folder.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);
  virtual ~Server() = default;  // Shutdown() if needed

  // Addresses with their real ports.
  virtual std::vector<std::string> Addresses() const = 0;
  virtual std::string HttpAddress() const = 0;  // "" if none
  // Ends streams, finishes the batch in work, commits, closes. Unfinished sweeps stay resumable.
  virtual void Shutdown() = 0;
  // Blocks until Shutdown() was called from another thread.
  virtual void Wait() = 0;
};

// The embedded server's files: $BITSCAPE_HOME, else $XDG_DATA_HOME/bitscape, else
// ~/.local/share/bitscape.
std::filesystem::path UserDataDirectory();
// The Unix socket beside a database: "<database>.sock". Long paths get a short name in a private
// folder (a socket path holds 107 bytes).
std::string SocketAddress(const std::filesystem::path& database);

}  // namespace bitscape::server
