// bitscape: the command-line client.
#include <fcntl.h>
#include <fmt/format.h>
#include <grpc/grpc.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>

#include "client/cli/command_line.h"
#include "client/cli/exit_codes.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"

namespace bitscape::cli {
namespace {

// A standard stream that the caller has closed must not become a socket or the database. Opened the
// wrong way round, so that using it is an error.
void ReserveStandardStreams() {
  const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int file = STDIN_FILENO; file <= STDERR_FILENO; ++file) {
    if (fcntl(file, F_GETFD) == -1 && open("/dev/null", modes[file]) != file) std::abort();
  }
}

// A server that another command ran has ended with it: then the next try starts one here.
bool LostTheOther(const absl::Status& status, const Session& session) {
  return (status.code() == absl::StatusCode::kUnavailable ||
          status.code() == absl::StatusCode::kCancelled) &&
         !session.connection.is_remote() && !session.connection.is_owner() && !Interrupted();
}

int Report(const absl::Status& status, const Globals& globals) {
  if (StdoutClosed()) return kExitOk;
  if (status.ok()) return kExitOk;
  if (status.code() == absl::StatusCode::kCancelled && Interrupted()) {
    fmt::print(stderr, "{}\n", std::string(status.message()));
    return kExitInterrupted;
  }
  std::string text = ErrorText(status);
  if (ShowsColor(globals, STDERR_FILENO)) text.replace(0, 6, "\x1b[1;31merror:\x1b[0m");
  fmt::print(stderr, "{}", text);
  return ExitCode(status.code());
}

int Run(int argc, char** argv) {
  Session session;
  CommandLine line(session.globals);
  AddSweepCommands(line);
  AddFrontCommands(line);
  AddTrialCommands(line);
  AddNetworkCommands(line);
  AddDatasetCommands(line);
  AddFormatCommands(line);
  AddAcceleratorCommands(line);
  AddEvaluationCommands(line);
  AddCostCommands(line);
  AddServerCommands(line);
  const auto command = line.Parse(argc, argv);
  if (!command.ok()) return Report(command.status(), session.globals);
  if (!*command) return kExitOk;
  // Each attempt is lost only because another command, which served this one, has come to its end.
  constexpr int kAttempts = 50;
  absl::Status status = (*command)(session);
  for (int attempt = 1; attempt < kAttempts && LostTheOther(status, session); ++attempt) {
    session.connection.Disconnect();
    status = (*command)(session);
  }
  const int code = Report(status, session.globals);
  session.connection.Disconnect();
  return code;
}

}  // namespace
}  // namespace bitscape::cli

int main(int argc, char** argv) {
  bitscape::cli::ReserveStandardStreams();
  // The library's own log lines would stand between ours; errors reach the user as statuses.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  // Before the library: its threads must inherit the blocked signals.
  bitscape::cli::InstallInterrupts();
  // Held to the end: when its last user goes, the library may wait ten seconds for a poller.
  grpc_init();
  try {
    return bitscape::cli::Run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: internal: {}\n", error.what());
    return bitscape::cli::kExitFailed;
  }
}
