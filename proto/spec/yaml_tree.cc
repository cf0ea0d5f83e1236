#include "proto/spec/yaml_tree.h"

#include <absl/strings/str_cat.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

namespace bitscape::spec {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

Position ToPosition(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Ends the parse from inside an event.
struct LimitError {
  Position position;
  std::string message;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlTree& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(YamlNode::Kind::kNull, mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const int index = Add(YamlNode::Kind::kAlias, mark, YAML::NullAnchor);
    tree_.nodes[static_cast<size_t>(index)].target = anchors_.at(anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quoted = tag == "!";
    if (!quoted && (value == "~" || value == "null")) {
      Add(YamlNode::Kind::kNull, mark, anchor);
      return;
    }
    YamlNode& node = tree_.nodes[static_cast<size_t>(Add(YamlNode::Kind::kScalar, mark, anchor))];
    node.scalar = value;
    node.quoted = quoted;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Add(YamlNode::Kind::kSequence, mark, anchor));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Add(YamlNode::Kind::kMap, mark, anchor));
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  int Add(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const int index = static_cast<int>(tree_.nodes.size());
    YamlNode& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.position = ToPosition(mark);
    if (anchor != YAML::NullAnchor) {
      anchors_[anchor] = index;
    }
    if (open_.empty()) {
      tree_.root = index;
    } else {
      const std::vector<int>& siblings = AddChild(open_.back(), index);
      const YamlNode& parent = tree_.nodes[static_cast<size_t>(open_.back())];
      if (kind == YamlNode::Kind::kNull && parent.kind == YamlNode::Kind::kMap &&
          siblings.size() % 2 == 0) {
        // The parser is past a value that is left out; people look for it at its key.
        tree_.nodes[static_cast<size_t>(index)].position =
            tree_.nodes[static_cast<size_t>(siblings[siblings.size() - 2])].position;
      }
    }
    return index;
  }
  const std::vector<int>& AddChild(int parent, int index) {
    std::vector<int>& children = tree_.nodes[static_cast<size_t>(parent)].children;
    children.push_back(index);
    return children;
  }
  void Open(int index) {
    open_.push_back(index);
    if (open_.size() > kMaxDepth) {
      throw LimitError{tree_.nodes[static_cast<size_t>(index)].position,
                       absl::StrCat("nested more than ", kMaxDepth, " levels deep")};
    }
  }

  YamlTree& tree_;
  std::vector<int> open_;
  std::map<YAML::anchor_t, int> anchors_;
};

// Finds a second document without keeping it.
class DocumentProbe : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw LimitError{ToPosition(mark), "a second document begins here; a file holds one"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

absl::Status ErrorAt(std::string_view file, Position position, std::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat(View(file), ":", position.line, ":", position.column, ": ", View(message)));
}

absl::StatusOr<YamlTree> ParseYaml(std::string_view text, std::string_view file) {
  YamlTree tree;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(tree);
    parser.HandleNextDocument(builder);
    DocumentProbe probe;
    parser.HandleNextDocument(probe);
  } catch (const LimitError& error) {
    return ErrorAt(file, error.position, error.message);
  } catch (const YAML::Exception& error) {
    return ErrorAt(file, ToPosition(error.mark), error.msg);
  }
  return tree;
}

}  // namespace bitscape::spec
