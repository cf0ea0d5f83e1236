// Figures of single blocks, memories and nodes.
#include <fmt/format.h>

#include "cost_models/memory/memory.h"
#include "cost_models/technology/node_scaling.h"
#include "cost_models/validation/figures.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr double kBytesPerKb = 1024;
constexpr std::string_view kReference = "45nm";

absl::StatusOr<BlockCost> BlockOf(const Figure& figure, const Technology& technology) {
  const std::string& block = figure.Text("block");
  const int bits = static_cast<int>(figure.NumberOr("bits", 0));
  const int exponent = static_cast<int>(figure.NumberOr("exponent_bits", 0));
  const int mantissa = static_cast<int>(figure.NumberOr("mantissa_bits", 0));
  if (exponent > 0 && mantissa > 0) {
    if (block == "float_adder") return technology.FloatAdder(exponent, mantissa);
    if (block == "float_multiplier") {
      return technology.FloatMultiplier(exponent, mantissa + 1, mantissa + 1);
    }
  }
  if (bits > 0) {
    if (block == "adder") return technology.Adder(bits);
    if (block == "multiplier") return technology.Multiplier(bits, bits);
    if (block == "register") return technology.Register(bits);
    if (block == "shifter") {
      return technology.Shifter(bits, static_cast<int>(figure.NumberOr("stages", 1)));
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("block \"{}\" is unknown, or its widths are missing", block));
}

absl::StatusOr<double> Block(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost cost, BlockOf(figure, technology));
  return figure.Text("quantity") == "area" ? cost.area_um2 : cost.energy_pj;
}

absl::StatusOr<Technology> WithSram(const Figure& figure, const Session& session) {
  Session read = session;
  const std::string sram = figure.TextOr("sram", "");
  if (sram == "cacti_lop") read.reading.sram = SramSource::kCactiLop;
  if (sram == "cacti_hp") read.reading.sram = SramSource::kCactiHp;
  return read.Node(kReference);
}

absl::StatusOr<double> SramAccess(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, WithSram(figure, session));
  const double bytes = figure.Number("capacity_kb") * kBytesPerKb;
  const int bits = figure.Integer("bits");
  return bits * (figure.TextOr("access", "read") == "write"
                     ? technology.SramWritePjPerBit(bytes, bits)
                     : technology.SramReadPjPerBit(bytes, bits));
}

absl::StatusOr<double> SramLeakage(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, WithSram(figure, session));
  return technology.SramLeakageMwPerKb();
}

absl::StatusOr<double> DramAccess(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  const int bits = figure.Integer("bits");
  BITSCAPE_ASSIGN_OR_RETURN(const MemoryCost cost,
                            PriceMemory(figure.Text("primitive"), 0, bits, technology));
  return bits * cost.read_pj_per_bit;
}

absl::StatusOr<double> RegisterFileArea(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  const double bytes = figure.Number("capacity_kb") * kBytesPerKb;
  return 8 * bytes * technology.RegisterFileAreaUm2PerBit(bytes);
}

absl::StatusOr<const NodeRow*> RowOf(const std::string& node) {
  const NodeRow* const row = FindNode(node);
  if (row == nullptr) {
    return absl::InvalidArgumentError(fmt::format("node \"{}\" is unknown", node));
  }
  return row;
}

absl::StatusOr<double> NodeArea(const Figure& figure, const Session&) {
  BITSCAPE_ASSIGN_OR_RETURN(const NodeRow* const row, RowOf(figure.Text("node")));
  return row->area / FindNode(kReference)->area;
}

absl::StatusOr<double> NodeEnergy(const Figure& figure, const Session&) {
  BITSCAPE_ASSIGN_OR_RETURN(const NodeRow* const row, RowOf(figure.Text("node")));
  const double volts = figure.Number("volts");
  return EnergyFactor(*row, volts) / EnergyFactor(*FindNode(kReference), volts);
}

absl::StatusOr<double> NotModelled(const Figure&, const Session&) {
  return absl::UnimplementedError("not modelled");
}

}  // namespace

std::span<const Model> TechnologyModels() {
  static const auto* const kModels = new std::vector<Model>{
      {"block", {"block", "quantity"}, Block},
      {"sram_access", {"capacity_kb", "bits"}, SramAccess},
      {"sram_leakage", {"sram"}, SramLeakage},
      {"dram_access", {"bits", "primitive"}, DramAccess},
      {"register_file_area", {"capacity_kb"}, RegisterFileArea},
      {"node_area", {"node"}, NodeArea},
      {"node_energy", {"node", "volts"}, NodeEnergy},
      {"not_modelled", {}, NotModelled},
  };
  return *kModels;
}

}  // namespace bitscape::cost_models
