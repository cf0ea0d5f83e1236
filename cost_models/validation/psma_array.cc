#include "cost_models/validation/psma_array.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <vector>

#include "cost_models/mac/scalable.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using Groups = PsmaDesign::Groups;
using Sharing = PsmaDesign::Sharing;
using quantize::CeilLog2;

constexpr int kUnits = 256;            // of level 2
constexpr int kBricks = 16;            // in a unit
constexpr int kLevels = 4;             // pairs of bricks, level 2, level 3, level 4
constexpr int kSide[] = {2, 2, 4, 4};  // of each level's square
constexpr int kHeadroom = 4;
constexpr PsmaPrecision kPrecisions[] = {{8, 8}, {8, 4}, {8, 2}, {4, 4}, {2, 2}};
// The shifted sums of a unit with serial operands; every bit of them has a clock gate, a latch.
constexpr int kInnerSum = 14, kOuterSum = 20, kOuterRegister = 18;
constexpr double kRegisterAndGate = 2;

// What one level adds at one precision, over the whole array.
struct Sums {
  int adders = 0, bits = 0, outputs = 0;
  auto operator<=>(const Sums&) const = default;
};
struct Tree {
  int bricks = 0;  // that work
  std::array<Sums, kLevels> levels;
  int sum_bits = 0;  // of an accumulator
};

std::vector<PsmaPrecision> PrecisionsOf(const PsmaDesign& design) {
  std::vector<PsmaPrecision> precisions;
  for (const PsmaPrecision& precision : kPrecisions) {
    if (!design.subword || precision.activation_bits == precision.weight_bits) {
      precisions.push_back(precision);
    }
  }
  return precisions;
}

// How many lines of a level's side are shifted together along one axis.
int Fused(const PsmaDesign& design, int level, int bits) {
  if (design.groups == Groups::kSerial || level == 3) return 1;
  if (design.groups == Groups::kLevel3) return level == 2 ? bits / 2 : 1;
  if (level == 0) return bits >= 4 ? 2 : 1;
  return level == 1 && bits == 8 ? 2 : 1;
}

Sharing SharingOf(const PsmaDesign& design, int level) {
  if (level == 3) return design.level4;
  if (level == 2) return design.level3;
  return design.groups == Groups::kSerial ? Sharing{true, true} : design.level2;
}

Tree TreeOf(const PsmaDesign& design, PsmaPrecision precision) {
  const int weight = precision.weight_bits, activation = precision.activation_bits;
  Tree tree;
  tree.bricks = kUnits * kBricks / (design.subword ? 8 / activation : 1);
  int outputs = tree.bricks, bits = 4;
  for (int level = 0; level < kLevels; ++level) {
    const Sharing sharing = SharingOf(design, level);
    const int fused_w = Fused(design, level, weight), fused_a = Fused(design, level, activation);
    int added = (sharing.add_weights ? kSide[level] / fused_w : 1) *
                (sharing.add_activations ? kSide[level] / fused_a : 1);
    // Along the diagonal of a subword-unrolled unit there is one axis.
    if (design.subword && level < 2) added = fused_w == 1 && sharing.add_weights ? 2 : 1;
    const int group_bits = level == 1 && design.groups == Groups::kLevel2 ? 4 : 2;
    bits += group_bits * (fused_w - 1 + fused_a - 1) + CeilLog2(added);
    const int sums = outputs / (fused_w * fused_a * added);
    tree.levels[static_cast<size_t>(level)] = {outputs - sums, bits, sums};
    outputs = sums;
    if (design.groups == Groups::kSerial && level == 1) bits = activation + weight;
  }
  tree.sum_bits = bits + kHeadroom;
  return tree;
}

int InputBits(const PsmaDesign& design) {
  const auto lines = [&](auto adds) {
    int count = 4 * 4;
    if (adds(design.level4)) count *= 4;
    if (adds(design.level3)) count *= 4;
    const bool own = design.groups == Groups::kSerial || adds(design.level2);
    return !design.subword && own ? count * 4 : count;
  };
  return 8 * (lines([](const Sharing& sharing) { return sharing.add_activations; }) +
              lines([](const Sharing& sharing) { return sharing.add_weights; }));
}

class Array {
 public:
  Array(const PsmaDesign& design, PsmaPrecision precision, const Technology& technology,
        double spurious_per_level)
      : design_(design),
        precision_(precision),
        technology_(technology),
        spurious_(spurious_per_level),
        tree_(TreeOf(design, precision)) {
    for (const PsmaPrecision& other : PrecisionsOf(design)) trees_.push_back(TreeOf(design, other));
    if (design.groups == Groups::kSerial) outer_cycles_ = precision.weight_bits / 2;
  }

  PsmaCost Price() {
    const BlockCost brick = technology_.Multiplier(2, 2);
    Add(kUnits * kBricks * brick.area_um2, tree_.bricks * brick.energy_pj);
    for (size_t level = 0; level < kLevels; ++level) {
      Level(level);
      if (level == 1 && design_.groups == Groups::kSerial) ShiftedSums();
    }
    Accumulators();
    const BlockCost inputs = technology_.Register(InputBits(design_));
    Add(inputs.area_um2, inputs.energy_pj);
    const double macs = design_.subword
                            ? kUnits * (8.0 / precision_.activation_bits)
                            : kUnits * 64.0 / (precision_.activation_bits * precision_.weight_bits);
    return {.area_um2 = area_um2_, .fj_per_op = 1000 * energy_pj_ / (2 * macs)};
  }

 private:
  void Add(double area_um2, double energy_pj) {
    area_um2_ += area_um2;
    energy_pj_ += energy_pj;
  }
  double Spurious() const { return 1 + spurious_ * depth_; }

