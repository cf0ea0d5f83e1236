#include "client/cli/cost_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

std::string ReadingText(const v1::CostReading& reading) {
  return fmt::format("{}, {} V, activity {}, registers {}, areas {}, SRAM {}{}", reading.node(),
                     Number(reading.supply_v()), Number(reading.activity()), reading.registers(),
                     reading.areas(), reading.sram(), reading.leakage() ? ", leakage" : "");
}

Table ComponentTable(const v1::CostEstimate& cost) {
  Table table;
  table.columns = {{"COMPONENT"}, {"ENERGY", Align::kRight}, {"SHARE", Align::kRight}};
  for (const auto& [component, energy_pj] : ComponentsOf(cost)) {
    table.rows.push_back({component, Energy(energy_pj), Percent(energy_pj / cost.energy_pj())});
  }
  return table;
}

// "index 4.5 KiB + tables 64 B < 16-bit weights 9 KiB" of each layer that is stored as a codebook.
std::string CodebookNote(const v1::CostEstimate& cost) {
  Table table;
  table.columns = {{"CODEBOOK OF"},
                   {"INDICES", Align::kRight},
                   {"TABLES", Align::kRight},
                   {"IN 16 BITS", Align::kRight},
                   {"SMALLER"}};
  for (const auto& layer : cost.layers()) {
    if (!layer.has_codebook()) continue;
    const auto& storage = layer.codebook();
    table.rows.push_back({layer.name(), Bytes(storage.index_bits() / 8),
                          Bytes(storage.table_bits() / 8), Bytes(storage.baseline_bits() / 8),
                          storage.holds() ? "yes" : "no"});
  }
  return table.rows.empty() ? "" : fmt::format("\n{}", RenderTable(table, false));
}

std::string Ratio(double value, double first) {
  return first > 0 ? fmt::format("{:.3f}x", value / first) : "-";
}

}  // namespace

std::vector<std::pair<std::string, double>> ComponentsOf(const v1::CostEstimate& cost) {
  std::vector<std::pair<std::string, double>> sums;
  for (const auto& layer : cost.layers()) {
    for (const auto& energy : layer.energy()) {
      const auto sum = std::find_if(sums.begin(), sums.end(), [&](const auto& known) {
        return known.first == energy.component();
      });
      if (sum == sums.end()) {
        sums.emplace_back(energy.component(), energy.energy_pj());
      } else {
        sum->second += energy.energy_pj();
      }
    }
  }
  return sums;
}

View ViewOf(const v1::CostEstimate& cost) {
  View view;
  view.facts = {{"accelerator", cost.accelerator()},
                {"plan", cost.plan()},
                {"energy", Energy(cost.energy_pj())},
                {"latency", fmt::format("{} ({} cycles)", Seconds(cost.latency_seconds()),
                                        Count(cost.latency_cycles()))},
                {"area", Area(cost.area_um2())},
                {"weights", Bytes(cost.weight_bytes())},
                {"read as", ReadingText(cost.reading())},
                {"cost model", cost.cost_model_version()}};
  for (const auto& area : cost.area()) {
    view.facts.emplace_back("  area of " + area.component(), Area(area.area_um2()));
  }
  view.table.columns = {{"LAYER"},
                        {"DATAPATH"},
                        {"MACS", Align::kRight},
                        {"ENERGY", Align::kRight},
                        {"CYCLES", Align::kRight},
                        {"UTILIZATION", Align::kRight},
                        {"BOUND BY"},
                        {"WEIGHTS", Align::kRight},
                        {"OFF CHIP", Align::kRight}};
  for (const auto& layer : cost.layers()) {
    view.table.rows.push_back({layer.name(), layer.operands(), Count(layer.macs()),
                               Energy(layer.energy_pj()), Count(layer.latency_cycles()),
                               Percent(layer.utilization()), layer.bound(),
                               Bytes(layer.weight_bytes()), Bytes(layer.off_chip_bits() / 8)});
  }
  view.note = RenderTable(ComponentTable(cost), false) + CodebookNote(cost);
  view.note.pop_back();
  return view;
}

Table LayerTable(const v1::CostEstimate& cost) {
  Table table;
  table.columns = {{"LAYER"},
                   {"COMPONENT"},
                   {"ENERGY", Align::kRight},
                   {"OF THE LAYER", Align::kRight},
                   {"OF ALL", Align::kRight}};
  for (const auto& layer : cost.layers()) {
    for (const auto& energy : layer.energy()) {
      table.rows.push_back({layer.name(), energy.component(), Energy(energy.energy_pj()),
                            Percent(energy.energy_pj() / layer.energy_pj()),
                            Percent(energy.energy_pj() / cost.energy_pj())});
    }
  }
  return table;
}

std::string MappingText(const v1::CostEstimate& cost) {
  std::string text;
  for (const auto& layer : cost.layers()) {
    if (layer.mapping().empty()) continue;
    text += fmt::format("{}mapping of {}\n", text.empty() ? "" : "\n", layer.name());
    std::istringstream lines(layer.mapping());
    for (std::string line; std::getline(lines, line);) text += fmt::format("  {}\n", line);
  }
  return text;
}

std::string LayerCsv(const v1::CostEstimate& cost) {
  std::vector<CsvRow> rows;
  for (const auto& layer : cost.layers()) {
    for (const auto& energy : layer.energy()) rows.push_back({{layer.name()}, &energy});
  }
  return ToCsv({"layer"}, *v1::CostEstimate::Energy::descriptor(), rows);
}

