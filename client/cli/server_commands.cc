// bitscape server ...
#include <fmt/format.h>

#include <CLI/App.hpp>

#include "bitscape/v1/server.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/output.h"
#include "client/cli/text.h"

namespace bitscape::cli {

void AddServerCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("server", "The server that answers");
  line.AddVerb(
      noun, "status", "Shows the server's versions, database and load.",
      "server status\n--server localhost:7420 server status -o json", [](Session& session) {
        auto stub = session.Stub<v1::ServerService>();
        if (!stub.ok()) return stub.status();
        const auto status = session.Invoke(&v1::ServerService::Stub::GetServerStatus, **stub,
                                           v1::GetServerStatusRequest());
        if (!status.ok()) return status.status();
        View view;
        view.facts = {
            {"version", status->version()},
            {"engine", status->engine_version()},
            {"cost model", status->cost_model_version()},
            {"started", TimeOf(status->start_time())},
            {"kind", status->embedded() ? "embedded in a command" : "server"},
            {"listens on", fmt::format("{}", fmt::join(status->listeners(), " "))},
            {"database", fmt::format("{} ({}, schema {})", status->database(),
                                     Bytes(status->database_bytes()), status->schema_version())},
            {"sweeps",
             fmt::format("{}, {} unfinished", status->sweeps(), status->sweeps_running())},
            {"trials", fmt::format("{} queued, {} running", status->trials_queued(),
                                   status->trials_running())},
            {"threads", std::to_string(status->threads())},
            {"CPU features", fmt::format("{}", fmt::join(status->cpu_features(), " "))}};
        return Print(session.globals, *status, view);
      });
}

}  // namespace bitscape::cli
