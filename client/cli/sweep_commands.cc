// bitscape sweep ...
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "bitscape/v1/sweep.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/trouble.h"
#include "client/cli/watch.h"
#include "proto/spec/reader.h"

namespace bitscape::cli {
namespace {

constexpr int64_t kMaxSpecBytes = 4 << 20;

struct SubmitOptions {
  std::string file, id, request_id;
  std::optional<int> images;
  bool watch = false, validate_only = false;
};

// A retried request must not make a second sweep.
std::string RandomRequestId() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

View ViewOf(const v1::Sweep& sweep) {
  const v1::SweepProgress& progress = sweep.progress();
  View view;
  view.facts = {
      {"sweep", sweep.name()},
      {"display name", sweep.spec().display_name()},
      {"state", v1::Sweep::State_Name(sweep.state())},
      {"network", sweep.spec().network()},
      {"dataset", sweep.spec().dataset()},
      {"accelerators", fmt::format("{}", fmt::join(sweep.spec().accelerators(), " "))},
      {"created", TimeOf(sweep.create_time())},
      {"ended", TimeOf(sweep.end_time())},
      {"running time", Elapsed(SecondsOf(progress.elapsed()))},
      {"trials",
       fmt::format("{}: {} succeeded, {} infeasible, {} failed, {} cancelled, {} stopped, "
                   "{} running, {} queued",
                   progress.trials(), progress.succeeded(), progress.infeasible(),
                   progress.failed(), progress.cancelled(), progress.stopped(), progress.running(),
                   progress.queued())},
      {"images",
       fmt::format("{} of {}", Count(progress.images_evaluated()), Count(progress.images()))},
      {"front", fmt::format("{} trials", progress.front_size())}};
  if (!sweep.error().empty()) view.facts.emplace_back("error", sweep.error());
  return view;
}

absl::Status PrintSweep(const Session& session, const v1::Sweep& sweep) {
  return Print(session.globals, sweep, ViewOf(sweep));
}

// What is left to say of a sweep that has ended.
absl::Status Conclude(Session& session, const v1::Sweep& ended, bool print) {
  if (print) {
    const absl::Status printed = PrintSweep(session, ended);
    if (!printed.ok()) return printed;
  }
  if (StdoutClosed()) return absl::OkStatus();
  const absl::Status noted = NoteTrouble(session, ended);
  return noted.ok() ? Outcome(ended) : noted;
}

absl::StatusOr<v1::CreateSweepRequest> ReadRequest(const SubmitOptions& options) {
  const auto text = ReadInput(options.file, kMaxSpecBytes);
  if (!text.ok()) return text.status();
  v1::CreateSweepRequest request;
  const std::string name = options.file == "-" ? "stdin" : options.file;
  const absl::Status read =
      spec::ReadSpec(*text, name, spec::SyntaxOf(name), request.mutable_spec());
  if (!read.ok()) return read;
  if (options.images) request.mutable_spec()->mutable_evaluation()->set_images(*options.images);
  request.set_sweep_id(options.id);
  request.set_request_id(options.request_id.empty() ? RandomRequestId() : options.request_id);
  request.set_validate_only(options.validate_only);
  return request;
}

absl::Status Submit(Session& session, const v1::CreateSweepRequest& request, bool watch) {
  auto stub = session.Stub<v1::SweepService>();
  if (!stub.ok()) return stub.status();
  const auto sweep = session.Invoke(&v1::SweepService::Stub::CreateSweep, **stub, request);
  if (!sweep.ok()) return sweep.status();
  if (request.validate_only()) {
    if (!session.globals.quiet) fmt::print(stderr, "the spec is valid\n");
    return absl::OkStatus();
  }
  const bool name_alone = session.globals.output == "table";
  if (name_alone) {
    const absl::Status written = WriteStdout(sweep->name() + "\n");
    if (!written.ok()) return written;
  }
  // An embedded server ends with this command, so the command stays.
  if (!watch && session.connection.is_remote()) {
    return name_alone ? absl::OkStatus() : PrintSweep(session, *sweep);
  }
  const auto ended = WatchSweep(session, sweep->name(), {});
  if (!ended.ok()) return ended.status();
  return Conclude(session, *ended, !name_alone);
}

void AddSubmit(CommandLine& line, CLI::App* noun) {
  const auto options = std::make_shared<SubmitOptions>();
  const auto request = std::make_shared<std::optional<v1::CreateSweepRequest>>();
  CLI::App* verb = line.AddVerb(
      noun, "submit", "Submits a sweep and prints its name; embedded, stays until it has ended.",
      "sweep submit sweep.yaml\n"
      "sweep submit sweep.yaml --validate-only\n"
      "--server localhost:7420 sweep submit sweep.yaml --watch\n"
      "sweep submit - < sweep.json",
      [options, request](Session& session) {
        // Read once: the command may run again, and stdin can't be read twice.
        if (!*request) {
          auto read = ReadRequest(*options);
          if (!read.ok()) return read.status();
          *request = *std::move(read);
        }
        return Submit(session, **request, options->watch);
      });
  verb->add_option("file", options->file, "The sweep's spec (YAML, JSON, text proto), or -")
      ->required();
  verb->add_option("--name", options->id, "The sweep's id (else the server makes one)");
  verb->add_option("--images", options->images,
                   "Evaluates only the first images of the split (0: all)")
      ->check(Count32());
  verb->add_option("--request-id", options->request_id,
                   "A second submission with the same id returns the first one's sweep");
  verb->add_flag("--watch", options->watch, "Stays until the sweep has ended");
  verb->add_flag("--validate-only", options->validate_only, "Checks the spec and creates nothing");
}

void AddList(CommandLine& line, CLI::App* noun) {
  const auto limit = std::make_shared<int>(0);
  CLI::App* verb = line.AddVerb(
      noun, "list", "Lists sweeps, the newest first.", "sweep list\nsweep list --limit 5 -o json",
      [limit](Session& session) {
        auto stub = session.Stub<v1::SweepService>();
        if (!stub.ok()) return stub.status();
        const auto sweeps = session.InvokeForAll(&v1::SweepService::Stub::ListSweeps, **stub,
                                                 v1::ListSweepsRequest(), *limit,
                                                 &v1::ListSweepsResponse::sweeps_size);
        if (!sweeps.ok()) return sweeps.status();
        View view;
        view.table.columns = {{"SWEEP"},
                              {"STATE"},
                              {"NETWORK"},
                              {"TRIALS", Align::kRight},
                              {"IMAGES", Align::kRight},
                              {"FRONT", Align::kRight},
                              {"CREATED"},
                              {"DISPLAY NAME"}};
        for (const v1::Sweep& sweep : sweeps->sweeps()) {
          const v1::SweepProgress& progress = sweep.progress();
          view.table.rows.push_back(
              {LastPart(sweep.name()), v1::Sweep::State_Name(sweep.state()),
               LastPart(sweep.spec().network()), std::to_string(progress.trials()),
               Percent(progress.images() > 0 ? progress.images_evaluated() / progress.images() : 0),
               std::to_string(progress.front_size()), TimeOf(sweep.create_time()),
               sweep.spec().display_name()});
        }
        return Print(session.globals, *sweeps, view, "sweeps");
      });
  AddLimit(verb, *limit);
}

// A sweep that runs, in a server that ends with this command.
bool StaysUndone(const Session& session, const v1::Sweep& sweep) {
  return session.connection.is_owner() && !session.globals.quiet &&
         (sweep.state() == v1::Sweep::PENDING || sweep.state() == v1::Sweep::RUNNING);
}

// get, cancel, pause, resume: one name in, one sweep out.
template <typename Request>
void AddOne(CommandLine& line, CLI::App* noun, const std::string& name,
            const std::string& description,
            grpc::Status (v1::SweepService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                           v1::Sweep*)) {
  const auto sweep_name = std::make_shared<std::string>();
  CLI::App* verb = line.AddVerb(
      noun, name, description, fmt::format("sweep {} SWEEP\nsweep {} SWEEP -o json", name, name),
      [sweep_name, method](Session& session) {
        auto stub = session.Stub<v1::SweepService>();
        if (!stub.ok()) return stub.status();
        Request request;
        request.set_name(Qualified("sweeps", *sweep_name));
        const auto sweep = session.Invoke(method, **stub, request);
        if (!sweep.ok()) return sweep.status();
        if (StaysUndone(session, *sweep)) {
          fmt::print(stderr,
                     "note: {} goes on while a command runs on "
                     "its database; stay with it: {}\n",
                     sweep->name(),
                     Hint(session.globals, "sweep watch " + LastPart(sweep->name())));
        }
        return PrintSweep(session, *sweep);
      });
  verb->add_option("sweep", *sweep_name, "The sweep's name")->required();
}

void AddWatch(CommandLine& line, CLI::App* noun) {
  const auto name = std::make_shared<std::string>();
  CLI::App* verb =
      line.AddVerb(noun, "watch", "Shows a sweep's progress and growing front; Ctrl-C detaches.",
                   "sweep watch SWEEP\nsweep watch SWEEP -o jsonl", [name](Session& session) {
                     WatchOptions options;
                     options.print_events = session.globals.output == "jsonl";
                     const auto ended = WatchSweep(session, Qualified("sweeps", *name), options);
                     if (!ended.ok()) return ended.status();
                     return Conclude(session, *ended, !options.print_events);
                   });
  verb->add_option("sweep", *name, "The sweep's name")->required();
}

void AddWait(CommandLine& line, CLI::App* noun) {
  struct WaitOptions {
    std::string name;
    WatchOptions watch;
  };
  const auto options = std::make_shared<WaitOptions>();
  CLI::App* verb = line.AddVerb(
      noun, "wait", "Waits for a sweep's end; exits 0 if it succeeded, 124 at the timeout.",
      "sweep wait SWEEP\nsweep wait SWEEP --timeout 600", [options](Session& session) {
        const auto ended = WatchSweep(session, Qualified("sweeps", options->name), options->watch);
        if (!ended.ok()) return ended.status();
        return Conclude(session, *ended, true);
      });
  verb->add_option("sweep", options->name, "The sweep's name")->required();
  verb->add_option("--timeout", options->watch.timeout_seconds, "Gives up after so many seconds")
      ->check(Positive());
}

}  // namespace

void AddSweepCommands(CommandLine& line) {
  using Stub = v1::SweepService::Stub;
  CLI::App* noun = line.AddNoun("sweep", "Explorations: many plans of one network");
  AddSubmit(line, noun);
  AddList(line, noun);
  AddOne(line, noun, "get", "Shows one sweep.", &Stub::GetSweep);
  AddWatch(line, noun);
  AddWait(line, noun);
  AddOne(line, noun, "cancel", "Ends a sweep; what is finished stays.", &Stub::CancelSweep);
  AddOne(line, noun, "pause", "Pauses a sweep after the slice in work.", &Stub::PauseSweep);
  AddOne(line, noun, "resume",
         "Goes on with a paused sweep; embedded, while a command runs (sweep watch).",
         &Stub::ResumeSweep);
}

}  // namespace bitscape::cli
