#include "proto/spec/locate.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <vector>

#include "proto/spec/yaml_tree.h"

namespace bitscape::spec {
namespace {

// snake_case and lowerCamelCase are one name.
std::string Plain(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c != '_') plain += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return plain;
}

class Walker {
 public:
  explicit Walker(const YamlTree& tree) : tree_(tree), at_(tree.root) {
    if (at_ >= 0) position_ = Node().position;
  }

  // Both leave the position where there is no such part.
  bool EnterField(std::string_view name) {
    if (at_ < 0 || Node().kind != YamlNode::Kind::kMap) return false;
    const std::vector<int>& children = Node().children;
    for (size_t i = 0; i + 1 < children.size(); i += 2) {
      const YamlNode& key = tree_.nodes[static_cast<size_t>(children[i])];
      if (Plain(key.scalar) != Plain(name)) continue;
      position_ = key.position;
      at_ = children[i + 1];
      return true;
    }
    return false;
  }
  bool EnterElement(int index) {
    if (at_ < 0 || Node().kind != YamlNode::Kind::kSequence) return false;
    if (index < 0 || static_cast<size_t>(index) >= Node().children.size()) return false;
    at_ = Node().children[static_cast<size_t>(index)];
    position_ = tree_.nodes[static_cast<size_t>(at_)].position;
    return true;
  }
  Position position() const { return position_; }

 private:
  // Behind aliases.
  const YamlNode& Node() const {
    const YamlNode* node = &tree_.nodes[static_cast<size_t>(at_)];
    while (node->kind == YamlNode::Kind::kAlias) {
      node = &tree_.nodes[static_cast<size_t>(node->target)];
    }
    return *node;
  }

  const YamlTree& tree_;
  int at_;
  Position position_;
};

// "memories[1]" -> its name and 1; without an index: -1.
void Split(std::string_view part, std::string_view* name, int* index) {
  const size_t bracket = part.find('[');
  *name = part.substr(0, bracket);
  *index = -1;
  if (bracket == std::string_view::npos) return;
  const std::string_view digits = part.substr(bracket + 1, part.find(']') - bracket - 1);
  if (!absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), index)) *index = -1;
}

}  // namespace

std::string Locate(std::string_view text, std::string_view file, Syntax syntax,
                   std::string_view path) {
  const std::string name(file);
  if (syntax == Syntax::kTextProto) return name;
  const absl::StatusOr<YamlTree> tree = ParseYaml(text, file);
  if (!tree.ok() || tree->root < 0) return name;
  Walker walker(*tree);
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(path.data(), path.size()), '.')) {
    std::string_view field;
    int index = -1;
    Split(std::string_view(part.data(), part.size()), &field, &index);
    if (!walker.EnterField(field)) break;
    if (index >= 0 && !walker.EnterElement(index)) break;
  }
  return absl::StrCat(name, ":", walker.position().line, ":", walker.position().column);
}

}  // namespace bitscape::spec
