// Messages as rows, by reflection: one column a scalar field, inner messages' fields with dots.
#include <string>

#include "client/cli/field_text.h"
#include "client/cli/output.h"

namespace bitscape::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted(1, '"');
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

void AppendCell(const std::string& text, std::string& row) {
  if (!row.empty()) row += ',';
  row += Cell(text);
}

// Lists of messages don't fit into a row.
bool IsColumn(const FieldDescriptor& field) { return IsScalar(field) || !field.is_repeated(); }

void AppendTitles(const Descriptor& descriptor, const std::string& prefix, std::string& row) {
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (!IsColumn(field)) continue;
    const std::string name = prefix + field.json_name();
    if (IsScalar(field)) {
      AppendCell(name, row);
    } else {
      AppendTitles(*field.message_type(), name + ".", row);
    }
  }
}

std::string Values(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    const bool unset = field.has_presence() && !reflection.HasField(message, &field);
    return unset ? "" : FieldText(message, field, -1);
  }
  std::string values;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    if (i > 0) values += ' ';
    values += FieldText(message, field, i);
  }
  return values;
}

void AppendValues(const Message& message, bool& first, std::string& row) {
  const Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (!IsColumn(field)) continue;
    if (!IsScalar(field)) {
      AppendValues(message.GetReflection()->GetMessage(message, &field), first, row);
      continue;
    }
    if (!first) row += ',';
    first = false;
    row += Cell(Values(message, field));
  }
}

std::string Row(const Message& message) {
  std::string row;
  bool first = true;
  AppendValues(message, first, row);
  row += '\n';
  return row;
}

}  // namespace

std::string ToCsv(const Message& message, std::string_view items) {
  const FieldDescriptor* field =
      items.empty() ? nullptr : message.GetDescriptor()->FindFieldByName(std::string(items));
  std::string csv;
  AppendTitles(field == nullptr ? *message.GetDescriptor() : *field->message_type(), "", csv);
  csv += '\n';
  if (field == nullptr) return csv + Row(message);
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    csv += Row(message.GetReflection()->GetRepeatedMessage(message, field, i));
  }
  return csv;
}

std::string ToCsv(const std::vector<std::string>& titles, const Descriptor& descriptor,
                  const std::vector<CsvRow>& rows) {
  std::string csv;
  for (const std::string& title : titles) AppendCell(title, csv);
  AppendTitles(descriptor, "", csv);
  csv += '\n';
  for (const CsvRow& row : rows) {
    for (const std::string& cell : row.cells) {
      csv += Cell(cell);
      csv += ',';
    }
    csv += Row(*row.message);
  }
  return csv;
}

}  // namespace bitscape::cli
