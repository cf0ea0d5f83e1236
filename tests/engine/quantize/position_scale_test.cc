// K = A * k of XNOR-Net against its definition: a sum over the channels, rows and columns that each
// output position sees.
#include "engine/quantize/position_scale.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/core/random.h"

namespace bitscape::quantize {
namespace {

using testing::ElementsAre;

int64_t OutputSize(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  return (size + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
}

PositionWindow Window(int64_t channels, int64_t height, int64_t width, int64_t kernel,
                      int64_t stride = 1, int64_t pad = 0, int64_t dilation = 1,
                      int64_t groups = 1) {
  PositionWindow window;
  window.channels = channels;
  window.height = height;
  window.width = width;
  window.groups = groups;
  window.kernel_height = window.kernel_width = kernel;
  window.stride_y = window.stride_x = stride;
  window.dilation_y = window.dilation_x = dilation;
  window.pad_top = window.pad_left = pad;
  window.output_height = OutputSize(height, kernel, stride, dilation, pad);
  window.output_width = OutputSize(width, kernel, stride, dilation, pad);
  return window;
}

std::vector<float> ScalesOf(const PositionWindow& window, const std::vector<float>& image) {
  std::vector<float> scales(
      static_cast<size_t>(window.groups * window.output_height * window.output_width), -1);
  std::vector<float> scratch;
  PositionScales(window, image, scales, scratch);
  return scales;
}

double Definition(const PositionWindow& w, const std::vector<float>& image, int64_t group,
                  int64_t oy, int64_t ox) {
  const int64_t channels = w.channels / w.groups;
  double sum = 0;
  for (int64_t ky = 0; ky < w.kernel_height; ++ky) {
    for (int64_t kx = 0; kx < w.kernel_width; ++kx) {
      const int64_t y = oy * w.stride_y + ky * w.dilation_y - w.pad_top;
      const int64_t x = ox * w.stride_x + kx * w.dilation_x - w.pad_left;
      if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
      for (int64_t c = group * channels; c < (group + 1) * channels; ++c) {
        sum += std::fabs(image[static_cast<size_t>((c * w.height + y) * w.width + x)]);
      }
    }
  }
  return sum / static_cast<double>(channels * w.kernel_height * w.kernel_width);
}

TEST(PositionScales, AveragesMagnitudesOverChannelsAndWindow) {
  // A = [[1.5, 3], [1, 0]] over a 2x2 window: 5.5 / 4.
  const std::vector<float> image = {1, -2, 0, 0, -2, 4, 2, 0};
  EXPECT_THAT(ScalesOf(Window(2, 2, 2, 2), image), ElementsAre(1.375F));
  // One position, no window: the mean of a row of a matrix product.
  EXPECT_THAT(ScalesOf(Window(4, 1, 1, 1), {1, -1, 3, -5}), ElementsAre(2.5F));
}

TEST(PositionScales, PaddingCountsAsZero) {
  EXPECT_THAT(ScalesOf(Window(1, 1, 1, 3, 1, 1), {9}), ElementsAre(1));
}

TEST(PositionScales, FollowTheDefinition) {
  const PositionWindow windows[] = {Window(3, 8, 8, 3, 1, 1),       Window(16, 9, 7, 3, 2, 1),
                                    Window(4, 11, 11, 3, 1, 2, 2),  Window(6, 5, 5, 1, 2),
                                    Window(8, 6, 6, 3, 1, 1, 1, 8), Window(8, 6, 6, 3, 1, 1, 1, 2),
                                    Window(5, 4, 9, 4, 3, 3),       Window(64, 1, 1, 1)};
  uint64_t stream = 0;
  for (PositionWindow window : windows) {
    SCOPED_TRACE(stream++);
    if (stream == 7) {  // uneven windows, too
      window.kernel_width = 2;
      window.stride_x = 1;
      window.pad_left = 0;
      window.output_width = OutputSize(window.width, 2, 1, 1, 0);
    }
    std::vector<float> image(static_cast<size_t>(window.channels * window.height * window.width));
    for (size_t i = 0; i < image.size(); ++i) {
      image[i] = static_cast<float>(2 * RandomUniform(1, stream, i) - 1);
    }
    const std::vector<float> scales = ScalesOf(window, image);
    size_t index = 0;
    for (int64_t group = 0; group < window.groups; ++group) {
      for (int64_t y = 0; y < window.output_height; ++y) {
        for (int64_t x = 0; x < window.output_width; ++x, ++index) {
          const double expected = Definition(window, image, group, y, x);
          // A sum of up to 64 + 16 float32 terms, all positive.
          ASSERT_NEAR(scales[index], expected, 80 * 0x1p-24 * expected);
        }
      }
    }
  }
}

TEST(PositionScales, NanReachesThePositionsThatSeeIt) {
  std::vector<float> image(16, 1);
  image[0] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> scales = ScalesOf(Window(1, 4, 4, 2), image);
  EXPECT_TRUE(std::isnan(scales[0]));
  for (size_t i = 1; i < scales.size(); ++i) EXPECT_EQ(scales[i], 1);
}

}  // namespace
}  // namespace bitscape::quantize
