#include "engine/network/window.h"

#include <fmt/format.h>

namespace bitscape::network {

absl::StatusOr<int64_t> WindowPositions(int64_t size, const Window& window) {
  const struct {
    const char* what;
    int64_t value, lowest;
  } limits[] = {{"kernel", window.kernel, 1},     {"stride", window.stride, 1},
                {"dilation", window.dilation, 1}, {"padding", window.pad_before, 0},
                {"padding", window.pad_after, 0}, {"input size", size, 1}};
  for (const auto& limit : limits) {
    if (limit.value < limit.lowest || limit.value > kMaxWindowValue) {
      return absl::InvalidArgumentError(fmt::format("{} {} is not in {}..{}", limit.what,
                                                    limit.value, limit.lowest, kMaxWindowValue));
    }
  }
  const int64_t room = size + window.pad_before + window.pad_after - window.extent();
  if (room < 0) {
    return absl::InvalidArgumentError(fmt::format(
        "kernel {} with dilation {} covers {} elements, the padded input has {}", window.kernel,
        window.dilation, window.extent(), size + window.pad_before + window.pad_after));
  }
  return room / window.stride + 1;
}

bool EveryPositionSeesInput(int64_t size, const Window& window, int64_t positions) {
  for (int64_t i = 0; i < positions; ++i) {
    const int64_t start = i * window.stride - window.pad_before;
    // The first tap at or after element 0.
    const int64_t skipped = start < 0 ? (-start + window.dilation - 1) / window.dilation : 0;
    if (skipped >= window.kernel || start + skipped * window.dilation >= size) return false;
  }
  return true;
}

std::array<Window, 2> Windows(const std::array<int64_t, 2>& kernel,
                              const std::array<int64_t, 2>& stride,
                              const std::array<int64_t, 2>& dilation,
                              const std::array<int64_t, 4>& pad) {
  return {Window{kernel[0], stride[0], dilation[0], pad[0], pad[2]},
          Window{kernel[1], stride[1], dilation[1], pad[1], pad[3]}};
}

}  // namespace bitscape::network
