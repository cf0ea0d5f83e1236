// Rounding of activations: one pass over the buffer in the layout it has.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/kernels.h"
#include "engine/formats/codec.h"

namespace bitscape::emulate {
namespace {

// Elements rounded at a time where a pass has two parts, so that the second finds them in the
// first-level cache.
constexpr size_t kChunk = 4096;

class RoundKernel : public Kernel {
 public:
  RoundKernel(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
              const LayoutPtr& from, ElementKind to_elements, RoundTo to)
      : quantizer_(quantizer), scaling_(scaling), to_(to), elements_(to_elements) {
    sources = {from};
    result = WithElements(from, to_elements);
    count_ = static_cast<size_t>(BytesOf(*from)) / sizeof(float);
  }
  bool in_place() const override { return elements_ == ElementKind::kFloat32; }

  void Run(Stream&, std::span<void* const> data, void* result_data, void*) const override {
    const std::span<const float> values(static_cast<const float*>(data[0]), count_);
    switch (elements_) {
      case ElementKind::kFloat32:
        return ToFloat32(values, {static_cast<float*>(result_data), count_});
      case ElementKind::kInt8:
        return formats::EncodeInt8(IntegerElement(), scaling_, values,
                                   {static_cast<int8_t*>(result_data), count_});
      case ElementKind::kUint8:
        return formats::EncodeUint8(UnsignedElement(), scaling_, values,
                                    {static_cast<uint8_t*>(result_data), count_});
      case ElementKind::kBfloat16:
        return ToBfloat16(values, static_cast<uint16_t*>(result_data));
    }
  }

 private:
  const formats::Integer& IntegerElement() const {
    return std::get<formats::Integer>(quantizer_.format.element);
  }

  // The codes of values that are not negative under a signed quantizer: same codes, no sign bit.
  formats::Integer UnsignedElement() const {
    formats::Integer element = IntegerElement();
    if (element.is_signed) {
      element = {.bits = element.bits - 1, .is_signed = false, .full_range = false};
    }
    return element;
  }

  void RoundOnce(const formats::Scaling& scaling, std::span<const float> values,
                 std::span<float> rounded) const {
    formats::Round(quantizer_.format.element, quantizer_.rounding, quantizer_.overflow, scaling,
                   values, rounded);
  }

  // Codes: the division first, as Round does it, then rounding at scale 1.
  void CodesOf(std::span<const float> values, std::span<float> codes) const {
    const float scale = scaling_.scale;
    std::transform(values.begin(), values.end(), codes.begin(),
                   [scale](float value) { return value / scale; });
    RoundOnce({.scale = 1, .zero_point = scaling_.zero_point}, codes, codes);
  }

  void ToFloat32(std::span<const float> values, std::span<float> out) const {
    if (to_ == RoundTo::kValues) {
      return RoundOnce(scaling_, values, out);
    }
    for (size_t begin = 0; begin < values.size(); begin += kChunk) {
      const size_t size = std::min(kChunk, values.size() - begin);
      CodesOf(values.subspan(begin, size), out.subspan(begin, size));
    }
  }

  // bf16 is the upper half of float32; what is dropped is zero for every value that bf16 holds.
  void ToBfloat16(std::span<const float> values, uint16_t* out) const {
    float rounded[kChunk];
    for (size_t begin = 0; begin < values.size(); begin += kChunk) {
      const size_t size = std::min(kChunk, values.size() - begin);
      CodesOf(values.subspan(begin, size), {rounded, size});
      for (size_t i = 0; i < size; ++i) {
        out[begin + i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(rounded[i]) >> 16);
      }
    }
  }

  const formats::Quantizer quantizer_;
  const formats::Scaling scaling_;
  const RoundTo to_;
  const ElementKind elements_;
  size_t count_ = 0;
};

}  // namespace

KernelPtr MakeRound(const formats::Quantizer& quantizer, const formats::Scaling& scaling,
                    const LayoutPtr& from, ElementKind to_elements, RoundTo to) {
  return std::make_shared<RoundKernel>(quantizer, scaling, from, to_elements, to);
}

}  // namespace bitscape::emulate
