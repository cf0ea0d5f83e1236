// Whole-file reading and writing with limits, and the one rule by which the product finds its data.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitscape {

// The file's bytes. Errors: kNotFound, kPermissionDenied, kInvalidArgument for a folder,
// kResourceExhausted above `max_bytes` (the limit is named).
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes);

// Replaces the file in one step: writes beside it, syncs, renames, syncs the folder. Its
// permissions are those of any new file (0666 and the umask). Thread-safe.
absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

// share/bitscape: $BITSCAPE_DATA_DIR, else ../share/bitscape beside the running binary.
// Holds zoo/, accelerators/, examples/, web/. Errors: kNotFound, naming both places.
absl::StatusOr<std::filesystem::path> DataDirectory();

}  // namespace bitscape
