// Limits of files that arrive in chunks.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace bitscape::server {

// Collects chunks into files of at most `limit` bytes in all.
class Upload {
 public:
  explicit Upload(int64_t limit) : limit_(limit) {}
  // Errors: kInvalidArgument for a chunk over 1 MiB; kResourceExhausted over the limit.
  absl::Status Append(std::string_view chunk, std::string* file);

 private:
  const int64_t limit_;
  int64_t received_ = 0;
};

}  // namespace bitscape::server
