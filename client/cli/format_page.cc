#include "client/cli/format_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "client/cli/html.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

constexpr int kTerminalLine = 78;

// "1 sign, 4 exponent, 3 mantissa bits".
std::string FieldsText(const v1::Format& format) {
  std::string text;
  for (const v1::Format::Field& field : format.fields()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", field.bits(), field.name());
  }
  return text.empty() ? fmt::format("{}", format.bits()) : text;
}

std::vector<std::pair<std::string, std::string>> Facts(const v1::Format& format) {
  const bool at_scale_1 = !format.scale().empty() && !format.scale().starts_with("2^");
  // A codebook's levels have no unit: all of them are the data's.
  const bool of_data = format.scale() == "table of levels";
  return {
      {"format", format.name()},
      {"summary", format.summary()},
      {"source", format.source()},
      {"bits of a code", fmt::format("{} ({})", format.bits(), FieldsText(format))},
      {"bits of a value",
       fmt::format("{} (with the scales of 1,024 values)", Number(format.bits_per_value()))},
      {"range", of_data ? "the data's"
                        : fmt::format("{} .. {}{}", Number(format.smallest()),
                                      Number(format.largest()), at_scale_1 ? " at scale 1" : "")},
      {"smallest positive", of_data ? "the data's" : Number(format.smallest_positive())},
      {"scale", format.scale().empty() ? "none" : format.scale()},
      {"zero point", format.zero_point() ? "yes" : "no"}};
}

Table CodeTable(const v1::Format& format) {
  Table table;
  table.columns = {{"CODE", Align::kRight}, {"BITS"}, {"VALUE", Align::kRight}};
  for (const v1::Format::Code& code : format.codes()) {
    table.rows.push_back({std::to_string(code.code()), code.bits(),
                          code.value() + (code.unused() ? " (unused)" : "")});
  }
  return table;
}

Table LevelTable(const v1::Format& format) {
  Table table;
  table.columns = {{"LEVEL", Align::kRight}, {"FROM", Align::kRight}};
  for (const v1::Format::Level& level : format.levels()) {
    table.rows.push_back({Number(level.value()),
                          // Every digit: ties tell 0.25 from the next float.
                          level.has_lower_boundary()
                              ? fmt::format("{}", static_cast<float>(level.lower_boundary()))
                              : "-"});
  }
  return table;
}

// One box a bit, coloured by its field.
std::string FieldsSvg(const v1::Format& format) {
  constexpr double kBox = 26, kHeight = 62;
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" style=\"max-width:{}px\" role=\"img\" aria-label=\"{}\">\n",
      kBox * format.bits() + 2, kHeight, kBox * format.bits() + 2, EscapeHtml(FieldsText(format)));
  double x = 1;
  for (const v1::Format::Field& field : format.fields()) {
    const double width = kBox * field.bits();
    for (int bit = 0; bit < field.bits(); ++bit) {
      svg += fmt::format(
          "<rect class=\"field {}\" x=\"{:.1f}\" y=\"1\" width=\"{}\" height=\"30\"/>\n",
          EscapeHtml(field.name()), x + kBox * bit, kBox);
    }
    svg +=
        fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"48\" text-anchor=\"middle\">{}</text>\n",
                    x + width / 2,
                    EscapeHtml(field.name().substr(0, field.bits() < 2 ? 1 : std::string::npos)));
    x += width;
  }
  return svg + "</svg>\n";
}

}  // namespace

NumberLine NumberLineOf(const v1::Format& format) {
  NumberLine line;
  for (const v1::Format::Level& level : format.levels()) {
    line.levels.push_back(level.value());
    if (level.has_lower_boundary()) line.boundaries.push_back(level.lower_boundary());
  }
  return line;
}

View ViewOf(const v1::Format& format) {
  View view;
  view.facts = Facts(format);
  view.table = CodeTable(format);
  if (format.codes().empty()) view.table = {};
  if (format.levels_size() > 1) {
    view.note = fmt::format("{} levels on a line:\n{}", format.levels_size(),
                            NumberLineText(NumberLineOf(format), kTerminalLine));
  }
  return view;
}

