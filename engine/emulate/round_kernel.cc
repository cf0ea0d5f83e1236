// Rounding of activations under one scaling: one pass over the buffer in the layout it has.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <variant>

#include "engine/core/status.h"
#include "engine/emulate/kernels.h"
#include "engine/emulate/round_codes.h"
#include "engine/formats/codec.h"

namespace bitscape::emulate {
namespace {

// Elements rounded at a time where a pass has two parts, so that the second finds them in the
// first-level cache.
constexpr size_t kChunk = 4096;

// bf16 is the upper half of float32; what is dropped is zero for every value that bf16 holds.
uint16_t ToBfloat16(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

class RoundKernel : public Kernel {
 public:
  RoundKernel(const RoundSpec& spec, const LayoutPtr& from, ElementKind to_elements)
      : spec_(spec), elements_(to_elements) {
    sources = {from};
    result = WithElements(from, to_elements);
    count_ = static_cast<size_t>(BytesOf(*from)) / sizeof(float);
  }
  bool in_place() const override { return elements_ == ElementKind::kFloat32; }

  void Run(Stream& stream, std::span<void* const> data, void* result_data, void*) const override {
    const std::span<const float> values(static_cast<const float*>(data[0]), count_);
    formats::RandomKey key = spec_.random;
    key.first = static_cast<uint64_t>(ContextOf(stream).first_image * spec_.image_elements);
    switch (elements_) {
      case ElementKind::kFloat32:
        return ToFloat32(values, {static_cast<float*>(result_data), count_}, key);
      case ElementKind::kInt8:
        return ToInt8(values, {static_cast<int8_t*>(result_data), count_}, key);
      case ElementKind::kUint8:
        return ToUint8(values, {static_cast<uint8_t*>(result_data), count_}, key);
      case ElementKind::kBfloat16:
        return Convert(values, static_cast<uint16_t*>(result_data), key, ToBfloat16);
    }
  }

 private:
  // What EncodeInt8 and EncodeUint8 compute: nearest, saturated codes without a zero point.
  const formats::Integer* PlainInteger() const {
    const formats::Quantizer& quantizer = spec_.quantizer;
    const bool plain = quantizer.rounding == formats::Rounding::kNearestEven &&
                       quantizer.overflow == formats::Overflow::kSaturate &&
                       !quantizer.format.zero_point;
    return plain ? std::get_if<formats::Integer>(&quantizer.format.element) : nullptr;
  }

  void ToInt8(std::span<const float> values, std::span<int8_t> out,
              const formats::RandomKey& key) const {
    if (const formats::Integer* element = PlainInteger()) {
      return formats::EncodeInt8(*element, spec_.scaling, values, out);
    }
    Convert(values, out.data(), key, [](float code) { return static_cast<int8_t>(code); });
  }

  // The codes of values that are not negative under a signed quantizer: same codes, no sign bit.
  void ToUint8(std::span<const float> values, std::span<uint8_t> out,
               const formats::RandomKey& key) const {
    if (const formats::Integer* element = PlainInteger()) {
      const formats::Integer codes{.bits = element->bits - (element->is_signed ? 1 : 0),
                                   .is_signed = false,
                                   .full_range = false};
      return formats::EncodeUint8(codes, spec_.scaling, values, out);
    }
    Convert(values, out.data(), key, [](float code) { return static_cast<uint8_t>(code); });
  }

  void ToFloat32(std::span<const float> values, std::span<float> out,
                 const formats::RandomKey& key) const {
    const formats::Quantizer& quantizer = spec_.quantizer;
    if (spec_.to == RoundTo::kValues) {
      return formats::Round(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                            spec_.scaling, values, out, key);
    }
    ForEachChunk(values.size(), key, [&](size_t begin, size_t size, const auto& own) {
      RoundToCodes(quantizer, spec_.scaling, values.subspan(begin, size), out.subspan(begin, size),
                   own);
    });
  }

  template <typename T, typename Function>
  void Convert(std::span<const float> values, T* out, const formats::RandomKey& key,
               Function convert) const {
    float codes[kChunk];
    ForEachChunk(values.size(), key, [&](size_t begin, size_t size, const auto& own) {
      RoundToCodes(spec_.quantizer, spec_.scaling, values.subspan(begin, size), {codes, size}, own);
      std::transform(codes, codes + size, out + begin, convert);
    });
  }

  template <typename Visit>
  static void ForEachChunk(size_t count, const formats::RandomKey& key, Visit visit) {
    for (size_t begin = 0; begin < count; begin += kChunk) {
      formats::RandomKey own = key;
      own.first += begin;
      visit(begin, std::min(kChunk, count - begin), own);
    }
  }

  const RoundSpec spec_;
  const ElementKind elements_;
  size_t count_ = 0;
};

}  // namespace

KernelPtr MakeRound(const RoundSpec& spec, const LayoutPtr& from, ElementKind to_elements) {
  return std::make_shared<RoundKernel>(spec, from, to_elements);
}

}  // namespace bitscape::emulate