  // Adders are shared by the precisions; what leaves them is chosen among as many layouts as
  // differ.
  void Level(size_t level) {
    const Sums& now = tree_.levels[level];
    double adders_um2 = 0;
    int out_bits = 0;
    std::set<Sums> layouts;
    for (const Tree& tree : trees_) {
      const Sums& sums = tree.levels[level];
      adders_um2 = std::max(adders_um2, Copies(sums.adders, technology_.Adder(sums.bits)).area_um2);
      out_bits = std::max(out_bits, sums.outputs * sums.bits);
      layouts.insert(sums);
    }
    const int ways = static_cast<int>(layouts.size());
    const double energy_pj = Copies(now.adders, technology_.Adder(now.bits)).energy_pj +
                             technology_.Multiplexer(now.outputs * now.bits, ways).energy_pj;
    Add(adders_um2 + technology_.Multiplexer(out_bits, ways).area_um2, Spurious() * energy_pj);
    depth_ += CeilLog2((now.outputs + now.adders) / now.outputs);
  }

  void ShiftedSums() {
    const BlockCost inner = technology_.Adder(kInnerSum), outer = technology_.Adder(kOuterSum);
    const BlockCost inner_register = technology_.Register(kInnerSum);
    const BlockCost outer_register = technology_.Register(kOuterRegister);
    Add(kUnits * (inner.area_um2 + outer.area_um2 +
                  kRegisterAndGate * (inner_register.area_um2 + outer_register.area_um2)),
        kUnits * (inner.energy_pj + inner_register.energy_pj +
                  OnceIn(outer_cycles_, outer.energy_pj, outer_register.energy_pj)));
    depth_ = 0;
  }

  // Logic and its register once in so many cycles, the clock gated in between.
  static double OnceIn(int cycles, double logic_pj, double register_pj) {
    return (logic_pj + register_pj * (1 + (cycles - 1) * kGatedRegisterShare)) / cycles;
  }

  void Accumulators() {
    const auto [built_bits, used_bits, cycles] = SumsOf(design_, precision_);
    std::set<int> layouts;
    for (const Tree& tree : trees_) layouts.insert(tree.levels.back().outputs);
    const int outputs = tree_.levels.back().outputs;
    const int ways = static_cast<int>(layouts.size());
    const Part sums = ClockedRegister(built_bits, used_bits, technology_);
    const double logic_pj = Copies(outputs, technology_.Adder(tree_.sum_bits)).energy_pj +
                            technology_.Multiplexer(used_bits, ways).energy_pj;
    Add(technology_.Adder(built_bits).area_um2 +
            technology_.Multiplexer(built_bits, ways).area_um2 + sums.built.area_um2,
        OnceIn(cycles, Spurious() * logic_pj, sums.used.energy_pj));
  }

  const PsmaDesign& design_;
  const PsmaPrecision precision_;
  const Technology& technology_;
  const double spurious_;
  const Tree tree_;
  std::vector<Tree> trees_;
  int outer_cycles_ = 1;  // additions to the inner sum for one to the outer
  double depth_ = 0;      // levels of adders since the last register
  double area_um2_ = 0, energy_pj_ = 0;
};

}  // namespace

absl::StatusOr<PsmaDesign> ParsePsmaDesign(std::string_view name) {
  // BG_<2>_L4_<2>_L3_<2>_L2_<2>_DVAFS_<1>
  const absl::Status bad = absl::InvalidArgumentError(fmt::format(
      "array \"{}\"; expected BG_{{L2,L3,BS}}_L4_xx_L3_xx_L2_xx_DVAFS_d, xx of 00, 10, 11", name));
  if (name.size() != 31 || name.substr(0, 3) != "BG_" || name.substr(5, 4) != "_L4_" ||
      name.substr(11, 4) != "_L3_" || name.substr(17, 4) != "_L2_" ||
      name.substr(23, 7) != "_DVAFS_") {
    return bad;
  }
  PsmaDesign design;
  const std::string_view groups = name.substr(3, 2);
  if (groups == "L2") {
    design.groups = Groups::kLevel2;
  } else if (groups == "L3") {
    design.groups = Groups::kLevel3;
  } else if (groups == "BS") {
    design.groups = Groups::kSerial;
  } else {
    return bad;
  }
  const auto sharing = [&](size_t at, Sharing* out) {
    const std::string_view code = name.substr(at, 2);
    *out = {.add_weights = code[0] == '1', .add_activations = code[1] == '1'};
    return code == "00" || code == "10" || code == "11";
  };
  if (!sharing(9, &design.level4) || !sharing(15, &design.level3) || !sharing(21, &design.level2) ||
      (name[30] != '0' && name[30] != '1')) {
    return bad;
  }
  design.subword = name[30] == '1';
  return design;
}

PsmaSums SumsOf(const PsmaDesign& design, PsmaPrecision precision) {
  const auto bits = [](const Tree& tree) { return tree.levels.back().outputs * tree.sum_bits; };
  PsmaSums sums;
  for (const PsmaPrecision& other : PrecisionsOf(design)) {
    sums.built_bits = std::max(sums.built_bits, bits(TreeOf(design, other)));
  }
  sums.used_bits = bits(TreeOf(design, precision));
  if (design.groups == Groups::kSerial) {
    sums.cycles = precision.weight_bits / 2 * (precision.activation_bits / 2);
  }
  return sums;
}

PsmaCost PricePsma(const PsmaDesign& design, PsmaPrecision precision, const Technology& technology,
                   double spurious_per_level) {
  return Array(design, precision, technology, spurious_per_level).Price();
}

}  // namespace bitscape::cost_models
