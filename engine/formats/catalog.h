// The named formats. Adding a format of a known kind is one row in catalog.cc: tests, CLI, server
// and database take it by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::formats {

// What the first word of a notation can be.
enum class FamilyKind {
  kFloat,
  kInt,
  kUint,
  kFixed,
  kDfx,
  kBfp,
  kMxFloat,
  kMxInt,
  kNvfp4,
  kAdaptivFloat,
  kCfloat,
  kLog,
  kCodebook,
  kBinary,
  kTernary,
  kDorefa,
};

struct CatalogRow {
  std::string_view name;      // as users write it: "fp8_e4m3"
  std::string_view notation;  // what it stands for: "e4m3:fn"; its own name where it is primitive
  std::string_view summary;   // one line
  std::string_view source;    // specification or paper
  // A published name for a notation that keeps its own: it is read, and prints as `notation`
  // ("msfp12" as "bfp4", "twn" as "ternary").
  bool preset = false;
};

struct Family {
  FamilyKind kind;
  std::string_view name;  // the pattern: "eXmY", "intN", ...
  std::string_view summary;
  std::string_view source;
};

std::span<const CatalogRow> Catalog();
std::span<const Family> Families();
// The source of the family's row.
std::string_view FamilySource(FamilyKind kind);
// Every catalogue name, and the family patterns ("intN", "eXmY", ...) for error messages.
std::vector<std::string> CatalogNames();

}  // namespace bitscape::formats
