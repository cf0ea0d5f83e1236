// Process nodes, and the primitive costs of one: published points with fitted scaling in bit width.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::cost_models {

// What one operation of a block costs, and the area of the block.
struct BlockCost {
  double energy_pj = 0;
  double area_um2 = 0;
  BlockCost& operator+=(const BlockCost& other) {
    energy_pj += other.energy_pj;
    area_um2 += other.area_um2;
    return *this;
  }
  friend BlockCost operator+(BlockCost a, const BlockCost& b) { return a += b; }
};

// Coefficients fitted to the published rows by least squares of the relative error (the fit is done
// again, and compared, in tests/cost_models/technology_test.cc). `source` and the largest residual
// at a fitted point stand beside each.
struct FittedCost {
  std::string_view block;
  std::string_view formula;  // in n, a, b, e, m as below, L = m + 4
  std::string_view unit;
  std::vector<double> coefficients;
  double largest_residual_percent;
  std::string_view source;
};

struct Technology {
  std::string_view node;
  std::string_view source;

  // Unit: pJ an operation at full switching activity, um2. Widths of at least 1 bit.
  BlockCost Adder(int bits) const;
  BlockCost Multiplier(int a_bits, int b_bits) const;
  BlockCost Register(int bits) const;  // clocked once
  BlockCost Shifter(int bits, int stages) const;
  // Aligns, adds, normalises and rounds; e exponent bits, m stored mantissa bits.
  BlockCost FloatAdder(int exponent_bits, int mantissa_bits) const;
  // Significands of a and b bits (the hidden bit counted), rounded to the wider.
  BlockCost FloatMultiplier(int exponent_bits, int a_significand_bits,
                            int b_significand_bits) const;

  // One SRAM access, energy for each bit. Ports wider than 64 bits share decoders and word lines.
  double SramEnergyPjPerBit(double capacity_bytes, int width_bits) const;
  // A single-ported macro; fitted to 0.5 KB to 2 MB, far off (44 %) only at the small end.
  double SramAreaUm2PerBit(double capacity_bytes) const;
  // With a read and a write port; fitted to 128 bytes to 16 KB.
  double RegisterFileAreaUm2PerBit(double capacity_bytes) const;
};

std::span<const FittedCost> FittedCosts();

std::vector<std::string> TechnologyNodes();
// Errors: kNotFound with the nodes that exist.
absl::StatusOr<const Technology*> FindTechnology(std::string_view node);

}  // namespace bitscape::cost_models
