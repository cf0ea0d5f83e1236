#include "engine/quantize/tensor_layout.h"

#include "engine/core/status.h"

namespace bitscape::quantize {
namespace {

using formats::Granularity;

int64_t BlocksOfSegment(const formats::Quantizer& quantizer, const TensorLayout& layout) {
  return (layout.Segment() + quantizer.block_size - 1) / quantizer.block_size;
}

}  // namespace

int64_t GroupCount(const formats::Quantizer& quantizer, const TensorLayout& layout) {
  switch (quantizer.granularity) {
    case Granularity::kTensor:
      return 1;
    case Granularity::kChannel:
      return layout.outer;
    case Granularity::kToken:
    case Granularity::kPosition:
      return layout.outer * layout.inner;
    case Granularity::kBlock:
      return layout.outer * layout.inner * (layout.axis / layout.Segment()) *
             BlocksOfSegment(quantizer, layout);
  }
  BITSCAPE_CHECK(false, "every Granularity has a case");
}

int64_t GroupOf(const formats::Quantizer& quantizer, const TensorLayout& layout, int64_t o,
                int64_t a, int64_t i) {
  switch (quantizer.granularity) {
    case Granularity::kTensor:
      return 0;
    case Granularity::kChannel:
      return o;
    case Granularity::kToken:
    case Granularity::kPosition:
      return o * layout.inner + i;
    case Granularity::kBlock: {
      const int64_t in_segment = BlocksOfSegment(quantizer, layout);
      const int64_t blocks = layout.axis / layout.Segment() * in_segment;
      const int64_t block =
          a / layout.Segment() * in_segment + a % layout.Segment() / quantizer.block_size;
      return (o * blocks + block) * layout.inner + i;
    }
  }
  BITSCAPE_CHECK(false, "every Granularity has a case");
}

}  // namespace bitscape::quantize
