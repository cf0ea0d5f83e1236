#include "engine/core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "engine/core/status.h"

namespace bitscape {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  bool Close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 || close(fd) == 0;
  }

 private:
  int fd_;
};

absl::Status ErrnoStatus(int error, const std::string& what) {
  const std::string message = fmt::format("{}: {}", what, std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnknownError(message);
  }
}

// Makes a rename in the folder last.
absl::Status SyncFolder(const std::filesystem::path& folder) {
  FileDescriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || fsync(opened.get()) != 0) return ErrnoStatus(errno, folder.string());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return ErrnoStatus(errno, path.string());
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, path.string());
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: is a folder, expected a file", path.string()));
  }
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = read(file.get(), buffer, sizeof(buffer));
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, path.string());
    }
    if (got == 0) return bytes;
    if (static_cast<int64_t>(bytes.size()) + got > max_bytes) {
      return absl::ResourceExhaustedError(
          fmt::format("{}: larger than the limit of {} bytes", path.string(), max_bytes));
    }
    bytes.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes) {
  // open() gives the file the permissions of any new one; mkstemp() would make it private.
  static std::atomic<uint64_t> next_name = 0;
  std::string temporary;
  int opened = -1;
  do {
    temporary = fmt::format("{}.{}.{}", path.string(), getpid(), next_name++);
    opened = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (opened < 0 && errno == EEXIST);
  if (opened < 0) return ErrnoStatus(errno, path.string());
  FileDescriptor file(opened);
  const auto fail = [&] {
    const absl::Status status = ErrnoStatus(errno, path.string());
    unlink(temporary.c_str());
    return status;
  };
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t put = write(file.get(), bytes.data() + written, bytes.size() - written);
    if (put < 0 && errno != EINTR) return fail();
    if (put > 0) written += static_cast<size_t>(put);
  }
  if (fsync(file.get()) != 0 || !file.Close()) return fail();
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail();
  return SyncFolder(path.has_parent_path() ? path.parent_path() : ".");
}

absl::StatusOr<std::filesystem::path> DataDirectory() {
  std::error_code error;
  if (const char* named = std::getenv("BITSCAPE_DATA_DIR"); named != nullptr && *named != '\0') {
    if (std::filesystem::is_directory(named, error)) return std::filesystem::path(named);
    return absl::NotFoundError(
        fmt::format("BITSCAPE_DATA_DIR names {}, which is not a folder", named));
  }
  const std::filesystem::path binary = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside =
      (binary.parent_path().parent_path() / "share" / "bitscape").lexically_normal();
  if (!error && std::filesystem::is_directory(beside, error)) return beside;
  return absl::NotFoundError(fmt::format(
      "no data folder: BITSCAPE_DATA_DIR is not set and {} is not a folder", beside.string()));
}

}  // namespace bitscape
