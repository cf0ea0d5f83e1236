// One server for one database: an advisory lock on a file beside it.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <memory>

namespace bitscape::server {

// Held until destroyed, or until the process ends in whatever way. The file holds the holder's
// process id as text; it stays when the lock goes (removing it would race with the next holder).
class FileLock {
 public:
  // Locks "<database>.lock", symbolic links followed. Errors: kFailedPrecondition naming the
  // holder; kPermissionDenied.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::filesystem::path& database);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace bitscape::server
