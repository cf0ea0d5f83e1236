#include "cost_models/validation/scalable_relations.h"

#include <fmt/format.h>

#include "cost_models/mac/families.h"

namespace bitscape::cost_models {
namespace {

Operand Int(int bits) { return {.bits = bits, .significand_bits = bits}; }

MacOperands Of(int weight_bits, int activation_bits, int accumulator_bits) {
  MacOperands operands;
  operands.weight = Int(weight_bits);
  operands.activation = Int(activation_bits);
  operands.accumulator = Int(accumulator_bits);
  return operands;
}

MacCost Use(std::string_view family, const MacOperands& built, const MacOperands& used,
            const MacDesign& design, const Technology& technology) {
  return (*FindMacFamily(family))->estimate(built, used, design, technology);
}

// Camus et al.: 8 x 8 bits with 4 bits of headroom.
MacCost On8(std::string_view family, int weight_bits, int activation_bits, const MacDesign& design,
            const Technology& technology) {
  return Use(family, Of(8, 8, 20),
             Of(weight_bits, activation_bits, weight_bits + activation_bits + 4), design,
             technology);
}

MacDesign TwoLevels() {
  return {.weight_widths = {2, 4, 8}, .activation_widths = {2, 4, 8}, .pipeline_stages = 2};
}
MacDesign OneLevel() {
  return {.weight_widths = {4, 8}, .activation_widths = {4, 8}, .pipeline_stages = 2};
}
MacDesign WeightsOnly() {
  return {.weight_widths = {2, 4, 8}, .activation_widths = {8}, .pipeline_stages = 2};
}
// The shifted sum of a serial multiplier is its pipeline register.
MacDesign BitSerial() { return {.weight_widths = {2, 4, 8}, .activation_widths = {2, 4, 8}}; }
MacDesign SerialBy4() {
  return {.weight_widths = {4, 8}, .activation_widths = {4, 8}, .serial_bits = 4};
}

// Both operands change with each product, so the register that MacCost counts apart is loaded each
// time.
double Energy(std::string_view family, int weight_bits, int activation_bits,
              const MacDesign& design, const Technology& technology) {
  const MacCost cost = On8(family, weight_bits, activation_bits, design, technology);
  return cost.energy_pj + cost.weight_register.energy_pj;
}

double EnergyRatio(std::string_view family, int bits, const MacDesign& design,
                   const Technology& technology) {
  return Energy(family, bits, bits, design, technology) /
         Energy("data_gated", bits, bits, TwoLevels(), technology);
}

double AreaRatio(std::string_view family, const MacDesign& design, const Technology& technology) {
  const auto area = [&](std::string_view name, const MacDesign& of) {
    const MacCost cost = On8(name, 8, 8, of, technology);
    return cost.area_um2 + cost.weight_register.area_um2;
  };
  return area(family, design) / area("data_gated", TwoLevels());
}

// 5 % of the products at 8 bits, the rest half at 4 and half at 2; of both operands or of weights.
double FewAt8(std::string_view family, const MacDesign& design, const Technology& technology) {
  const bool both = design.activation_widths.size() > 1;
  const auto energy = [&](std::string_view name) {
    return 0.05 * Energy(name, 8, 8, design, technology) +
           0.475 * Energy(name, 4, both ? 4 : 8, design, technology) +
           0.475 * Energy(name, 2, both ? 2 : 8, design, technology);
  };
  return energy(family) / energy("data_gated");
}

double SumApartThroughput(const Technology& technology) {
  const MacCost narrow = On8("dnc_sum_apart", 2, 2, TwoLevels(), technology);
  const MacCost plain = On8("data_gated", 8, 8, TwoLevels(), technology);
  return narrow.macs_per_cycle / narrow.delay_ns * plain.delay_ns / plain.macs_per_cycle;
}

double BitFusionArea(std::vector<int> widths, const Technology& technology) {
  const int bits = widths.back();
  const MacOperands operands = Of(bits, bits, 2 * bits);
  return Use("dnc_sum_together", operands, operands,
             {.weight_widths = widths, .activation_widths = widths}, technology)
      .area_um2;
}

double UnpuThroughput(const Technology& technology) {
  const auto rate = [&](int bits) {
    return Use("serial_weights", Of(16, 16, 40), Of(bits, 16, bits + 24), {}, technology)
        .macs_per_cycle;
  };
  return rate(1) / rate(16);
}

double MoonsPower(const Technology& technology) {
  const auto energy = [&](int bits) {
    return Use("data_gated", Of(16, 16, 40), Of(bits, bits, 2 * bits + 8), {.scales_voltage = true},
               technology)
        .energy_pj;
  };
  return energy(16) / energy(7);
}

struct Row {
  std::string_view key;
  double (*model)(const Technology&);
};
using T = Technology;
constexpr Row kRows[] = {
    {"camus_swp_together_area_1_level",
     [](const T& t) { return AreaRatio("swp_sum_together", OneLevel(), t); }},
    {"camus_swp_together_area_2_levels",
     [](const T& t) { return AreaRatio("swp_sum_together", TwoLevels(), t); }},
    {"camus_dnc_area", [](const T& t) { return AreaRatio("dnc_sum_apart", TwoLevels(), t); }},
    {"camus_serial_area", [](const T& t) { return AreaRatio("serial_weights", BitSerial(), t); }},
    {"camus_serial_energy",
     [](const T& t) { return EnergyRatio("serial_weights", 8, BitSerial(), t); }},
    {"camus_serial_both_energy",
     [](const T& t) { return EnergyRatio("serial_both", 8, BitSerial(), t); }},
    {"camus_serial_4b_energy",
     [](const T& t) { return EnergyRatio("serial_weights", 8, SerialBy4(), t); }},
    {"camus_swp_together_2b_energy",
     [](const T& t) { return EnergyRatio("swp_sum_together", 2, TwoLevels(), t); }},
    {"camus_dnc_together_2b_energy",
     [](const T& t) { return EnergyRatio("dnc_sum_together", 2, TwoLevels(), t); }},
    {"camus_dnc_apart_2b_throughput", SumApartThroughput},
    {"camus_swp_together_few8",
     [](const T& t) { return FewAt8("swp_sum_together", TwoLevels(), t); }},
    {"camus_dnc_1d_few8", [](const T& t) { return FewAt8("dnc_sum_together", WeightsOnly(), t); }},
    {"bitfusion_4_to_2_area",
     [](const T& t) {
       return BitFusionArea({2, 4}, t);
     }},
    {"bitfusion_8_to_2_area",
     [](const T& t) {
       return BitFusionArea({2, 4, 8}, t);
     }},
    {"bitfusion_16_to_2_area",
     [](const T& t) {
       return BitFusionArea({2, 4, 8, 16}, t);
     }},
    {"unpu_throughput", UnpuThroughput},
    {"moons_power", MoonsPower},
};

}  // namespace

std::vector<std::string_view> ScalableRelationKeys() {
  std::vector<std::string_view> keys;
  for (const Row& row : kRows) keys.push_back(row.key);
  return keys;
}

absl::StatusOr<double> ScalableRelation(std::string_view key, const Technology& technology) {
  for (const Row& row : kRows) {
    if (row.key == key) return row.model(technology);
  }
  return absl::NotFoundError(fmt::format("no relation \"{}\" of scalable multipliers", key));
}

}  // namespace bitscape::cost_models
