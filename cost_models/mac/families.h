// Multiply-accumulate datapaths. A family is a row: what it accepts and what it costs.
// To add one: write its two functions and a row in families.cc.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/mac/operands.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

struct MacCost {
  // One multiply-accumulate, and one datapath: with the registers of activation and sum, without
  // that of the weight.
  double energy_pj = 0;
  double area_um2 = 0;
  BlockCost weight_register;  // one load; only where no memory in the element feeds the multiplier
  double cycles = 1;          // between two multiply-accumulates
};

struct MacFamily {
  std::string_view name;
  std::string_view source;
  bool (*supports)(const MacOperands&);
  MacCost (*estimate)(const MacOperands&, const Technology&);  // only where supports()
};

std::span<const MacFamily> AllMacFamilies();
std::vector<std::string> MacFamilyNames();
// Errors: kNotFound with the families that exist.
absl::StatusOr<const MacFamily*> FindMacFamily(std::string_view name);

}  // namespace bitscape::cost_models
