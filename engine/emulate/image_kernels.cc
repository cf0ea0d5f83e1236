// Kernels for quantizers that look at each image: dynamic ranges, tokens, blocks, positions. Plain
// layouts.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/kernels.h"
#include "engine/quantize/group_rounding.h"

namespace bitscape::emulate {
namespace {

std::span<const float> Part(void* data, size_t index, size_t size) {
  return {static_cast<const float*>(data) + index * size, size};
}
std::span<float> MutablePart(void* data, size_t index, size_t size) {
  return {static_cast<float*>(data) + index * size, size};
}

// Image by image: calls visit(values, results, image), with the elements of `layout` and
// `result_size` results.
template <typename Visit>
void ForEachImage(const RoundImagesSpec& spec, void* data, void* result_data, size_t result_size,
                  Visit&& visit) {
  const size_t elements = static_cast<size_t>(spec.layout.elements());
  for (int64_t image = 0; image < spec.images; ++image) {
    const size_t index = static_cast<size_t>(image);
    visit(Part(data, index, elements), MutablePart(result_data, index, result_size), image);
  }
}

formats::RandomKey KeyOf(const RoundImagesSpec& spec, const RunContext& context, int64_t image) {
  formats::RandomKey key = spec.random;
  key.first = static_cast<uint64_t>((context.first_image + image) * spec.image_elements);
  return key;
}

// Rounds each image to values, or to integer codes.
class RoundImagesKernel : public Kernel {
 public:
  RoundImagesKernel(RoundImagesSpec spec, const LayoutPtr& plain, bool to_codes)
      : spec_(std::move(spec)), to_codes_(to_codes) {
    sources = {plain};
    result = plain;
  }
  bool in_place() const override { return true; }

  void Run(Stream& stream, std::span<void* const> data, void* result_data, void*) const override {
    RunContext& context = ContextOf(stream);
    ForEachImage(spec_, data[0], result_data, static_cast<size_t>(spec_.layout.elements()),
                 [&](std::span<const float> values, std::span<float> rounded, int64_t image) {
                   const formats::RandomKey key = KeyOf(spec_, context, image);
                   if (to_codes_) {
                     CodesOfImage(values, rounded, key, context.scratch);
                   } else {
                     quantize::RoundActivations(spec_.quantizer, spec_.calibrated, spec_.layout,
                                                values, rounded, key, context.scratch);
                   }
                 });
  }

 private:
  void CodesOfImage(std::span<const float> values, std::span<float> codes, formats::RandomKey key,
                    std::vector<float>& scratch) const {
    std::vector<formats::Scaling> scalings;
    const absl::Status status =
        quantize::RoundGroups(spec_.quantizer, spec_.layout, spec_.calibrated.tensor_scale, values,
                              codes, key, scratch, &scalings);
    BITSCAPE_CHECK(status.ok(), "CheckActivations refuses what can't be computed");
    size_t next = 0;
    for (int64_t o = 0; o < spec_.layout.outer; ++o) {
      for (int64_t a = 0; a < spec_.layout.axis; ++a) {
        for (int64_t i = 0; i < spec_.layout.inner; ++i, ++next) {
          const int64_t group = quantize::GroupOf(spec_.quantizer, spec_.layout, o, a, i);
          // The value is code * scale, rounded: dividing gives the integer back to within one unit
          // in its last place.
          codes[next] = std::nearbyint(codes[next] / scalings[static_cast<size_t>(group)].scale);
        }
      }
    }
  }

  const RoundImagesSpec spec_;
  const bool to_codes_;
};

class ImageScalesKernel : public Kernel {
 public:
  ImageScalesKernel(RoundImagesSpec spec, const LayoutPtr& plain, std::vector<int64_t> group_of,
                    const Shape& shape)
      : spec_(std::move(spec)), group_of_(std::move(group_of)) {
    sources = {plain};
    result = PlainLayout(shape);
  }

