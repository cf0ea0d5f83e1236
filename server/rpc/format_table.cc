#include "server/rpc/format_table.h"

#include <fmt/format.h>

#include <cmath>
#include <variant>
#include <vector>

#include "engine/core/status.h"
#include "engine/formats/catalog.h"
#include "engine/formats/codec.h"
#include "engine/formats/describe.h"
#include "engine/quantize/fit_levels.h"

namespace bitscape::server {
namespace {

constexpr int kLargestTableBits = 8;
constexpr double kGroupElements = 1024;  // shared by one scale, for bits_per_value

// Binary digits of `code`, the highest first, with a space before each field but the first.
std::string DrawBits(uint32_t code, const std::vector<formats::Field>& fields) {
  int left = 0;
  for (const formats::Field& field : fields) {
    left += field.bits;
  }
  std::string drawing;
  for (const formats::Field& field : fields) {
    if (field.bits > 0 && !drawing.empty()) {
      drawing += ' ';
    }
    for (int i = 0; i < field.bits; ++i) {
      drawing += (code >> --left & 1u) != 0 ? '1' : '0';
    }
  }
  return drawing;
}

// What the data decides of a level set.
std::string FitText(const formats::LevelSet& type) {
  switch (type.fit) {
    case formats::LevelFit::kKmeans:
    case formats::LevelFit::kLloydMax:
      return "table of levels";
    case formats::LevelFit::kMeanAbs:
    case formats::LevelFit::kTwn:
    case formats::LevelFit::kAbsMean:
      return "float32";
    case formats::LevelFit::kTtq:
      return "float32 on each side";
    case formats::LevelFit::kUnit:
    case formats::LevelFit::kDorefa:
      return "";
  }
  BITSCAPE_CHECK(false, "every LevelFit has a case");
}

std::string ScaleText(const formats::Quantizer& quantizer) {
  const formats::NumberFormat& format = quantizer.format;
  const auto* const levels = std::get_if<formats::LevelSet>(&format.element);
  std::string text = levels == nullptr ? "" : FitText(*levels);
  const bool blocks = quantizer.granularity == formats::Granularity::kBlock;
  const std::string then =
      blocks ? fmt::format(" for each {} values, then ", quantizer.block_size) : ", then ";
  const int unit = std::ilogb(formats::UnitOfCodes(format));
  for (const auto& level : {format.scale, format.tensor_scale}) {
    if (!level) {
      continue;
    }
    text += text.empty() ? "" : then;
    switch (level->encoding) {
      case formats::ScaleEncoding::kFloat32:
        text += "float32";
        break;
      case formats::ScaleEncoding::kPowerOfTwo:
        text += fmt::format("power of two, {} bits, 2^{} to 2^{}", level->bits,
                            level->min_exponent - unit, level->max_exponent - unit);
        break;
      case formats::ScaleEncoding::kFixed:
        text += fmt::format("2^{}", level->min_exponent);
        break;
      case formats::ScaleEncoding::kE4m3:
        text += "fp8_e4m3";
        break;
    }
  }
  const bool one_level = format.scale.has_value() && !format.tensor_scale.has_value();
  return blocks && one_level ? fmt::format("{} for each {} values", text, quantizer.block_size)
                             : text;
}

// "for each 32" in a row's summary is the default: what this quantizer has instead.
std::string WithGroups(std::string summary, const formats::Quantizer& quantizer) {
  const std::string usual = fmt::format("for each {}", quantizer.format.block_size);
  const size_t at = summary.find(usual);
  if (quantizer.format.block_size == 0 || at == std::string::npos) {
    return summary;
  }
  const auto with = [&](const std::string& groups) {
    return summary.replace(at, usual.size(), groups);
  };
  switch (quantizer.granularity) {
    case formats::Granularity::kBlock:
      return with(fmt::format("for each {}", quantizer.block_size));
    case formats::Granularity::kTensor:
      return with("for the tensor");
    case formats::Granularity::kChannel:
      return with("for each channel");
    case formats::Granularity::kToken:
      return with("for each token");
    case formats::Granularity::kPosition:
      return with("for each position");
  }
  BITSCAPE_CHECK(false, "every Granularity has a case");
}

// The summary of the catalogue's row; a plain description for formats that have none.
std::string Summary(const formats::Quantizer& quantizer) {
  for (const formats::CatalogRow& row : formats::Catalog()) {
    if (row.name == quantizer.format.name) {
      return WithGroups(std::string(row.summary), quantizer);
    }
  }
  struct Visitor {
    std::string operator()(const formats::Minifloat& type) const {
      return fmt::format("float with {} exponent and {} mantissa bits, bias {}", type.exponent_bits,
                         type.mantissa_bits, type.bias);
    }
    std::string operator()(const formats::Integer& type) const {
      return fmt::format("{}-bit {} integer", type.bits, type.is_signed ? "signed" : "unsigned");
    }
    std::string operator()(const formats::Log& type) const {
      return fmt::format("{}-bit {} powers of a base", type.bits,
                         type.is_signed ? "signed" : "unsigned");
    }
    std::string operator()(const formats::LevelSet& type) const {
      return type.fit == formats::LevelFit::kDorefa
                 ? fmt::format("weights: {} levels of tanh(w), within +-1", type.levels)
                 : fmt::format("{} levels found from the data", type.levels);
    }
  };
  return std::visit(Visitor{}, quantizer.format.element);
}

// Whether the levels are the same for all data, at scale 1; and so the boundaries.
bool HasOwnLevels(formats::LevelFit fit) {
  switch (fit) {
    case formats::LevelFit::kUnit:
    case formats::LevelFit::kMeanAbs:
    case formats::LevelFit::kTwn:
    case formats::LevelFit::kAbsMean:
    case formats::LevelFit::kDorefa:
      return true;
    case formats::LevelFit::kKmeans:
    case formats::LevelFit::kLloydMax:
    case formats::LevelFit::kTtq:
      return false;
  }
  BITSCAPE_CHECK(false, "every LevelFit has a case");
}
bool HasOwnBoundaries(const formats::Quantizer& quantizer, formats::LevelFit fit) {
  const bool nearest = quantizer.rounding == formats::Rounding::kNearestEven ||
                       quantizer.rounding == formats::Rounding::kNearestAway;
  // TWN's threshold and DoReFa's largest tanh are the data's.
  return nearest && fit != formats::LevelFit::kTwn && fit != formats::LevelFit::kDorefa;
}

void AddLevelSetTables(const formats::Quantizer& quantizer, const formats::LevelSet& type,
                       const std::vector<formats::Field>& fields, v1::Format& proto) {
  if (!HasOwnLevels(type.fit)) {
    return;
  }
  // Data whose scale is 1.
  constexpr float kUnitData[] = {-1, 1};
  const absl::StatusOr<formats::Scaling> fitted =
      quantize::FitLevels(quantizer, {.values = kUnitData, .weights = {}});
  BITSCAPE_CHECK(fitted.ok() && fitted->scale == 1, "data of magnitude 1 has scale 1");
  const formats::LevelTable& table = *fitted->levels;
  for (size_t i = 0; i < table.levels.size(); ++i) {
    v1::Format::Code& row = *proto.add_codes();
    row.set_code(static_cast<int32_t>(i));
    row.set_bits(DrawBits(static_cast<uint32_t>(i), fields));
    row.set_value(fmt::format("{}", table.levels[i]));
    v1::Format::Level& level = *proto.add_levels();
    level.set_value(table.levels[i]);
    if (i > 0 && HasOwnBoundaries(quantizer, type.fit)) {
      const float boundary = table.boundaries[i - 1];
      level.set_lower_boundary(table.ties_up[i - 1] != 0 ? boundary
                                                         : std::nextafter(boundary, HUGE_VALF));
    }
  }
}

// Decode table, and levels with their boundaries. Levels that data decides have neither.
void AddTables(const formats::Quantizer& quantizer, const std::vector<formats::Field>& fields,
               v1::Format& proto) {
  const formats::NumberFormat& format = quantizer.format;
  if (const auto* const levels = std::get_if<formats::LevelSet>(&format.element)) {
    AddLevelSetTables(quantizer, *levels, fields, proto);
    return;
  }
  const double scale = formats::UnitOfCodes(format);
  for (uint32_t code = 0; code < uint32_t{1} << proto.bits(); ++code) {
    v1::Format::Code& row = *proto.add_codes();
    row.set_code(static_cast<int32_t>(code));
    row.set_bits(DrawBits(code, fields));
    const double value = formats::Decode(format.element, code) * scale;
    row.set_value(std::isnan(value) ? "nan" : fmt::format("{}", value));
    row.set_unused(std::isfinite(value) && value < proto.smallest());
  }
  const absl::StatusOr<std::vector<float>> levels = formats::LevelsOf(format.element);
  BITSCAPE_CHECK(levels.ok(), "formats of up to 256 codes have levels");
  const std::vector<float> boundaries =
      formats::DecisionBoundaries(format.element, quantizer.rounding, *levels);
  for (size_t i = 0; i < levels->size(); ++i) {
    v1::Format::Level& level = *proto.add_levels();
    level.set_value((*levels)[i] * scale);
    if (i > 0 && i <= boundaries.size()) {
      level.set_lower_boundary(boundaries[i - 1] * scale);
    }
  }
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
  proto.set_bits_per_value(formats::StorageBits(quantizer, 1, kGroupElements) / kGroupElements);
  const double scale = formats::UnitOfCodes(format);
  const double smallest = formats::SmallestFinite(format.element) * scale;
  proto.set_largest(formats::LargestFinite(format.element) * scale);
  proto.set_smallest(smallest);
  proto.set_smallest_positive(formats::SmallestPositive(format.element) * scale);
  proto.set_scale(ScaleText(quantizer));
  proto.set_zero_point(format.zero_point);
  const std::vector<formats::Field> fields = formats::FieldsOf(format);
  for (const formats::Field& field : fields) {
    v1::Format::Field& row = *proto.add_fields();
    row.set_name(field.name);
    row.set_bits(field.bits);
  }
  if (with_codes && bits <= kLargestTableBits) {
    AddTables(quantizer, fields, proto);
  }
  return proto;
}

}  // namespace bitscape::server
