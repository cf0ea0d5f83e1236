// Temporal: one or both operands arrive serial_bits a cycle, and products are put together by
// shifting a sum. Weights serial as in UNPU, activations as in Stripes, both as in Loom. dot_length
// multipliers share an adder tree, the shifted sum and the accumulator. The operand that is not
// serial stays while slices of the other pass (UNPU is input-stationary, Stripes keeps weights):
// its register is the one whose loads are counted apart, MacCost::weight_register.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "cost_models/mac/scalable.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

using quantize::CeilLog2;

constexpr int kMostProducts = 4096;

int Cycles(int bits, int serial_bits) { return (bits + serial_bits - 1) / serial_bits; }

// `cycles` in which it is clocked once, and holds its value in the others.
Part HeldRegister(int built_bits, int used_bits, int cycles, const Technology& technology) {
  Part held = ClockedRegister(built_bits, used_bits, technology);
  held.used.energy_pj +=
      (cycles - 1) * kGatedRegisterShare * technology.Register(built_bits).energy_pj;
  return held;
}

class Serial {
 public:
  Serial(const MacOperands& built, const MacOperands& used, const MacDesign& design,
         const Technology& technology)
      : built_(built),
        widths_(WidthsOf(built, used, design, SignWidth::kOneBit)),
        design_(design),
        technology_(technology),
        lanes_(design.dot_length),
        grown_(CeilLog2(design.dot_length)) {}

  // One operand whole, the other serial.
  ScalableCost PriceOne(bool weight_is_serial) {
    const int built_serial = weight_is_serial ? widths_.BuiltWeight() : widths_.BuiltActivation();
    const int built_whole = weight_is_serial ? widths_.BuiltActivation() : widths_.BuiltWeight();
    const int used_serial = weight_is_serial ? widths_.weight : widths_.activation;
    const int used_whole = weight_is_serial ? widths_.activation : widths_.weight;
    const int slice = std::min(design_.serial_bits, built_serial);
    const int cycles = Cycles(used_serial, slice);
    ShiftedSum(built_whole, used_whole, slice,
               {.built = built_whole + built_serial, .used = used_whole + used_serial},
               Cycles(built_serial, slice), cycles, 1);
    Lane(slice, built_whole, used_whole, slice);
    stays_ = {.built = technology_.Register(built_whole), .used = technology_.Register(used_whole)};
    Place(weight_is_serial ? widths_.weight_steps : widths_.activation_steps, slice);
    return Total(cycles);
  }

  // Both serial: a sum over the slices of the activation, and one over those of the weight.
  ScalableCost PriceBoth() {
    const int slice_w = std::min(design_.serial_bits, widths_.BuiltWeight());
    const int slice_a = std::min(design_.serial_bits, widths_.BuiltActivation());
    const int cycles_a = Cycles(widths_.activation, slice_a);
    const int cycles_w = Cycles(widths_.weight, slice_w);
    const int built_a = Cycles(widths_.BuiltActivation(), slice_a);
    const int built_w = Cycles(widths_.BuiltWeight(), slice_w);
    ShiftedSum(slice_w, slice_w, slice_a,
               {.built = widths_.BuiltActivation() + slice_w, .used = widths_.activation + slice_w},
               built_a, cycles_a, cycles_w);
    ShiftedSum(widths_.BuiltActivation(), widths_.activation, slice_w,
               {.built = widths_.BuiltActivation() + widths_.BuiltWeight(),
                .used = widths_.activation + widths_.weight},
               built_w, cycles_w, 1, cycles_a);
    Lane(slice_a, slice_w, slice_w, slice_w + slice_a);
    stays_ = {.built = technology_.Register(slice_w), .used = technology_.Register(slice_w)};
    Place(widths_.weight_steps, slice_w);
    Place(widths_.activation_steps, slice_a);
    return Total(cycles_w * cycles_a);
  }

 private:
  struct Bits {
    int built = 0, used = 0;
  };

  // A slice times `whole` bits in each lane, and the tree over them: every cycle.
  void Lane(int slice, int built_whole, int used_whole, int register_bits) {
    const auto partial = [&](int bits) {
      return slice == 1 ? technology_.Gates(kGateOfAnd * bits)
                        : technology_.Multiplier(slice, bits);
    };
    lane_ = ClockedRegister(register_bits, register_bits, technology_);
    lane_ += ZeroPoint(built_.weight, built_whole, used_whole, technology_);
    lane_ += ZeroPoint(built_.activation, built_whole, used_whole, technology_);
    lane_ += {.built = partial(built_whole), .used = partial(used_whole)};
    const int narrow = slice == 1 ? 0 : slice;
    for (int left = lanes_, level = 1; left > 1; left = (left + 1) / 2, ++level) {
      const auto row = [&](int bits) {
        return Copies(left / 2, technology_.Adder(bits + narrow + level));
      };
      tree_ += {.built = row(built_whole), .used = row(used_whole)};
    }
    // The slice with the sign is subtracted.
    const auto negate = [&](int bits) {
      return technology_.Gates(kGateOfXor * (bits + narrow + grown_));
    };
    tree_ += {.built = negate(built_whole), .used = negate(used_whole)};
  }

