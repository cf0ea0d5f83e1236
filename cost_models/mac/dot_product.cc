#include "cost_models/mac/dot_product.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "cost_models/mac/family_functions.h"
#include "engine/core/status.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using BlockScale = Operand::BlockScale;
using Kind = Operand::Kind;
using quantize::CeilLog2;

constexpr int kMostLanes = 4096;
// A tree places products of up to so many bits exactly; wider ones it aligns to their largest,
// which has to be found (Rouhani et al., ISCA 2023: 25 bits, or the range where that is less).
constexpr int kTreeBits = 25;

// Products that share the scales of both operands; 0: no scale inside the sum.
int SharedBlock(const MacOperands& operands) {
  const auto block = [](const Operand& operand) {
    return operand.block_scale == BlockScale::kNone ? 0 : operand.block;
  };
  return std::gcd(block(operands.weight), block(operands.activation));
}

// Sums of signs are counts.
bool Counts(const MacOperands& operands) {
  return operands.weight.kind == Kind::kBinary && operands.activation.kind == Kind::kBinary;
}

struct Tree {
  BlockCost cost;
  int bits = 0;  // of the sum
};

// A binary tree of adders, each a bit wider than those before it.
Tree AddTree(int inputs, int bits, bool counts, const Technology& technology) {
  Tree tree{.cost = {}, .bits = bits + CeilLog2(inputs)};
  if (inputs == 1) return tree;
  if (counts) {
    tree.cost = technology.PopulationCount(inputs);
    return tree;
  }
  for (int left = inputs, width = bits; left > 1; left = (left + 1) / 2, ++width) {
    tree.cost += Copies(left / 2, technology.Adder(width));
  }
  return tree;
}

// One datapath: `lanes` multipliers, what their tree does each cycle, and what happens once for
// each group of products that is summed exactly before the accumulator.
class Lanes {
 public:
  Lanes(const MacOperands& operands, int lanes, const MacDesign& design,
        const Technology& technology)
      : operands_(operands),
        lanes_(lanes),
        design_(design),
        technology_(technology),
        block_(SharedBlock(operands)),
        fixed_order_(!operands.any_order) {}

  MacCost Price() {
    const int precision_bits = UsefulBits(operands_.accumulator);
    const Product product = [&] {
      const bool alone = lanes_ == 1 && GroupOf(0) == 1 && block_ == 0;
      return (alone ? MultiplyAndRound : Multiply)(operands_.weight, operands_.activation,
                                                   std::min(precision_bits, 24), technology_);
    }();
    group_ = GroupOf(product.span);
    lane_ = Beside(Decode(operands_.weight, lanes_, technology_),
                   Decode(operands_.activation, lanes_, technology_)) +
            product.cost;
    Product sum = product;
    if (lanes_ > 1 || group_ > 1) sum = SumOfGroup(product);
    Scale(&sum);
    Accumulators(sum);
    return Total();
  }

 private:
  // Products that are summed before the accumulator takes part.
  int GroupOf(int span) const {
    if (fixed_order_) return operands_.chunk;
    // Integers of a block add up exactly; floats do in one register as wide as their range, which
    // a datapath of one multiplier has, and a tree hands each of its sums on.
    if (block_ > lanes_ && (lanes_ == 1 || span == 0)) return block_;
    return lanes_;
  }

  int ExactBits(const Product& product) const { return product.significand_bits + product.span; }

  // What a product is shifted and cut to before it is added to others.
  int AlignedBits(const Product& product) const {
    const int exact = ExactBits(product);
    if (fixed_order_) {
      return operands_.align_bits > 0 ? std::min(exact, operands_.align_bits) : exact;
    }
    const Operand& accumulator = operands_.accumulator;
    if (lanes_ == 1 || product.span == 0) return exact;
    if (accumulator.kind == Kind::kInteger) return std::min(exact, accumulator.bits);
    return std::min(exact, std::max(UsefulBits(accumulator), kTreeBits));
  }

  bool AlignsToLargest(const Product& product) const {
    if (fixed_order_) return AlignedBits(product) < ExactBits(product);
    return lanes_ > 1 && product.span > 0 && ExactBits(product) > kTreeBits &&
           operands_.accumulator.kind == Kind::kFloat;
  }

  // The largest of the tree's exponents, found by as many comparisons as additions, and the
  // distance to it.
  BlockCost MaximumSearch(int exponent_bits, int inputs) const {
    const BlockCost compare =
        technology_.Adder(exponent_bits) + technology_.Multiplexer(exponent_bits, 2);
    BlockCost search =
        Copies(inputs - 1, compare) + Copies(inputs, technology_.Adder(exponent_bits));
    search.delay_ns =
        CeilLog2(inputs) * compare.delay_ns + technology_.Adder(exponent_bits).delay_ns;
    return search;
  }

