// Which server a command speaks to, and the channel to it.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "client/cli/embedded.h"
#include "client/cli/globals.h"

namespace bitscape::cli {

// A remote server; or, with no address, whatever server serves the database: one that another
// command runs, else one started here.
class Connection {
 public:
  explicit Connection(const Globals& globals) : globals_(globals) {}
  ~Connection();

  // Connects on first use. Errors: kUnavailable naming the address, kCancelled by Ctrl-C, and those
  // of StartEmbedded.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();
  // Drops the channel; the next Channel() joins or starts anew.
  void Disconnect();
  // Disconnect and Channel, for up to `seconds`.
  absl::Status Reconnect(double seconds);

  const std::string& address() const { return address_; }
  bool is_remote() const { return !globals_.server.empty(); }
  // The server runs in this process.
  bool is_owner() const { return embedded_ != nullptr; }

 private:
  absl::StatusOr<std::shared_ptr<grpc::Channel>> JoinOrStart();
  void SayUnfinished(const std::shared_ptr<grpc::Channel>& channel) const;

  const Globals& globals_;
  std::string address_;
  std::unique_ptr<EmbeddedServer> embedded_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace bitscape::cli
