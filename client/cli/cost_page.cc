#include "client/cli/cost_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/cost_view.h"
#include "client/cli/html.h"
#include "client/cli/roofline.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

constexpr size_t kHues = 12;

// Colours that tell neighbours apart on light and on dark.
std::string Fill(size_t component) {
  constexpr int kStep = 137;  // degrees: the golden angle
  return fmt::format("hsl({} 55% {}%)", 210 + static_cast<int>(component % kHues) * kStep,
                     component / kHues % 2 == 0 ? 55 : 40);
}

std::string Legend(const v1::CostEstimate& cost) {
  std::string html = "<p>";
  size_t index = 0;
  for (const auto& [component, energy_pj] : ComponentsOf(cost)) {
    html += fmt::format(
        "<span style=\"display:inline-block;width:.8em;height:.8em;background:{}\"></span> {} "
        "{}&nbsp;&nbsp; ",
        Fill(index++), EscapeHtml(component), Percent(energy_pj / cost.energy_pj()));
  }
  return html + "</p>\n";
}

}  // namespace

std::string EnergyBarsSvg(const v1::CostEstimate& cost) {
  constexpr double kWidth = 900, kLeft = 200, kRight = 90, kRow = 22, kBar = 16;
  double most = 0;
  for (const auto& layer : cost.layers()) most = std::max(most, layer.energy_pj());
  if (most <= 0) return "";
  const auto components = ComponentsOf(cost);
  const double height = kRow * cost.layers_size() + 4;
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Energy by layer and component\">\n",
      kWidth, height);
  double y = 2;
  for (const auto& layer : cost.layers()) {
    svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
                       kLeft - 8, y + 13, EscapeHtml(layer.name()));
    double x = kLeft;
    for (const auto& energy : layer.energy()) {
      const auto component =
          std::find_if(components.begin(), components.end(),
                       [&](const auto& known) { return known.first == energy.component(); });
      const double width = (kWidth - kLeft - kRight) * energy.energy_pj() / most;
      svg += fmt::format(
          "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\"><title>{} "
          "{}: "
          "{} ({})</title></rect>\n",
          x, y, width, kBar, Fill(static_cast<size_t>(component - components.begin())),
          EscapeHtml(layer.name()), EscapeHtml(energy.component()), Energy(energy.energy_pj()),
          Percent(energy.energy_pj() / layer.energy_pj()));
      x += width;
    }
    svg += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x + 6, y + 13,
                       Energy(layer.energy_pj()));
    y += kRow;
  }
  return svg + "</svg>\n";
}

std::string RenderCostPage(const v1::CostEstimate& cost) {
  const View view = ViewOf(cost);
  Table facts;
  facts.columns = {{""}, {""}};
  for (const auto& [name, value] : view.facts) facts.rows.push_back({name, value});
  std::string body = HtmlTable(facts, false);
  body += "<h2>Energy by layer and component</h2>\n" + Legend(cost) +
          fmt::format("<figure>{}<figcaption>Hover for figures.</figcaption></figure>\n",
                      EnergyBarsSvg(cost));
  const v1::CostRoofline roofline = RooflineOf(cost);
  body += fmt::format(
      "<h2>Roofline</h2>\n<figure>{}<figcaption>Peak {}; each point is a layer, those that memory "
      "bounds stand out.</figcaption></figure>\n",
      RooflineSvg(roofline), MacRate(roofline.peak_macs_per_second()));
  body += "<h2>Layers</h2>\n" + HtmlTable(view.table, false);
  body += "<h2>Components of layers</h2>\n" + HtmlTable(LayerTable(cost), false);
  if (const std::string mappings = MappingText(cost); !mappings.empty()) {
    body += fmt::format("<h2>Mappings</h2>\n<pre>{}</pre>\n", EscapeHtml(mappings));
  }
  return HtmlPage(fmt::format("{} on {}", LastPart(cost.network()), LastPart(cost.accelerator())),
                  cost.plan(), body);
}

}  // namespace bitscape::cli
