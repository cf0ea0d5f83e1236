#include "client/cli/roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "client/cli/html.h"
#include "client/cli/scatter.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

constexpr int kTerminalWidth = 72, kTerminalHeight = 18;

// What both plots show: the range of the axes, a third of a decade around everything.
struct Range {
  double x_low = 0, x_high = 0, y_low = 0, y_high = 0;

  // 0 to 1 over the range.
  double X(double x) const { return std::log(x / x_low) / std::log(x_high / x_low); }
  double Y(double y) const { return std::log(y / y_low) / std::log(y_high / y_low); }
};

bool IsShown(const v1::CostRoofline::Layer& layer) {
  return std::isfinite(layer.macs_per_byte()) && layer.macs_per_byte() > 0 &&
         layer.achieved_macs_per_second() > 0;
}

// The roof at an intensity.
double RoofAt(const v1::CostRoofline& roofline, double macs_per_byte) {
  const double peak = roofline.peak_macs_per_second();
  const double bandwidth = roofline.off_chip_bytes_per_second();
  return bandwidth > 0 ? std::min(peak, macs_per_byte * bandwidth) : peak;
}

// False where no layer can be shown.
bool FindRange(const v1::CostRoofline& roofline, Range* range) {
  constexpr double kMargin = 2;
  range->x_low = range->y_low = std::numeric_limits<double>::infinity();
  for (const auto& layer : roofline.layers()) {
    if (!IsShown(layer)) continue;
    range->x_low = std::min(range->x_low, layer.macs_per_byte());
    range->x_high = std::max(range->x_high, layer.macs_per_byte());
    range->y_low = std::min(range->y_low, layer.achieved_macs_per_second());
  }
  if (range->x_high <= 0) return false;
  if (const double ridge = roofline.ridge_macs_per_byte(); ridge > 0) {
    range->x_low = std::min(range->x_low, ridge);
    range->x_high = std::max(range->x_high, ridge);
  }
  range->x_low /= kMargin;
  range->x_high *= kMargin;
  range->y_low = std::min(range->y_low, RoofAt(roofline, range->x_low)) / kMargin;
  range->y_high = roofline.peak_macs_per_second() * kMargin;
  return true;
}

// Where SVG's lines and dots are.
constexpr double kWidth = 860, kHeight = 440;
constexpr double kLeft = 92, kRight = 24, kTop = 16, kBottom = 52;
double SvgX(const Range& range, double x) { return kLeft + (kWidth - kLeft - kRight) * range.X(x); }
double SvgY(const Range& range, double y) {
  return kHeight - kBottom - (kHeight - kTop - kBottom) * range.Y(y);
}

std::string GridSvg(const Range& range) {
  std::string svg;
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  for (const double x : LogTicks(range.x_low, range.x_high)) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
        "<text class=\"tick\" x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4:g}</text>\n",
        SvgX(range, x), kTop, bottom, bottom + 18, x);
  }
  for (const double y : LogTicks(range.y_low, range.y_high)) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>"
        "<text class=\"tick\" x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        SvgY(range, y), kLeft, right, kLeft - 6, SvgY(range, y) + 4, MacRate(y));
  }
  return svg + fmt::format(
                   "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">operational "
                   "intensity, MAC/byte off chip (logarithmic)</text>\n",
                   (kLeft + right) / 2, kHeight - 10);
}

std::string RoofSvg(const v1::CostRoofline& roofline, const Range& range) {
  std::string path = fmt::format("M{:.1f} {:.1f}", SvgX(range, range.x_low),
                                 SvgY(range, RoofAt(roofline, range.x_low)));
  for (const double x : {roofline.ridge_macs_per_byte(), range.x_high}) {
    if (x > 0) {
      path += fmt::format("L{:.1f} {:.1f}", SvgX(range, x), SvgY(range, RoofAt(roofline, x)));
    }
  }
  return fmt::format("<path class=\"line\" d=\"{}\"/>\n", path);
}

