// The floats that fixed float datapaths are built for.
#pragma once

#include <optional>

#include "cost_models/mac/operands.h"

namespace bitscape::cost_models {

// 8 (e4m3), 16 (e5m10), 19 (e8m10) or 32 (e8m23) bits; nothing else says how many of its bits are
// exponent.
std::optional<Operand> FloatDatapathWidth(int bits);

}  // namespace bitscape::cost_models
