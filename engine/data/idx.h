// IDX files (the format of MNIST), plain or gzip.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::data {

// Most bytes of one file, unpacked.
inline constexpr int64_t kMaxIdxBytes = int64_t{4} << 30;

// An IDX array of unsigned bytes: row-major, any number of dimensions.
struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;
};

// Reads a whole file; gzip is recognised by its first bytes.
// Errors: kNotFound, kInvalidArgument (magic, sizes that don't match the file, damaged gzip),
// kResourceExhausted above `max_bytes` unpacked. Messages name the file.
absl::StatusOr<IdxArray> ReadIdx(const std::filesystem::path& path,
                                 int64_t max_bytes = kMaxIdxBytes);

// The same for bytes in memory, named `file` in messages.
absl::StatusOr<IdxArray> ParseIdx(std::string_view bytes, std::string_view file,
                                  int64_t max_bytes = kMaxIdxBytes);

}  // namespace bitscape::data
