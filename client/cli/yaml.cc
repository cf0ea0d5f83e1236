// A message as YAML, by reflection, in the JSON mapping's names and values.
#include <fmt/format.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <cmath>

#include "client/cli/output.h"

namespace bitscape::cli {
namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

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

std::string Number(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  return fmt::format("{}", value);
}

// The value of one element: of a repeated field where `index` is not negative.
std::string Scalar(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                     : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(repeated ? reflection.GetRepeatedInt64(message, &field, index)
                                     : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                                     : reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(repeated ? reflection.GetRepeatedUInt64(message, &field, index)
                                     : reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Number(repeated ? reflection.GetRepeatedDouble(message, &field, index)
                             : reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Number(repeated ? reflection.GetRepeatedFloat(message, &field, index)
                             : reflection.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? reflection.GetRepeatedBool(message, &field, index)
                       : reflection.GetBool(message, &field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return Quoted((repeated ? reflection.GetRepeatedEnum(message, &field, index)
                              : reflection.GetEnum(message, &field))
                        ->name());
    case FieldDescriptor::CPPTYPE_STRING:
      return Quoted(repeated ? reflection.GetRepeatedString(message, &field, index)
                             : reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const Message& value = repeated ? reflection.GetRepeatedMessage(message, &field, index)
                                  : reflection.GetMessage(message, &field);
  if (const auto* time = dynamic_cast<const Timestamp*>(&value)) {
    return Quoted(TimeUtil::ToString(*time));
  }
  if (const auto* duration = dynamic_cast<const Duration*>(&value)) {
    return Quoted(TimeUtil::ToString(*duration));
  }
  return {};  // a message with fields of its own
}

void Append(const Message& message, const std::string& indent, std::string& yaml);

// "- " or "key:" stands in `yaml` already.
void AppendValue(const Message& message, const FieldDescriptor& field, int index,
                 const std::string& indent, std::string& yaml) {
  const std::string scalar = Scalar(message, field, index);
  if (!scalar.empty()) {
    yaml += fmt::format(" {}\n", scalar);
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