Table LayerTable(const v1::CostRoofline& roofline) {
  Table table;
  table.columns = {{"MARK"},
                   {"LAYER"},
                   {"MAC/BYTE", Align::kRight},
                   {"ATTAINABLE", Align::kRight},
                   {"ACHIEVED", Align::kRight},
                   {"SHARE", Align::kRight},
                   {"ROOF"},
                   {"BOUND BY"}};
  for (int i = 0; i < roofline.layers_size(); ++i) {
    const auto& layer = roofline.layers(i);
    table.rows.push_back(
        {std::string(1, LayerMark(i)), layer.name(),
         std::isfinite(layer.macs_per_byte()) ? fmt::format("{:.2f}", layer.macs_per_byte()) : "-",
         MacRate(layer.attainable_macs_per_second()), MacRate(layer.achieved_macs_per_second()),
         Percent(layer.achieved_macs_per_second() / layer.attainable_macs_per_second()),
         layer.memory_bound() ? "memory" : "compute", layer.bound()});
  }
  return table;
}

std::vector<std::pair<std::string, std::string>> Facts(const v1::CostRoofline& roofline) {
  std::vector<std::pair<std::string, std::string>> facts = {
      {"accelerator", roofline.accelerator()},
      {"plan", roofline.plan()},
      {"peak", MacRate(roofline.peak_macs_per_second())}};
  if (roofline.off_chip_bytes_per_second() > 0) {
    facts.emplace_back("off chip", Bytes(roofline.off_chip_bytes_per_second()) + "/s");
    facts.emplace_back("ridge", fmt::format("{:.2f} MAC/byte", roofline.ridge_macs_per_byte()));
  } else {
    facts.emplace_back("off chip", "never limits");
  }
  return facts;
}

}  // namespace

v1::CostRoofline RooflineOf(const v1::CostEstimate& cost) {
  v1::CostRoofline roofline;
  roofline.set_network(cost.network());
  roofline.set_plan(cost.plan());
  roofline.set_accelerator(cost.accelerator());
  const double hertz = cost.clock_ghz() * 1e9;
  const double bandwidth = cost.off_chip_bits_per_cycle() / 8 * hertz;
  roofline.set_off_chip_bytes_per_second(bandwidth);
  double fastest = 0;
  for (const auto& from : cost.layers()) {
    v1::CostRoofline::Layer& layer = *roofline.add_layers();
    layer.set_name(from.name());
    layer.set_bound(from.bound());
    const double bytes = from.off_chip_bits() / 8;
    const double peak = cost.multipliers() * from.macs_per_cycle() * hertz;
    fastest = std::max(fastest, peak);
    layer.set_macs_per_byte(bytes > 0 ? from.macs() / bytes
                                      : std::numeric_limits<double>::infinity());
    layer.set_peak_macs_per_second(peak);
    const double by_memory =
        bandwidth > 0 ? layer.macs_per_byte() * bandwidth : std::numeric_limits<double>::infinity();
    layer.set_attainable_macs_per_second(std::min(peak, by_memory));
    layer.set_memory_bound(by_memory < peak);
    layer.set_achieved_macs_per_second(from.macs() / from.latency_cycles() * hertz);
  }
  roofline.set_peak_macs_per_second(fastest);
  roofline.set_ridge_macs_per_byte(bandwidth > 0 ? fastest / bandwidth : 0);
  return roofline;
}

std::string MacRate(double macs_per_second) {
  struct Unit {
    double size;
    const char* name;
  };
  for (const Unit unit : {Unit{1e12, "TMAC/s"}, Unit{1e9, "GMAC/s"}, Unit{1e6, "MMAC/s"}}) {
    if (macs_per_second >= unit.size) {
      return fmt::format("{:.4g} {}", macs_per_second / unit.size, unit.name);
    }
  }
  return fmt::format("{:.4g} MAC/s", macs_per_second);
}

char LayerMark(int index) {
  constexpr int kLetters = 26;
  if (index < kLetters) return static_cast<char>('a' + index);
  if (index < 2 * kLetters) return static_cast<char>('A' + index - kLetters);
  return '*';
}

