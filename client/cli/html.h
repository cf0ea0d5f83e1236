// Self-contained HTML pages in one style, light and dark. No external requests.
#pragma once

#include <string>
#include <string_view>

#include "client/cli/output.h"

namespace bitscape::cli {

std::string EscapeHtml(std::string_view text);

// A whole page: `title` and `lead` are plain text, `body` is HTML.
std::string HtmlPage(std::string_view title, std::string_view lead, std::string_view body);

// `mark_last_column`: rows whose last cell is not empty stand out.
std::string HtmlTable(const Table& table, bool mark_last_column);

}  // namespace bitscape::cli
