#include "client/cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "client/cli/front_view.h"
#include "client/cli/html.h"
#include "client/cli/scatter.h"
#include "client/cli/text.h"
#include "client/cli/trouble.h"

namespace bitscape::cli {
namespace {

// The close-up shows what is within so many points of the best plan.
constexpr double kCloseUpPoints = 3;

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
  std::string html = Trouble(data);
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
  html += fmt::format("<footer><p>{}, {} UTC. {}</p></footer>\n", EscapeHtml(data.sweep.name()),
                      EscapeHtml(TimeOf(data.sweep.end_time())), EscapeHtml(data.versions));
  return HtmlPage(title, Lead(data), html);
}

}  // namespace bitscape::cli
