// The HTTP port: the page, /metrics, and the services as JSON (Connect protocol).
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <memory>
#include <string>

#include "server/rpc/addresses.h"
#include "server/rpc/connect.h"
#include "server/telemetry/telemetry.h"

namespace bitscape::server {

class HttpPort {
 public:
  // Binds and serves. `web` is a folder to serve at "/"; empty: a plain page. Errors: kUnavailable
  // naming the address.
  static absl::StatusOr<std::unique_ptr<HttpPort>> Start(const Address& address,
                                                         ConnectGateway& gateway,
                                                         Telemetry& telemetry,
                                                         const std::filesystem::path& web);
  virtual ~HttpPort() = default;  // Stop() if needed
  // With its real port.
  virtual std::string address() const = 0;
  // Returns once no request is being answered. Calls that stream must have been ended before.
  virtual void Stop() = 0;
};

}  // namespace bitscape::server