View ViewOf(const v1::FormatComparison& comparison) {
  View view;
  view.table.columns = {{"FORMAT"},
                        {"TENSOR"},
                        {"BITS A VALUE", Align::kRight},
                        {"SQNR", Align::kRight},
                        {"LARGEST ERROR", Align::kRight},
                        {"SATURATED", Align::kRight},
                        {"UNDERFLOWED", Align::kRight},
                        {"VALUES", Align::kRight}};
  const bool problems =
      std::any_of(comparison.rows().begin(), comparison.rows().end(),
                  [](const auto& row) { return !row.error().empty() || row.not_finite() > 0; });
  if (problems) view.table.columns.push_back({"PROBLEM"});
  for (const v1::FormatComparison::Row& row : comparison.rows()) {
    if (!row.error().empty()) {
      view.table.rows.push_back(
          {row.format(), row.tensor(), "-", "-", "-", "-", "-", "-", row.error()});
      continue;
    }
    view.table.rows.push_back({row.format(), row.tensor(), Number(row.bits_per_value()),
                               row.not_finite() < row.values() ? Decibels(row.sqnr_db()) : "-",
                               Number(row.max_error()), Percent(row.saturated()),
                               Percent(row.underflowed()), Count(row.values())});
    if (problems) {
      view.table.rows.back().push_back(
          row.not_finite() > 0 ? fmt::format("{} NaN or infinite", Count(row.not_finite())) : "");
    }
  }
  view.note =
      "SQNR: mean square of the values over that of the errors. Saturated: beyond the largest "
      "level of their group. Underflowed: not zero, rounded to zero.";
  if (const std::string cut = CutNote(comparison); !cut.empty()) view.note += "\n" + cut;
  return view;
}

std::string CutNote(const v1::FormatComparison& comparison) {
  struct Cut {
    int tensors = 0;
    const v1::FormatComparison::Row* most = nullptr;
  };
  std::vector<std::pair<std::string, Cut>> formats;
  for (const v1::FormatComparison::Row& row : comparison.rows()) {
    if (row.negatives_cut() <= 0) continue;
    auto at = std::find_if(formats.begin(), formats.end(),
                           [&](const auto& format) { return format.first == row.format(); });
    if (at == formats.end()) at = formats.insert(at, {row.format(), Cut{}});
    Cut& cut = at->second;
    ++cut.tensors;
    const bool more = cut.most == nullptr || row.negatives_cut() > cut.most->negatives_cut();
    if (more) cut.most = &row;
  }
  std::string note;
  for (const auto& [name, cut] : formats) {
    note +=
        fmt::format("{}warning: {} has no negative values: {} of the {} are negative and cut to 0",
                    note.empty() ? "" : "\n", name, Percent(cut.most->negatives_cut()),
                    cut.most->tensor() == "tensor" ? "values" : cut.most->tensor());
    if (cut.tensors > 1) note += fmt::format(", and some of {} more tensors", cut.tensors - 1);
  }
  return note;
}

std::string RenderFormatPage(const v1::Format& format) {
  std::string body = "<h2>Bits</h2>\n<figure>" + FieldsSvg(format) + "</figure>\n";
  Table facts;
  facts.columns = {{""}, {""}};
  for (const auto& [name, value] : Facts(format)) facts.rows.push_back({name, value});
  body += HtmlTable(facts, false);
  if (format.levels_size() > 1) {
    body += fmt::format(
        "<h2>Levels on a line</h2>\n<figure>{}<figcaption>Long marks are the {} levels{}, short "
        "ones the decision boundaries between them; hover for values.</figcaption></figure>\n",
        NumberLineSvg(NumberLineOf(format)), format.levels_size(),
        format.scale().empty() || format.scale().starts_with("2^") ? "" : " at scale 1");
    body += "<h2>Decision boundaries</h2>\n" + HtmlTable(LevelTable(format), false) +
            "<p class=\"lead\">From: the smallest value that is rounded to the level.</p>\n";
  }
  if (!format.codes().empty()) {
    body += "<h2>Decode table</h2>\n" + HtmlTable(CodeTable(format), false);
  }
  return HtmlPage(format.name(), format.summary(), body);
}

}  // namespace bitscape::cli
