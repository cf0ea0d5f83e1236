#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cost_models/mac/parts.h"
#include "cost_models/validation/comparisons.h"
#include "cost_models/validation/operands_of.h"
#include "cost_models/validation/psma_compare.h"
#include "engine/core/files.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

using nlohmann::json;

constexpr int64_t kMostBytes = 4 << 20;
constexpr std::string_view kGroup = "gate_counts";
constexpr std::string_view kFile = "gate_counts.json";

// "int20" or "uint4", of any width, or "e8m23".
absl::StatusOr<Operand> NumberOf(const std::string& name) {
  for (const std::string_view integer : {"int", "uint"}) {
    if (!name.starts_with(integer)) continue;
    int bits = 0;
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + integer.size(), end, bits);
    if (read.ec == std::errc{} && read.ptr == end && bits >= 1) return IntegerOperand(bits);
  }
  BITSCAPE_ASSIGN_OR_RETURN(const formats::Quantizer quantizer, formats::ParseQuantizer(name));
  if (const auto* minifloat = std::get_if<formats::Minifloat>(&quantizer.format.element)) {
    return FloatOperand(minifloat->exponent_bits, minifloat->mantissa_bits, true);
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no integer or float", name));
}

struct Circuit {
  std::string family, name, weight, activation, accumulator;
  int terms = 1;
  json design;
  double nand2 = 0;
};

absl::StatusOr<double> PartArea(const Circuit& circuit, const Technology& technology) {
  const std::string& family = circuit.family;
  if (family == "multiplier" || family == "float_multiplier") {
    BITSCAPE_ASSIGN_OR_RETURN(Operand a, NumberOf(circuit.weight));
    BITSCAPE_ASSIGN_OR_RETURN(Operand b, NumberOf(circuit.activation));
    if (family == "multiplier") return technology.Multiplier(a.bits, b.bits).area_um2;
    a.subnormals = b.subnormals = circuit.design.value("subnormals", true);
    return MultiplyAndRound(a, b, a.significand_bits, technology).cost.area_um2;
  }
  BITSCAPE_ASSIGN_OR_RETURN(const Operand sum, NumberOf(circuit.accumulator));
  if (family == "adder") return technology.Adder(sum.bits).area_um2;
  if (family == "register") return technology.Register(sum.bits).area_um2;
  if (family == "leading_zeros") return technology.LeadingZeros(sum.bits).area_um2;
  if (family == "shifter") {
    return technology.Shifter(sum.bits, circuit.design.value("stages", 1)).area_um2;
  }
  return technology.FloatAdder(sum.exponent_bits, sum.significand_bits - 1).area_um2;
}

bool IsPart(const std::string& family) {
  for (const std::string_view part : {"adder", "register", "leading_zeros", "shifter", "multiplier",
                                      "float_multiplier", "float_adder"}) {
    if (family == part) return true;
  }
  return false;
}

struct Datapath {
  std::string_view family = "dot_product";
  MacDesign design;
};
Datapath DatapathOf(const Circuit& circuit) {
  Datapath result;
  result.design.dot_length = circuit.terms;
  if (!circuit.design.contains("widths")) return result;
  const auto widths = circuit.design["widths"].get<std::vector<int>>();
  result.design.weight_widths = result.design.activation_widths = widths;
  const bool apart = circuit.design.value("sum", "") == "apart";
  if (circuit.family == "data_gated") result.family = "data_gated";
  if (circuit.family == "subword") result.family = apart ? "swp_sum_apart" : "swp_sum_together";
  if (circuit.family.starts_with("spatial")) {
    result.family = apart ? "dnc_sum_apart" : "dnc_sum_together";
    if (circuit.family == "spatial_1d") result.design.activation_widths = {widths.back()};
  }
  if (circuit.family.starts_with("serial")) {
    const std::string serial = circuit.design.value("serial", "weight");
    result.family = serial == "both"     ? "serial_both"
                    : serial == "weight" ? "serial_weights"
                                         : "serial_activations";
    result.design.serial_bits = circuit.design.value("digit_bits", 1);
    if (serial != "both") {
      (serial == "weight" ? result.design.activation_widths
                          : result.design.weight_widths) = {widths.back()};
    }
  }
  return result;
}

