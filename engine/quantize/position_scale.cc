#include "engine/quantize/position_scale.h"

#include <algorithm>
#include <cmath>

#include "engine/core/status.h"

namespace bitscape::quantize {
namespace {

// [height, width]: the mean of |x| over the channels of one group.
void MeanMagnitude(std::span<const float> channels, std::span<float> mean) {
  const size_t plane = mean.size();
  std::fill(mean.begin(), mean.end(), 0.0F);
  for (size_t first = 0; first < channels.size(); first += plane) {
    for (size_t i = 0; i < plane; ++i) mean[i] += std::fabs(channels[first + i]);
  }
  const float count = static_cast<float>(channels.size() / plane);
  for (float& value : mean) value /= count;
}

struct Axis {
  int64_t size, stride, dilation, pad;
  // Where tap `tap` of output `output` lies in the input; outside [0, size) it is padding.
  int64_t At(int64_t output, int64_t tap) const { return output * stride + tap * dilation - pad; }
  bool Holds(int64_t position) const { return position >= 0 && position < size; }
};

// Adds row `input` of A under each tap of the kernel's row to a row of sums.
void AddRow(const Axis& x, int64_t taps, std::span<const float> input, std::span<float> sums) {
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (size_t output = 0; output < sums.size(); ++output) {
      const int64_t position = x.At(static_cast<int64_t>(output), tap);
      if (x.Holds(position)) sums[output] += input[static_cast<size_t>(position)];
    }
  }
}

}  // namespace

void PositionScales(const PositionWindow& window, std::span<const float> image,
                    std::span<float> scales, std::vector<float>& scratch) {
  const size_t plane = static_cast<size_t>(window.height * window.width);
  const size_t group = static_cast<size_t>(window.channels / window.groups) * plane;
  const size_t row = static_cast<size_t>(window.output_width);
  const size_t map = static_cast<size_t>(window.output_height) * row;
  BITSCAPE_CHECK(window.channels % window.groups == 0, "groups divide the channels");
  BITSCAPE_CHECK(image.size() == group * static_cast<size_t>(window.groups), "one whole image");
  BITSCAPE_CHECK(scales.size() == map * static_cast<size_t>(window.groups),
                 "a scale for each output position of each group");
  const Axis y{window.height, window.stride_y, window.dilation_y, window.pad_top};
  const Axis x{window.width, window.stride_x, window.dilation_x, window.pad_left};
  const float taps = static_cast<float>(window.kernel_height * window.kernel_width);
  scratch.resize(plane);
  std::fill(scales.begin(), scales.end(), 0.0F);
  for (size_t g = 0; g < static_cast<size_t>(window.groups); ++g) {
    MeanMagnitude(image.subspan(g * group, group), scratch);
    for (int64_t output = 0; output < window.output_height; ++output) {
      const std::span<float> sums =
          scales.subspan(g * map + static_cast<size_t>(output) * row, row);
      for (int64_t tap = 0; tap < window.kernel_height; ++tap) {
        const int64_t position = y.At(output, tap);
        if (!y.Holds(position)) continue;
        AddRow(x, window.kernel_width,
               std::span(scratch).subspan(static_cast<size_t>(position * window.width),
                                          static_cast<size_t>(window.width)),
               sums);
      }
      for (float& sum : sums) sum /= taps;
    }
  }
}

}  // namespace bitscape::quantize
