#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "server/trials/trial.h"

namespace bitscape::server {
namespace {

struct Objective {
  std::string_view name;
  bool maximised;
  double TrialMetrics::*value;
};

// Every objective, by name.
constexpr std::array kObjectives = {
    Objective{"accuracy", true, &TrialMetrics::accuracy},
    Objective{"loss", false, &TrialMetrics::loss},
    Objective{"energy_pj", false, &TrialMetrics::energy_pj},
    Objective{"area_um2", false, &TrialMetrics::area_um2},
    Objective{"latency_seconds", false, &TrialMetrics::latency_seconds},
    Objective{"weight_bytes", false, &TrialMetrics::weight_bytes},
};

const Objective* FindObjective(std::string_view name) {
  const auto* row =
      std::find_if(kObjectives.begin(), kObjectives.end(),
                   [&](const Objective& objective) { return objective.name == name; });
  return row == kObjectives.end() ? nullptr : row;
}

}  // namespace

std::string TrialId(int64_t ordinal) { return fmt::format("t{:06}", ordinal); }

std::optional<int64_t> ParseTrialId(std::string_view id) {
  if (id.size() < 2 || id.front() != 't') {
    return std::nullopt;
  }
  int64_t ordinal = 0;
  const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), ordinal);
  // Only the spelling that TrialId gives: one trial has one name.
  if (error != std::errc() || end != id.data() + id.size() || ordinal < 0 ||
      TrialId(ordinal) != id) {
    return std::nullopt;
  }
  return ordinal;
}

Interval WilsonInterval(int64_t correct, int64_t images) {
  if (images <= 0) {
    return {0, 1};
  }
  constexpr double kZ = 1.959963984540054;  // 97.5% quantile of the normal distribution
  const auto n = static_cast<double>(images);
  const double share = static_cast<double>(correct) / n;
  const double denominator = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / denominator;
  const double half = kZ / denominator * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

const std::vector<std::string>& ObjectiveNames() {
  static const auto* const names = [] {
    auto* list = new std::vector<std::string>;
    for (const Objective& objective : kObjectives) {
      list->emplace_back(objective.name);
    }
    return list;
  }();
  return *names;
}

bool IsMaximised(std::string_view objective) {
  const Objective* row = FindObjective(objective);
  return row != nullptr && row->maximised;
}

std::optional<double> ObjectiveValue(const TrialMetrics& metrics, std::string_view objective) {
  const Objective* row = FindObjective(objective);
  return row == nullptr ? std::nullopt : std::optional(metrics.*(row->value));
}

}  // namespace bitscape::server
