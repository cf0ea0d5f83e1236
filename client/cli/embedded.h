// The server inside this process: the one place where the client meets server/.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <memory>
#include <string>

namespace bitscape::cli {

class EmbeddedServer {
 public:
  virtual ~EmbeddedServer() = default;  // finishes the batch in work, commits and closes
};

std::filesystem::path DefaultDatabase();
// gRPC address of the socket beside the database: "unix:/path".
std::string EmbeddedAddress(const std::filesystem::path& database);
// Starts a server on the database that listens at EmbeddedAddress. Errors: kUnavailable where
// another process has the database; kFailedPrecondition where its folder or file may not be
// written; else the server's own, as of a database from a newer version.
absl::StatusOr<std::unique_ptr<EmbeddedServer>> StartEmbedded(
    const std::filesystem::path& database);

}  // namespace bitscape::cli
