#include "proto/spec/reader.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/spec/nearest_name.h"
#include "proto/spec/scalars.h"
#include "proto/spec/yaml_tree.h"

namespace bitscape::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kMaxBytes = size_t{4} << 20;

// Fills messages from a tree by reflection.
class Filler {
 public:
  Filler(const YamlTree& tree, std::string_view file) : tree_(tree), file_(file) {}

  absl::Status Fill(int index, Message* message, int depth);

 private:
  // The node behind aliases. Counts what aliases expand to, so that few bytes can't stand for
  // millions of nodes.
  absl::StatusOr<const YamlNode*> Visit(int index);
  absl::StatusOr<const FieldDescriptor*> FindField(int key_index, const Descriptor& descriptor);
  absl::Status FillField(const YamlNode& value, const FieldDescriptor& field, Message* message,
                         int depth);
  absl::Status FillElement(int index, const FieldDescriptor& field, Message* message, int depth);
  absl::Status Error(Position position, std::string_view message) const {
    return ErrorAt(file_, position, message);
  }

  const YamlTree& tree_;
  std::string_view file_;
  int alias_depth_ = 0;
  int alias_nodes_ = 0;
};

absl::StatusOr<const YamlNode*> Filler::Visit(int index) {
  const YamlNode* node = &tree_.nodes[static_cast<size_t>(index)];
  const Position position = node->position;
  while (node->kind == YamlNode::Kind::kAlias) {
    node = &tree_.nodes[static_cast<size_t>(node->target)];
    ++alias_nodes_;
  }
  if (alias_depth_ > 0) {
    ++alias_nodes_;
  }
  if (alias_nodes_ > kMaxAliasNodes) {
    return Error(position, absl::StrCat("aliases stand for more than ", kMaxAliasNodes, " nodes"));
  }
  return node;
}

absl::StatusOr<const FieldDescriptor*> Filler::FindField(int key_index,
                                                         const Descriptor& descriptor) {
  absl::StatusOr<const YamlNode*> key = Visit(key_index);
  if (!key.ok()) {
    return key.status();
  }
  const Position position = tree_.nodes[static_cast<size_t>(key_index)].position;
  if ((*key)->kind != YamlNode::Kind::kScalar) {
    return Error(position, absl::StrCat("a key of ", descriptor.name(), " is ", Describe(**key),
                                        "; keys are field names"));
  }
  const std::string& name = (*key)->scalar;
  const FieldDescriptor* field = descriptor.FindFieldByName(name);
  if (field == nullptr) {
    field = descriptor.FindFieldByCamelcaseName(name);
  }
  if (field == nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < descriptor.field_count(); ++i) {
      names.push_back(descriptor.field(i)->name());
    }
    return Error(position,
                 absl::StrCat("unknown key ", Describe(**key), " in ", descriptor.name(),
                              "; allowed: ", absl::StrJoin(names, ", "), Suggestion(name, names)));
  }
  return field;
}

absl::Status Filler::Fill(int index, Message* message, int depth) {
  absl::StatusOr<const YamlNode*> visited = Visit(index);
  if (!visited.ok()) {
    return visited.status();
  }
  const Position position = tree_.nodes[static_cast<size_t>(index)].position;
  const Descriptor& descriptor = *message->GetDescriptor();
  if (depth > kMaxDepth) {
    return Error(position, absl::StrCat("nested more than ", kMaxDepth, " levels deep"));
  }
  const YamlNode& map = **visited;
  if (map.kind != YamlNode::Kind::kMap) {
    return Error(position,
                 absl::StrCat(descriptor.name(), " is a map of fields, not ", Describe(map)));
  }
  std::map<const FieldDescriptor*, Position> seen;
  for (size_t i = 0; i < map.children.size(); i += 2) {
    absl::StatusOr<const FieldDescriptor*> field = FindField(map.children[i], descriptor);
    if (!field.ok()) {
      return field.status();
    }
    const Position key = tree_.nodes[static_cast<size_t>(map.children[i])].position;
    const auto [first, is_new] = seen.emplace(*field, key);
    if (!is_new) {
      return Error(key, absl::StrCat("key '", (*field)->name(), "' in ", descriptor.name(),
                                     " is given twice, first in line ", first->second.line));
    }
    const int value_index = map.children[i + 1];
    const bool alias = tree_.nodes[static_cast<size_t>(value_index)].kind == YamlNode::Kind::kAlias;
    alias_depth_ += alias ? 1 : 0;
    absl::Status status;
    if ((*field)->is_repeated()) {
      absl::StatusOr<const YamlNode*> value = Visit(value_index);
      status = value.ok() ? FillField(**value, **field, message, depth) : value.status();
    } else {
      status = FillElement(value_index, **field, message, depth);
    }
    alias_depth_ -= alias ? 1 : 0;
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Filler::FillField(const YamlNode& value, const FieldDescriptor& field,
                               Message* message, int depth) {
  if (value.kind != YamlNode::Kind::kSequence) {
    return Error(value.position, absl::StrCat("'", field.name(), "' takes a list, not ",
                                              Describe(value), "; write it as [...]"));
  }
  for (const int element : value.children) {
    const bool alias = tree_.nodes[static_cast<size_t>(element)].kind == YamlNode::Kind::kAlias;
    alias_depth_ += alias ? 1 : 0;
    const absl::Status status = FillElement(element, field, message, depth);
    alias_depth_ -= alias ? 1 : 0;
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Filler::FillElement(int index, const FieldDescriptor& field, Message* message,
                                 int depth) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    Message* child = field.is_repeated()
                         ? message->GetReflection()->AddMessage(message, &field)
                         : message->GetReflection()->MutableMessage(message, &field);
    return Fill(index, child, depth + 1);
  }
  absl::StatusOr<const YamlNode*> value = Visit(index);
  if (!value.ok()) {
    return value.status();
  }
  if (std::optional<std::string> error = StoreScalar(**value, field, message)) {
    return Error(tree_.nodes[static_cast<size_t>(index)].position, *error);
  }
  return absl::OkStatus();
}

// Keeps the first error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!error_) {
      error_ = {Position{line + 1, column + 1}, message};
    }
  }
  const std::optional<std::pair<Position, std::string>>& error() const { return error_; }

 private:
  std::optional<std::pair<Position, std::string>> error_;
};

