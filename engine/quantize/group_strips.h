// Groups as they lie in memory: strips of rows whose columns are the groups.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/formats/quantizer.h"
#include "engine/quantize/tensor_layout.h"

namespace bitscape::quantize {

// A contiguous range of a tensor: element (row, column) stands at first + row * width + column and
// belongs to group first_group + column. Groups of `width` 1 are contiguous themselves.
struct Strip {
  size_t first = 0;
  size_t length = 0;  // rows: elements of each group
  size_t width = 0;   // columns: groups
  size_t first_group = 0;
};

// Calls visit(Strip) for each strip in the order of memory: every element is in exactly one.
template <typename Visit>
void ForEachStrip(const formats::Quantizer& quantizer, const TensorLayout& layout, Visit&& visit) {
  using formats::Granularity;
  const bool by_outer = quantizer.granularity != Granularity::kTensor;
  const bool by_inner = quantizer.granularity == Granularity::kToken ||
                        quantizer.granularity == Granularity::kPosition ||
                        quantizer.granularity == Granularity::kBlock;
  const auto size = [](int64_t count) { return static_cast<size_t>(count); };
  const size_t width = by_inner ? size(layout.inner) : 1;
  const size_t plane = size(layout.axis * layout.inner);
  const size_t strips = by_outer ? size(layout.outer) : 1;
  const size_t rows = (by_outer ? plane : size(layout.elements())) / width;
  const bool blocks = quantizer.granularity == Granularity::kBlock;
  const size_t segment = blocks ? size(layout.Segment()) : rows;
  const size_t block = blocks ? size(quantizer.block_size) : rows;
  Strip strip{.width = width};
  for (size_t outer = 0; outer < strips; ++outer) {
    for (size_t begin = 0; begin < rows; begin += segment) {
      for (size_t row = 0; row < segment; row += block) {
        strip.length = segment - row < block ? segment - row : block;
        visit(strip);
        strip.first += strip.length * width;
        strip.first_group += width;
      }
    }
  }
}

}  // namespace bitscape::quantize
