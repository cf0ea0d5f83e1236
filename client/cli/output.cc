#include "client/cli/output.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bitscape::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::atomic<bool> stdout_closed{false};

// Columns that a UTF-8 text takes: its bytes but continuation bytes.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(std::string_view text, size_t width, Align align) {
  const std::string spaces(width - std::min(width, Width(text)), ' ');
  return align == Align::kLeft ? std::string(text) + spaces : spaces + std::string(text);
}

absl::StatusOr<std::string> ToJsonLines(const Message& message, std::string_view items) {
  const FieldDescriptor* field =
      items.empty() ? nullptr : message.GetDescriptor()->FindFieldByName(std::string(items));
  if (field == nullptr) return ToJson(message, false);
  std::string lines;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    auto line = ToJson(message.GetReflection()->GetRepeatedMessage(message, field, i), false);
    if (!line.ok()) return line.status();
    lines += *line;
  }
  return lines;
}

}  // namespace

std::string RenderTable(const Table& table, bool bold_titles) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    size_t width = Width(table.columns[i].title);
    for (const auto& row : table.rows) width = std::max(width, Width(row[i]));
    widths.push_back(width);
  }
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (i > 0) text += "  ";
      text += Padded(cell_of(i), widths[i], table.columns[i].align);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  const std::string titles = line([&](size_t i) { return table.columns[i].title; });
  std::string text = bold_titles ? fmt::format("\x1b[1m{}\x1b[0m\n", titles) : titles + "\n";
  for (const auto& row : table.rows) text += line([&](size_t i) { return row[i]; }) + "\n";
  return text;
}

std::string RenderView(const View& view, bool bold_titles) {
  std::string text;
  size_t width = 0;
  for (const auto& fact : view.facts) width = std::max(width, Width(fact.first));
  for (const auto& [name, value] : view.facts) {
    text += Padded(name, width, Align::kLeft) + "  " + value + "\n";
  }
  if (!view.table.columns.empty()) {
    if (!text.empty()) text += "\n";
    text += RenderTable(view.table, bold_titles);
  }
  if (!view.note.empty()) text += "\n" + view.note + "\n";
  return text;
}

absl::StatusOr<std::string> ToJson(const Message& message, bool indent) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.add_whitespace = indent;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return absl::InternalError(
        fmt::format("{} has no JSON form: {}", message.GetTypeName(), status.ToString()));
  }
  if (json.empty() || json.back() != '\n') json += '\n';
  return json;
}

absl::Status Print(const Globals& globals, const Message& message, const View& view,
                   std::string_view items) {
  if (globals.output == "table") {
    return WriteStdout(RenderView(view, ShowsColor(globals, STDOUT_FILENO)));
  }
  if (globals.output == "csv") return WriteStdout(ToCsv(message, items));
  if (globals.output == "yaml") return WriteStdout(ToYaml(message));
  const auto json = globals.output == "jsonl" ? ToJsonLines(message, items) : ToJson(message, true);
  if (!json.ok()) return json.status();
  return WriteStdout(*json);
}

absl::Status WriteStdout(std::string_view text) {
  if (stdout_closed) return absl::OkStatus();
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  if (errno == EPIPE) {
    stdout_closed = true;
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format("can't write to stdout: {}", std::strerror(errno)));
}

bool StdoutClosed() { return stdout_closed; }

bool ShowsColor(const Globals& globals, int file_number) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return !globals.no_color && (no_color == nullptr || *no_color == '\0') &&
         isatty(file_number) == 1 && (terminal == nullptr || std::string_view(terminal) != "dumb");
}

}  // namespace bitscape::cli
