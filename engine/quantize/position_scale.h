// XNOR-Net's scale for each output position of a convolution over signs (Rastegari et al., ECCV
// 2016, section 3.2): K = A * k, where A is the mean of |x| over the channels and k averages a
// kernel's window.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bitscape::quantize {

// The window of a convolution, as its layer has it. Positions that the padding adds count as 0.
struct PositionWindow {
  int64_t channels = 0, height = 1, width = 1;  // of the input
  int64_t groups = 1;                           // channels is a multiple of it
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_y = 1, stride_x = 1;
  int64_t dilation_y = 1, dilation_x = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t output_height = 1, output_width = 1;
};

// Scales [groups, output_height, output_width] of one image [channels, height, width]: each
// group's outputs are multiplied by its own map. A row of a matrix product is an image of one
// position. float32; sums run over channels, then over the window's rows and columns, in ascending
// order. NaN and infinities spread to the positions that see them. `scratch` is working memory
// that the caller keeps between calls.
void PositionScales(const PositionWindow& window, std::span<const float> image,
                    std::span<float> scales, std::vector<float>& scratch);

}  // namespace bitscape::quantize
