#include "client/cli/embedded.h"

#include <utility>

#include "server/rpc/server.h"

namespace bitscape::cli {
namespace {

class InProcess final : public EmbeddedServer {
 public:
  explicit InProcess(std::unique_ptr<server::Server> running) : server_(std::move(running)) {}
  ~InProcess() override { server_->Shutdown(); }

 private:
  std::unique_ptr<server::Server> server_;
};

}  // namespace

std::filesystem::path DefaultDatabase() { return server::UserDataDirectory() / "bitscape.db"; }

std::string EmbeddedAddress(const std::filesystem::path& database) {
  const std::string address = server::SocketAddress(database);
  return address.starts_with("unix:") ? address : "unix:" + address;
}

absl::StatusOr<std::unique_ptr<EmbeddedServer>> StartEmbedded(
    const std::filesystem::path& database) {
  server::ServerOptions options;
  options.database = database;
  options.listen = {EmbeddedAddress(database)};
  options.embedded = true;
  options.log_to_stderr = false;
  auto started = server::Server::Start(options);
  if (!started.ok()) {
    const absl::Status& status = started.status();
    // The user's own files are no matter of authentication.
    if (status.code() == absl::StatusCode::kPermissionDenied) {
      return absl::FailedPreconditionError(status.message());
    }
    const bool is_taken = status.code() == absl::StatusCode::kFailedPrecondition &&
                          status.message().find("in use by") != absl::string_view::npos;
    return is_taken ? absl::UnavailableError(status.message()) : status;
  }
  return std::make_unique<InProcess>(*std::move(started));
}

}  // namespace bitscape::cli
