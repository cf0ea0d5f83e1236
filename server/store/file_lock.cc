#include "server/store/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace bitscape::server {
namespace {

std::string ErrorText(int error) { return std::generic_category().message(error); }

std::string Holder(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(descriptor, text.data(), text.size(), 0);
  std::string pid(text.data(), length > 0 ? static_cast<size_t>(length) : 0);
  while (!pid.empty() && pid.back() == '\n') {
    pid.pop_back();
  }
  return pid.empty() ? "another process" : "process " + pid;
}

// The file that `database` stands for, which need not exist: a symbolic link must not give one
// database two locks.
std::filesystem::path RealPath(std::filesystem::path database) {
  constexpr int kMostLinks = 40;  // as the system has it
  std::error_code error;
  for (int link = 0; link < kMostLinks && std::filesystem::is_symlink(database, error); ++link) {
    database = database.parent_path() / std::filesystem::read_symlink(database, error);
  }
  std::filesystem::path real = std::filesystem::weakly_canonical(database, error);
  return error ? database : real;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(const std::filesystem::path& database) {
  const std::string path = RealPath(database).string() + ".lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return absl::PermissionDeniedError(
        fmt::format("cannot open lock file '{}': {}", path, ErrorText(errno)));
  }
  std::unique_ptr<FileLock> lock(new FileLock(descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return absl::InternalError(fmt::format("cannot lock '{}': {}", path, ErrorText(errno)));
    }
    return absl::FailedPreconditionError(
        fmt::format("database '{}' is in use by {} (lock file '{}')", database.string(),
                    Holder(descriptor), path));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return absl::InternalError(fmt::format("cannot write '{}': {}", path, ErrorText(errno)));
  }
  return lock;
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace bitscape::server