View ViewOf(const v1::CostComparison& comparison) {
  const v1::CostComparison::Row* first = nullptr;
  bool refused = false;
  for (const auto& row : comparison.rows()) {
    if (first == nullptr && row.infeasible().empty()) first = &row;
    refused = refused || !row.infeasible().empty();
  }
  View view;
  view.facts = {{"network", comparison.network()}};
  view.table.columns = {{"PLAN"},
                        {"MACHINE"},
                        {"ENERGY", Align::kRight},
                        {"RATIO", Align::kRight},
                        {"LATENCY", Align::kRight},
                        {"RATIO", Align::kRight},
                        {"AREA", Align::kRight},
                        {"RATIO", Align::kRight},
                        {"WEIGHTS", Align::kRight},
                        {"RATIO", Align::kRight}};
  if (refused) view.table.columns.push_back({"INFEASIBLE"});
  for (const auto& row : comparison.rows()) {
    std::vector<std::string> cells = {ShortPlan(row.plan()), LastPart(row.accelerator())};
    if (row.infeasible().empty()) {
      cells.insert(
          cells.end(),
          {Energy(row.energy_pj()), Ratio(row.energy_pj(), first->energy_pj()),
           Seconds(row.latency_seconds()), Ratio(row.latency_seconds(), first->latency_seconds()),
           Area(row.area_um2()), Ratio(row.area_um2(), first->area_um2()),
           Bytes(row.weight_bytes()), Ratio(row.weight_bytes(), first->weight_bytes())});
    } else {
      cells.resize(view.table.columns.size() - 1, "-");
    }
    if (refused) cells.push_back(row.infeasible());
    view.table.rows.push_back(std::move(cells));
  }
  if (first != nullptr) {
    view.note = fmt::format("Ratios are to the first row with a price, {} on {}.",
                            ShortPlan(first->plan()), LastPart(first->accelerator()));
  }
  return view;
}

namespace {

Table ReadingTable(const v1::CostSensitivity& sensitivity) {
  Table table;
  table.columns = {{"READING"},
                   {"ON THE FRONT", Align::kRight},
                   {"LEFT IT", Align::kRight},
                   {"JOINED IT", Align::kRight}};
  for (const auto& reading : sensitivity.readings()) {
    table.rows.push_back({reading.label(), Count(reading.front_size()), Count(reading.left()),
                          Count(reading.joined())});
  }
  return table;
}

// Largest over smallest energy under the readings that have a price.
std::string Spread(const v1::CostSensitivity::Point& point) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const auto& cost : point.costs()) {
    if (!cost.infeasible().empty()) continue;
    low = std::min(low, cost.energy_pj());
    high = std::max(high, cost.energy_pj());
  }
  return high > 0 ? fmt::format("{}..{}", Energy(low), Energy(high)) : "-";
}

// The readings under which a point is off the front, or the few under which it is on it.
std::string OffText(const v1::CostSensitivity::Point& point) {
  if (2 * point.off_under_size() <= point.costs_size()) {
    return fmt::format("{}", fmt::join(point.off_under(), "; "));
  }
  std::vector<std::string> on;
  for (const auto& cost : point.costs()) {
    if (cost.on_front()) on.push_back(cost.reading());
  }
  return fmt::format("all but {}", fmt::join(on, "; "));
}

}  // namespace

View ViewOf(const v1::CostSensitivity& sensitivity) {
  View view;
  const auto stays = std::count_if(sensitivity.points().begin(), sensitivity.points().end(),
                                   [](const auto& point) { return point.on_every_front(); });
  const int base = sensitivity.readings().empty() ? 0 : sensitivity.readings(0).front_size();
  view.facts = {
      {"objectives", fmt::format("{}", fmt::join(sensitivity.objectives(), ", "))},
      {"priced again", fmt::format("{} points under {} readings", sensitivity.candidates(),
                                   sensitivity.readings_size())},
      {"stay on the front", fmt::format("{} of {} under every reading", stays, base)}};
  const bool measured = std::any_of(sensitivity.points().begin(), sensitivity.points().end(),
                                    [](const auto& point) { return !point.trial().empty(); });
  view.table.columns = {{"STAYS"}, {"PLAN"}, {"MACHINE"}};
  if (measured) view.table.columns.push_back({"ACCURACY", Align::kRight});
  for (const char* title : {"ENERGY", "UNDER ALL READINGS"}) {
    view.table.columns.push_back({title, Align::kRight});
  }
  view.table.columns.push_back({"NOT ON THE FRONT UNDER"});
  for (const auto& point : sensitivity.points()) {
    std::vector<std::string> row = {point.on_every_front() ? "*" : "", ShortPlan(point.plan()),
                                    LastPart(point.accelerator())};
    if (measured) row.push_back(Percent(point.accuracy()));
    const auto& own = point.costs(0);
    row.push_back(own.infeasible().empty() ? Energy(own.energy_pj()) : "-");
    row.push_back(Spread(point));
    row.push_back(OffText(point));
    view.table.rows.push_back(std::move(row));
  }
  view.note = "* on the front under every reading of the sources.\n\n" +
              RenderTable(ReadingTable(sensitivity), false);
  view.note.pop_back();
  return view;
}

}  // namespace bitscape::cli
