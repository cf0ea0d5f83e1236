#include "client/cli/html.h"

#include <fmt/format.h>

namespace bitscape::cli {
namespace {

constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --back: #fff; --text: #1c2128; --dim: #5c6773; --grid: #e3e7eb;
        --dot: #8fa1b3; --front: #0a6cce; --reference: #c2410c; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181d; --text: #e4e9ee; --dim: #97a3af; --grid: #2b323a;
          --dot: #5f7183; --front: #58a6ff; --reference: #fb923c; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
       max-width: 1400px; margin: 0 auto; padding: 24px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 32px 0 8px; }
p.lead, figcaption, footer { color: var(--dim); } figure { margin: 0; }
svg { width: 100%; max-width: 1100px; height: auto; }
p.trouble { color: var(--reference); } .grid { stroke: var(--grid); }
.tick, .axis, .label { fill: var(--dim); font-size: 12px; } .label { fill: var(--reference); }
.line { fill: none; stroke: var(--front); stroke-width: 1.5; }
.dot { fill: var(--dot); fill-opacity: .75; } .on-front { fill: var(--front); fill-opacity: 1; }
.reference { fill: var(--reference); fill-opacity: 1; }
.level { stroke: var(--front); stroke-width: 1.2; } .boundary { stroke: var(--reference); }
.field { fill: var(--dot); fill-opacity: .35; stroke: var(--dim); } .sign { fill: var(--reference); }
.exponent { fill: var(--front); }
.dot:hover { stroke: var(--text); stroke-width: 2; }
.wide { overflow: auto; max-width: 100%; max-height: 90vh; }
@media print { .wide { overflow: visible; max-height: none; } }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; text-align: left; white-space: nowrap;
         border-bottom: 1px solid var(--grid); }
th { color: var(--dim); font-weight: 600; } .right { text-align: right; }
tr.marked td { color: var(--reference); }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 18em; }
)";

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string HtmlPage(std::string_view title, std::string_view lead, std::string_view body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n"
      "<p class=\"lead\">{2}</p>\n{3}</body>\n</html>\n",
      EscapeHtml(title), kStyle, EscapeHtml(lead), body);
}

std::string HtmlTable(const Table& table, bool mark_last_column) {
  std::string html = "<div class=\"wide\"><table><thead><tr>";
  const auto align = [&](size_t i) {
    return table.columns[i].align == Align::kRight ? " class=\"right\"" : "";
  };
  for (size_t i = 0; i < table.columns.size(); ++i) {
    html += fmt::format("<th{}>{}</th>", align(i), EscapeHtml(table.columns[i].title));
  }
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += mark_last_column && !row.back().empty() ? "<tr class=\"marked\">" : "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      // Mixed plans and reasons are sentences: they may take several lines.
      constexpr size_t kLong = 60;
      html += fmt::format("<td{}>{}</td>", row[i].size() > kLong ? " class=\"long\"" : align(i),
                          EscapeHtml(row[i]));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace bitscape::cli
