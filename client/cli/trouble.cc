#include "client/cli/trouble.h"

#include <fmt/format.h>

#include "bitscape/v1/trial.grpc.pb.h"
#include "client/cli/text.h"

namespace bitscape::cli {

std::string Hint(const Globals& globals, const std::string& command) {
  std::string hint = "bitscape " + command;
  if (!globals.server.empty()) hint += " --server " + globals.server;
  if (!globals.database.empty()) hint += " --database " + globals.database.string();
  return hint;
}

std::string TroubleText(const v1::SweepProgress& progress, const std::string& reason) {
  const int failed = progress.failed(), infeasible = progress.infeasible();
  if (failed + infeasible == 0) return "";
  constexpr char kInfeasible[] = "can't run on their machine";
  std::string text;
  if (failed > 0) text = fmt::format("{} of {} trials failed", failed, progress.trials());
  if (failed > 0 && infeasible > 0) text += fmt::format(", {} {}", infeasible, kInfeasible);
  if (failed == 0) {
    text = fmt::format("{} of {} trials {}", infeasible, progress.trials(), kInfeasible);
  }
  if (reason.empty()) return text;
  const std::string first_line = reason.substr(0, reason.find('\n'));
  return fmt::format("{}: {}{}", text, failed + infeasible > 1 ? "the first: " : "", first_line);
}

absl::Status NoteTrouble(Session& session, const v1::Sweep& sweep) {
  const v1::SweepProgress& progress = sweep.progress();
  if (session.globals.quiet || progress.failed() + progress.infeasible() == 0) {
    return absl::OkStatus();
  }
  auto stub = session.Stub<v1::TrialService>();
  if (!stub.ok()) return stub.status();
  v1::ListTrialsRequest request;
  request.set_parent(sweep.name());
  request.add_states(progress.failed() > 0 ? v1::Trial::FAILED : v1::Trial::INFEASIBLE);
  request.set_page_size(1);
  const auto trials = session.Invoke(&v1::TrialService::Stub::ListTrials, **stub, request);
  if (!trials.ok()) return trials.status();
  // A sweep's own error gives the reason already.
  const bool is_told = !sweep.error().empty() || trials->trials().empty();
  const std::string reason = is_told ? "" : trials->trials(0).reason();
  fmt::print(stderr, "note: {}; see: {}\n", TroubleText(progress, reason),
             Hint(session.globals,
                  fmt::format("trial list {} --state FAILED,INFEASIBLE", LastPart(sweep.name()))));
  return absl::OkStatus();
}

}  // namespace bitscape::cli
