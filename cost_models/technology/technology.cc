#include "cost_models/technology/technology.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cost_models/technology/fits.h"
#include "cost_models/technology/node_scaling.h"
#include "engine/core/suggest.h"

namespace bitscape::cost_models {
namespace {

constexpr int kSramReferenceWidth = 64;  // of Horowitz's accesses

double NLog2N(double n) { return n * std::log2(n); }
double Kilobytes(double bytes) { return bytes / 1024; }
double Levels(double n) { return n > 1 ? std::log2(n) : 0; }

}  // namespace

BlockCost Beside(const BlockCost& a, const BlockCost& b) {
  return {a.energy_pj + b.energy_pj, a.area_um2 + b.area_um2, std::max(a.delay_ns, b.delay_ns)};
}

BlockCost Copies(double count, const BlockCost& block) {
  return {count * block.energy_pj, count * block.area_um2, count > 0 ? block.delay_ns : 0};
}

BlockCost Switching(double share, const BlockCost& block) {
  return {share * block.energy_pj, block.area_um2, block.delay_ns};
}

absl::StatusOr<Technology> Technology::Make(const TechnologyOptions& options) {
  const NodeRow* node = FindNode(options.node);
  if (node == nullptr) {
    const std::vector<std::string> nodes = TechnologyNodes();
    return absl::InvalidArgumentError(fmt::format("technology \"{}\" is unknown; known: {}{}",
                                                  options.node, fmt::join(nodes, ", "),
                                                  DidYouMean(options.node, nodes)));
  }
  const double supply_v = options.supply_v == 0 ? node->nominal_v : options.supply_v;
  if (!(supply_v >= node->lowest_v && supply_v <= HighestVolts(*node))) {
    return absl::InvalidArgumentError(fmt::format(
        "supply_v {}: {} has {} to {:.4g} V, or 0 for its nominal {} V", options.supply_v,
        options.node, node->lowest_v, HighestVolts(*node), node->nominal_v));
  }
  if (!(options.activity > 0 && options.activity <= 1)) {
    return absl::InvalidArgumentError(
        fmt::format("activity {}: allowed: above 0, up to 1", options.activity));
  }
  Technology technology(options);
  technology.node_ = node;
  technology.supply_v_ = supply_v;
  technology.energy_scale_ = EnergyFactor(*node, supply_v);
  technology.logic_energy_scale_ = technology.energy_scale_ * options.activity;
  technology.area_scale_ = node->area;
  technology.delay_scale_ = NominalDelayFactor(*node) * technology.DelayFactor(supply_v);
  // Current hardly depends on the supply; what it costs does.
  technology.leakage_scale_ = EnergyFactor(*node, node->nominal_v) * supply_v / node->nominal_v;
  return technology;
}

std::string_view Technology::Source() const { return node_->source; }
double Technology::NominalVolts() const { return node_->nominal_v; }
double Technology::SupplyVolts() const { return supply_v_; }

BlockCost Technology::Scaled(double energy_pj, double area_um2, double delay_ns) const {
  return {energy_pj * logic_energy_scale_, area_um2 * area_scale_, delay_ns * delay_scale_};
}

double Technology::NetlistUm2(double transistors) const {
  return transistors * fits::kTransistorArea * area_scale_;
}

BlockCost Technology::Netlist(double transistors, double delay_ns) const {
  BlockCost cost = Scaled(transistors * fits::kTransistorEnergy, 0, delay_ns);
  cost.area_um2 = NetlistUm2(transistors);
  return cost;
}

double Technology::Um2(double horowitz_um2, double transistors) const {
  return options_.areas == AreaSource::kHorowitz ? horowitz_um2
                                                 : transistors * fits::kTransistorArea;
}

BlockCost Technology::Adder(int bits) const {
  return Scaled(
      fits::kAdderEnergy[0] * bits + fits::kAdderEnergy[1],
      Um2(fits::kAdderArea[0] * bits + fits::kAdderArea[1], fits::kAdderTransistors * bits),
      fits::kAdderDelay[0] + fits::kAdderDelay[1] * Levels(bits));
}

BlockCost Technology::Multiplier(int a_bits, int b_bits) const {
  const double product = static_cast<double>(a_bits) * b_bits;
  const double sum = a_bits + b_bits;
  return Scaled(fits::kMultiplierEnergy[0] * product + fits::kMultiplierEnergy[1] * sum,
                Um2(fits::kMultiplierArea[0] * product + fits::kMultiplierArea[1] * sum,
                    fits::MultiplierTransistors(a_bits, b_bits)),
                fits::kMultiplierDelay[0] + fits::kMultiplierDelay[1] * sum);
}

BlockCost Technology::Register(int bits) const {
  if (options_.registers == RegisterSource::kNone) return Scaled(0, 0, fits::kRegisterDelay);
  return Scaled(fits::kRegisterEnergy * bits,
                Um2(fits::kRegisterArea * bits, fits::kRegisterTransistors * bits),
                fits::kRegisterDelay);
}

BlockCost Technology::Shifter(int bits, int stages) const {
  const double cells = static_cast<double>(bits) * stages;
  return Scaled(fits::kShifterEnergy * cells,
                Um2(fits::kShifterArea * cells, fits::kShifterTransistors * cells),
                fits::kMultiplexerDelay * stages);
}

BlockCost Technology::FloatAdder(int exponent_bits, int mantissa_bits) const {
  const int width = mantissa_bits + 4;  // hidden bit, guard, round, sticky
  const double shifts = NLog2N(width);
  // The exponents' difference, the alignment, the sum, its leading zeros, the normalisation.
  const double delay_ns = (2 * fits::kMultiplexerDelay + fits::kLeadingZerosDelay) * Levels(width);
  BlockCost cost =
      Scaled(fits::kFloatAdderEnergy * shifts,
             fits::kFloatAdderArea[0] * shifts + fits::kFloatAdderArea[1] * width * width,
             delay_ns) +
      Adder(width) + Adder(exponent_bits);
  if (options_.areas == AreaSource::kGateCounts) {
    cost.area_um2 = NetlistUm2(fits::kFloatAdderTransistors[0] * shifts +
                               fits::kFloatAdderTransistors[1] * exponent_bits);
  }
  return cost;
}

BlockCost Technology::FloatMultiplier(int exponent_bits, int a_significand_bits,
                                      int b_significand_bits) const {
  const int wider = std::max(a_significand_bits, b_significand_bits);
  BlockCost product = Multiplier(a_significand_bits, b_significand_bits);
  product.area_um2 *= fits::kFloatMultiplierArea;
  product += Scaled(fits::kFloatMultiplierEnergy * NLog2N(wider), 0, 0);
  product.delay_ns += Adder(wider).delay_ns;  // rounds
  BlockCost cost = Beside(product, Adder(exponent_bits + 1));
  if (options_.areas == AreaSource::kGateCounts) {
    cost.area_um2 =
        NetlistUm2(fits::kFloatMultiplierTransistors[0] *
                       fits::MultiplierTransistors(a_significand_bits, b_significand_bits) +
                   fits::kFloatMultiplierTransistors[1] * (exponent_bits + 1));
  }
  return cost;
}

BlockCost Technology::Gates(double nand2) const {
  return Netlist(fits::kTransistorsPerNand2 * nand2, nand2 > 0 ? fits::kGateDelay : 0);
}

BlockCost Technology::Multiplexer(int bits, int ways) const {
  return Netlist(fits::kMultiplexerTransistors * bits * (ways - 1),
                 fits::kMultiplexerDelay * std::ceil(Levels(ways)));
}

BlockCost Technology::LeadingZeros(int bits) const {
  return Netlist(fits::kLeadingZerosTransistors * bits, fits::kLeadingZerosDelay * Levels(bits));
}

BlockCost Technology::PopulationCount(int bits) const {
  const double levels = Levels(bits);
  return Netlist(fits::kPopulationCountTransistors[0] * (bits - 1 - levels) +
                     fits::kPopulationCountTransistors[1] * levels,
                 fits::kPopulationCountDelay * levels);
}

BlockCost Technology::Table(int entries, int bits) const {
  BlockCost table = Multiplexer(bits, entries);
  table.area_um2 += entries * Register(bits).area_um2;  // written once: no clock
  return table;
}

double Technology::SramReadPjPerBit(double capacity_bytes, int width_bits) const {
  const double kb = Kilobytes(capacity_bytes);
  const double width = static_cast<double>(width_bits) / kSramReferenceWidth;
  if (options_.sram == SramSource::kHorowitz) {
    const double per_bit = fits::kSramEnergy[0] + fits::kSramEnergy[1] * std::sqrt(kb);
    return per_bit * std::pow(std::max(width, 1.0), fits::kCactiLopRead[2]) * energy_scale_;
  }
  const auto& fit =
      options_.sram == SramSource::kCactiHp ? fits::kCactiHpRead : fits::kCactiLopRead;
  return fits::PowerLaw(fit, kb, width) * energy_scale_;
}

double Technology::SramWritePjPerBit(double capacity_bytes, int width_bits) const {
  if (options_.sram == SramSource::kHorowitz) {
    return SramReadPjPerBit(capacity_bytes, width_bits);  // one figure for an access
  }
  const auto& fit =
      options_.sram == SramSource::kCactiHp ? fits::kCactiHpWrite : fits::kCactiLopWrite;
  const double width = static_cast<double>(width_bits) / kSramReferenceWidth;
  return fits::PowerLaw(fit, Kilobytes(capacity_bytes), width) * energy_scale_;
}

double Technology::SramAreaUm2PerBit(double capacity_bytes) const {
  const auto& fit = options_.sram == SramSource::kCactiHp ? fits::kSramHpArea : fits::kSramArea;
  return (fit[0] + fit[1] / std::sqrt(Kilobytes(capacity_bytes))) * area_scale_;
}

double Technology::SramAccessNs(double capacity_bytes) const {
  const auto& fit =
      options_.sram == SramSource::kCactiHp ? fits::kSramHpAccess : fits::kSramLopAccess;
  return (fit[0] + fit[1] * std::sqrt(Kilobytes(capacity_bytes))) * delay_scale_;
}

double Technology::SramLeakageMwPerKb() const {
  return (options_.sram == SramSource::kCactiHp ? fits::kSramHpLeakage : fits::kSramLopLeakage) *
         leakage_scale_;
}

double Technology::RegisterFileAreaUm2PerBit(double capacity_bytes) const {
  return (fits::kRegisterFileArea[0] +
          fits::kRegisterFileArea[1] / std::sqrt(Kilobytes(capacity_bytes))) *
         area_scale_;
}

double Technology::LogicLeakageMwPerUm2() const {
  return fits::kLogicLeakage * leakage_scale_ / area_scale_;
}

double Technology::WirePjPerBitMm() const {
  const double volts = supply_v_ / fits::kReferenceVolts;
  return fits::kWire * volts * volts;
}

double Technology::DelayFactor(double supply_v) const {
  return AlphaPowerDelay(*node_, supply_v) / AlphaPowerDelay(*node_, node_->nominal_v);
}

absl::StatusOr<double> Technology::SupplyFor(double delay_ns, double period_ns) const {
  if (!(delay_ns <= period_ns)) {
    return absl::InvalidArgumentError(
        fmt::format("a delay of {} ns at the nominal {} V does not meet a period of {} ns",
                    delay_ns, node_->nominal_v, period_ns));
  }
  double low = node_->lowest_v, high = node_->nominal_v;
  if (delay_ns * DelayFactor(low) <= period_ns) return low;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (delay_ns * DelayFactor(middle) <= period_ns ? high : low) = middle;
  }
  return high;
}

}  // namespace bitscape::cost_models
