#include "client/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <cstdlib>
#include <utility>
#include <vector>

#include "client/cli/output.h"
#include "client/cli/usage.h"

namespace bitscape::cli {
namespace {

constexpr char kDescription[] =
    "What do number formats cost and save? Explores quantized networks on accelerator models:\n"
    "accuracy by emulation, energy, area and latency by cost models.";
constexpr char kFooter[] =
    "Without --server, a command serves itself from a database in your data folder.\n\n"
    "Examples:\n"
    "  bitscape sweep submit sweep.yaml\n"
    "  bitscape front show SWEEP\n"
    "  bitscape evaluate --network resnet8 --dataset fashion-mnist --plan "
    "weights=int8:channel,activations=int8,accumulator=int32\n"
    "  bitscape NOUN VERB --help\n\n"
    "Exit codes: 0 ok, 1 failed, 2 usage or validation, 3 not found, 4 authentication,\n"
    "5 precondition, 6 server unavailable, 124 timeout, 130 interrupted.";

// Nothing is left to do but what printing says.
absl::StatusOr<Command> Printed(const std::string& text) {
  const absl::Status status = WriteStdout(text);
  if (!status.ok()) return status;
  return Command();
}

std::string Examples(const std::string& lines) {
  std::string text = "Examples:";
  size_t begin = 0;
  while (begin < lines.size()) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    text += "\n  bitscape " + lines.substr(begin, end - begin);
    begin = end + 1;
  }
  return text;
}

}  // namespace

CommandLine::CommandLine(Globals& globals) : globals_(globals), root_(kDescription, "bitscape") {
  root_.footer(kFooter);
  root_.set_version_flag("--version", "bitscape " BITSCAPE_VERSION);
  root_.require_subcommand(1);
  AddGlobals(&root_, kFormFlags);
}

void CommandLine::AddGlobals(CLI::App* app, const std::string& form_flags) {
  const std::string group = "Global options";
  app->get_help_ptr()->group(group);
  app->add_option("--server", globals_.server,
                  "A server's address, HOST:PORT or unix:PATH (else $BITSCAPE_SERVER; else this "
                  "command serves itself)")
      ->group(group);
  app->add_option("--database", globals_.database,
                  "The database that the command serves itself from")
      ->group(group);
  if (!form_flags.empty()) {
    app->add_option(form_flags, globals_.output, "Form of the data on stdout")
        ->check(CLI::IsMember({"table", "json", "jsonl", "csv", "yaml"}))
        ->group(group);
  }
  app->add_flag("-q,--quiet", globals_.quiet, "No progress and no notes on stderr")->group(group);
  app->add_flag("--no-color", globals_.no_color, "No colours")->group(group);
}

CLI::App* CommandLine::AddNoun(const std::string& name, const std::string& description) {
  CLI::App* noun = root_.add_subcommand(name, description);
  noun->require_subcommand(1);
  noun->footer("bitscape " + name + " VERB --help says more, with examples.");
  return noun;
}

CLI::App* CommandLine::AddVerb(CLI::App* parent, const std::string& name,
                               const std::string& description, const std::string& examples,
                               Command command, const std::string& form_flags) {
  CLI::App* verb = parent->add_subcommand(name, description);
  verb->footer(Examples(examples));
  // A verb may have verbs of its own: theirs is chosen before this is called.
  verb->callback([this, verb, command = std::move(command)] {
    if (verb->get_subcommands().empty()) selected_ = command;
  });
  AddGlobals(verb, form_flags);
  return verb;
}

absl::StatusOr<Command> CommandLine::Parse(int argc, char** argv) {
  try {
    root_.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    return Printed(std::string(version.what()) + "\n");
  } catch (const CLI::Success&) {
    return Printed(root_.help());
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(
        UsageText(root_, std::vector<std::string>(argv + 1, argv + argc), error));
  }
  const char* named_by = "--server";
  const char* server = std::getenv("BITSCAPE_SERVER");
  if (globals_.server.empty() && globals_.database.empty() && server != nullptr) {
    globals_.server = server;
    named_by = "BITSCAPE_SERVER";
  }
  const std::string problem = globals_.server.empty() ? "" : AddressProblem(globals_.server);
  if (!problem.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", named_by, problem));
  }
  if (!globals_.server.empty() && !globals_.database.empty()) {
    return absl::InvalidArgumentError(
        "--server and --database exclude each other: a server has its own database");
  }
  return selected_;
}

}  // namespace bitscape::cli