  void Run(Stream& stream, std::span<void* const> data, void* result_data, void*) const override {
    RunContext& context = ContextOf(stream);
    std::vector<formats::Scaling> scalings;
    ForEachImage(
        spec_, data[0], result_data, group_of_.size(),
        [&](std::span<const float> values, std::span<float> scales, int64_t) {
          scalings.clear();
          const absl::Status status =
              quantize::FitGroups(spec_.quantizer, spec_.layout, spec_.calibrated.tensor_scale,
                                  values, context.scratch, scalings);
          BITSCAPE_CHECK(status.ok(), "CheckActivations refuses what can't be computed");
          std::transform(group_of_.begin(), group_of_.end(), scales.begin(), [&](int64_t group) {
            return group < 0 ? 1.0F : scalings[static_cast<size_t>(group)].scale;
          });
        });
  }

 private:
  const RoundImagesSpec spec_;
  const std::vector<int64_t> group_of_;
};

class PositionMapKernel : public Kernel {
 public:
  PositionMapKernel(const quantize::PositionWindow& window, int64_t rows, const LayoutPtr& input)
      : window_(window), rows_(static_cast<size_t>(rows)) {
    sources = {input};
    result = PlainLayout({rows, window.groups, window.output_height, window.output_width});
  }

  void Run(Stream& stream, std::span<void* const> data, void* result_data, void*) const override {
    const auto input = static_cast<size_t>(window_.channels * window_.height * window_.width);
    const auto map =
        static_cast<size_t>(window_.groups * window_.output_height * window_.output_width);
    for (size_t row = 0; row < rows_; ++row) {
      quantize::PositionScales(window_, Part(data[0], row, input),
                               MutablePart(result_data, row, map), ContextOf(stream).scratch);
    }
  }

 private:
  const quantize::PositionWindow window_;
  const size_t rows_;
};

class PositionScaleKernel : public Kernel {
 public:
  PositionScaleKernel(const LayoutPtr& map, const LayoutPtr& sums, std::vector<float> bias)
      : bias_(std::move(bias)) {
    const Shape shape = DimensionsOf(*map);
    rows_ = static_cast<size_t>(shape[0]);
    groups_ = static_cast<size_t>(shape[1]);
    positions_ = static_cast<size_t>(shape[2] * shape[3]);
    const auto elements = static_cast<size_t>(network::ElementCount(DimensionsOf(*sums)));
    channels_ = elements / (rows_ * positions_);
    sources = {sums, map};
    result = sums;
  }

  void Run(Stream&, std::span<void* const> data, void* result_data, void*) const override {
    const size_t channels_of_group = channels_ / groups_;
    for (size_t row = 0; row < rows_; ++row) {
      for (size_t channel = 0; channel < channels_; ++channel) {
        const size_t at = row * channels_ + channel;
        const std::span<const float> sums = Part(data[0], at, positions_);
        const std::span<const float> scales =
            Part(data[1], row * groups_ + channel / channels_of_group, positions_);
        const std::span<float> scaled = MutablePart(result_data, at, positions_);
        const float bias = bias_.empty() ? 0 : bias_[channel];
        for (size_t i = 0; i < positions_; ++i) {
          scaled[i] = sums[i] * scales[i] + bias;
        }
      }
    }
  }

 private:
  const std::vector<float> bias_;
  size_t rows_ = 0, groups_ = 0, positions_ = 0, channels_ = 0;
};

}  // namespace

KernelPtr MakeRoundImages(RoundImagesSpec spec, const LayoutPtr& plain) {
  return std::make_shared<RoundImagesKernel>(std::move(spec), plain, false);
}

KernelPtr MakeImageCodes(RoundImagesSpec spec, const LayoutPtr& plain) {
  return std::make_shared<RoundImagesKernel>(std::move(spec), plain, true);
}

KernelPtr MakeImageScales(RoundImagesSpec spec, const LayoutPtr& plain,
                          std::vector<int64_t> group_of, const Shape& result) {
  return std::make_shared<ImageScalesKernel>(std::move(spec), plain, std::move(group_of), result);
}

KernelPtr MakePositionMap(const quantize::PositionWindow& window, int64_t rows,
                          const LayoutPtr& input) {
  return std::make_shared<PositionMapKernel>(window, rows, input);
}

KernelPtr MakePositionScale(const LayoutPtr& map, const LayoutPtr& sums, std::vector<float> bias) {
  return std::make_shared<PositionScaleKernel>(map, sums, std::move(bias));
}

}  // namespace bitscape::emulate
