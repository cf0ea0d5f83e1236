#include "client/cli/front_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

struct Row {
  const v1::FrontPoint* point;
  bool on_front;
};

std::vector<Row> RowsOf(const v1::Front& front) {
  std::vector<Row> rows;
  std::set<std::string> on_front;
  for (const v1::FrontPoint& point : front.points()) {
    rows.push_back({&point, true});
    on_front.insert(point.trial());
  }
  for (const v1::FrontPoint& point : front.references()) {
    if (!on_front.contains(point.trial())) rows.push_back({&point, false});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.point->metrics().accuracy() > b.point->metrics().accuracy();
  });
  return rows;
}

// "a" of the trial "sweeps/a/trials/t000000".
std::string SweepOf(const v1::FrontPoint& point) {
  const std::string& trial = point.trial();
  return LastPart(trial.substr(0, trial.find("/trials/")));
}

// Each name once, in order.
std::string Names(const std::set<std::string>& names) {
  std::vector<std::string> parts;
  for (const std::string& name : names) parts.push_back(LastPart(name));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

Table FrontTable(const v1::Front& front) {
  const std::vector<Row> rows = RowsOf(front);
  std::set<std::string> accelerators, sweeps;
  for (const Row& row : rows) {
    accelerators.insert(row.point->accelerator());
    sweeps.insert(SweepOf(*row.point));
  }
  const bool several_machines = accelerators.size() > 1, several_sweeps = sweeps.size() > 1;
  Table table;
  table.columns = {{"FRONT"},
                   {"PLAN (weights / activations / accumulator)"},
                   {"ACCURACY", Align::kRight},
                   {"95% INTERVAL", Align::kRight},
                   {"ENERGY uJ", Align::kRight},
                   {"AREA mm2", Align::kRight},
                   {"LATENCY ms", Align::kRight},
                   {"WEIGHTS KiB", Align::kRight}};
  if (several_machines) table.columns.push_back({"MACHINE"});
  if (several_sweeps) table.columns.push_back({"SWEEP"});
  table.columns.push_back({"REFERENCE"});
  for (const auto& [point, on_front] : rows) {
    const v1::Metrics& metrics = point->metrics();
    std::vector<std::string> row = {
        on_front ? "*" : "",
        ShortPlan(point->plan()),
        Percent(metrics.accuracy()),
        PercentInterval(metrics.accuracy_low(), metrics.accuracy_high()),
        fmt::format("{:.3f}", metrics.energy_pj() * 1e-6),
        fmt::format("{:.3f}", metrics.area_um2() * 1e-6),
        fmt::format("{:.3f}", metrics.latency_seconds() * 1e3),
        fmt::format("{:.1f}", metrics.weight_bytes() / 1024)};
    if (several_machines) row.push_back(LastPart(point->accelerator()));
    if (several_sweeps) row.push_back(SweepOf(*point));
    row.push_back(point->reference());
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string FrontCsv(const v1::Front& front) {
  std::vector<CsvRow> rows;
  for (const auto& [point, on_front] : RowsOf(front)) {
    rows.push_back({{on_front ? "true" : "false", SweepOf(*point)}, point});
  }
  return ToCsv({"onFront", "sweep"}, *v1::FrontPoint::descriptor(), rows);
}

absl::StatusOr<std::string> FrontJsonLines(const v1::Front& front) {
  std::string lines;
  for (const auto& [point, on_front] : RowsOf(front)) {
    auto line = ToJson(*point, false);
    if (!line.ok()) return line.status();
    // Names of sweeps need no escapes.
    line->insert(1, fmt::format("\"onFront\":{},\"sweep\":\"{}\",", on_front, SweepOf(*point)));
    lines += *line;
  }
  return lines;
}

std::string ComparisonNote(const std::vector<v1::Sweep>& sweeps) {
  std::set<std::string> networks, datasets;
  for (const v1::Sweep& sweep : sweeps) {
    networks.insert(sweep.spec().network());
    datasets.insert(sweep.spec().dataset());
  }
  std::vector<std::string> parts;
  if (networks.size() > 1) parts.push_back(fmt::format("networks ({})", Names(networks)));
  if (datasets.size() > 1) parts.push_back(fmt::format("datasets ({})", Names(datasets)));
  if (parts.empty()) return "";
  return fmt::format("these sweeps differ in their {}: one front compares different tasks",
                     fmt::join(parts, " and "));
}

View FrontView(const v1::Front& front) {
  View view;
  view.table = FrontTable(front);
  view.note = fmt::format(
      "{} of {} trials are on the front (*) of {}; {} are dominated. Hypervolume {}.\n"
      "Accuracy counts up, the others down; energy and latency are of one inference.",
      front.points_size(), front.trials(), fmt::join(front.objectives(), ", "), front.dominated(),
      Number(front.hypervolume()));
  return view;
}

}  // namespace bitscape::cli
