#include "client/cli/connection.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "bitscape/v1/server.grpc.pb.h"
#include "client/cli/exit_codes.h"
#include "client/cli/interrupt.h"

namespace bitscape::cli {
namespace {

using std::chrono::steady_clock;

// A watch's snapshot holds every trial of its sweep, at most 100,000.
constexpr int kMaxMessageBytes = 256 << 20;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A proxy for the web must not stand between a client and its server.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Channels to an address whose server has gone must not share its broken connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// True once connected; false as soon as an attempt has failed, or after `limit`.
bool Connects(grpc::Channel& channel, std::chrono::milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  grpc_connectivity_state state = channel.GetState(true);
  while (state != GRPC_CHANNEL_READY) {
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) return false;
    if (steady_clock::now() > end || Interrupted()) return false;
    channel.WaitForStateChange(state,
                               std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    state = channel.GetState(true);
  }
  return true;
}

bool SocketExists(const std::string& address) {
  constexpr std::string_view kPrefix = "unix:";
  std::error_code error;
  return std::filesystem::exists(address.substr(kPrefix.size()), error);
}

}  // namespace

Connection::~Connection() { Disconnect(); }

void Connection::Disconnect() {
  channel_.reset();
  embedded_.reset();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connection::Channel() {
  if (channel_) return channel_;
  if (!is_remote()) {
    auto joined = JoinOrStart();
    if (!joined.ok()) return joined.status();
    channel_ = *std::move(joined);
    return channel_;
  }
  address_ = globals_.server;
  auto channel = MakeChannel(address_);
  if (!Connects(*channel, std::chrono::seconds(10))) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    return absl::UnavailableError(fmt::format("no server answers at {}", address_));
  }
  channel_ = std::move(channel);
  return channel_;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connection::JoinOrStart() {
  const std::filesystem::path database =
      globals_.database.empty() ? DefaultDatabase() : std::filesystem::absolute(globals_.database);
  address_ = EmbeddedAddress(database);
  // Another command may take the database, or give it up, between a look and a try.
  constexpr int kAttempts = 40;
  absl::Status refused;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (SocketExists(address_)) {
      auto channel = MakeChannel(address_);
      if (Connects(*channel, std::chrono::seconds(5))) return channel;
    }
    auto started = StartEmbedded(database);
    if (started.ok()) {
      embedded_ = *std::move(started);
      auto channel = MakeChannel(address_);
      if (!Connects(*channel, std::chrono::seconds(10))) {
        return absl::InternalError(
            fmt::format("the embedded server does not answer at {}", address_));
      }
      SayUnfinished(channel);
      return channel;
    }
    refused = started.status();
    // Only "in use" can pass by itself.
    if (refused.code() != absl::StatusCode::kUnavailable) return refused;
    if (!Sleep(std::chrono::milliseconds(250))) return absl::CancelledError("interrupted");
  }
  return absl::UnavailableError(
      fmt::format("{}; if that is a server, use --server ADDRESS", std::string(refused.message())));
}

void Connection::SayUnfinished(const std::shared_ptr<grpc::Channel>& channel) const {
  if (globals_.quiet) return;
  Call call;
  v1::ServerStatus status;
  const auto stub = v1::ServerService::NewStub(channel);
  if (!stub->GetServerStatus(call.context(), {}, &status).ok() || status.sweeps_running() == 0) {
    return;
  }
  fmt::print(stderr, "note: {} unfinished sweep{} in {} while this command runs\n",
             status.sweeps_running(), status.sweeps_running() == 1 ? " goes on" : "s go on",
             status.database());
}

absl::Status Connection::Reconnect(double seconds) {
  const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    Disconnect();
    const auto channel = Channel();
    if (channel.ok()) return absl::OkStatus();
    if (channel.status().code() != absl::StatusCode::kUnavailable || steady_clock::now() > end) {
      return channel.status();
    }
    if (!Sleep(std::chrono::milliseconds(500))) return absl::CancelledError("interrupted");
  }
}

}  // namespace bitscape::cli
