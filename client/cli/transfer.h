// Files travel in chunks.
#pragma once

#include <cstddef>
#include <string_view>

namespace bitscape::cli {

inline constexpr size_t kChunkBytes = 1 << 20;

// Calls `send` with each chunk until it returns false.
template <typename Send>
void ForEachChunk(std::string_view bytes, const Send& send) {
  for (size_t begin = 0; begin < bytes.size(); begin += kChunkBytes) {
    if (!send(bytes.substr(begin, kChunkBytes))) return;
  }
}

}  // namespace bitscape::cli