  // Adds a slice's product at the top and moves the sum down by the slice. `cycles` additions a
  // sum, `sums` sums a product, each addition once in `every` cycles; none where one slice is all.
  void ShiftedSum(int built_whole, int used_whole, int slice, Bits sum, int built_cycles,
                  int cycles, int sums, int every = 1) {
    if (built_cycles == 1) return;
    const auto add = [&](int bits) { return technology_.Adder(bits + slice + grown_); };
    Part step = {.built = add(built_whole), .used = add(used_whole)};
    const Part held = HeldRegister(sum.built + grown_, sum.used + grown_, every, technology_);
    step += held;
    step.used.energy_pj *= cycles * sums;
    shift_ += step;
    if (loop_.built.delay_ns < step.built.delay_ns) loop_ = step;
  }

  // Each number of cycles leaves the product at another place. Cycles are counted once for a whole
  // array, which is not priced here.
  void Place(const std::vector<int>& steps, int slice) {
    std::set<int> lengths;
    for (const int step : steps) lengths.insert(Cycles(step, slice));
    const int ways = static_cast<int>(lengths.size());
    if (ways == 1) return;
    const int built_bits = widths_.BuiltWeight() + widths_.BuiltActivation() + grown_;
    const int used_bits = widths_.weight + widths_.activation + grown_;
    finish_ += {.built = technology_.Multiplexer(built_bits, ways),
                .used = technology_.Multiplexer(used_bits, ways)};
  }

  ScalableCost Total(int cycles) {
    const int sum_bits = widths_.UsedSumBits(lanes_);
    const Part add = {.built = technology_.Adder(widths_.accumulator),
                      .used = technology_.Adder(sum_bits)};
    Part accumulate = add + HeldRegister(widths_.accumulator, sum_bits, cycles, technology_);
    finish_ += accumulate;
    ScalableCost result;
    MacCost& cost = result.cost;
    cost.macs_per_cycle = 1.0 / cycles;
    const double shared_pj =
        cycles * tree_.used.energy_pj + shift_.used.energy_pj + finish_.used.energy_pj;
    cost.energy_pj = cycles * lane_.used.energy_pj + shared_pj / lanes_;
    cost.area_um2 =
        lane_.built.area_um2 +
        (tree_.built.area_um2 + shift_.built.area_um2 + finish_.built.area_um2) / lanes_;
    const Part cut = ClockedRegister(widths_.BuiltWeight() + widths_.BuiltActivation() + grown_,
                                     widths_.weight + widths_.activation + grown_, technology_);
    // Pipeline registers stand between the shifted sum and the accumulator: once a product.
    const int cuts = design_.pipeline_stages - 1;
    cost.energy_pj += cuts * cut.used.energy_pj / lanes_;
    if (lanes_ > 1) cost.shared_pj = (shared_pj + cuts * cut.used.energy_pj) / lanes_;
    cost.area_um2 += cuts * cut.built.area_um2 / lanes_;
    const auto delay = [&](BlockCost Part::*side) {
      const double first =
          (lane_.*side).delay_ns + (tree_.*side).delay_ns + (shift_.*side).delay_ns;
      const double last = (finish_.*side).delay_ns;
      // The shifted sum is a register of its own.
      const double path = (shift_.*side).delay_ns > 0 ? std::max(first, last) : first + last;
      return std::max({path / design_.pipeline_stages, (loop_.*side).delay_ns,
                       (add.*side).delay_ns + technology_.Register(1).delay_ns});
    };
    cost.delay_ns = delay(&Part::built);
    result.used_ns = delay(&Part::used);
    cost.weight_register = stays_.used;
    cost.weight_register.area_um2 = stays_.built.area_um2;
    return result;
  }

  const MacOperands& built_;
  const ScalableWidths widths_;
  const MacDesign& design_;
  const Technology& technology_;
  const int lanes_, grown_;
  Part stays_;           // the register of the operand that is not serial; of a slice
  Part lane_;            // every cycle, in each lane
  Part tree_;            // every cycle
  Part shift_, finish_;  // `used`: of all cycles of a product
  Part loop_;
};

ScalableCost PriceWeights(const MacOperands& built, const MacOperands& used,
                          const MacDesign& design, const Technology& technology) {
  return Serial(built, used, design, technology).PriceOne(true);
}
ScalableCost PriceActivations(const MacOperands& built, const MacOperands& used,
                              const MacDesign& design, const Technology& technology) {
  return Serial(built, used, design, technology).PriceOne(false);
}
ScalableCost PriceBoth(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                       const Technology& technology) {
  return Serial(built, used, design, technology).PriceBoth();
}

}  // namespace

absl::Status CheckSerial(const MacOperands& used, const MacDesign& design) {
  if (design.serial_bits < 1 || design.dot_length < 1 || design.dot_length > kMostProducts) {
    return absl::UnimplementedError(
        fmt::format("{} serial bits and dot_length {}; priced: from 1, and 1 to {}",
                    design.serial_bits, design.dot_length, kMostProducts));
  }
  return CheckScalable(used, design, SignWidth::kOneBit, design.dot_length);
}

MacCost EstimateSerialWeights(const MacOperands& built, const MacOperands& used,
                              const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, PriceWeights);
}
MacCost EstimateSerialActivations(const MacOperands& built, const MacOperands& used,
                                  const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, PriceActivations);
}
MacCost EstimateSerialBoth(const MacOperands& built, const MacOperands& used,
                           const MacDesign& design, const Technology& technology) {
  return ScaleVoltage(built, used, design, technology, PriceBoth);
}

}  // namespace bitscape::cost_models
