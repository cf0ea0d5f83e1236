// The Connect protocol in front of the gRPC channel: every service as JSON over HTTP, by one
// generic dispatcher over the protos' descriptors. Source: connectrpc.com/docs/protocol.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace grpc {
class Channel;
}

namespace bitscape::server {

struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
};

struct ConnectRequest {
  std::string service, method;  // "bitscape.v1.SweepService", "GetSweep"
  std::string content_type;
  std::string timeout_ms;  // header Connect-Timeout-Ms, or ""
  std::string body;
};

// One server-streaming call. Not thread-safe.
class ConnectStream {
 public:
  virtual ~ConnectStream() = default;  // cancels the call if it still runs
  // The next bytes to send: an envelope, or "" where none came within `wait_ms`. Empty optional:
  // the end (the last envelope, which tells the outcome, was returned before).
  virtual std::optional<std::string> Next(int wait_ms) = 0;
};

// Thread-safe.
class ConnectGateway {
 public:
  explicit ConnectGateway(std::shared_ptr<grpc::Channel> channel);
  ~ConnectGateway();

  // Whether the request's content type is the one of streaming calls.
  static bool IsStreaming(const ConnectRequest& request);
  // A unary call (content type application/json).
  HttpAnswer Call(const ConnectRequest& request);
  // A server-streaming call (application/connect+json); null with an answer where the request
  // can't be begun.
  std::unique_ptr<ConnectStream> Open(const ConnectRequest& request, HttpAnswer* refusal);

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

// {"code": ..., "message": ...} with the HTTP status that belongs to it; `code` is an absl code.
HttpAnswer ConnectError(int code, std::string_view message);

}  // namespace bitscape::server
