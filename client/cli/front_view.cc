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

}  // namespace

Table FrontTable(const v1::Front& front) {
  const std::vector<Row> rows = RowsOf(front);
  std::set<std::string> accelerators;
  for (const Row& row : rows) accelerators.insert(row.point->accelerator());
  const bool several = accelerators.size() > 1;
  Table table;
  table.columns = {{"FRONT"},
                   {"PLAN (weights / activations / accumulator)"},
                   {"ACCURACY", Align::kRight},
                   {"95% INTERVAL", Align::kRight},
                   {"ENERGY uJ", Align::kRight},
                   {"AREA mm2", Align::kRight},
                   {"LATENCY ms", Align::kRight},
                   {"WEIGHTS KiB", Align::kRight}};
  if (several) table.columns.push_back({"ACCELERATOR"});
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
    if (several) row.push_back(LastPart(point->accelerator()));
    row.push_back(point->reference());
    table.rows.push_back(std::move(row));
  }
  return table;
}

View FrontView(const v1::Front& front) {
  View view;
  view.table = FrontTable(front);
  view.note = fmt::format(
      "{} of {} plans are on the front (*) of {}; {} are dominated. Hypervolume {}.\n"
      "Accuracy counts up, the others down; energy and latency are of one inference.",
      front.points_size(), front.trials(), fmt::join(front.objectives(), ", "), front.dominated(),
      Number(front.hypervolume()));
  return view;
}

}  // namespace bitscape::cli
