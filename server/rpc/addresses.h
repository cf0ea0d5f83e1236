// Addresses that a server listens on.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace bitscape::server {

struct Address {
  std::string text;       // as given
  std::string unix_path;  // of "unix:PATH"; else empty
  std::string host;       // without brackets
  int port = 0;           // 0: any free one

  bool is_unix() const { return !unix_path.empty(); }
  // The address with another port.
  std::string WithPort(int real_port) const;
};

// "HOST:PORT", "[V6]:PORT", "unix:PATH". Errors: kInvalidArgument with the text and the forms; a
// socket path over 107 bytes.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// Whether a server could listen there. Errors: kUnavailable naming the address and why not. A
// socket file that nobody listens on is no obstacle.
absl::Status Probe(const Address& address);

// The folder of a socket, made with access for its owner only if it is missing. Errors:
// kUnavailable; kFailedPrecondition for a short-name folder that belongs to another user.
absl::Status PrepareSocketFolder(const std::filesystem::path& socket);

}  // namespace bitscape::server
