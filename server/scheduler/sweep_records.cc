#include "server/scheduler/sweep_records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::server {

int64_t NowUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::StatusOr<std::vector<Trial>> AllTrials(Store& store, std::string_view sweep,
                                             std::vector<TrialState> states) {
  TrialQuery query{.sweep = std::string(sweep), .states = std::move(states)};
  std::vector<Trial> trials;
  while (true) {
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<Trial> page, store.ListTrials(query));
    const bool last = static_cast<int64_t>(page.size()) < query.limit;
    if (!page.empty()) {
      query.after_ordinal = page.back().ordinal;
    }
    trials.insert(trials.end(), std::make_move_iterator(page.begin()),
                  std::make_move_iterator(page.end()));
    if (last) {
      return trials;
    }
  }
}

absl::StatusOr<std::vector<Trial>> MoveOpenTrials(Store& store, std::string_view sweep,
                                                  TrialState state, const std::string& reason) {
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<Trial> open,
                            AllTrials(store, sweep, {TrialState::kQueued, TrialState::kRunning}));
  std::erase_if(open, [&](const Trial& trial) { return trial.state == state; });
  const int64_t now = NowUs();
  for (Trial& trial : open) {
    trial.state = state;
    trial.reason = reason;
    trial.end_time_us = IsTerminal(state) ? now : 0;
  }
  return open;
}

absl::StatusOr<std::vector<Sweep>> UnfinishedSweeps(Store& store) {
  constexpr int64_t kPage = 1000;
  std::vector<Sweep> unfinished;
  std::string after;
  while (true) {
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<Sweep> page, store.ListSweeps(after, kPage));
    if (page.empty()) {
      std::reverse(unfinished.begin(), unfinished.end());
      return unfinished;
    }
    after = page.back().id;
    for (Sweep& sweep : page) {
      if (!IsTerminal(sweep.state)) {
        unfinished.push_back(std::move(sweep));
      }
    }
  }
}

namespace {

// How many of a sweep's trials ended how, and the first reason given.
absl::StatusOr<std::string> NothingSucceeded(Store& store, const Sweep& sweep, SweepCounts counts) {
  constexpr std::pair<TrialState, const char*> kEnds[] = {{TrialState::kInfeasible, "infeasible"},
                                                          {TrialState::kFailed, "failed"},
                                                          {TrialState::kStopped, "stopped early"},
                                                          {TrialState::kCancelled, "cancelled"}};
  std::vector<std::string> parts;
  for (const auto& [state, word] : kEnds) {
    if (const int64_t count = counts.by_state[state]; count > 0) {
      parts.push_back(fmt::format("{} {}", count, word));
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(
      const std::vector<Trial> first,
      store.ListTrials({.sweep = sweep.id,
                        .states = {TrialState::kInfeasible, TrialState::kFailed},
                        .limit = 1}));
  return fmt::format("none of {} trials succeeded: {}{}", sweep.trials, fmt::join(parts, ", "),
                     first.empty() ? ""
                                   : fmt::format("; the first one ({}): {}",
                                                 TrialId(first[0].ordinal), first[0].reason));
}

}  // namespace

absl::Status EndSweep(Store& store, Sweep& sweep) {
  BITSCAPE_ASSIGN_OR_RETURN(SweepCounts counts, store.CountTrials(sweep.id));
  sweep.end_time_us = NowUs();
  if (counts.by_state[TrialState::kSucceeded] > 0) {
    sweep.state = SweepState::kSucceeded;
    return absl::OkStatus();
  }
  sweep.state = SweepState::kFailed;
  if (sweep.error.empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(sweep.error, NothingSucceeded(store, sweep, counts));
  }
  return absl::OkStatus();
}

}  // namespace bitscape::server
