#include "engine/network/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace bitscape::network {
namespace {

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The smallest n with low <= step * n mod modulus <= high, for 0 <= step < modulus and
// 0 < low <= high < modulus. In logarithmic time, as Euclid's algorithm.
std::optional<int64_t> FirstMultipleIn(int64_t step, int64_t modulus, int64_t low, int64_t high) {
  if (step == 0) return std::nullopt;
  const int64_t direct = CeilDivide(low, step);
  if (step * direct <= high) return direct;
  // The fewest turns around `modulus` after which a multiple of `step` lies in the range.
  const std::optional<int64_t> turns =
      FirstMultipleIn(modulus % step, step, step - high % step, step - low % step);
  if (!turns.has_value()) return std::nullopt;
  return CeilDivide(low + modulus * *turns, step);
}

}  // namespace

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
  const int64_t first = -window.pad_before;
  const int64_t last = first + (positions - 1) * window.stride;
  // The first window ends before element 0, or the last starts after the input.
  if (-first > (window.kernel - 1) * window.dilation || last >= size) return false;
  if (window.dilation <= size) return true;
  // Taps so far apart can step over the whole input. A window that starts at `start` < 0 has its
  // first tap at or after 0 at start mod dilation.
  const int64_t negative = std::min(positions, CeilDivide(window.pad_before, window.stride));
  if (negative == 0) return true;
  const int64_t landing = (window.dilation - window.pad_before % window.dilation) % window.dilation;
  if (landing >= size) return false;
  const std::optional<int64_t> miss =
      FirstMultipleIn(window.stride % window.dilation, window.dilation, size - landing,
                      window.dilation - 1 - landing);
  return !miss.has_value() || *miss >= negative;
}

std::array<Window, 2> Windows(const std::array<int64_t, 2>& kernel,
                              const std::array<int64_t, 2>& stride,
                              const std::array<int64_t, 2>& dilation,
                              const std::array<int64_t, 4>& pad) {
  return {Window{kernel[0], stride[0], dilation[0], pad[0], pad[2]},
          Window{kernel[1], stride[1], dilation[1], pad[1], pad[3]}};
}

}  // namespace bitscape::network
