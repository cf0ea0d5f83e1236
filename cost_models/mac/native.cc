// A multiplier as wide as its operands, an adder and a register as wide as the accumulator. The
// weight stays while inputs pass, so its register is not clocked by a multiply-accumulate.
#include "cost_models/mac/dot_product.h"
#include "cost_models/mac/family_functions.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

// Products aligned to the largest of a chunk are all there at once.
int LanesOf(const MacOperands& operands) {
  return !operands.any_order && operands.align_bits > 0 ? operands.chunk : 1;
}

}  // namespace

absl::Status CheckNative(const MacOperands& used, const MacDesign& design) {
  BITSCAPE_RETURN_IF_ERROR(CheckDesign(design));
  BITSCAPE_RETURN_IF_ERROR(CheckOneMultiplier(design));
  BITSCAPE_RETURN_IF_ERROR(CheckOneWidth(design));
  return CheckLanes(used, LanesOf(used));
}

MacCost EstimateNative(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                       const Technology& technology) {
  // A narrow operand moves as many gates as a wide one: sign bits switch, too.
  MacCost cost = PriceLanes(built, LanesOf(built), design, technology);
  cost.output = PriceOutput(used, technology);
  return cost;
}

}  // namespace bitscape::cost_models
