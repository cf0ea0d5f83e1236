// Divide and conquer: bricks as wide as the narrowest step, and adders with shifts that put their
// products together to wider ones. Every brick works at every width. One operand of a single step
// makes it one-dimensional. Sum apart, operands are shared and each product has an accumulator
// (DNPU); sum together, each brick has operands of its own, and the tree adds what it does not put
// together (Bit Fusion).
#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "cost_models/mac/scalable.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using quantize::CeilLog2;

enum class Sums { kApart, kTogether };

int Brick(const std::vector<int>& steps) {
  return std::accumulate(steps.begin(), steps.end(), 0,
                         [](int a, int b) { return std::gcd(a, b); });
}

// Each step is made of whole ones of the step below.
bool IsChain(const std::vector<int>& steps) {
  return std::ranges::adjacent_find(
             steps, [](int narrow, int wide) { return wide % narrow != 0; }) == steps.end();
}

template <Sums kSums>
class Bricks {
 public:
  Bricks(const MacOperands& built, const MacOperands& used, const MacDesign& design,
         const Technology& technology)
      : widths_(WidthsOf(built, used, design, SignWidth::kTwoBits)),
        design_(design),
        technology_(technology),
        brick_w_(Brick(widths_.weight_steps)),
        brick_a_(Brick(widths_.activation_steps)),
        rows_(widths_.BuiltWeight() / brick_w_),
        columns_(widths_.BuiltActivation() / brick_a_),
        products_(Products(widths_.weight, widths_.activation)),
        zero_weight_(built.weight),
        zero_activation_(built.activation) {
    for (const int weight : widths_.weight_steps) {
      for (const int activation : widths_.activation_steps) {
        layouts_.insert(Products(weight, activation));
      }
    }
  }

  ScalableCost Price() {
    Inputs();
    Multipliers();
    if (IsChain(widths_.weight_steps) && IsChain(widths_.activation_steps)) {
      Levels();
    } else {
      AnyShifts();
    }
    Accumulators();
    datapath_.products = products_;
    return Assemble(datapath_, design_, technology_);
  }

 private:
  int Products(int weight, int activation) const {
    return (widths_.BuiltWeight() / weight) * (widths_.BuiltActivation() / activation);
  }

  void Inputs() {
    const int used_w = widths_.BuiltWeight() / widths_.weight * widths_.weight;
    const int used_a = widths_.BuiltActivation() / widths_.activation * widths_.activation;
    int built_bits_w = widths_.BuiltWeight(), built_bits_a = widths_.BuiltActivation();
    int used_bits_w = used_w, used_bits_a = used_a;
    if constexpr (kSums == Sums::kTogether) {
      used_bits_w = products_ * widths_.weight;
      used_bits_a = products_ * widths_.activation;
      for (const int weight : widths_.weight_steps) {
        for (const int activation : widths_.activation_steps) {
          built_bits_w = std::max(built_bits_w, Products(weight, activation) * weight);
          built_bits_a = std::max(built_bits_a, Products(weight, activation) * activation);
        }
      }
      // A brick's slice of an operand comes from another place for each step of the other one.
      const auto select = [&](int bits, size_t ways) {
        return technology_.Multiplexer(rows_ * columns_ * bits, static_cast<int>(ways));
      };
      const BlockCost both = Beside(select(brick_a_, widths_.weight_steps.size()),
                                    select(brick_w_, widths_.activation_steps.size()));
      datapath_.lane += {.built = both, .used = Copies(ActiveShare(), both)};
    }
    datapath_.input = ClockedRegister(built_bits_a, used_bits_a, technology_);
    datapath_.lane += ZeroPoint(zero_weight_, built_bits_w, used_bits_w, technology_);
    datapath_.lane += ZeroPoint(zero_activation_, built_bits_a, used_bits_a, technology_);
    datapath_.built_weight_bits = built_bits_w;
    datapath_.used_weight_bits = widths_.weight;
  }

