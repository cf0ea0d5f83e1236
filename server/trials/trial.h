// What a trial is: (network, plan, dataset, accelerator) -> metrics; and what a sweep is. Plain
// domain types: protos meet them only in server/specs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::server {

// Values are persisted and equal to the protos'.
enum class TrialState {
  kQueued = 1,
  kRunning = 2,
  kSucceeded = 3,
  kStopped = 4,
  kInfeasible = 5,
  kFailed = 6,
  kCancelled = 7
};
enum class SweepState {
  kPending = 1,
  kRunning = 2,
  kPausing = 3,
  kPaused = 4,
  kCancelling = 5,
  kCancelled = 6,
  kSucceeded = 7,
  kFailed = 8
};
std::string_view ToString(TrialState state);  // "SUCCEEDED"
std::string_view ToString(SweepState state);
bool IsTerminal(TrialState state);
bool IsTerminal(SweepState state);
// Whether a sweep may go from one state to the other (README.md has the diagram).
bool IsLegal(SweepState from, SweepState to);
bool IsLegal(TrialState from, TrialState to);

// How accuracy is measured.
struct EvaluationSpec {
  data::Split split = data::Split::kTest;
  int64_t images = 0;  // the first of the split; 0 = all
  int64_t calibration_images = 512;
  uint64_t seed = 1;
  // Results are saved after each slice; a multiple of emulate::kBatchSize. Does not change results
  // (of the loss: beyond the order in which slices are summed).
  int64_t slice_images = 1024;
};

// One point of a sweep, before it has run.
struct TrialSpec {
  std::string plan_text;        // canonical
  quantize::ResolvedPlan plan;  // not stored: follows from plan_text and the network's layers
  std::string accelerator;
  std::string reference;     // label, or empty
  std::string accuracy_key;  // see identity.h
  std::string digest;        // identity of the whole trial
};

struct TrialMetrics {
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // [0, 1]; 95% Wilson interval
  int64_t correct = 0, images = 0;
  double loss = 0;  // mean cross-entropy
  double energy_pj = 0, area_um2 = 0, latency_seconds = 0, latency_cycles = 0,
         weight_bytes = 0;  // one inference
};

// Costs are known before any image is evaluated.
struct TrialCost {
  double energy_pj = 0, area_um2 = 0, latency_seconds = 0, latency_cycles = 0, weight_bytes = 0;
};

struct Trial {
  std::string sweep;    // id
  int64_t ordinal = 0;  // order of proposal within the sweep; the trial's id is "t" and the ordinal
  TrialSpec spec;
  TrialState state = TrialState::kQueued;
  std::string reason;  // kInfeasible, kFailed
  int attempts = 0;
  int64_t images_evaluated = 0;
  std::optional<TrialCost> cost;
  std::optional<TrialMetrics> metrics;  // kSucceeded
  bool reused = false;
  int64_t start_time_us = 0, end_time_us = 0;  // since the epoch; 0 = not yet
  int64_t revision = 0;                        // of the store, when it last changed
};
std::string TrialId(int64_t ordinal);  // "t000042"
std::optional<int64_t> ParseTrialId(std::string_view);

// What a sweep asks for, checked and resolved.
struct SweepPlan {
  std::string network, dataset;
  std::vector<std::string> accelerators;
  std::vector<std::string> objectives;
  EvaluationSpec evaluation;
  std::vector<TrialSpec> trials;  // in order of proposal, distinct by digest
};

struct Sweep {
  std::string id;
  std::string spec;  // serialized SweepSpec proto: kept as it was given
  SweepState state = SweepState::kPending;
  std::string error;  // kFailed: why nothing came of it
  std::string network, dataset;
  EvaluationSpec evaluation;
  std::vector<std::string> objectives;
  int64_t create_time_us = 0, start_time_us = 0, end_time_us = 0;
  int64_t running_us = 0;  // time spent RUNNING, up to the last slice that was saved
  int64_t trials = 0;
  int64_t images_per_trial = 0;
  int64_t revision = 0;
};

// 95% score interval. Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927).
struct Interval {
  double low, high;
};
Interval WilsonInterval(int64_t correct, int64_t images);

// The value of an objective by its name; all but accuracy are minimised.
// Names: accuracy, loss, energy_pj, area_um2, latency_seconds, weight_bytes.
const std::vector<std::string>& ObjectiveNames();
bool IsMaximised(std::string_view objective);
std::optional<double> ObjectiveValue(const TrialMetrics& metrics, std::string_view objective);

}  // namespace bitscape::server
