// The files that commands read and write.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitscape::cli {

// The bytes of a file, or of stdin for "-". Errors: kNotFound, kInvalidArgument for a folder, for
// what can't be read, and above `max_bytes`.
absl::StatusOr<std::string> ReadInput(const std::filesystem::path& path, int64_t max_bytes);

// Writes beside the file, then renames: a reader sees the old file or the new one. Errors:
// kInvalidArgument naming the file and the reason.
absl::Status WriteOutput(const std::filesystem::path& path, std::string_view bytes);

}  // namespace bitscape::cli
