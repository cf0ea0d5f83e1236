#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/search/pareto.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/sweep_records.h"

namespace bitscape::server {
namespace {

absl::Status CheckObjectives(const std::vector<std::string>& objectives,
                             const std::vector<double>& reference_point) {
  constexpr size_t kFewest = 2;
  constexpr size_t kMost = 6;
  if (objectives.size() < kFewest || objectives.size() > kMost) {
    return absl::InvalidArgumentError(fmt::format("front: {} objectives, {} to {} are allowed",
                                                  objectives.size(), kFewest, kMost));
  }
  std::set<std::string> seen;
  for (const std::string& name : objectives) {
    const std::vector<std::string>& known = ObjectiveNames();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(fmt::format("front: unknown objective '{}': known are {}{}",
                                                    name, fmt::join(known, ", "),
                                                    DidYouMean(name, known)));
    }
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(fmt::format("front: objective '{}' is given twice", name));
    }
  }
  if (!reference_point.empty() && reference_point.size() != objectives.size()) {
    return absl::InvalidArgumentError(
        fmt::format("front: the reference point has {} values, there are {} objectives",
                    reference_point.size(), objectives.size()));
  }
  for (const double value : reference_point) {
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(
          "front: the reference point has a value that is not finite");
    }
  }
  return absl::OkStatus();
}

// The front minimises: what is maximised changes its sign, here and on the way back.
double Signed(const std::string& objective, double value) {
  return IsMaximised(objective) ? -value : value;
}

// Empty where a value is not finite.
search::Point PointOf(const Trial& trial, const std::vector<std::string>& objectives) {
  search::Point point;
  for (const std::string& objective : objectives) {
    const double value = ObjectiveValue(*trial.metrics, objective).value();
    if (!std::isfinite(value)) {
      return {};
    }
    point.push_back(Signed(objective, value));
  }
  return point;
}

}  // namespace

absl::StatusOr<FrontResult> QueryFront(Store& store, const std::vector<std::string>& sweeps,
                                       std::vector<std::string> objectives,
                                       std::vector<double> reference_point) {
  if (sweeps.empty()) {
    return absl::InvalidArgumentError("front: no sweep is given, at least 1 is needed");
  }
  FrontResult result;
  std::vector<Trial> trials;
  std::vector<search::Point> points;
  std::set<std::string> seen_sweeps, seen_trials;
  std::set<std::pair<std::string, std::string>> seen_references;  // digest, label
  for (const std::string& id : sweeps) {
    if (!seen_sweeps.insert(id).second) {
      continue;
    }
    BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, store.GetSweep(id));
    if (objectives.empty()) {
      objectives = sweep.objectives;
    }
    BITSCAPE_RETURN_IF_ERROR(CheckObjectives(objectives, reference_point));
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<Trial> succeeded,
                              AllTrials(store, id, {TrialState::kSucceeded}));
    for (Trial& trial : succeeded) {
      if (!trial.spec.reference.empty() &&
          seen_references.emplace(trial.spec.digest, trial.spec.reference).second) {
        result.references.push_back(trial);
      }
      if (!seen_trials.insert(trial.spec.digest).second) {
        continue;
      }
      ++result.trials;
      search::Point point = PointOf(trial, objectives);
      if (!point.empty()) {
        points.push_back(std::move(point));
        trials.push_back(std::move(trial));
      }
    }
  }

  std::vector<size_t> front = search::ParetoFront(points);
  // Ascending already: equal first values keep the order of sweeps and ordinals.
  std::stable_sort(front.begin(), front.end(),
                   [&](size_t a, size_t b) { return points[a][0] < points[b][0]; });
  std::vector<search::Point> front_points;
  for (size_t index : front) {
    front_points.push_back(points[index]);
    result.points.push_back(std::move(trials[index]));
  }
  result.dominated = result.trials - static_cast<int64_t>(front.size());

  search::Point reference;
  for (size_t i = 0; i < reference_point.size(); ++i) {
    reference.push_back(Signed(objectives[i], reference_point[i]));
  }
  if (reference.empty()) {
    reference = search::DefaultReferencePoint(front_points);
  }
  if (!reference.empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(result.hypervolume, search::Hypervolume(front_points, reference));
    for (size_t i = 0; i < reference.size(); ++i) {
      result.reference_point.push_back(Signed(objectives[i], reference[i]));
    }
  }
  result.objectives = std::move(objectives);
  return result;
}

}  // namespace bitscape::server