  Product SumOfGroup(const Product& product) {
    const int aligned = AlignedBits(product);
    if (product.span > 0) {
      lane_ += ToFixedPoint(product.significand_bits, aligned, product.span, technology_);
      if (AlignsToLargest(product)) cycle_ += MaximumSearch(product.exponent_bits, lanes_);
    }
    const int blocks = block_ > 0 && lanes_ > block_ ? lanes_ / block_ : 1;
    Tree tree = AddTree(lanes_ / blocks, aligned, Counts(operands_), technology_);
    BlockCost trees = Copies(blocks, tree.cost);
    trees.area_um2 *= Sums();
    cycle_ += trees;
    if (blocks > 1) tree = AddBlocks(tree, blocks);
    Product sum;
    sum.significand_bits = tree.bits;
    sum.exponent_bits = product.exponent_bits;
    if (group_ > lanes_) {
      sum.significand_bits = std::max(tree.bits, aligned + CeilLog2(group_));
      inner_ = technology_.Adder(sum.significand_bits) + technology_.Register(sum.significand_bits);
    }
    return sum;
  }

  // Several blocks in one tree: their scales are applied to their sums, which are then aligned.
  Tree AddBlocks(const Tree& of_block, int blocks) {
    const int bits = std::max(of_block.bits, UsefulBits(operands_.accumulator));
    const int exponent_bits = ScaleExponentBits();
    cycle_ += Copies(
        blocks, ApplyScale(of_block.bits) + ToFixedPoint(of_block.bits, bits, bits, technology_));
    cycle_ += MaximumSearch(exponent_bits, blocks);
    const Tree tree = AddTree(blocks, bits, false, technology_);
    cycle_ += tree.cost;
    return tree;
  }

  int ScaleExponentBits() const {
    const auto exponent = [](const Operand& operand) {
      return operand.block_scale == BlockScale::kNone
                 ? 0
                 : std::max(1, operand.block_scale_bits - operand.block_scale_significand_bits);
    };
    return 1 + std::max(exponent(operands_.weight), exponent(operands_.activation));
  }

  // The two scales of a block, made one: once a block.
  BlockCost CombineScales() const {
    const Operand& w = operands_.weight;
    const Operand& a = operands_.activation;
    BlockCost cost = technology_.Adder(ScaleExponentBits());
    if (w.block_scale == BlockScale::kFloat && a.block_scale == BlockScale::kFloat) {
      cost = Beside(cost, technology_.Multiplier(w.block_scale_significand_bits,
                                                 a.block_scale_significand_bits));
    }
    const int bits = w.block_scale_bits + a.block_scale_bits;
    return bits > 0 ? cost + technology_.Register(bits) : cost;
  }

  int ScaleSignificandBits() const {
    int bits = 0;
    for (const Operand* operand : {&operands_.weight, &operands_.activation}) {
      if (operand->block_scale == BlockScale::kFloat) bits += operand->block_scale_significand_bits;
    }
    return bits;
  }

  BlockCost ApplyScale(int sum_bits) const {
    BlockCost cost = technology_.Adder(ScaleExponentBits());
    if (const int bits = ScaleSignificandBits(); bits > 0) {
      cost = Beside(cost, technology_.Multiplier(sum_bits, bits));
    }
    return cost;
  }

  void Scale(Product* sum) {
    if (block_ == 0) return;
    // A block of one is a constant of the layer, or a token with one channel.
    if (block_ > 1) combine_ = CombineScales();
    if (lanes_ > block_) return;  // done in the tree
    finish_ += ApplyScale(sum->significand_bits);
    sum->significand_bits += ScaleSignificandBits();
    sum->exponent_bits = std::max(sum->exponent_bits, ScaleExponentBits());
    // A fixed point is reached by a shift over the register's width.
    if (operands_.accumulator.kind == Kind::kInteger) {
      sum->span += operands_.accumulator.bits;
    }
  }

  void Accumulators(const Product& sum) {
    const Operand& accumulator = operands_.accumulator;
    BlockCost add = Accumulate(sum, accumulator, operands_.stochastic_sums, technology_);
    loop_ns_ = LoopNs();
    if (const int sums = Sums(); sums > 1) {
      add += technology_.Multiplexer(accumulator.bits, sums);
      add.area_um2 += (sums - 1) * technology_.Register(accumulator.bits).area_um2;
    }
    finish_ += add;
  }

  // Two values of a code, two sums, of which each product goes to one.
  int Sums() const {
    return (operands_.weight.two_values ? 2 : 1) * (operands_.activation.two_values ? 2 : 1);
  }

