// Published primitive costs: what every figure of the cost models is fitted to or taken from.
#pragma once

#include <span>
#include <string_view>

namespace bitscape::cost_models {

enum class ArithmeticKind { kIntegerAdd, kIntegerMultiply, kFloatAdd, kFloatMultiply };

// One operation at 45 nm, 0.9 V. Units: pJ an operation, um2.
struct ArithmeticRow {
  std::string_view name;
  ArithmeticKind kind;
  int bits;           // of an operand
  int exponent_bits;  // 0 for integers
  int mantissa_bits;  // stored bits, 0 for integers
  double energy_pj;
  double area_um2;
  std::string_view source;
};
std::span<const ArithmeticRow> ArithmeticRows();

// One access of an on-chip SRAM. Units: pJ an access of `width_bits`.
struct SramRow {
  std::string_view name;
  double capacity_bytes;
  int width_bits;
  double energy_pj;
  std::string_view source;
};
std::span<const SramRow> SramRows();

// Area of a small RAM with one read and one write port, 32 bits each.
struct RegisterFileRow {
  std::string_view name;
  double capacity_bytes;
  double area_um2;
  std::string_view source;
};
std::span<const RegisterFileRow> RegisterFileRows();

// Off-chip memories, by the name that MemoryLevel::primitive gives. Units: pJ for one bit read or
// written; bits of a channel and their Gbit/s, 0 where the source gives none.
struct DramRow {
  std::string_view primitive;
  double energy_pj_per_bit;
  int channel_bits;
  double gbit_per_s_per_pin;
  std::string_view source;
};
std::span<const DramRow> DramRows();

// Everything else that is taken as published.
struct UnitRow {
  std::string_view name;
  double value;
  std::string_view unit;
  std::string_view source;
};
std::span<const UnitRow> UnitRows();

}  // namespace bitscape::cost_models
