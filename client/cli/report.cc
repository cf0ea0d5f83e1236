#include "client/cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "client/cli/front_view.h"
#include "client/cli/scatter.h"
#include "client/cli/text.h"
#include "client/cli/trouble.h"

namespace bitscape::cli {
namespace {

// The close-up shows what is within so many points of the best plan.
constexpr double kCloseUpPoints = 3;

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

Scatter ScatterOf(const ReportData& data) {
  std::set<std::string> on_front;
  for (const v1::FrontPoint& point : data.front.points()) on_front.insert(point.trial());
  Scatter scatter;
  scatter.x_title = "energy of one inference, uJ (logarithmic)";
  scatter.y_title = "accuracy, %";
  for (const v1::Trial& trial : data.trials.trials()) {
    if (trial.state() != v1::Trial::SUCCEEDED) continue;
    const v1::Metrics& metrics = trial.metrics();
    ScatterPoint point;
    point.x = metrics.energy_pj() * 1e-6;
    point.y = 100 * metrics.accuracy();
    point.title = fmt::format("{}\n{} ({}), {}, {}, {}, weights {}", trial.plan(),
                              Percent(metrics.accuracy()),
                              PercentInterval(metrics.accuracy_low(), metrics.accuracy_high()),
                              Energy(metrics.energy_pj()), Area(metrics.area_um2()),
                              Seconds(metrics.latency_seconds()), Bytes(metrics.weight_bytes()));
    if (data.sweep.spec().accelerators_size() > 1) {
      point.title += " on " + LastPart(trial.accelerator());
    }
    point.label = trial.reference();
    point.reference = !trial.reference().empty();
    point.on_front = on_front.contains(trial.name());
    scatter.points.push_back(point);
  }
  for (const v1::FrontPoint& point : data.energy_accuracy.points()) {
    scatter.front.emplace_back(point.metrics().energy_pj() * 1e-6,
                               100 * point.metrics().accuracy());
  }
  return scatter;
}

std::string Figures(const ReportData& data) {
  Scatter scatter = ScatterOf(data);
  if (scatter.points.empty()) return "<p>No trial has succeeded.</p>\n";
  double best = 0;
  for (const ScatterPoint& point : scatter.points) best = std::max(best, point.y);
  std::string html = fmt::format(
      "<h2>Accuracy over energy</h2>\n<figure>{}<figcaption>Each point is a plan; hover for its "
      "figures. Blue: on the front of {}. The line is the front of accuracy and energy alone. "
      "Diamonds are references.</figcaption></figure>\n",
      ScatterSvg(scatter), EscapeHtml(fmt::format("{}", fmt::join(data.front.objectives(), ", "))));
  scatter.y_from = best - kCloseUpPoints;
  html += fmt::format("<h2>Close up: within {} points of the best</h2>\n<figure>{}</figure>\n",
                      kCloseUpPoints, ScatterSvg(scatter));
  return html;
}

Table TrialTable(const ReportData& data) {
  Table table;
  table.columns = {{"TRIAL"},
                   {"STATE"},
                   {"PLAN"},
                   {"MACHINE"},
                   {"ACCURACY", Align::kRight},
                   {"LOSS", Align::kRight},
                   {"ENERGY", Align::kRight},
                   {"AREA", Align::kRight},
                   {"LATENCY", Align::kRight},
                   {"WEIGHTS", Align::kRight},
                   {"REASON"}};
  for (const v1::Trial& trial : data.trials.trials()) {
    const v1::Metrics& metrics = trial.metrics();
    const bool measured = trial.state() == v1::Trial::SUCCEEDED;
    const bool priced = metrics.energy_pj() > 0;
    table.rows.push_back(
        {LastPart(trial.name()), v1::Trial::State_Name(trial.state()), trial.plan(),
         LastPart(trial.accelerator()), measured ? Percent(metrics.accuracy()) : "-",
         measured ? Number(metrics.loss()) : "-", priced ? Energy(metrics.energy_pj()) : "-",
         priced ? Area(metrics.area_um2()) : "-", priced ? Seconds(metrics.latency_seconds()) : "-",
         priced ? Bytes(metrics.weight_bytes()) : "-", trial.reason()});
  }
  return table;
}

std::string Lead(const ReportData& data) {
  const v1::SweepSpec& spec = data.sweep.spec();
  std::vector<std::string> machines;
  for (const std::string& name : spec.accelerators()) machines.push_back(LastPart(name));
  int images = 0;
  std::string split;
  for (const v1::FrontPoint& point : data.front.points()) {
    images = point.metrics().images();
    split = point.metrics().split();
  }
  return fmt::format(
      "{} on {} ({} images of the {} split), priced on {}. {} trials measured, {} of them on the "
      "front, in {} of exploration.",
      LastPart(spec.network()), LastPart(spec.dataset()), Count(images), split,
      fmt::join(machines, ", "), data.front.trials(), data.front.points_size(),
      Elapsed(SecondsOf(data.sweep.progress().elapsed())));
}

// A paragraph about the trials without a result; "" if there are none.
std::string Trouble(const ReportData& data) {
  std::string reason;
  for (const auto state : {v1::Trial::INFEASIBLE, v1::Trial::FAILED}) {
    const auto& trials = data.trials.trials();
    const auto first = std::find_if(trials.begin(), trials.end(),
                                    [&](const v1::Trial& trial) { return trial.state() == state; });
    if (first != trials.end()) reason = first->reason();
  }
  const std::string text = TroubleText(data.sweep.progress(), reason);
  return text.empty() ? "" : fmt::format("<p class=\"trouble\">{}</p>\n", EscapeHtml(text));
}

}  // namespace

std::string RenderReport(const ReportData& data) {
  const std::string title = data.sweep.spec().display_name().empty()
                                ? data.sweep.name()
                                : data.sweep.spec().display_name();
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n"
      "<p class=\"lead\">{2}</p>\n",
      EscapeHtml(title), kStyle, EscapeHtml(Lead(data)));
  html += Trouble(data);
  html += Figures(data);
  html += "<h2>The Pareto front</h2>\n" + HtmlTable(FrontTable(data.front), true);
  html +=
      "<p class=\"lead\">No plan is at least as good in every objective as one marked * and better "
      "in one. References (coloured) are shown on the front or not. Accuracy is measured by "
      "emulation, with its 95% Wilson interval: plans whose intervals overlap widely may not "
      "differ, and the best of many flatters a little. Energy, latency and area are estimates of a "
      "cost model; energy and latency are of one inference, area is the machine's.</p>\n";
  html += fmt::format("<details><summary>All {} trials</summary>\n{}</details>\n",
                      data.trials.trials_size(), HtmlTable(TrialTable(data), false));
  html += fmt::format(
      "<footer><p>{}, {}. {}</p></footer>\n</body>\n</html>\n", EscapeHtml(data.sweep.name()),
      EscapeHtml(TimeOf(data.sweep.end_time())) + " UTC", EscapeHtml(data.versions));
  return html;
}

}  // namespace bitscape::cli
