#include "client/cli/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace bitscape::cli {
namespace {

struct Closer {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, Closer>;

}  // namespace

absl::StatusOr<std::string> ReadInput(const std::filesystem::path& path, int64_t max_bytes) {
  const bool from_stdin = path == "-";
  const std::string name = from_stdin ? "stdin" : path.string();
  std::error_code ignored;
  if (!from_stdin && std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(fmt::format("{}: is a folder, not a file", name));
  }
  const File file(from_stdin ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) {
    const std::string message = fmt::format("{}: {}", name, std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::InvalidArgumentError(message);
  }
  std::string bytes;
  std::array<char, 65536> chunk;
  for (;;) {
    const size_t size = std::fread(chunk.data(), 1, chunk.size(), file.get());
    bytes.append(chunk.data(), size);
    if (static_cast<int64_t>(bytes.size()) > max_bytes) {
      return absl::InvalidArgumentError(
          fmt::format("{}: more than {} bytes, the limit", name, max_bytes));
    }
    if (size < chunk.size()) break;
  }
  if (std::ferror(file.get()) != 0) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", name, std::strerror(errno)));
  }
  return bytes;
}

absl::Status WriteOutput(const std::filesystem::path& path, std::string_view bytes) {
  const std::string partial = fmt::format("{}.{}.part", path.string(), getpid());
  const auto failure = [&] {
    const std::string reason = std::strerror(errno);
    std::remove(partial.c_str());
    return absl::InvalidArgumentError(fmt::format("can't write {}: {}", path.string(), reason));
  };
  std::FILE* file = std::fopen(partial.c_str(), "wb");
  if (file == nullptr) return failure();
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed || std::rename(partial.c_str(), path.c_str()) != 0) return failure();
  return absl::OkStatus();
}

}  // namespace bitscape::cli
