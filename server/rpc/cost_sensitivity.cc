#include "server/rpc/cost_sensitivity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/technology/readings.h"
#include "engine/core/status.h"
#include "engine/core/thread_pool.h"
#include "engine/search/pareto.h"
#include "server/rpc/cost_readings.h"
#include "server/rpc/cost_requests.h"
#include "server/rpc/lookup.h"
#include "server/scheduler/sweep_records.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"
#include "server/trials/runner.h"

namespace bitscape::server {
namespace {

constexpr size_t kMostCandidates = 10000;
constexpr size_t kMostPoints = 1000;  // of the answer, each with its costs under every reading

// One plan on one machine, with what was measured of it.
struct Candidate {
  v1::CostSensitivity::Point point;  // names and measures
  TrialMetrics measured;
  std::shared_ptr<const std::vector<network::MacShape>> layers;
  quantize::ResolvedPlan plan;
  std::shared_ptr<const cost_models::Accelerator> accelerator;
};

struct Question {
  std::vector<Candidate> candidates;
  std::vector<std::string> objectives;
};

absl::Status AddSweep(const Sweep& sweep, ServiceContext& context, std::set<std::string>* seen,
                      Question* question) {
  if (question->objectives.empty()) {
    question->objectives = sweep.objectives;
  }
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Trial> trials,
                            AllTrials(context.store, sweep.id, {TrialState::kSucceeded}));
  BITSCAPE_ASSIGN_OR_RETURN(const auto network, context.library.GetNetwork(sweep.network));
  const auto layers =
      std::make_shared<const std::vector<network::MacShape>>(network::MacShapes(*network));
  for (const Trial& trial : trials) {
    if (!seen->insert(trial.spec.digest).second) {
      continue;
    }
    Candidate candidate;
    candidate.layers = layers;
    BITSCAPE_ASSIGN_OR_RETURN(PlanOnNetwork plan,
                              FindPlan(*network, trial.spec.plan_text, "sweeps"));
    candidate.plan = std::move(plan.resolved);
    BITSCAPE_ASSIGN_OR_RETURN(candidate.accelerator,
                              context.library.GetAccelerator(trial.spec.accelerator));
    candidate.measured = *trial.metrics;
    candidate.point.set_trial(TrialName(sweep.id, trial.ordinal));
    candidate.point.set_plan(trial.spec.plan_text);
    candidate.point.set_accelerator(AcceleratorName(trial.spec.accelerator));
    candidate.point.set_network(NetworkName(sweep.network));
    candidate.point.set_accuracy(trial.metrics->accuracy);
    candidate.point.set_reference(trial.spec.reference);
    question->candidates.push_back(std::move(candidate));
  }
  return absl::OkStatus();
}

absl::Status AddPlans(const v1::AnalyzeSensitivityRequest& request, ServiceContext& context,
                      Question* question) {
  v1::CompareCostsRequest named;
  named.set_network(request.network());
  *named.mutable_plans() = request.plans();
  *named.mutable_accelerators() = request.accelerators();
  BITSCAPE_ASSIGN_OR_RETURN(const PlansOnMachines work,
                            FindPlansOnMachines(named, context.library));
  if (question->objectives.empty()) {
    question->objectives = {"energy_pj", "latency_seconds", "area_um2", "weight_bytes"};
  }
  const auto layers =
      std::make_shared<const std::vector<network::MacShape>>(network::MacShapes(*work.network));
  for (const PlanOnNetwork& plan : work.plans) {
    for (const auto& accelerator : work.accelerators) {
      Candidate candidate;
      candidate.layers = layers;
      candidate.plan = plan.resolved;
      candidate.accelerator = accelerator;
      candidate.point.set_plan(plan.text);
      candidate.point.set_accelerator(AcceleratorName(accelerator->name));
      candidate.point.set_network(NetworkName(work.network->name));
      question->candidates.push_back(std::move(candidate));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckObjectives(const Question& question, bool measured) {
  constexpr size_t kFewest = 2, kMost = 6;
  const std::vector<std::string>& known = ObjectiveNames();
  if (question.objectives.size() < kFewest || question.objectives.size() > kMost) {
    return FieldError("objectives", fmt::format("{} objectives, {} to {} are allowed",
                                                question.objectives.size(), kFewest, kMost));
  }
  std::set<std::string> seen;
  for (const std::string& name : question.objectives) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return FieldError("objectives", fmt::format("unknown objective '{}': known are {}",
                                                  Excerpt(name), fmt::join(known, ", ")));
    }
    if (!seen.insert(name).second) {
      return FieldError("objectives", fmt::format("'{}' is given twice", name));
    }
    if (!measured && (name == "accuracy" || name == "loss")) {
      return FieldError("objectives", fmt::format("'{}' is measured by sweeps; of plans only costs "
                                                  "are known",
                                                  name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Question> Ask(const v1::AnalyzeSensitivityRequest& request,
                             ServiceContext& context) {
  Question question;
  question.objectives.assign(request.objectives().begin(), request.objectives().end());
  const bool has_plans =
      request.plans_size() > 0 || request.accelerators_size() > 0 || !request.network().empty();
  if (request.sweeps().empty() && !has_plans) {
    return FieldError("sweeps", "required: sweeps, or else a network, plans and accelerators");
  }
  if (!request.sweeps().empty() && has_plans) {
    return FieldError("sweeps",
                      "sweeps bring their network, plans and accelerators: give either "
                      "sweeps or these");
  }
  std::set<std::string> seen;
  for (int i = 0; i < request.sweeps_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, FindSweep(context.store, request.sweeps(i),
                                                           fmt::format("sweeps[{}]", i)));
    BITSCAPE_RETURN_IF_ERROR(AddSweep(sweep, context, &seen, &question));
  }
  if (has_plans) {
    BITSCAPE_RETURN_IF_ERROR(AddPlans(request, context, &question));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckObjectives(question, !has_plans));
  if (question.candidates.size() > kMostCandidates) {
    return FieldError("sweeps", fmt::format("{} trials, at most {} are priced again",
                                            question.candidates.size(), kMostCandidates));
  }
  return question;
}

// Readings of every machine by label; a machine that has no such reading is read so already.
struct Readings {
  std::vector<std::string> labels;
  std::map<std::string, std::map<std::string, cost_models::TechnologyOptions>> of_machine;

  const cost_models::TechnologyOptions& Of(const std::string& machine,
                                           const std::string& label) const {
    const auto& options = of_machine.at(machine);
    const auto found = options.find(label);
    return found == options.end() ? options.at(labels.front()) : found->second;
  }
};

absl::StatusOr<Readings> FindReadings(const Question& question, const v1::CostReading& base) {
  Readings readings;
  for (const Candidate& candidate : question.candidates) {
    auto& options = readings.of_machine[candidate.accelerator->name];
    if (!options.empty()) {
      continue;
    }
    BITSCAPE_ASSIGN_OR_RETURN(const cost_models::TechnologyOptions own,
                              ReadingOf(base, *candidate.accelerator, "reading"));
    for (cost_models::Reading& reading : cost_models::AllReadings(own)) {
      if (std::find(readings.labels.begin(), readings.labels.end(), reading.label) ==
          readings.labels.end()) {
        readings.labels.push_back(reading.label);
      }
      options.emplace(std::move(reading.label), std::move(reading.options));
    }
  }
  return readings;
}

// Prices of candidate i under reading j at i * readings + j; an error or infeasible is a reason.
struct Price {
  TrialCost cost;
  std::string reason;
};

absl::StatusOr<std::vector<Price>> PriceAll(const Question& question, const Readings& readings,
                                            const std::function<bool()>& cancelled) {
  const size_t count = readings.labels.size();
  std::vector<Price> prices(question.candidates.size() * count);
  std::atomic<bool> stop{false};
  ThreadPool pool(AvailableProcessors());
  pool.ParallelFor(static_cast<int64_t>(prices.size()), [&](int64_t index, int) {
    if (stop || cancelled()) {
      stop = true;
      return;
    }
    const Candidate& candidate = question.candidates[static_cast<size_t>(index) / count];
    const std::string& label = readings.labels[static_cast<size_t>(index) % count];
    Price& price = prices[static_cast<size_t>(index)];
    const auto outcome = PriceTrial(*candidate.layers, candidate.plan, *candidate.accelerator,
                                    readings.Of(candidate.accelerator->name, label));
    if (!outcome.ok()) {
      price.reason = std::string(outcome.status().message());
    } else if (const auto* infeasible = std::get_if<cost_models::Infeasible>(&*outcome)) {
      price.reason = infeasible->reason;
    } else {
      price.cost = std::get<TrialCost>(*outcome);
    }
  });
  if (stop) {
    return absl::CancelledError("the call was cancelled");
  }
  return prices;
}

// What is minimised: one value an objective.
search::Point PointUnder(const Candidate& candidate, const TrialCost& cost,
                         const std::vector<std::string>& objectives) {
  TrialMetrics metrics = candidate.measured;
  metrics.energy_pj = cost.energy_pj;
  metrics.area_um2 = cost.area_um2;
  metrics.latency_seconds = cost.latency_seconds;
  metrics.weight_bytes = cost.weight_bytes;
  search::Point point;
  for (const std::string& objective : objectives) {
    const double value = ObjectiveValue(metrics, objective).value();
    point.push_back(IsMaximised(objective) ? -value : value);
  }
  return point;
}

// Indices of the candidates on the front under one reading.
std::set<size_t> FrontUnder(const Question& question, const std::vector<Price>& prices,
                            size_t reading, size_t readings) {
  std::vector<search::Point> points;
  std::vector<size_t> indices;
  for (size_t i = 0; i < question.candidates.size(); ++i) {
    const Price& price = prices[i * readings + reading];
    if (!price.reason.empty()) {
      continue;
    }
    search::Point point = PointUnder(question.candidates[i], price.cost, question.objectives);
    if (std::all_of(point.begin(), point.end(), [](double v) { return std::isfinite(v); })) {
      points.push_back(std::move(point));
      indices.push_back(i);
    }
  }
  std::set<size_t> front;
  for (const size_t index : search::ParetoFront(points)) {
    front.insert(indices[index]);
  }
  return front;
}

int32_t CountMissing(const std::set<size_t>& from, const std::set<size_t>& in) {
  return static_cast<int32_t>(
      std::count_if(from.begin(), from.end(), [&](size_t i) { return !in.contains(i); }));
}

v1::CostSensitivity::Point PointOf(const Question& question, size_t index, const Readings& readings,
                                   const std::vector<Price>& prices,
                                   const std::vector<std::set<size_t>>& fronts) {
  const size_t count = readings.labels.size();
  v1::CostSensitivity::Point point = question.candidates[index].point;
  point.set_on_base_front(fronts[0].contains(index));
  for (size_t i = 0; i < count; ++i) {
    const Price& price = prices[index * count + i];
    v1::CostSensitivity::Cost& cost = *point.add_costs();
    cost.set_reading(readings.labels[i]);
    cost.set_energy_pj(price.cost.energy_pj);
    cost.set_latency_seconds(price.cost.latency_seconds);
    cost.set_area_um2(price.cost.area_um2);
    cost.set_infeasible(price.reason);
    cost.set_on_front(fronts[i].contains(index));
    if (!cost.on_front()) {
      point.add_off_under(readings.labels[i]);
    }
  }
  point.set_weight_bytes(prices[index * count].cost.weight_bytes);
  point.set_on_every_front(point.off_under().empty());
  return point;
}

}  // namespace

absl::StatusOr<v1::CostSensitivity> AnalyzeCostSensitivity(
    const v1::AnalyzeSensitivityRequest& request, ServiceContext& context,
    const std::function<bool()>& cancelled) {
  BITSCAPE_ASSIGN_OR_RETURN(const Question question, Ask(request, context));
  BITSCAPE_ASSIGN_OR_RETURN(const Readings readings, FindReadings(question, request.reading()));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Price> prices,
                            PriceAll(question, readings, cancelled));
  const size_t count = readings.labels.size();
  v1::CostSensitivity response;
  response.mutable_objectives()->Assign(question.objectives.begin(), question.objectives.end());
  response.set_candidates(static_cast<int32_t>(question.candidates.size()));
  response.set_cost_model_version(std::string(cost_models::CostModelVersion()));
  std::vector<std::set<size_t>> fronts;
  std::set<size_t> shown;
  for (size_t i = 0; i < count; ++i) {
    fronts.push_back(FrontUnder(question, prices, i, count));
    shown.insert(fronts[i].begin(), fronts[i].end());
    v1::CostSensitivity::Reading& reading = *response.add_readings();
    reading.set_label(readings.labels[i]);
    reading.set_front_size(static_cast<int32_t>(fronts[i].size()));
    reading.set_left(CountMissing(fronts[0], fronts[i]));
    reading.set_joined(CountMissing(fronts[i], fronts[0]));
  }
  if (shown.size() > kMostPoints) {
    return FieldError("objectives",
                      fmt::format("{} points are on a front, at most {} are told: ask "
                                  "for fewer objectives or sweeps",
                                  shown.size(), kMostPoints));
  }
  std::vector<size_t> order(shown.begin(), shown.end());
  // By the base; what has no price there comes last.
  const auto rank = [&](size_t i) {
    const Price& base = prices[i * count];
    return std::make_pair(!base.reason.empty(),
                          PointUnder(question.candidates[i], base.cost, question.objectives)[0]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rank(a) < rank(b); });
  for (const size_t index : order) {
    *response.add_points() = PointOf(question, index, readings, prices, fronts);
  }
  return response;
}

}  // namespace bitscape::server
