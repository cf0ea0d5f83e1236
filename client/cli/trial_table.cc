#include "client/cli/trial_table.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/text.h"

namespace bitscape::cli {

Table TrialTable(const v1::ListTrialsResponse& trials) {
  std::set<std::string> machines;
  for (const v1::Trial& trial : trials.trials()) machines.insert(trial.accelerator());
  const bool several = machines.size() > 1;
  Table table;
  table.columns = {{"TRIAL"}, {"STATE"}, {"PLAN (weights / activations / accumulator)"}};
  if (several) table.columns.push_back({"MACHINE"});
  for (const char* title :
       {"ACCURACY", "ENERGY", "AREA", "LATENCY", "WEIGHTS", "IMAGES", "ATTEMPTS"}) {
    table.columns.push_back({title, Align::kRight});
  }
  table.columns.push_back({"REFERENCE"});
  table.columns.push_back({"REASON"});
  for (const v1::Trial& trial : trials.trials()) {
    const v1::Metrics& metrics = trial.metrics();
    const bool priced = metrics.energy_pj() > 0;
    std::vector<std::string> row = {LastPart(trial.name()), v1::Trial::State_Name(trial.state()),
                                    ShortPlan(trial.plan())};
    if (several) row.push_back(LastPart(trial.accelerator()));
    for (std::string cell :
         {trial.state() == v1::Trial::SUCCEEDED ? Percent(metrics.accuracy()) : "-",
          priced ? Energy(metrics.energy_pj()) : "-", priced ? Area(metrics.area_um2()) : "-",
          priced ? Seconds(metrics.latency_seconds()) : "-",
          priced ? Bytes(metrics.weight_bytes()) : "-", std::to_string(trial.images_evaluated()),
          std::to_string(trial.attempts()), trial.reference(), trial.reason()}) {
      row.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace bitscape::cli
