// A message as YAML, by reflection, in the JSON mapping's names and values.
#include <fmt/format.h>

#include "client/cli/field_text.h"
#include "client/cli/output.h"

namespace bitscape::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// JSON strings are YAML strings, so quoting always is safe.
std::string Quoted(std::string_view text) {
  std::string quoted(1, '"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

void Append(const Message& message, const std::string& indent, std::string& yaml);

// "- " or "key:" stands in `yaml` already.
void AppendValue(const Message& message, const FieldDescriptor& field, int index,
                 const std::string& indent, std::string& yaml) {
  if (IsScalar(field)) {
    const std::string text = FieldText(message, field, index);
    yaml += fmt::format(" {}\n", IsText(field) ? Quoted(text) : text);
    return;
  }
  const auto& reflection = *message.GetReflection();
  const Message& value = index >= 0 ? reflection.GetRepeatedMessage(message, &field, index)
                                    : reflection.GetMessage(message, &field);
  std::string inner;
  Append(value, indent, inner);
  if (inner.empty()) {
    yaml += " {}\n";
  } else if (index >= 0) {
    yaml += ' ';
    yaml += inner.substr(indent.size());  // the first key stands beside the dash
  } else {
    yaml += '\n';
    yaml += inner;
  }
}

void Append(const Message& message, const std::string& indent, std::string& yaml) {
  const auto& descriptor = *message.GetDescriptor();
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (!field.is_repeated()) {
      if (field.has_presence() && !reflection.HasField(message, &field)) continue;
      yaml += indent + field.json_name() + ":";
      AppendValue(message, field, -1, indent + "  ", yaml);
      continue;
    }
    const int size = reflection.FieldSize(message, &field);
    yaml += indent + field.json_name() + (size == 0 ? ": []\n" : ":\n");
    for (int element = 0; element < size; ++element) {
      yaml += indent + "-";
      AppendValue(message, field, element, indent + "  ", yaml);
    }
  }
}

}  // namespace

std::string ToYaml(const Message& message) {
  std::string yaml;
  Append(message, "", yaml);
  return yaml.empty() ? "{}\n" : yaml;
}

}  // namespace bitscape::cli
