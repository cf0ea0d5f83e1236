#include "server/store/sqlite_rows.h"

#include <algorithm>

#include "server/trials/runner.h"

namespace bitscape::server {
namespace {

constexpr char kSeparator = ',';

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += text.empty() ? name : kSeparator + name;
  }
  return text;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(kSeparator, begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

}  // namespace

std::string Placeholders(std::string_view columns) {
  std::string marks = "?";
  for (char c : columns) {
    if (c == ',') {
      marks += ", ?";
    }
  }
  return marks;
}

Sweep ReadSweep(const Statement& row) {
  Sweep sweep;
  int column = 0;
  sweep.id = row.Text(column++);
  sweep.spec = row.Text(column++);
  sweep.state = static_cast<SweepState>(row.Integer(column++));
  sweep.error = row.Text(column++);
  sweep.network = row.Text(column++);
  sweep.dataset = row.Text(column++);
  sweep.evaluation.split = static_cast<data::Split>(row.Integer(column++));
  sweep.evaluation.images = row.Integer(column++);
  sweep.evaluation.calibration_images = row.Integer(column++);
  sweep.evaluation.seed = static_cast<uint64_t>(row.Integer(column++));
  sweep.evaluation.slice_images = row.Integer(column++);
  sweep.objectives = Split(row.Text(column++));
  sweep.create_time_us = row.Integer(column++);
  sweep.start_time_us = row.Integer(column++);
  sweep.end_time_us = row.Integer(column++);
  sweep.running_us = row.Integer(column++);
  sweep.trials = row.Integer(column++);
  sweep.images_per_trial = row.Integer(column++);
  sweep.revision = row.Integer(column++);
  return sweep;
}

absl::Status WriteSweep(Statement statement, const Sweep& sweep, int64_t revision) {
  const std::string objectives = Join(sweep.objectives);
  statement.Bind(sweep.id)
      .BindBlob(sweep.spec)
      .Bind(static_cast<int64_t>(sweep.state))
      .Bind(sweep.error)
      .Bind(sweep.network)
      .Bind(sweep.dataset)
      .Bind(static_cast<int64_t>(sweep.evaluation.split))
      .Bind(sweep.evaluation.images)
      .Bind(sweep.evaluation.calibration_images)
      .Bind(static_cast<int64_t>(sweep.evaluation.seed))
      .Bind(sweep.evaluation.slice_images)
      .Bind(objectives)
      .Bind(sweep.create_time_us)
      .Bind(sweep.start_time_us)
      .Bind(sweep.end_time_us)
      .Bind(sweep.running_us)
      .Bind(sweep.trials)
      .Bind(sweep.images_per_trial)
      .Bind(revision);
  return statement.Run();
}

Trial ReadTrial(const Statement& row) {
  Trial trial;
  int column = 0;
  trial.sweep = row.Text(column++);
  trial.ordinal = row.Integer(column++);
  trial.spec.plan_text = row.Text(column++);
  trial.spec.accelerator = row.Text(column++);
  trial.spec.reference = row.Text(column++);
  trial.spec.accuracy_key = row.Text(column++);
  trial.spec.digest = row.Text(column++);
  trial.state = static_cast<TrialState>(row.Integer(column++));
  trial.reason = row.Text(column++);
  trial.attempts = static_cast<int>(row.Integer(column++));
  trial.images_evaluated = row.Integer(column++);
  trial.reused = row.Integer(column++) != 0;
  trial.start_time_us = row.Integer(column++);
  trial.end_time_us = row.Integer(column++);
  if (!row.IsNull(column)) {
    trial.cost = TrialCost{.energy_pj = row.Real(column),
                           .area_um2 = row.Real(column + 1),
                           .latency_seconds = row.Real(column + 2),
                           .latency_cycles = row.Real(column + 3),
                           .weight_bytes = row.Real(column + 4)};
  }
  column += 5;
  if (trial.cost.has_value() && !row.IsNull(column)) {
    // Shares and their interval follow from the counts: no value is stored twice.
    trial.metrics = MakeMetrics(*trial.cost, row.Integer(column), row.Integer(column + 1), 0);
    trial.metrics->loss = row.Real(column + 2);
  }
  column += 3;
  trial.revision = row.Integer(column);
  return trial;
}

absl::Status WriteTrial(Statement statement, const Trial& trial, int64_t revision) {
  statement.Bind(trial.sweep)
      .Bind(trial.ordinal)
      .Bind(trial.spec.plan_text)
      .Bind(trial.spec.accelerator)
      .Bind(trial.spec.reference)
      .Bind(trial.spec.accuracy_key)
      .Bind(trial.spec.digest)
      .Bind(static_cast<int64_t>(trial.state))
      .Bind(trial.reason)
      .Bind(static_cast<int64_t>(trial.attempts))
      .Bind(trial.images_evaluated)
      .Bind(static_cast<int64_t>(trial.reused))
      .Bind(trial.start_time_us)
      .Bind(trial.end_time_us);
  if (trial.cost.has_value()) {
    statement.Bind(trial.cost->energy_pj)
        .Bind(trial.cost->area_um2)
        .Bind(trial.cost->latency_seconds)
        .Bind(trial.cost->latency_cycles)
        .Bind(trial.cost->weight_bytes);
  } else {
    statement.BindNull().BindNull().BindNull().BindNull().BindNull();
  }
  if (trial.metrics.has_value()) {
    statement.Bind(trial.metrics->correct).Bind(trial.metrics->images).Bind(trial.metrics->loss);
  } else {
    statement.BindNull().BindNull().BindNull();
  }
  statement.Bind(revision);
  return statement.Run();
}

std::string PackBits(const std::vector<uint8_t>& bytes) {
  std::string bits((bytes.size() + 7) / 8, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != 0) {
      bits[i / 8] = static_cast<char>(static_cast<uint8_t>(bits[i / 8]) | (1u << (i % 8)));
    }
  }
  return bits;
}

bool UnpackBits(std::string_view bits, int64_t count, std::vector<uint8_t>& bytes) {
  if (count < 0 || bits.size() != (static_cast<size_t>(count) + 7) / 8) {
    return false;
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    bytes.push_back((static_cast<uint8_t>(bits[i / 8]) >> (i % 8)) & 1u);
  }
  return true;
}

}  // namespace bitscape::server
