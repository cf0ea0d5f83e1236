// A YAML document as a tree with positions, built from parser events within stated limits.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

namespace bitscape::spec {

inline constexpr int kMaxDepth = 64;
inline constexpr int kMaxAliasNodes = 10'000;

struct Position {
  int line = 0;  // from 1
  int column = 0;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap, kAlias } kind = Kind::kNull;
  Position position;
  std::string scalar;
  bool quoted = false;        // a quoted scalar is text, whatever it looks like
  std::vector<int> children;  // indices into YamlTree::nodes; of a map: key, value, key, value, ...
  int target = -1;            // kAlias
};

struct YamlTree {
  std::vector<YamlNode> nodes;
  int root = -1;  // -1: an empty document
};

// "FILE:LINE:COLUMN: MESSAGE" as kInvalidArgument.
absl::Status ErrorAt(std::string_view file, Position position, std::string_view message);

// Reads the only document of `text`. Errors: kInvalidArgument with the position: malformed YAML, a
// second document, more than kMaxDepth levels.
absl::StatusOr<YamlTree> ParseYaml(std::string_view text, std::string_view file);

}  // namespace bitscape::spec
