// The machines of share/bitscape/accelerators, read as the server reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cost_models/accelerators/accelerator.h"

namespace bitscape::cost_models {

std::vector<std::string> ShippedNames();  // sorted
// The test fails if there is none of that name, or if it is not valid.
Accelerator Shipped(std::string_view name);

}  // namespace bitscape::cost_models
