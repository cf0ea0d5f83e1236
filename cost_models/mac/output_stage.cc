// What a finished sum goes through before it is stored. Composed, not fitted: outputs are a
// thousandth of the multiply-accumulates of a common layer.
#include <algorithm>

#include "cost_models/mac/parts.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::cost_models {
namespace {

class Vector {  // one lane of the unit, in the plan's vector format
 public:
  Vector(const OutputStage& stage, const Technology& technology)
      : technology_(technology),
        significand_(std::max(1, stage.vector_significand_bits)),
        exponent_(stage.vector_exponent_bits) {}

  int Bits() const { return significand_ + exponent_; }
  BlockCost Multiply() const {
    return exponent_ > 0 ? technology_.FloatMultiplier(exponent_, significand_, significand_)
                         : technology_.Multiplier(significand_, significand_);
  }
  BlockCost ScaleByPowerOfTwo() const {
    return exponent_ > 0 ? technology_.Adder(exponent_)
                         : technology_.Shifter(significand_, ShiftStages(significand_ - 1));
  }
  BlockCost Add() const {
    return exponent_ > 0 ? technology_.FloatAdder(exponent_, significand_ - 1)
                         : technology_.Adder(significand_);
  }
  BlockCost Compare() const { return technology_.Adder(Bits()); }
  BlockCost Convert(const Operand& sum) const {
    const bool from_float = sum.kind == Operand::Kind::kFloat;
    if (from_float == (exponent_ > 0)) return {};
    return Normaliser(from_float ? significand_ : sum.bits, technology_);
  }
  // Shifted to the stored format's place, then rounded.
  BlockCost Round(int stored_bits) const {
    return technology_.Shifter(significand_, ShiftStages(significand_ - 1)) +
           technology_.Adder(stored_bits);
  }
  BlockCost RandomBits() const {
    return technology_.Register(significand_) + technology_.Gates(significand_) +
           technology_.Adder(significand_);
  }

 private:
  const Technology& technology_;
  int significand_, exponent_;
};

}  // namespace

BlockCost PriceOutput(const MacOperands& operands, const Technology& technology) {
  const OutputStage& stage = operands.output;
  const Vector vector(stage, technology);
  BlockCost cost = vector.Convert(operands.accumulator);
  const auto scale = [&] {
    return stage.scale_is_power_of_two ? vector.ScaleByPowerOfTwo() : vector.Multiply();
  };
  if (stage.has_scale) cost += scale();
  if (stage.per_row_scale) cost += scale();
  for (const Operand* operand : {&operands.weight, &operands.activation}) {
    if (operand->two_values) cost += vector.Multiply() + vector.Add();
  }
  if (stage.scale_and_shift) cost += vector.Multiply() + vector.Add();
  // The range is only known after the last output: they wait, and are scaled then.
  if (stage.dynamic_range) {
    cost += vector.Compare() + technology.Register(vector.Bits());
    cost += scale();
  }
  if (stage.stochastic) cost += vector.RandomBits();
  if (stage.encoded_levels > 0) {
    cost += Copies(quantize::CeilLog2(stage.encoded_levels), vector.Compare());
  } else if (stage.stored_bits < vector.Bits()) {
    cost += vector.Round(stage.stored_bits);
  }
  return cost + technology.Register(stage.stored_bits);
}

}  // namespace bitscape::cost_models