  int ActiveBricks() const {
    return products_ * (widths_.weight / brick_w_) * (widths_.activation / brick_a_);
  }
  double ActiveShare() const { return ActiveBricks() / (1.0 * rows_ * columns_); }

  // Bricks are signed at the top of an operand and unsigned below: partial products of sign bits
  // are negated or not.
  void Multipliers() {
    const BlockCost multiplier = brick_w_ == 1 || brick_a_ == 1
                                     ? technology_.Gates(kGateOfAnd * brick_w_ * brick_a_)
                                     : technology_.Multiplier(brick_w_, brick_a_);
    const BlockCost brick = multiplier + technology_.Gates(kGateOfXor * (brick_w_ + brick_a_ - 1));
    datapath_.lane +=
        {.built = Copies(rows_ * columns_, brick), .used = Copies(ActiveBricks(), brick)};
  }

  // Carries are saved until the last addition; a full adder is two gates deep.
  double SumNs(int terms, int bits) const {
    const int saved = std::max(0, CeilLog2(terms) - 1);
    return 2 * saved * technology_.Gates(1).delay_ns + technology_.Adder(bits).delay_ns;
  }

  // From each step to the next, of both operands at once.
  void Levels() {
    const size_t levels = std::max(widths_.weight_steps.size(), widths_.activation_steps.size());
    int weight = widths_.weight_steps.front(), activation = widths_.activation_steps.front();
    for (size_t i = 1; i < levels; ++i) {
      const int wide_w = i < widths_.weight_steps.size() ? widths_.weight_steps[i] : weight;
      const int wide_a =
          i < widths_.activation_steps.size() ? widths_.activation_steps[i] : activation;
      Level(weight, activation, wide_w, wide_a);
      weight = wide_w;
      activation = wide_a;
    }
  }

  // Units of `weight` x `activation` become units of `wide_w` x `wide_a`, or stay apart.
  void Level(int weight, int activation, int wide_w, int wide_a) {
    const int units = (widths_.BuiltWeight() / wide_w) * (widths_.BuiltActivation() / wide_a);
    const int merged = (wide_w / weight) * (wide_a / activation);
    const int fused = (widths_.weight >= wide_w ? wide_w / weight : 1) *
                      (widths_.activation >= wide_a ? wide_a / activation : 1);
    const int axes = (wide_w > weight ? 1 : 0) + (wide_a > activation ? 1 : 0);
    const int built_bits = wide_w + wide_a;
    const int product_bits =
        std::min(widths_.weight, wide_w) + std::min(widths_.activation, wide_a);
    Part level;
    level.built = Copies(units * (merged - 1), technology_.Adder(built_bits));
    level.built.delay_ns = SumNs(merged, built_bits);
    if constexpr (kSums == Sums::kTogether) {
      // What is added is shifted or not, by either operand.
      const int in_sum = (wide_w / std::min(widths_.weight, wide_w)) *
                         (wide_a / std::min(widths_.activation, wide_a));
      const int used_bits = std::min(built_bits, product_bits + CeilLog2(in_sum));
      level.used = Copies(units * (merged - 1), technology_.Adder(used_bits));
      level +=
          {.built = Copies(units * (merged - 1), technology_.Multiplexer(built_bits, axes + 1)),
           .used = Copies(units * (merged - 1), technology_.Multiplexer(used_bits, axes + 1))};
    } else {
      level.used = Copies(units * (merged / fused) * (fused - 1), technology_.Adder(product_bits));
    }
    level.used.delay_ns = level.built.delay_ns;
    datapath_.lane += level;
  }

