#include "tests/cost_models/prices.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {

using network::MacShape;

namespace {

CostOutcome Outcome(const CostModel& model, const std::vector<MacShape>& layers,
                    std::string_view plan, const Accelerator& machine) {
  absl::StatusOr<CostOutcome> outcome = model.Estimate(layers, PlanFor(layers, plan), machine);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *std::move(outcome) : CostOutcome(Infeasible{"error"});
}

}  // namespace

CostReport Price(const CostModel& model, const std::vector<MacShape>& layers, std::string_view plan,
                 const Accelerator& machine) {
  CostOutcome outcome = Outcome(model, layers, plan, machine);
  if (const Infeasible* infeasible = std::get_if<Infeasible>(&outcome)) {
    ADD_FAILURE() << infeasible->reason;
    return {};
  }
  return std::get<CostReport>(std::move(outcome));
}

CostReport Price(const std::vector<MacShape>& layers, std::string_view plan,
                 const Accelerator& machine) {
  return Price(AnalyticCostModel(), layers, plan, machine);
}

std::string Refused(const std::vector<MacShape>& layers, std::string_view plan,
                    const Accelerator& machine) {
  const CostOutcome outcome = Outcome(AnalyticCostModel(), layers, plan, machine);
  const Infeasible* infeasible = std::get_if<Infeasible>(&outcome);
  return infeasible == nullptr ? "feasible" : infeasible->reason;
}

std::map<std::string, double> Breakdown(const LayerCost& layer) {
  std::map<std::string, double> energy;
  for (const EnergyItem& item : layer.energy) energy[item.component] += item.energy_pj;
  return energy;
}

std::map<std::string, double> Breakdown(const CostReport& report) {
  std::map<std::string, double> energy;
  for (const LayerCost& layer : report.layers) {
    for (const auto& [component, pj] : Breakdown(layer)) energy[component] += pj;
  }
  return energy;
}

}  // namespace bitscape::cost_models
