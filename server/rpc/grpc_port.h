// The gRPC side of the server: ports, services, health, reflection.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "server/rpc/addresses.h"
#include "server/rpc/services.h"
#include "server/telemetry/telemetry.h"

namespace grpc {
class Channel;
}

namespace bitscape::server {

class GrpcPort {
 public:
  // Listens and serves. Sockets are readable and writable for their owner only. Errors:
  // kUnavailable naming the address; nothing listens then.
  static absl::StatusOr<std::unique_ptr<GrpcPort>> Start(const std::vector<Address>& addresses,
                                                         ServiceContext& context,
                                                         Telemetry& telemetry);
  virtual ~GrpcPort() = default;  // Stop() if needed
  // With their real ports.
  virtual const std::vector<std::string>& addresses() const = 0;
  // A channel inside this process.
  virtual std::shared_ptr<grpc::Channel> InProcessChannel() = 0;
  // Reports NOT_SERVING, then waits for calls to end, at most a few seconds, then cancels them.
  virtual void Stop() = 0;
};

}  // namespace bitscape::server
