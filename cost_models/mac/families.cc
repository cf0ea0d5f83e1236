#include "cost_models/mac/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cost_models/mac/family_functions.h"
#include "cost_models/mac/scalable.h"
#include "engine/core/suggest.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kComposed =
    "composed of the blocks of cost_models/technology (Horowitz, ISSCC 2014; Aladdin; gate counts)";
constexpr std::string_view kDotSource =
    "as native; internal width and fp32 accumulation as in Rouhani et al., With Shared "
    "Microexponents, A Little Shifting Goes a Long Way, ISCA 2023";

constexpr std::string_view kScalable =
    "as native; organised as in Camus, Mei, Enz, Verhelst, JETCAS 9(4), 2019";

// What a row is, beyond what most are.
constexpr MacFamily KeepingTheInput(MacFamily family) {
  family.input_stays = true;
  return family;
}
constexpr MacFamily AddingProducts(MacFamily family) {
  family.adds_products = true;
  return family;
}

constexpr MacFamily kFamilies[] = {
    {"native", "one multiplier as wide as its operands, one accumulator", kComposed, CheckNative,
     EstimateNative},
    {"dot_product", "dot_length multipliers, an adder tree, one accumulator", kDotSource,
     CheckDotProduct, EstimateDotProduct},
    {"data_gated", "one multiplier; operand bits that are not used are held at 0", kScalable,
     CheckDataGated, EstimateDataGated},
    {"dnc_sum_apart", "bricks put together to wide products; narrow ones have sums of their own",
     kScalable, CheckSumApart, EstimateBricksApart},
    AddingProducts({"dnc_sum_together",
                    "bricks put together to wide products; narrow ones are added", kScalable,
                    CheckSumTogether, EstimateBricksTogether}),
    {"swp_sum_apart", "an array multiplier cut into narrow ones, each with a sum of its own",
     kScalable, CheckSumApart, EstimateSubwordsApart},
    AddingProducts({"swp_sum_together", "an array multiplier cut into narrow ones that add up",
                    kScalable, CheckSumTogether, EstimateSubwordsTogether}),
    KeepingTheInput({"serial_weights", "serial_bits of the weight a cycle, as in UNPU", kScalable,
                     CheckSerial, EstimateSerialWeights}),
    {"serial_activations", "serial_bits of the activation a cycle, as in Stripes", kScalable,
     CheckSerial, EstimateSerialActivations},
    {"serial_both", "serial_bits of both operands a cycle, as in Loom", kScalable, CheckSerial,
     EstimateSerialBoth},
};

}  // namespace

std::span<const MacFamily> AllMacFamilies() { return kFamilies; }

std::vector<std::string> MacFamilyNames() {
  std::vector<std::string> names;
  for (const MacFamily& family : kFamilies) names.emplace_back(family.name);
  return names;
}

absl::StatusOr<const MacFamily*> FindMacFamily(std::string_view name) {
  for (const MacFamily& family : kFamilies) {
    if (family.name == name) return &family;
  }
  const std::vector<std::string> names = MacFamilyNames();
  return absl::NotFoundError(fmt::format("MAC family \"{}\" is unknown; known: {}{}", name,
                                         fmt::join(names, ", "), DidYouMean(name, names)));
}

}  // namespace bitscape::cost_models
