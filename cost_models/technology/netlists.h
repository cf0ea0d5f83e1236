// Sizes of synthesised blocks: what areas are fitted to where the options ask for gate counts.
#pragma once

#include <span>

namespace bitscape::cost_models {

enum class NetlistBlock {
  kAdder,            // a bits
  kMultiplier,       // a x b bits
  kRegister,         // a bits
  kFloatAdder,       // a exponent, b mantissa bits
  kFloatMultiplier,  // the same
  kShifter,          // a bits to the right, b stages
  kMultiplexer,      // a bits, b ways
  kLeadingZeros,     // of a bits
  kPopulationCount,  // of a bits, a balanced tree of adders
  kXnorPopulation,   // the same after XNORs, added to and kept in b bits: not fitted
};

// CMOS transistors by Yosys 0.23, without timing, wires or clock trees: `read_verilog; synth
// -flatten; abc -g simple; opt_clean; stat -tech cmos`.
struct NetlistRow {
  NetlistBlock block;
  int a;
  int b;
  double transistors;
};
std::span<const NetlistRow> NetlistRows();

}  // namespace bitscape::cost_models
