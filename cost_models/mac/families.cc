#include "cost_models/mac/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cost_models/mac/family_functions.h"
#include "engine/core/suggest.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kComposed =
    "composed of the blocks of cost_models/technology (Horowitz, ISSCC 2014; Aladdin; gate counts)";
constexpr std::string_view kDotSource =
    "as native; internal width and fp32 accumulation as in Rouhani et al., With Shared "
    "Microexponents, A Little Shifting Goes a Long Way, ISCA 2023";

constexpr MacFamily kFamilies[] = {
    {"native", "one multiplier as wide as its operands, one accumulator", kComposed, CheckNative,
     EstimateNative},
    {"dot_product", "dot_length multipliers, an adder tree, one accumulator", kDotSource,
     CheckDotProduct, EstimateDotProduct},
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
