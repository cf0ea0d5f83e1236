// Arithmetic of sliding windows (convolution and pooling) along one axis.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>

#include "engine/network/network.h"

namespace bitscape::network {

// Every size and attribute of a window is at most this, so that no product below overflows.
inline constexpr int64_t kMaxWindowValue = int64_t{1} << 30;

// A window along one axis; all in elements. `extent` is what the dilated kernel covers.
struct Window {
  int64_t kernel = 1, stride = 1, dilation = 1, pad_before = 0, pad_after = 0;
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
};

// Number of window positions on `size` inputs, rounded down.
// Errors: kInvalidArgument for attributes out of range, or a window larger than the padded input.
absl::StatusOr<int64_t> WindowPositions(int64_t size, const Window& window);

// Whether every position of a checked window covers at least one input element (pooling needs one).
// Takes no longer for more positions.
bool EveryPositionSeesInput(int64_t size, const Window& window, int64_t positions);

// The windows of a 2-d operator: vertical, horizontal. `pad` is top, left, bottom, right.
std::array<Window, 2> Windows(const std::array<int64_t, 2>& kernel,
                              const std::array<int64_t, 2>& stride,
                              const std::array<int64_t, 2>& dilation,
                              const std::array<int64_t, 4>& pad);

}  // namespace bitscape::network
