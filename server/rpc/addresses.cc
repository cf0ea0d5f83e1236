#include "server/rpc/addresses.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/core/digest.h"
#include "server/rpc/server.h"

namespace bitscape::server {
namespace {

constexpr size_t kLongestSocketPath = sizeof(sockaddr_un::sun_path) - 1;

class Socket {
 public:
  Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status CannotListen(const Address& address, std::string_view reason) {
  return absl::UnavailableError(fmt::format("can't listen on {}: {}", address.text, reason));
}

absl::Status ProbeUnix(const Address& address) {
  struct stat status {};
  if (lstat(address.unix_path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
    return CannotListen(address, "a file that is no socket has this name");
  }
  const std::filesystem::path folder = std::filesystem::path(address.unix_path).parent_path();
  if (!folder.empty() && access(folder.c_str(), W_OK | X_OK) != 0 && errno != ENOENT) {
    return CannotListen(address, std::strerror(errno));
  }
  const Socket socket(AF_UNIX);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.unix_path.data(), address.unix_path.size());
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) {
    return CannotListen(address, "another server listens there");
  }
  return absl::OkStatus();
}

absl::Status ProbeTcp(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), fmt::format("{}", address.port).c_str(), &hints, &list);
  if (error != 0) {
    return CannotListen(address, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, freeaddrinfo);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const Socket socket(entry->ai_family);
    const int on = 1;  // a port whose last connection ended a moment ago is free
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(socket.fd(), entry->ai_addr, entry->ai_addrlen) != 0) {
      return CannotListen(address,
                          errno == EADDRINUSE ? "the address is in use" : std::strerror(errno));
    }
  }
  return absl::OkStatus();
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// For sockets whose natural path is too long.
std::filesystem::path ShortSocketFolder() {
  const std::string runtime = Environment("XDG_RUNTIME_DIR");
  if (!runtime.empty()) {
    return std::filesystem::path(runtime) / "bitscape";
  }
  return std::filesystem::temp_directory_path() / fmt::format("bitscape-{}", getuid());
}

}  // namespace

std::string Address::WithPort(int real_port) const {
  if (is_unix()) {
    return text;
  }
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, real_port)
                                             : fmt::format("[{}]:{}", host, real_port);
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  Address address;
  address.text = std::string(text);
  if (text.starts_with(kUnix)) {
    address.unix_path = std::string(text.substr(kUnix.size()));
    if (address.unix_path.empty() || address.unix_path.size() > kLongestSocketPath) {
      return absl::InvalidArgumentError(
          fmt::format("address '{}': a socket path has 1 to {} bytes, this one {}", text,
                      kLongestSocketPath, address.unix_path.size()));
    }
    return address;
  }
  const size_t colon = text.rfind(':');
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  constexpr int kLastPort = 65535;
  std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    host = "";  // of a bare IPv6 address, too: where its port begins can't be told
  }
  if (host.empty() || digits.empty() || digits.find_first_not_of("0123456789") != digits.npos ||
      !absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &address.port) ||
      address.port > kLastPort) {
    return absl::InvalidArgumentError(fmt::format(
        "address '{}': allowed are HOST:PORT, [IPV6]:PORT and unix:PATH, with ports 0 (any) to {}",
        text, kLastPort));
  }
  address.host = std::string(host);
  return address;
}

absl::Status Probe(const Address& address) {
  return address.is_unix() ? ProbeUnix(address) : ProbeTcp(address);
}

absl::Status PrepareSocketFolder(const std::filesystem::path& socket) {
  const std::filesystem::path folder = socket.parent_path();
  if (folder.empty()) {
    return absl::OkStatus();
  }
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return absl::UnavailableError(fmt::format("can't make the folder of socket {}: {}",
                                              socket.string(), std::strerror(errno)));
  }
  if (folder != ShortSocketFolder()) {
    return absl::OkStatus();
  }
  // It stands in a place where others may write.
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != getuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "{} must be a folder that only this user can enter; move it away", folder.string()));
  }
  return absl::OkStatus();
}

std::filesystem::path UserDataDirectory() {
  if (const std::string home = Environment("BITSCAPE_HOME"); !home.empty()) {
    return home;
  }
  if (const std::string data = Environment("XDG_DATA_HOME"); !data.empty()) {
    return std::filesystem::path(data) / "bitscape";
  }
  const std::string home = Environment("HOME");
  return std::filesystem::path(home.empty() ? "." : home) / ".local/share/bitscape";
}

std::string SocketAddress(const std::filesystem::path& database) {
  const std::filesystem::path absolute = std::filesystem::absolute(database).lexically_normal();
  std::filesystem::path socket = absolute;
  socket += ".sock";
  if (socket.native().size() > kLongestSocketPath) {
    constexpr size_t kDigits = 16;
    socket =
        ShortSocketFolder() / (Digest().Add(absolute.native()).Hex().substr(0, kDigits) + ".sock");
  }
  return fmt::format("unix:{}", socket.string());
}

}  // namespace bitscape::server
