// The named formats. Adding a format of a known kind is one row in catalog.cc: tests, CLI, server
// and database take it by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/number_format.h"

namespace bitscape::formats {

struct CatalogRow {
  std::string_view name;      // as users write it: "fp8_e4m3"
  std::string_view notation;  // what it stands for: "e4m3:fn"; its own name where it is primitive
  std::string_view summary;   // one line
  std::string_view source;    // specification or paper
};

std::span<const CatalogRow> Catalog();
// The families: `name` is the pattern ("eXmY", "intN", ...).
std::span<const CatalogRow> Families();
// Every catalogue name, and the family patterns ("intN", "eXmY", ...) for error messages.
std::vector<std::string> CatalogNames();

}  // namespace bitscape::formats
