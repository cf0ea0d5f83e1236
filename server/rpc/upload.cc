#include "server/rpc/upload.h"

#include <fmt/format.h>

#include "server/rpc/services.h"
#include "server/specs/convert.h"

namespace bitscape::server {

absl::Status Upload::Append(std::string_view chunk, std::string* file) {
  const auto size = static_cast<int64_t>(chunk.size());
  if (size > kMaxChunkBytes) {
    return FieldError("chunk",
                      fmt::format("has {} bytes; a chunk has at most {}", size, kMaxChunkBytes));
  }
  if (size > limit_ - received_) {
    return absl::ResourceExhaustedError(
        fmt::format("more than {} bytes were sent, the most that this call takes", limit_));
  }
  received_ += size;
  file->append(chunk);
  return absl::OkStatus();
}

}  // namespace bitscape::server