std::string RooflineText(const v1::CostRoofline& roofline, int width, int height) {
  Range range;
  if (!FindRange(roofline, &range)) return "";
  const auto columns = static_cast<size_t>(width);
  std::vector<std::string> rows(static_cast<size_t>(height), std::string(columns, ' '));
  const auto cell = [](double share, int count) {
    return static_cast<size_t>(std::clamp(static_cast<int>(share * count), 0, count - 1));
  };
  for (size_t column = 0; column < columns; ++column) {
    const double share = (static_cast<double>(column) + 0.5) / width;
    const double x = range.x_low * std::pow(range.x_high / range.x_low, share);
    const double roof = RoofAt(roofline, x);
    const bool flat = roof >= roofline.peak_macs_per_second();
    rows[cell(range.Y(roof), height)][column] = flat ? '-' : '/';
  }
  for (int i = 0; i < roofline.layers_size(); ++i) {
    const auto& layer = roofline.layers(i);
    if (!IsShown(layer)) continue;
    char& at = rows[cell(range.Y(layer.achieved_macs_per_second()), height)]
                   [cell(range.X(layer.macs_per_byte()), width)];
    at = at == ' ' || at == '-' || at == '/' ? LayerMark(i) : '#';
  }
  std::string text;
  for (int row = height - 1; row >= 0; --row) {
    const double share = (row + 0.5) / height;
    const double y = range.y_low * std::pow(range.y_high / range.y_low, share);
    const bool labelled = row == height - 1 || row == 0 || row == height / 2;
    std::string& cells = rows[static_cast<size_t>(row)];
    cells.erase(cells.find_last_not_of(' ') + 1);
    text += fmt::format("{:>13} |{}\n", labelled ? MacRate(y) : "", cells);
  }
  text += fmt::format("{:>13} +{}\n", "", std::string(columns, '-'));
  const std::string low = fmt::format("{:.3g}", range.x_low);
  const std::string high = fmt::format("{:.3g} MAC/byte", range.x_high);
  text += fmt::format("{:>13}  {}{:>{}}\n", "", low, high, columns - low.size());
  return text;
}

View ViewOf(const v1::CostRoofline& roofline) {
  View view;
  view.facts = Facts(roofline);
  view.table = LayerTable(roofline);
  view.note = RooflineText(roofline, kTerminalWidth, kTerminalHeight);
  view.note +=
      "Layers by their marks; # is several of them. / and - are the roof: bandwidth off "
      "chip, then the peak.";
  return view;
}

std::string RooflineSvg(const v1::CostRoofline& roofline) {
  Range range;
  if (!FindRange(roofline, &range)) return "";
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Roofline\">\n", kWidth, kHeight);
  svg += GridSvg(range) + RoofSvg(roofline, range);
  for (int i = 0; i < roofline.layers_size(); ++i) {
    const auto& layer = roofline.layers(i);
    if (!IsShown(layer)) continue;
    const double x = SvgX(range, layer.macs_per_byte());
    const double y = SvgY(range, layer.achieved_macs_per_second());
    svg += fmt::format(
        "<circle class=\"dot{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}: {:.2f} MAC/byte, "
        "{} of {}</title></circle><text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
        layer.memory_bound() ? " reference" : " on-front", x, y, EscapeHtml(layer.name()),
        layer.macs_per_byte(), MacRate(layer.achieved_macs_per_second()),
        MacRate(layer.attainable_macs_per_second()), x + 7, y - 5, LayerMark(i));
  }
  return svg + "</svg>\n";
}

std::string RenderRooflinePage(const v1::CostRoofline& roofline) {
  Table facts;
  facts.columns = {{""}, {""}};
  for (const auto& [name, value] : Facts(roofline)) facts.rows.push_back({name, value});
  std::string body = HtmlTable(facts, false);
  body += fmt::format(
      "<figure>{}<figcaption>The line is the roof. Each point is a layer; those under the slope "
      "stand out.</figcaption></figure>\n",
      RooflineSvg(roofline));
  body += "<h2>Layers</h2>\n" + HtmlTable(LayerTable(roofline), false);
  return HtmlPage("Roofline of " + LastPart(roofline.accelerator()),
                  fmt::format("{} in {}", LastPart(roofline.network()), roofline.plan()), body);
}

}  // namespace bitscape::cli
