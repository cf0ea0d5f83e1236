// bitscape trial ...
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/trial.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/trial_table.h"

namespace bitscape::cli {
namespace {

struct ListOptions {
  std::string sweep;
  int limit = 0;
  std::vector<std::string> states;
};

absl::StatusOr<v1::ListTrialsRequest> RequestOf(const ListOptions& options) {
  v1::ListTrialsRequest request;
  request.set_parent(Qualified("sweeps", options.sweep));
  for (std::string state : options.states) {
    std::transform(state.begin(), state.end(), state.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    v1::Trial::State value;
    if (!v1::Trial::State_Parse(state, &value) || value == v1::Trial::STATE_UNSPECIFIED) {
      return absl::InvalidArgumentError(
          fmt::format("--state {}: is not one of QUEUED RUNNING SUCCEEDED STOPPED INFEASIBLE "
                      "FAILED CANCELLED",
                      state));
    }
    request.add_states(value);
  }
  return request;
}

View ViewOf(const v1::Trial& trial) {
  const v1::Metrics& metrics = trial.metrics();
  View view;
  view.facts = {{"trial", trial.name()},
                {"state", v1::Trial::State_Name(trial.state())},
                {"network", trial.network()},
                {"dataset", trial.dataset()},
                {"accelerator", trial.accelerator()},
                {"plan", trial.plan()},
                {"digest", trial.digest()},
                {"attempts", std::to_string(trial.attempts())},
                {"images", std::to_string(trial.images_evaluated())}};
  if (!trial.reference().empty()) view.facts.emplace_back("reference", trial.reference());
  if (!trial.reason().empty()) view.facts.emplace_back("reason", trial.reason());
  if (trial.reused()) view.facts.emplace_back("reused", "measured before, for another sweep");
  if (trial.state() == v1::Trial::SUCCEEDED) {
    view.facts.emplace_back(
        "accuracy", fmt::format("{} ({} of {} on {}; 95% {})", Percent(metrics.accuracy()),
                                metrics.correct(), metrics.images(), metrics.split(),
                                PercentInterval(metrics.accuracy_low(), metrics.accuracy_high())));
    view.facts.emplace_back("loss", Number(metrics.loss()));
  }
  if (metrics.energy_pj() > 0) {
    view.facts.emplace_back("energy", Energy(metrics.energy_pj()));
    view.facts.emplace_back("area", Area(metrics.area_um2()));
    view.facts.emplace_back("latency",
                            fmt::format("{} ({} cycles)", Seconds(metrics.latency_seconds()),
                                        Count(metrics.latency_cycles())));
    view.facts.emplace_back("weights", Bytes(metrics.weight_bytes()));
  }
  return view;
}

// "S/T", "S/trials/T" and the full name.
std::string TrialName(const std::string& name) {
  std::string full = Qualified("sweeps", name);
  const size_t slash = full.rfind('/');
  if (full.find("/trials/") == std::string::npos && slash > std::string("sweeps").size()) {
    full.insert(slash, "/trials");
  }
  return full;
}

}  // namespace

void AddTrialCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("trial", "Single plans of a sweep, with what was measured");
  const auto options = std::make_shared<ListOptions>();
  CLI::App* list = line.AddVerb(
      noun, "list", "Lists a sweep's trials in the order in which it proposed them.",
      "trial list SWEEP\ntrial list SWEEP --state FAILED,INFEASIBLE\ntrial list SWEEP -o csv > "
      "trials.csv",
      [options](Session& session) {
        const auto request = RequestOf(*options);
        if (!request.ok()) return request.status();
        auto stub = session.Stub<v1::TrialService>();
        if (!stub.ok()) return stub.status();
        const auto trials =
            session.InvokeForAll(&v1::TrialService::Stub::ListTrials, **stub, *request,
                                 options->limit, &v1::ListTrialsResponse::trials_size);
        if (!trials.ok()) return trials.status();
        return Print(session.globals, *trials, {{}, TrialTable(*trials), {}}, "trials");
      });
  list->add_option("sweep", options->sweep, "The sweep's name")->required();
  list->add_option(
          "--state", options->states,
          "Only trials in these states: QUEUED, RUNNING, SUCCEEDED, STOPPED, INFEASIBLE, FAILED, "
          "CANCELLED")
      ->delimiter(',')
      ->allow_extra_args(false);
  AddLimit(list, options->limit);

  const auto name = std::make_shared<std::string>();
  CLI::App* get = line.AddVerb(
      noun, "get", "Shows one trial.", "trial get SWEEP/t000003\ntrial get sweeps/S/trials/t000003",
      [name](Session& session) {
        auto stub = session.Stub<v1::TrialService>();
        if (!stub.ok()) return stub.status();
        v1::GetTrialRequest request;
        request.set_name(TrialName(*name));
        const auto trial = session.Invoke(&v1::TrialService::Stub::GetTrial, **stub, request);
        if (!trial.ok()) return trial.status();
        return Print(session.globals, *trial, ViewOf(*trial));
      });
  get->add_option("trial", *name, "The trial's name: SWEEP/TRIAL")->required();
}

}  // namespace bitscape::cli
