// What commands print: data on stdout in the form that the user chose.
#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/globals.h"

namespace bitscape::cli {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // one cell a column
};

// The readable form of one message: facts, then a table, then a note; each may be empty.
struct View {
  std::vector<std::pair<std::string, std::string>> facts;
  Table table;
  std::string note;
};

std::string RenderTable(const Table& table, bool bold_titles);
std::string RenderView(const View& view, bool bold_titles);

// The protos' own JSON mapping with defaults printed; lowerCamelCase.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool indent);
// One row an element of the repeated field `items`, or one of the message itself; every figure with
// all its digits. Source: RFC 4180, with bare line feeds.
std::string ToCsv(const google::protobuf::Message& message, std::string_view items);
// One row a message, all of type `descriptor`, after further cells of its own.
struct CsvRow {
  std::vector<std::string> cells;
  const google::protobuf::Message* message;
};
std::string ToCsv(const std::vector<std::string>& titles,
                  const google::protobuf::Descriptor& descriptor, const std::vector<CsvRow>& rows);
// The same mapping as YAML.
std::string ToYaml(const google::protobuf::Message& message);

// Prints `message` or its view. `items` names the repeated field that -o jsonl and csv print one a
// line; empty: the whole message is one line.
absl::Status Print(const Globals& globals, const google::protobuf::Message& message,
                   const View& view, std::string_view items = {});

// Writes to stdout and flushes. A reader that has gone is no error: see StdoutClosed().
absl::Status WriteStdout(std::string_view text);
// The reader of stdout has gone: there is nobody left to work for.
bool StdoutClosed();

// Whether `file_number` is a terminal that shows colours.
bool ShowsColor(const Globals& globals, int file_number);

}  // namespace bitscape::cli
