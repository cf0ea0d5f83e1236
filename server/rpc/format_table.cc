#include "server/rpc/format_table.h"

#include <fmt/format.h>

#include <cmath>
#include <variant>

#include "engine/formats/catalog.h"
#include "engine/formats/codec.h"

namespace bitscape::server {
namespace {

constexpr int kLargestTableBits = 8;
constexpr double kGroupElements = 1024;  // shared by one scale, for bits_per_value

// Binary digits of `code`, the highest first, with a space before each field but the first.
std::string DrawBits(uint32_t code, std::initializer_list<int> field_widths) {
  int left = 0;
  for (const int width : field_widths) {
    left += width;
  }
  std::string drawing;
  for (const int width : field_widths) {
    if (width > 0 && !drawing.empty()) {
      drawing += ' ';
    }
    for (int i = 0; i < width; ++i) {
      drawing += (code >> --left & 1u) != 0 ? '1' : '0';
    }
  }
  return drawing;
}

struct BitsDrawer {
  uint32_t code;
  std::string operator()(const formats::Minifloat& type) const {
    return DrawBits(code, {1, type.exponent_bits, type.mantissa_bits});
  }
  std::string operator()(const formats::Integer& type) const { return DrawBits(code, {type.bits}); }
};

std::string ScaleText(const formats::NumberFormat& format) {
  std::string text;
  for (const auto& level : format.scales) {
    if (!level) {
      continue;
    }
    text += text.empty() ? "" : ", then ";
    switch (level->encoding) {
      case formats::ScaleEncoding::kFloat32:
        text += "float32";
        break;
      case formats::ScaleEncoding::kPowerOfTwo:
        text += "power of two";
        break;
      case formats::ScaleEncoding::kFixed:
        text += fmt::format("2^{}", level->fixed_exponent);
        break;
    }
  }
  return text;
}

// The scale where it is a constant of the format; 1 where it comes from the data.
double ConstantScale(const formats::NumberFormat& format) {
  double scale = 1;
  for (const auto& level : format.scales) {
    if (level && level->encoding == formats::ScaleEncoding::kFixed) {
      scale *= std::ldexp(1.0, level->fixed_exponent);
    }
  }
  return scale;
}

// The summary of the catalogue's row; a plain description for formats that have none.
std::string Summary(const formats::Quantizer& quantizer) {
  for (const formats::CatalogRow& row : formats::Catalog()) {
    if (row.name == quantizer.format.name) {
      return std::string(row.summary);
    }
  }
  if (const auto* type = std::get_if<formats::Minifloat>(&quantizer.format.element)) {
    return fmt::format("float with {} exponent and {} mantissa bits, bias {}", type->exponent_bits,
                       type->mantissa_bits, type->bias);
  }
  const auto& type = std::get<formats::Integer>(quantizer.format.element);
  return fmt::format("{}-bit {} integer", type.bits, type.is_signed ? "signed" : "unsigned");
}

}  // namespace

v1::Format ToProto(const formats::Quantizer& quantizer, bool with_codes) {
  const formats::NumberFormat& format = quantizer.format;
  v1::Format proto;
  proto.set_name(quantizer.ToString());
  proto.set_summary(Summary(quantizer));
  proto.set_source(std::string(format.source));
  const int bits = formats::ElementBits(format);
  proto.set_bits(bits);
  proto.set_bits_per_value(formats::BitsPerElement(quantizer, kGroupElements));
  const double scale = ConstantScale(format);
  const double smallest = formats::SmallestFinite(format.element) * scale;
  proto.set_largest(formats::LargestFinite(format.element) * scale);
  proto.set_smallest(smallest);
  proto.set_smallest_positive(formats::SmallestPositive(format.element) * scale);
  proto.set_scale(ScaleText(format));
  proto.set_zero_point(format.zero_point);
  if (with_codes && bits <= kLargestTableBits) {
    for (uint32_t code = 0; code < uint32_t{1} << bits; ++code) {
      v1::Format::Code& row = *proto.add_codes();
      row.set_code(static_cast<int32_t>(code));
      row.set_bits(std::visit(BitsDrawer{code}, format.element));
      const double value = formats::Decode(format.element, code) * scale;
      row.set_value(std::isnan(value) ? "nan" : fmt::format("{}", value));
      row.set_unused(std::isfinite(value) && value < smallest);
    }
  }
  return proto;
}

}  // namespace bitscape::server
