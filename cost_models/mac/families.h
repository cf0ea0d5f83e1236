// Multiply-accumulate datapaths. A family is a row: what it accepts and what it costs.
// To add one: a file with its functions, their declaration in family_functions.h, and a row in
// families.cc.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/mac/operands.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

// How a machine organises its datapaths: parameters of the family, the same for every layer.
struct MacDesign {
  int dot_length = 1;  // products that one adder tree adds before the accumulator
  // Scalable and serial families: operand widths that are steps of the hardware, ascending, e.g.
  // {2, 4, 8}; a width between runs at the next. Empty: every width up to the built one.
  std::vector<int> weight_widths = {}, activation_widths = {};
  int serial_bits = 1;  // temporal families: bits of the serial operand that one cycle takes
  int pipeline_stages = 1;
  // Slower clocks of narrow operands are traded for a lower supply (DVAFS, Moons et al.).
  bool scales_voltage = false;
  double clock_ghz = 0;  // 0: what the datapath's delay allows
  // Of the products with a ternary operand, those that are 0: the adder and its registers are held.
  // Not known when a layer is priced, hence a parameter.
  double zero_share = 0;
  bool operator==(const MacDesign&) const = default;
};

struct MacCost {
  // One multiply-accumulate with its share of trees and accumulators, and the area of one
  // multiplier's share of a datapath: with the registers of activation and sum, without that of the
  // weight.
  double energy_pj = 0;
  // The part of energy_pj that a whole adder tree pays, whether or not all its products are there:
  // with a share u of them in use, shared_pj * (1 / u - 1) comes on top.
  double shared_pj = 0;
  double area_um2 = 0;
  BlockCost weight_register =
      {};  // one load; only where no memory in the element feeds the multiplier
  double macs_per_cycle =
      1;                  // of one built multiplier: above 1 where it splits, below where serial
  double delay_ns = 0;    // the longest register-to-register path at the technology's supply
  BlockCost output = {};  // per finished output: scale, conversion, rounding
};

struct MacFamily {
  std::string_view name;
  std::string_view description;
  std::string_view source;
  // OK, or kUnimplemented with what this family does not take.
  absl::Status (*check)(const MacOperands& used, const MacDesign& design);
  // What `used` costs on a datapath that was built for `built` (which fits it). Area and delay are
  // those of the built datapath.
  MacCost (*estimate)(const MacOperands& built, const MacOperands& used, const MacDesign& design,
                      const Technology& technology);
  // The input stays in the multiplier and the weight passes, not the other way round.
  bool input_stays = false;
  // Products that a split multiplier computes side by side end in one sum.
  bool adds_products = false;
};

std::span<const MacFamily> AllMacFamilies();
std::vector<std::string> MacFamilyNames();
// Errors: kNotFound with the families that exist.
absl::StatusOr<const MacFamily*> FindMacFamily(std::string_view name);

}  // namespace bitscape::cost_models
