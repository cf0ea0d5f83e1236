// What the precision-scalable families share. Taxonomy: Camus, Mei, Enz, Verhelst, Review and
// Benchmarking of Precision-Scalable Multiply-Accumulate Unit Architectures for Embedded
// Neural-Network Processing, JETCAS 9(4), 2019.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "cost_models/mac/families.h"
#include "cost_models/mac/parts.h"

namespace bitscape::cost_models {

// A register that is clocked and keeps its value, and one whose clock is gated, in shares of one
// that takes new data. Fits to the output registers of the 72 arrays of Ibrahim, Mei, Verhelst
// (arXiv 2108.04773, 28 nm): 0.568 at 200 MHz and 0.570 at 1 GHz over the arrays without serial
// operands (mean error of a row 16 % and 7 %); 0.09 to 0.14 over precisions and clocks of LOOM's.
inline constexpr double kIdleRegisterShare = 0.57;
inline constexpr double kGatedRegisterShare = 0.11;

// Of the energy, what does not follow a lowered supply (memories, clock, input and output). Fitted
// to one figure, hence without residual: the power of AlexNet's layer 2 at 7 bits falls by 2.5
// against 16 (Moons, Verhelst, VLSI 2016), with data_gated at 45 nm.
inline constexpr double kUnscaledShare = 0.64;

// A block as it is built, and what of it a use exercises.
struct Part {
  BlockCost built, used;
  Part& operator+=(const Part& other) {
    built += other.built;
    used += other.used;
    return *this;
  }
  friend Part operator+(Part a, const Part& b) { return a += b; }
};
// Clocked every cycle; the bits that are not used keep their value.
Part ClockedRegister(int built_bits, int used_bits, const Technology& technology);

// Which products run at once, and what they sum in, is decided by the steps of both widths.
struct ScalableWidths {
  std::vector<int> weight_steps, activation_steps;  // ascending; the last is what is built
  int weight = 0, activation = 0;                   // of this use: steps
  int accumulator = 0;                              // built bits
  int used_accumulator = 0;                         // that the layer asks for
  int headroom = 0;  // bits of the accumulator above a product, at any step

  int BuiltWeight() const { return weight_steps.back(); }
  int BuiltActivation() const { return activation_steps.back(); }
  // Of the sum of `products` that are added first, at these steps: the register, and what of it
  // the use needs.
  int SumBits(int weight_bits, int activation_bits, int products) const;
  int UsedSumBits(int products) const;
};

enum class SignWidth { kOneBit, kTwoBits };  // of a binary operand: alone, or as an integer

// Steps up to the one that holds `bits`; without a set every width.
std::vector<int> StepsFor(int bits, const std::vector<int>& set);
ScalableWidths WidthsOf(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                        SignWidth sign);

// Integers only, without tables or scales inside the sum, no wider than the largest step, and
// `products` that are added before the accumulator as the plan orders them (0: as many as fit).
// Errors: kUnimplemented with what this family does not take.
absl::Status CheckScalable(const MacOperands& used, const MacDesign& design, SignWidth sign,
                           int products);
// Subtractors of an operand's zero point, for all operands that its bits hold; empty without.
Part ZeroPoint(const Operand& operand, int built_bits, int used_bits, const Technology& technology);

// A multiplier with its accumulators: what a cycle costs, for `products` of them.
struct ScalableDatapath {
  Part input;                                 // registers of the activations
  Part lane;                                  // from there to the products
  Part sum;                                   // accumulators with their registers
  Part loop;                                  // of the sum, what the next cycle waits for
  int built_cut_bits = 0, used_cut_bits = 0;  // a pipeline register across the lane
  double products = 1;
  int built_weight_bits = 0, used_weight_bits = 0;  // of the weight's register
};
struct ScalableCost {
  MacCost cost;
  double used_ns = 0;  // the longest path that the use exercises
};
ScalableCost Assemble(const ScalableDatapath& datapath, const MacDesign& design,
                      const Technology& technology);

// Energy at the lowest supply that keeps the throughput of the built widths, where the design
// scales its voltage: paths of narrow operands are shorter (Moons et al., DVAS), and split or
// shorter series of products allow a slower clock (DVAFS). `price` gives the cost of a use at a
// technology's supply.
MacCost ScaleVoltage(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                     const Technology& technology,
                     ScalableCost (*price)(const MacOperands& built, const MacOperands& used,
                                           const MacDesign& design, const Technology& technology));

absl::Status CheckDataGated(const MacOperands& used, const MacDesign& design);
MacCost EstimateDataGated(const MacOperands& built, const MacOperands& used,
                          const MacDesign& design, const Technology& technology);

absl::Status CheckSumApart(const MacOperands& used, const MacDesign& design);
absl::Status CheckSumTogether(const MacOperands& used, const MacDesign& design);
MacCost EstimateBricksApart(const MacOperands& built, const MacOperands& used,
                            const MacDesign& design, const Technology& technology);
MacCost EstimateBricksTogether(const MacOperands& built, const MacOperands& used,
                               const MacDesign& design, const Technology& technology);
MacCost EstimateSubwordsApart(const MacOperands& built, const MacOperands& used,
                              const MacDesign& design, const Technology& technology);
MacCost EstimateSubwordsTogether(const MacOperands& built, const MacOperands& used,
                                 const MacDesign& design, const Technology& technology);

absl::Status CheckSerial(const MacOperands& used, const MacDesign& design);
MacCost EstimateSerialWeights(const MacOperands& built, const MacOperands& used,
                              const MacDesign& design, const Technology& technology);
MacCost EstimateSerialActivations(const MacOperands& built, const MacOperands& used,
                                  const MacDesign& design, const Technology& technology);
MacCost EstimateSerialBoth(const MacOperands& built, const MacOperands& used,
                           const MacDesign& design, const Technology& technology);

}  // namespace bitscape::cost_models
