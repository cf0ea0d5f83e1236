// bitscape front ..., bitscape report
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/front.grpc.pb.h"
#include "bitscape/v1/server.grpc.pb.h"
#include "bitscape/v1/sweep.grpc.pb.h"
#include "bitscape/v1/trial.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/front_view.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/report.h"
#include "client/cli/sensitivity.h"
#include "client/cli/text.h"
#include "client/cli/trouble.h"

namespace bitscape::cli {
namespace {

struct ShowOptions {
  std::vector<std::string> sweeps, objectives;
  std::vector<double> reference_point;
  bool readings = false;
};

absl::StatusOr<v1::Front> Query(Session& session, const ShowOptions& options) {
  auto stub = session.Stub<v1::FrontService>();
  if (!stub.ok()) return stub.status();
  v1::QueryFrontRequest request;
  for (const std::string& sweep : options.sweeps) request.add_sweeps(Qualified("sweeps", sweep));
  for (const std::string& objective : options.objectives) request.add_objectives(objective);
  for (const double value : options.reference_point) request.add_reference_point(value);
  return session.Invoke(&v1::FrontService::Stub::QueryFront, **stub, request);
}

absl::StatusOr<std::string> Versions(Session& session) {
  auto stub = session.Stub<v1::ServerService>();
  if (!stub.ok()) return stub.status();
  const auto status = session.Invoke(&v1::ServerService::Stub::GetServerStatus, **stub,
                                     v1::GetServerStatusRequest());
  if (!status.ok()) return status.status();
  return fmt::format("bitscape {}, engine {}, cost model {}", status->version(),
                     status->engine_version(), status->cost_model_version());
}

absl::StatusOr<v1::Sweep> GetSweep(Session& session, const std::string& sweep) {
  auto stub = session.Stub<v1::SweepService>();
  if (!stub.ok()) return stub.status();
  v1::GetSweepRequest request;
  request.set_name(Qualified("sweeps", sweep));
  return session.Invoke(&v1::SweepService::Stub::GetSweep, **stub, request);
}

// What a reader must know of the sweeps beside their front, on stderr.
absl::Status NoteSweeps(Session& session, const std::vector<std::string>& names) {
  if (session.globals.quiet) return absl::OkStatus();
  std::vector<v1::Sweep> sweeps;
  for (const std::string& name : names) {
    auto sweep = GetSweep(session, name);
    if (!sweep.ok()) return sweep.status();
    sweeps.push_back(*std::move(sweep));
  }
  const std::string note = ComparisonNote(sweeps);
  if (!note.empty()) fmt::print(stderr, "note: {}\n", note);
  for (const v1::Sweep& sweep : sweeps) {
    const absl::Status noted = NoteTrouble(session, sweep);
    if (!noted.ok()) return noted;
  }
  return absl::OkStatus();
}

absl::Status PrintFront(const Globals& globals, const v1::Front& front) {
  if (globals.output == "csv") return WriteStdout(FrontCsv(front));
  if (globals.output != "jsonl") return Print(globals, front, FrontView(front));
  const auto lines = FrontJsonLines(front);
  return lines.ok() ? WriteStdout(*lines) : lines.status();
}

absl::Status Show(Session& session, const ShowOptions& options) {
  if (options.readings) {
    return ShowSensitivity(
        session,
        {.sweeps = options.sweeps, .plans = {}, .objectives = options.objectives, .base = {}});
  }
  ShowOptions unique = options;
  unique.sweeps.clear();
  for (const std::string& sweep : options.sweeps) {
    const std::string name = Qualified("sweeps", sweep);
    if (std::find(unique.sweeps.begin(), unique.sweeps.end(), name) == unique.sweeps.end()) {
      unique.sweeps.push_back(name);
    }
  }
  const auto front = Query(session, unique);
  if (!front.ok()) return front.status();
  const absl::Status printed = PrintFront(session.globals, *front);
  return printed.ok() ? NoteSweeps(session, unique.sweeps) : printed;
}

absl::StatusOr<ReportData> Collect(Session& session, const std::string& sweep) {
  ReportData data;
  auto found = GetSweep(session, sweep);
  if (!found.ok()) return found.status();
  data.sweep = *std::move(found);
  auto front = Query(session, {{sweep}, {}, {}, false});
  if (!front.ok()) return front.status();
  data.front = *std::move(front);
  auto two = Query(session, {{sweep}, {"accuracy", "energy_pj"}, {}, false});
  if (!two.ok()) return two.status();
  data.energy_accuracy = *std::move(two);
  auto stub = session.Stub<v1::TrialService>();
  if (!stub.ok()) return stub.status();
  v1::ListTrialsRequest list;
  list.set_parent(data.sweep.name());
  auto trials = session.InvokeForAll(&v1::TrialService::Stub::ListTrials, **stub, list, 0,
                                     &v1::ListTrialsResponse::trials_size);
  if (!trials.ok()) return trials.status();
  data.trials = *std::move(trials);
  auto versions = Versions(session);
  if (!versions.ok()) return versions.status();
  data.versions = *std::move(versions);
  return data;
}

absl::Status Report(Session& session, const std::string& sweep, const std::string& file) {
  const auto data = Collect(session, sweep);
  if (!data.ok()) return data.status();
  const absl::Status written = WriteOutput(file, RenderReport(*data));
  if (!written.ok()) return written;
  const absl::Status noted = NoteTrouble(session, data->sweep);
  if (!noted.ok()) return noted;
  return WriteStdout(fmt::format("exploration_seconds={:.1f} trials={} front={} report={}\n",
                                 SecondsOf(data->sweep.progress().elapsed()),
                                 data->trials.trials_size(), data->front.points_size(),
                                 std::filesystem::absolute(file).lexically_normal().string()));
}

}  // namespace

void AddFrontCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("front", "Pareto fronts");
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* show = line.AddVerb(
      noun, "show",
      "Shows the Pareto front of one sweep, or of several together, with the references. "
      "csv and jsonl say onFront of each row.",
      "front show SWEEP\n"
      "front show SWEEP --objective accuracy,energy_pj\n"
      "front show SWEEP OTHER-SWEEP -o json\n"
      "front show SWEEP --readings",
      [options](Session& session) { return Show(session, *options); });
  show->add_option("sweep", options->sweeps, "Sweeps")->required();
  show->add_option("--objective,--objectives", options->objectives,
                   "2 to 6 of accuracy, loss, energy_pj, area_um2, latency_seconds, weight_bytes "
                   "(else the first sweep's own)")
      ->delimiter(',')
      ->allow_extra_args(false);
  show->add_option("--reference-point", options->reference_point,
                   "One value an objective, for the hypervolume")
      ->check(Finite())
      ->delimiter(',')
      ->allow_extra_args(false);

  show->add_flag("--readings", options->readings,
                 "Prices again under every reading of the cost model's sources, and marks what "
                 "stays on the front (cost sensitivity)");

  struct ReportOptions {
    std::string sweep, file;
  };
  const auto report = std::make_shared<ReportOptions>();
  CLI::App* verb = line.AddVerb(
      &line.root(), "report", "Writes a sweep as one self-contained HTML page.",
      "report SWEEP -o report.html",
      [report](Session& session) { return Report(session, report->sweep, report->file); }, "");
  verb->add_option("sweep", report->sweep, "The sweep")->required();
  verb->add_option("-o,--output", report->file, "The file to write")->required();
}

}  // namespace bitscape::cli
