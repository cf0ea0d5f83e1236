// Steps around a MAC layer's product: rounding its operands, and scales that depend on the image.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/emulate/mac_layer.h"
#include "engine/emulate/program.h"

namespace bitscape::emulate {

// `value` rounded in the layout that it has, in one pass.
int EmitRound(ProgramBuilder& builder, int value, const formats::Quantizer& quantizer,
              const quantize::ActivationScaling& calibrated, ElementKind elements, RoundTo to,
              const std::string& where);

// A value that goes into a MAC layer.
struct OperandValue {
  size_t index = 0;  // 0, or 1 for a product's right operand
  int value = -1;
  Shape shape;  // of one image
  int64_t images = 1;
  bool batched = true;  // one tensor an image, else one in all
};

// The operand rounded for the layer's arithmetic, in the layout that its kernel takes.
absl::StatusOr<int> EmitOperand(ProgramBuilder& builder, const MacLayer& layer,
                                const OperandValue& operand, const LayoutPtr& layout);

// `sums` of the layer in its node's shape, times the scales that the image gives (XNOR-Net's, or
// those of its integer codes), plus the bias. `operands`: all of the layer's.
absl::StatusOr<int> EmitSumScales(ProgramBuilder& builder, const MacLayer& layer,
                                  const std::vector<OperandValue>& operands, int sums);

}  // namespace bitscape::emulate
