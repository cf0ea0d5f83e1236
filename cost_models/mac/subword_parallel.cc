// Subword-parallel: the array multiplier is cut along its diagonal, so that as many narrow products
// fit as one side of it holds. The rest of its partial products is masked. Sum apart, the products
// leave side by side (DVAFS); sum together, the blocks of the other diagonal line them up, and the
// array adds them itself (ST).
#include <algorithm>
#include <set>

#include "cost_models/mac/scalable.h"

namespace bitscape::cost_models {
namespace {

enum class Sums { kApart, kTogether };

int Subwords(const ScalableWidths& widths, int weight, int activation) {
  return std::min(widths.BuiltWeight() / weight, widths.BuiltActivation() / activation);
}

// How many products it can be cut into.
std::set<int> Cuts(const ScalableWidths& widths) {
  std::set<int> counts;
  for (const int weight : widths.weight_steps) {
    for (const int activation : widths.activation_steps) {
      counts.insert(Subwords(widths, weight, activation));
    }
  }
  return counts;
}

// Each cut masks what is outside its blocks, and negates other partial products: those of the sign
// bits of both operands of each block.
Part Reconfiguration(const ScalableWidths& widths, const std::set<int>& counts, int products,
                     const Technology& technology) {
  const int weight = widths.BuiltWeight(), activation = widths.BuiltActivation();
  double gates = 0, used = 0;
  for (const int count : counts) {
    if (count == 1) continue;
    gates += kGateOfThirdInput * weight * activation * (1 - 1.0 / count);
    const double signs = kGateOfXor * count * (weight / count + activation / count - 1);
    gates += signs;
    if (count == products) used = signs;
  }
  if (counts.size() > 1) {
    used += kGateOfThirdInput * products * widths.weight * widths.activation;
  }
  return {.built = technology.Gates(gates), .used = technology.Gates(std::min(used, gates))};
}

// The final adders of the array are cut, too; segments of the accumulator start elsewhere for each
// number of products.
void SumApart(const ScalableWidths& widths, const std::set<int>& counts, int products,
              const Technology& technology, ScalableDatapath* datapath) {
  int bits = 0;
  for (const int weight : widths.weight_steps) {
    for (const int activation : widths.activation_steps) {
      const int count = Subwords(widths, weight, activation);
      bits = std::max(bits, count * widths.SumBits(weight, activation, 1));
    }
  }
  const int used_bits = products * widths.UsedSumBits(1);
  const int layouts = static_cast<int>(counts.size());
  const BlockCost carries = technology.Gates(kGateOfAnd * (*counts.rbegin() - 1));
  Part add = {.built = technology.Adder(bits) + carries,
              .used = Copies(products, technology.Adder(widths.UsedSumBits(1)))};
  // A carry runs through one segment.
  add.built.delay_ns = technology.Adder(widths.accumulator).delay_ns + carries.delay_ns;
  add += {.built = technology.Multiplexer(bits, layouts),
          .used = technology.Multiplexer(used_bits, layouts)};
  datapath->sum = add + ClockedRegister(bits, used_bits, technology);
}

void SumTogether(const ScalableWidths& widths, int products, const Technology& technology,
                 ScalableDatapath* datapath) {
  const int used_bits = widths.UsedSumBits(products);
  datapath->sum = {.built = technology.Adder(widths.accumulator),
                   .used = technology.Adder(used_bits)};
  datapath->sum += ClockedRegister(widths.accumulator, used_bits, technology);
}

template <Sums kSums>
ScalableCost Price(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                   const Technology& technology) {
  const ScalableWidths widths = WidthsOf(built, used, design, SignWidth::kTwoBits);
  const int weight = widths.BuiltWeight(), activation = widths.BuiltActivation();
  const int products = Subwords(widths, widths.weight, widths.activation);
  const std::set<int> counts = Cuts(widths);
  ScalableDatapath datapath;
  datapath.products = products;
  datapath.input = ClockedRegister(activation, products * widths.activation, technology);
  datapath.lane =
      ZeroPoint(built.weight, weight, products * widths.weight, technology) +
      ZeroPoint(built.activation, activation, products * widths.activation, technology) +
      Reconfiguration(widths, counts, products, technology);
  datapath.lane +=
      {.built = technology.Multiplier(weight, activation),
       .used = Copies(products, technology.Multiplier(widths.weight, widths.activation))};
  if constexpr (kSums == Sums::kApart) {
    SumApart(widths, counts, products, technology, &datapath);
  } else {
    SumTogether(widths, products, technology, &datapath);
  }
  datapath.loop = datapath.sum;
  datapath.built_cut_bits = weight + activation;
  datapath.used_cut_bits = products * (widths.weight + widths.activation);
  datapath.built_weight_bits = weight;
  datapath.used_weight_bits = widths.weight;
  return Assemble(datapath, design, technology);
}

}  // namespace

absl::Status CheckSumApart(const MacOperands& used, const MacDesign& design) {
  if (absl::Status one = CheckOneMultiplier(design); !one.ok()) return one;
  return CheckScalable(used, design, SignWidth::kTwoBits, 1);
}

absl::Status CheckSumTogether(const MacOperands& used, const MacDesign& design) {
  if (absl::Status one = CheckOneMultiplier(design); !one.ok()) return one;
  return CheckScalable(used, design, SignWidth::kTwoBits, 0);
}

MacCost EstimateSubwordsApart(const MacOperands& built, const MacOperands& used,
                              const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, Price<Sums::kApart>);
}

MacCost EstimateSubwordsTogether(const MacOperands& built, const MacOperands& used,
                                 const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, Price<Sums::kTogether>);
}

}  // namespace bitscape::cost_models
