// Process nodes, and the primitive costs of one: published points with fitted scaling in bit width.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::cost_models {

struct NodeRow;  // node_scaling.h

// What one operation of a block costs, the area of the block, and how long a signal takes through
// it.
struct BlockCost {
  double energy_pj = 0;
  double area_um2 = 0;
  double delay_ns = 0;
  // One after the other.
  BlockCost& operator+=(const BlockCost& other) {
    energy_pj += other.energy_pj;
    area_um2 += other.area_um2;
    delay_ns += other.delay_ns;
    return *this;
  }
  friend BlockCost operator+(BlockCost a, const BlockCost& b) { return a += b; }
};
// Side by side: the slower one's delay.
BlockCost Beside(const BlockCost& a, const BlockCost& b);
// `count` equal blocks side by side.
BlockCost Copies(double count, const BlockCost& block);
// The block with a share of its switching: what data gating or idle operands leave.
BlockCost Switching(double share, const BlockCost& block);

// Sources disagree. Each choice is one reading; a sensitivity report walks over all of them.
enum class RegisterSource { kAladdin, kNone };     // kNone: flip-flops cost nothing, as a bound
enum class AreaSource { kHorowitz, kGateCounts };  // kGateCounts: yosys netlists of min area
enum class SramSource { kHorowitz, kCactiLop, kCactiHp };

struct TechnologyOptions {
  std::string node = "45nm";  // TechnologyNodes()
  double supply_v = 0;        // 0: the node's nominal voltage; from its lowest to 1.2 times nominal
  // Switching activity of logic and registers, relative to full: 0 < a <= 1. Memories don't have
  // it.
  double activity = 1;
  RegisterSource registers = RegisterSource::kAladdin;
  AreaSource areas = AreaSource::kHorowitz;
  SramSource sram = SramSource::kHorowitz;
  bool leakage = false;  // adds leakage power of memories and logic over the latency
  bool operator==(const TechnologyOptions&) const = default;
};

// Every constant at 45 nm. Coefficients are fitted to the published rows by least squares of the
// relative error (the fit is done again, and compared, in tests/cost_models/technology_test.cc).
// `source` and the largest residual at a fitted point stand beside each; 0 where there are no more
// points than coefficients, a figure is taken as it is, or, by `source`, nothing was fitted.
struct FittedCost {
  std::string_view block;
  std::string_view formula;  // in n, a, b, e, m as below, L = m + 4
  std::string_view unit;
  std::vector<double> coefficients;
  double largest_residual_percent;
  std::string_view source;
};

// Costs of blocks under one set of options. Energies at the given activity and voltage, areas at
// the node, delays of one block at the given voltage; widths of at least 1 bit.
class Technology {
 public:
  // Errors: kInvalidArgument for an unknown node (the known ones are named), a voltage or an
  // activity out of range.
  static absl::StatusOr<Technology> Make(const TechnologyOptions& options);

  const TechnologyOptions& Options() const { return options_; }
  std::string_view Source() const;
  double NominalVolts() const;
  double SupplyVolts() const;

  BlockCost Adder(int bits) const;
  BlockCost Multiplier(int a_bits, int b_bits) const;
  BlockCost Register(int bits) const;  // clocked once
  BlockCost Shifter(int bits, int stages) const;
  // Aligns, adds, normalises and rounds; e exponent bits, m stored mantissa bits.
  BlockCost FloatAdder(int exponent_bits, int mantissa_bits) const;
  // Significands of a and b bits (the hidden bit counted), rounded to the wider.
  BlockCost FloatMultiplier(int exponent_bits, int a_significand_bits,
                            int b_significand_bits) const;

  // Blocks that no source prices: transistors of netlists (netlists.h), at what one costs where it
  // stands in Horowitz's adders, whatever the area's source. All of a block switches.
  BlockCost Gates(double nand2) const;  // random logic of so many two-input gates, the delay of one
  BlockCost Multiplexer(int bits, int ways) const;  // a tree of two-way ones
  BlockCost LeadingZeros(int bits) const;           // count, for a normaliser
  BlockCost PopulationCount(int bits) const;
  // Read of a small table of registers, with their area: they are not clocked by a read.
  BlockCost Table(int entries, int bits) const;

  // One SRAM access, energy for each bit. Ports wider than 64 bits share decoders and word lines.
  double SramReadPjPerBit(double capacity_bytes, int width_bits) const;
  double SramWritePjPerBit(double capacity_bytes, int width_bits) const;
  // A single-ported macro; fitted to 0.5 KB to 2 MB, far off (44 %) only at the small end.
  double SramAreaUm2PerBit(double capacity_bytes) const;
  double SramLeakageMwPerKb() const;
  double SramAccessNs(double capacity_bytes) const;
  // With a read and a write port; fitted to 128 bytes to 16 KB.
  double RegisterFileAreaUm2PerBit(double capacity_bytes) const;
  double LogicLeakageMwPerUm2() const;
  // Random data on a long wire. Capacitance per length hardly depends on the node.
  double WirePjPerBitMm() const;

  // Factor on a nominal delay at this supply, which is at least the node's lowest. Energy follows
  // the node's published quadratic, about the square of the voltage.
  double DelayFactor(double supply_v) const;
  // The lowest supply at which logic that takes `delay_ns` at nominal voltage meets `period_ns`;
  // not below the floor of the fit. Errors: kInvalidArgument where even nominal is too slow.
  absl::StatusOr<double> SupplyFor(double delay_ns, double period_ns) const;

 private:
  explicit Technology(const TechnologyOptions& options) : options_(options) {}
  BlockCost Scaled(double energy_pj, double area_um2, double delay_ns) const;
  BlockCost Netlist(double transistors, double delay_ns) const;
  double NetlistUm2(double transistors) const;
  // At 45 nm, as the options ask for it.
  double Um2(double horowitz_um2, double transistors) const;

  TechnologyOptions options_;
  const NodeRow* node_ = nullptr;
  double supply_v_ = 0;
  double energy_scale_ = 1, logic_energy_scale_ = 1, area_scale_ = 1, delay_scale_ = 1;
  double leakage_scale_ = 1;
};

std::span<const FittedCost> FittedCosts();

std::vector<std::string> TechnologyNodes();  // "65nm", "45nm", ..., "7nm"

}  // namespace bitscape::cost_models