absl::StatusOr<double> MacArea(const Circuit& circuit, const Technology& technology) {
  std::string weight = circuit.weight;
  if (circuit.family == "codebook_mac") {
    weight += ":entries=" + circuit.design.value("entries", "int8");
  }
  BITSCAPE_ASSIGN_OR_RETURN(MacOperands operands,
                            OperandsOfFormats(weight, circuit.activation, "fp32"));
  const std::string segment = fmt::format("int{}", circuit.design.value("segment_bits", 20));
  BITSCAPE_ASSIGN_OR_RETURN(operands.accumulator,
                            NumberOf(circuit.accumulator.empty() ? segment : circuit.accumulator));
  if (circuit.design.value("sum", "") == "apart" &&
      circuit.design["widths"].get<std::vector<int>>().front() < 8) {
    // A segment is that of the narrowest product; the widest has the same headroom above 16 bits.
    const int narrow = circuit.design["widths"].get<std::vector<int>>().front();
    operands.accumulator = IntegerOperand(
        16 + std::max(0, operands.accumulator.bits -
                             (circuit.family == "spatial_1d" ? 8 + narrow : 2 * narrow)));
  }
  if (!circuit.design.value("subnormals", true)) {
    operands.weight.subnormals = operands.activation.subnormals = false;
    operands.accumulator.subnormals = false;
  }
  operands.align_bits = circuit.design.value("align_bits", 0);
  if (operands.align_bits > 0) {
    operands.any_order = false;
    operands.chunk = circuit.terms;
  }
  const Datapath datapath = DatapathOf(circuit);
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost cost,
                            PriceMac(datapath.family, operands, datapath.design, technology));
  const int copies = circuit.terms * circuit.design.value("sharing", 1);
  return copies * (cost.area_um2 + cost.weight_register.area_um2);
}

absl::StatusOr<double> Area(const Circuit& circuit, const Technology& technology) {
  try {
    return IsPart(circuit.family) ? PartArea(circuit, technology) : MacArea(circuit, technology);
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("design: {}", error.what()));
  }
}

absl::StatusOr<std::vector<Circuit>> ReadCircuits(const std::filesystem::path& path) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostBytes));
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object() || !file.contains("rows") || !file["rows"].is_array()) {
    return absl::InvalidArgumentError(fmt::format("{}: expected \"rows\"", path.string()));
  }
  std::vector<Circuit> circuits;
  try {
    for (const json& row : file["rows"]) {
      circuits.push_back({.family = row.at("family").get<std::string>(),
                          .name = row.at("name").get<std::string>(),
                          .weight = row.at("weight").get<std::string>(),
                          .activation = row.at("activation").get<std::string>(),
                          .accumulator = row.at("accumulator").get<std::string>(),
                          .terms = row.at("terms").get<int>(),
                          .design = row.at("design"),
                          .nand2 = row.at("nand2").get<double>()});
    }
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(
        fmt::format("{}: row {}: {}", path.string(), circuits.size() + 1, error.what()));
  }
  return circuits;
}

struct Pairs {
  std::vector<double> model, counted;
  std::string refused;  // names and reasons of circuits that no row of the families takes
  int refusals = 0;
};

std::vector<ValidationRow> RowsOf(const std::string& family, const Pairs& pairs) {
  const std::string source = "Yosys 0.23, least area, tests/conformance/structural";
  const size_t count = pairs.model.size();
  std::string note = fmt::format("{} circuits", count);
  if (pairs.refusals > 0) note += fmt::format("; without a model: {}", pairs.refused);
  if (count < 2) {
    return {Information(kGroup, family, "", 0, 0, source, "not compared: " + note)};
  }
  // One constant for the family: the one of least squared relative error.
  double a = 0, aa = 0, error = 0;
  for (size_t i = 0; i < count; ++i) {
    const double ratio = pairs.model[i] / pairs.counted[i];
    a += ratio;
    aa += ratio * ratio;
  }
  const double constant = a / aa;
  for (size_t i = 0; i < count; ++i) {
    error +=
        std::abs(constant * pairs.model[i] / pairs.counted[i] - 1) / static_cast<double>(count);
  }
  return {Information(kGroup, family + ": rank correlation", "", 1,
                      RankCorrelation(pairs.model, pairs.counted), source, note),
          Information(kGroup, family + ": mean relative error", "%", 0, 100 * error, source,
                      fmt::format("after one constant, {:.3f} NAND2/um2", constant))};
}

}  // namespace

absl::StatusOr<std::vector<ValidationRow>> GateCountRows(const Session& session) {
  Session counted = session;
  counted.reading.areas = AreaSource::kGateCounts;
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, counted.Node("45nm"));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Circuit> circuits,
                            ReadCircuits(session.context.data / kFile));
  std::vector<std::string> order;
  std::map<std::string, Pairs> families;
  for (const Circuit& circuit : circuits) {
    if (!families.contains(circuit.family)) order.push_back(circuit.family);
    Pairs& pairs = families[circuit.family];
    const absl::StatusOr<double> area = Area(circuit, technology);
    if (!area.ok()) {
      if (pairs.refusals++ == 0) {
        pairs.refused = fmt::format("{} ({})", circuit.name, std::string(area.status().message()));
      } else {
        pairs.refused += ", " + circuit.name;
      }
      continue;
    }
    pairs.model.push_back(*area);
    pairs.counted.push_back(circuit.nand2);
  }
  std::vector<ValidationRow> rows;
  for (const std::string& family : order) {
    for (ValidationRow& row : RowsOf(family, families[family])) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace bitscape::cost_models