  // Steps that are not made of each other: a brick's product is moved to any place that some step
  // gives it, by row and by column.
  void AnyShifts() {
    const int bricks = rows_ * columns_;
    const int wide = widths_.BuiltWeight() + widths_.BuiltActivation();
    const int narrow = widths_.weight + widths_.activation;
    Part shifts;
    const auto add = [&](int lines, int brick, int across, const std::vector<int>& steps) {
      BlockCost built, used;
      for (int line = 0; line < lines; ++line) {
        std::set<int> places;
        for (const int step : steps) places.insert(line * brick % step);
        const int ways = static_cast<int>(places.size());
        const BlockCost row = Copies(across, technology_.Multiplexer(wide, ways));
        built.energy_pj += row.energy_pj;
        built.area_um2 += row.area_um2;
        built.delay_ns = std::max(built.delay_ns, row.delay_ns);
        used.energy_pj += across * technology_.Multiplexer(narrow, ways).energy_pj;
      }
      used.energy_pj *= ActiveShare();
      used.delay_ns = built.delay_ns;
      shifts += {.built = built, .used = used};
    };
    add(rows_, brick_w_, columns_, widths_.weight_steps);
    add(columns_, brick_a_, rows_, widths_.activation_steps);
    BlockCost tree = Copies(bricks - 1, technology_.Adder(wide));
    tree.delay_ns = SumNs(bricks, wide);
    BlockCost used;
    if constexpr (kSums == Sums::kTogether) {
      const int bits = std::min(wide, narrow + CeilLog2(products_));
      used = Copies(ActiveBricks() - 1, technology_.Adder(bits));
    } else {
      used = Copies(ActiveBricks() - products_, technology_.Adder(narrow));
    }
    used.delay_ns = tree.delay_ns;
    datapath_.lane += shifts + Part{.built = tree, .used = used};
  }

  void Accumulators() {
    int built_bits = widths_.accumulator, adder_bits = widths_.accumulator;
    int used_bits = widths_.UsedSumBits(products_);
    if constexpr (kSums == Sums::kApart) {
      for (const int weight : widths_.weight_steps) {
        for (const int activation : widths_.activation_steps) {
          const int bits = Products(weight, activation) * widths_.SumBits(weight, activation, 1);
          built_bits = std::max(built_bits, bits);
        }
      }
      used_bits = products_ * widths_.UsedSumBits(1);
      adder_bits = built_bits;
      // The accumulator's segments take wide products or narrow ones, which start elsewhere.
      const int layouts = static_cast<int>(layouts_.size());
      datapath_.sum += {.built = technology_.Multiplexer(built_bits, layouts),
                        .used = technology_.Multiplexer(used_bits, layouts)};
    }
    Part add = {.built = technology_.Adder(adder_bits),
                .used = Copies(
                    kSums == Sums::kApart ? products_ : 1,
                    technology_.Adder(kSums == Sums::kApart ? widths_.UsedSumBits(1) : used_bits))};
    add.built.delay_ns = technology_.Adder(widths_.accumulator).delay_ns;
    datapath_.sum += add + ClockedRegister(built_bits, used_bits, technology_);
    datapath_.loop = datapath_.sum;
    if constexpr (kSums == Sums::kApart) {
      datapath_.built_cut_bits = rows_ * columns_ * (brick_w_ + brick_a_);
      datapath_.used_cut_bits =
          std::min(datapath_.built_cut_bits, products_ * (widths_.weight + widths_.activation));
    } else {
      datapath_.built_cut_bits = widths_.BuiltWeight() + widths_.BuiltActivation();
      datapath_.used_cut_bits = std::min(datapath_.built_cut_bits,
                                         widths_.weight + widths_.activation + CeilLog2(products_));
    }
  }

  const ScalableWidths widths_;
  const MacDesign& design_;
  const Technology& technology_;
  const int brick_w_, brick_a_, rows_, columns_, products_;
  const Operand& zero_weight_;
  const Operand& zero_activation_;
  std::set<int> layouts_;  // numbers of products at once
  ScalableDatapath datapath_;
};

template <Sums kSums>
ScalableCost Price(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                   const Technology& technology) {
  return Bricks<kSums>(built, used, design, technology).Price();
}

}  // namespace

MacCost EstimateBricksApart(const MacOperands& built, const MacOperands& used,
                            const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, Price<Sums::kApart>);
}

MacCost EstimateBricksTogether(const MacOperands& built, const MacOperands& used,
                               const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, Price<Sums::kTogether>);
}

}  // namespace bitscape::cost_models
