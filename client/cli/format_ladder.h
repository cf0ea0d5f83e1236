// The plans that stand for each family of formats at each width.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::cli {

struct LadderFamily {
  std::string_view name;
  std::string_view summary;
  // Plans of `bits` bits, the family's splits and range choices among them; empty where it has none
  // of this width.
  std::vector<std::string> (*plans)(int bits);
};

std::span<const LadderFamily> LadderFamilies();

struct LadderReference {
  std::string_view name;
  std::string_view plan;
  int bits;
};
std::span<const LadderReference> LadderReferences();  // fp32, fp16, int8

}  // namespace bitscape::cli