absl::Status ReadTextProto(std::string_view text, std::string_view file, Message* message) {
  google::protobuf::TextFormat::Parser parser;
  FirstError errors;
  parser.RecordErrorsTo(&errors);
  parser.SetRecursionLimit(kMaxDepth);
  message->Clear();
  if (!parser.ParseFromString(std::string(text), message)) {
    if (!errors.error()) {
      return ErrorAt(file, {1, 1}, "malformed text proto");
    }
    return ErrorAt(file, errors.error()->first, errors.error()->second);
  }
  return absl::OkStatus();
}

// Length of the valid UTF-8 sequence at `text[i]`, or 0. Source: RFC 3629, section 4.
size_t Utf8Length(std::string_view text, size_t i) {
  const auto byte = [&](size_t offset) -> unsigned {
    return i + offset < text.size() ? static_cast<unsigned char>(text[i + offset]) : 0u;
  };
  const auto tail = [&](size_t offset, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(offset) >= low && byte(offset) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return tail(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// Proto strings are UTF-8, and the YAML parser takes some control characters for the end.
absl::Status CheckText(std::string_view text, std::string_view file) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(absl::string_view(file.data(), file.size()),
                                                   ": ", text.size(), " bytes; a spec has at most ",
                                                   kMaxBytes));
  }
  Position position{1, 1};
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = Utf8Length(text, i);
    const bool control = first < 0x20 && first != '\t' && first != '\n' && first != '\r';
    if (length == 0 || control) {
      return ErrorAt(file, position,
                     length == 0 ? "not UTF-8 text" : "a control character; specs are plain text");
    }
    i += length;
    position = first == '\n' ? Position{position.line + 1, 1}
                             : Position{position.line, position.column + 1};
  }
  return absl::OkStatus();
}

}  // namespace

Syntax SyntaxOf(std::string_view file) {
  const absl::string_view name(file.data(), file.size());
  if (absl::EndsWithIgnoreCase(name, ".json")) {
    return Syntax::kJson;
  }
  if (absl::EndsWithIgnoreCase(name, ".textproto") || absl::EndsWithIgnoreCase(name, ".txtpb")) {
    return Syntax::kTextProto;
  }
  return Syntax::kYaml;
}

absl::Status ReadSpec(std::string_view text, std::string_view file, Syntax syntax,
                      Message* message) {
  if (absl::Status status = CheckText(text, file); !status.ok()) {
    return status;
  }
  if (syntax == Syntax::kTextProto) {
    return ReadTextProto(text, file, message);
  }
  absl::StatusOr<YamlTree> tree = ParseYaml(text, file);
  if (!tree.ok()) {
    return tree.status();
  }
  if (tree->root < 0) {
    return ErrorAt(file, {1, 1},
                   absl::StrCat("empty; expected a ", message->GetDescriptor()->name()));
  }
  message->Clear();
  return Filler(*tree, file).Fill(tree->root, message, 1);
}

}  // namespace bitscape::spec
