#include "client/cli/format_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "client/cli/format_ladder.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

std::string ShortNumber(double value) { return fmt::format("{:.4g}", value); }

std::string NotationOf(const v1::Format& format) {
  return format.name() == format.catalog_name() ? "" : format.name();
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// Without the punctuation around it.
std::string_view Bare(std::string_view word) {
  const size_t begin = std::min(word.find_first_not_of("(,;:"), word.size());
  const size_t end = word.find_last_not_of("),;:");
  return end == std::string_view::npos ? "" : word.substr(begin, end + 1 - begin);
}

bool IsNumber(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789.") == std::string_view::npos;
}
bool IsYear(std::string_view word) {
  return word.size() == 4 && IsNumber(word) && (word.starts_with("19") || word.starts_with("20"));
}

bool IsReference(std::string_view family) {
  const auto references = LadderReferences();
  return std::any_of(references.begin(), references.end(),
                     [&](const LadderReference& reference) { return reference.name == family; });
}

}  // namespace

std::string ShortSource(std::string_view source) {
  constexpr size_t kShort = 16;
  if (source.size() <= kShort) return std::string(source);
  const std::vector<std::string_view> words = Words(source);
  const size_t authors = source.find(" et al.");
  std::string text(authors == std::string_view::npos ? Bare(words[0]) : source.substr(0, authors));
  std::string_view year, number, acronym;
  for (const std::string_view word : words) {
    const std::string_view bare = Bare(word);
    if (word.starts_with('(') && acronym.empty()) acronym = bare;
    if (IsYear(bare) && year.empty()) year = bare;
    if (IsNumber(bare)) number = bare;
  }
  if (!acronym.empty()) text += fmt::format(" {}", acronym);
  if (!number.empty()) return fmt::format("{} {}", text, year.empty() ? number : year);
  return words.size() > 1 ? fmt::format("{} {}", words[0], words[1]) : text;
}

std::string ShortScale(std::string_view scale) {
  constexpr std::string_view kPowerOfTwo = "power of two", kEach = " for each ", kThen = ", then ";
  if (scale.empty()) return "none";
  const size_t each = scale.find(kEach);
  std::string text(scale.substr(0, std::min(scale.find(','), each)));
  if (text == kPowerOfTwo) text = "2^k";
  if (text.starts_with("float32 on each")) text = "2 float32";
  if (text == "table of levels") text = "table";
  if (each != std::string_view::npos) {
    const std::string_view count = scale.substr(each + kEach.size());
    text += fmt::format("/{}", count.substr(0, count.find(' ')));
  }
  return scale.find(kThen) == std::string_view::npos ? text : text + "+";
}

View FiguresOf(const v1::ListFormatsResponse& formats) {
  View view;
  view.table.columns = {{"FORMAT"},
                        {"STANDS FOR"},
                        {"BITS", Align::kRight},
                        {"STORED", Align::kRight},
                        {"LARGEST", Align::kRight},
                        {"SMALLEST", Align::kRight},
                        {"SCALE"},
                        {"SOURCE"}};
  for (const v1::Format& format : formats.formats()) {
    const bool of_data = format.scale() == "table of levels";
    view.table.rows.push_back({format.catalog_name(), NotationOf(format),
                               std::to_string(format.bits()), ShortNumber(format.bits_per_value()),
                               of_data ? "-" : ShortNumber(format.largest()),
                               of_data ? "-" : ShortNumber(format.smallest_positive()),
                               ShortScale(format.scale()), ShortSource(format.source())});
  }
  view.note =
      "Stored: bits of a value with the scales of 1,024. Largest, smallest positive: at scale 1.\n"
      "Scale: what is stored, /N for each N values; 2^k a power of two; + a float32 of the "
      "tensor.\n"
      "Families take any size: eXmY, intN, uintN, fixedN.F, dfxN, bfpM, afN_E, logN, codebookL, "
      "dorefaN.\n"
      "`format list --sources` gives summaries and whole sources, `format show FORMAT` everything.";
  return view;
}

View SourcesOf(const v1::ListFormatsResponse& formats) {
  View view;
  view.table.columns = {{"FORMAT"}, {"STANDS FOR"}, {"SUMMARY"}, {"SOURCE"}};
  for (const v1::Format& format : formats.formats()) {
    view.table.rows.push_back(
        {format.catalog_name(), NotationOf(format), format.summary(), format.source()});
  }
  return view;
}

View ViewOf(const v1::AccuracyTable& table, std::span<const int> bits) {
  View view;
  view.table.columns = {{"NETWORK"}, {"FAMILY"}};
  for (const int width : bits) {
    view.table.columns.push_back({fmt::format("{} BITS", width), Align::kRight});
  }
  const size_t first_bits = view.table.columns.size() - bits.size();
  auto& rows = view.table.rows;
  for (const v1::AccuracyTable::Cell& cell : table.cells()) {
    const std::string percent = fmt::format("{:.2f}", 100 * cell.accuracy());
    if (IsReference(cell.family())) {
      const std::string name = "references on " + cell.network();
      if (view.facts.empty() || view.facts.back().first != name) view.facts.emplace_back(name, "");
      std::string& line = view.facts.back().second;
      line += fmt::format("{}{} {}", line.empty() ? "" : "   ", cell.family(), percent);
      continue;
    }
    if (rows.empty() || rows.back()[0] != cell.network() || rows.back()[1] != cell.family()) {
      rows.push_back({cell.network(), cell.family()});
      rows.back().resize(view.table.columns.size(), "-");
    }
    const auto column = std::find(bits.begin(), bits.end(), cell.bits());
    if (column == bits.end()) continue;
    rows.back()[first_bits + static_cast<size_t>(column - bits.begin())] = percent;
  }
  return view;
}

}  // namespace bitscape::cli