  // The accumulator waits for its own last sum; alignment and conversion can be pipelined.
  double LoopNs() const {
    const Operand& accumulator = operands_.accumulator;
    const BlockCost add =
        accumulator.kind == Kind::kInteger
            ? technology_.Adder(accumulator.bits)
            : technology_.FloatAdder(accumulator.exponent_bits, accumulator.significand_bits - 1);
    const BlockCost loop = add + technology_.Register(accumulator.bits);
    return std::max(loop.delay_ns, inner_.delay_ns);
  }

  double Held() const {
    const bool gates =
        operands_.weight.kind == Kind::kTernary || operands_.activation.kind == Kind::kTernary;
    return gates ? 1 - design_.zero_share : 1;
  }

  MacCost Total() const {
    const double group = std::max(group_, lanes_);
    const BlockCost input = technology_.Register(operands_.activation.bits);
    const BlockCost cut = technology_.Register(operands_.weight.bits + operands_.activation.bits);
    const int cuts = design_.pipeline_stages - 1;
    MacCost cost;
    // A held product stops the tree's share, and the accumulator where it is its own.
    const double switching = Held();
    const double tree_pj = switching * (cycle_.energy_pj + inner_.energy_pj) / lanes_;
    const double sum_pj = (lanes_ == 1 && group_ == 1 ? switching : 1) * finish_.energy_pj / group;
    cost.energy_pj = switching * lane_.energy_pj + tree_pj + sum_pj;
    if (lanes_ > 1) cost.shared_pj = tree_pj + sum_pj;
    cost.energy_pj += input.energy_pj + cuts * cut.energy_pj;
    cost.area_um2 = lane_.area_um2 + input.area_um2 + cuts * cut.area_um2 +
                    (cycle_.area_um2 + inner_.area_um2 + finish_.area_um2) / lanes_;
    if (block_ > 0) {
      cost.energy_pj += combine_.energy_pj / block_;
      cost.area_um2 += combine_.area_um2 / std::min(block_, lanes_);
    }
    const double path_ns = input.delay_ns + lane_.delay_ns + cycle_.delay_ns +
                           std::max(inner_.delay_ns, finish_.delay_ns);
    cost.delay_ns = std::max(path_ns / design_.pipeline_stages, loop_ns_);
    cost.weight_register = technology_.Register(operands_.weight.bits);
    return cost;
  }

  const MacOperands& operands_;
  const int lanes_;
  const MacDesign& design_;
  const Technology& technology_;
  const int block_;
  const bool fixed_order_;
  int group_ = 1;
  BlockCost lane_, cycle_, inner_, finish_, combine_;
  double loop_ns_ = 0;
};

}  // namespace

absl::Status CheckLanes(const MacOperands& operands, int lanes) {
  BITSCAPE_RETURN_IF_ERROR(CheckWidths(operands));
  if (lanes < 1 || lanes > kMostLanes) {
    return absl::UnimplementedError(
        fmt::format("{} products in one adder tree; priced: 1 to {}", lanes, kMostLanes));
  }
  const int block = SharedBlock(operands);
  if (operands.any_order) {
    if (block > 0 && block % lanes != 0 && lanes % block != 0) {
      return absl::UnimplementedError(
          fmt::format("{}: scales for each {} products in a tree of {}; one must divide the other",
                      ToString(operands), block, lanes));
    }
    return absl::OkStatus();
  }
  if (operands.chunk % lanes != 0 || (operands.align_bits > 0 && operands.chunk != lanes)) {
    return absl::UnimplementedError(
        fmt::format("{}: the plan rounds after each {} products, a tree adds {} before",
                    ToString(operands), operands.chunk, lanes));
  }
  if (block > 0 && block % operands.chunk != 0) {
    return absl::UnimplementedError(fmt::format("{}: sums of {} products across scales for each {}",
                                                ToString(operands), operands.chunk, block));
  }
  return absl::OkStatus();
}

MacCost PriceLanes(const MacOperands& operands, int lanes, const MacDesign& design,
                   const Technology& technology) {
  return Lanes(operands, lanes, design, technology).Price();
}

absl::Status CheckDotProduct(const MacOperands& used, const MacDesign& design) {
  BITSCAPE_RETURN_IF_ERROR(CheckDesign(design));
  BITSCAPE_RETURN_IF_ERROR(CheckOneWidth(design));
  return CheckLanes(used, design.dot_length);
}

MacCost EstimateDotProduct(const MacOperands& built, const MacOperands& used,
                           const MacDesign& design, const Technology& technology) {
  MacCost cost = PriceLanes(built, design.dot_length, design, technology);
  cost.output = PriceOutput(used, technology);
  return cost;
}

}  // namespace bitscape::cost_models
